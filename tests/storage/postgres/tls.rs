//! TLS to the server: its certificate is judged as the URL asks.

use std::fs;
use std::path::Path;

use anyhow::{Result, ensure};
use countersign_storage::StorageError;
use countersign_storage::engine::postgres::{PostgresAddress, PostgresStore};
use countersign_tests::peers::certs::Authority;
use tempfile::TempDir;

use super::{Bench, OWNER, execute, options};

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_of_the_named_authority_is_taken_and_another_ends_the_start() -> Result<()> {
    let directory = TempDir::new()?;
    let (ours, others) = (directory.path().join("ours"), directory.path().join("others"));
    fs::create_dir(&ours)?;
    fs::create_dir(&others)?;
    let right = Authority::create(&ours, "database's CA")?;
    let wrong = Authority::create(&others, "another CA")?;
    let mut bench = with_tls(&right).await?;
    let database = bench.database().await?;

    let url = |authority: &Path| {
        let (port, file) = (bench.server.port(), authority.display());
        let parameters = format!("sslmode=verify-full&sslrootcert={file}");
        format!("postgres://{OWNER}@127.0.0.1:{port}/{database}?{parameters}")
    };
    let address = PostgresAddress::parse(&url(&right.certificate()))?;
    let store = PostgresStore::open(&address, &options()).await?;
    countersign_storage::suite::durable::leave(&store, &store).await;
    let encrypted = "SELECT bool_and(ssl) FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) \
        WHERE application_name = 'countersign'";
    let encrypted: Option<bool> = sqlx::query_scalar(encrypted).fetch_one(&mut bench.admin).await?;
    ensure!(encrypted == Some(true), "{encrypted:?}");

    let address = PostgresAddress::parse(&url(&wrong.certificate()))?;
    let refused = PostgresStore::open(&address, &options()).await;
    ensure!(matches!(refused, Err(StorageError::Other(_))), "{refused:?}");
    Ok(())
}

/// A server that shows a certificate of `authority`.
async fn with_tls(authority: &Authority) -> Result<Bench> {
    let mut bench = Bench::start().await?;
    let leaf = authority.leaf("database")?;
    for (file, path) in [("server.crt", &leaf.certificate), ("server.key", &leaf.key)] {
        // The server writes them itself, so that they are its own and nobody else's.
        let text = fs::read_to_string(path)?;
        let write = format!(
            "COPY (SELECT unnest(string_to_array('{text}', E'\\n'))) TO PROGRAM 'install -m 600 /dev/stdin {file}'"
        );
        execute(&mut bench.admin, &write).await?;
    }
    execute(&mut bench.admin, "ALTER SYSTEM SET ssl = on").await?;
    bench.server.crash().await?;
    bench.server.start_again().await?;
    bench.admin = bench.connect("postgres").await?;
    Ok(bench)
}
