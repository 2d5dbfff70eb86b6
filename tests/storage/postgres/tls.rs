//! TLS to the server: its certificate is judged as the URL asks, and ours is shown where it wants
//! one.

use std::fs;
use std::path::Path;

use anyhow::{Result, bail, ensure};
use countersign_storage::StorageError;
use countersign_storage::engine::postgres::{PostgresAddress, PostgresStore};
use countersign_tests::peers::certs::Authority;
use tempfile::TempDir;

use super::{Bench, OWNER, commit, execute, newest, options};

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

#[tokio::test(flavor = "multi_thread")]
async fn where_a_certificate_is_demanded_ours_opens_the_store_and_none_ends_the_start() -> Result<()>
{
    let directory = TempDir::new()?;
    let ours = Authority::create(directory.path(), "database's CA")?;
    let mut bench = with_tls(&ours).await?;
    let database = bench.database().await?;
    demand_certificates(&mut bench, &ours).await?;

    let url = format!(
        "postgres://{OWNER}@127.0.0.1:{}/{database}?sslmode=verify-full&sslrootcert={}",
        bench.server.port(),
        ours.certificate().display()
    );
    let refused = PostgresStore::open(&PostgresAddress::parse(&url)?, &options()).await;
    let Err(StorageError::Other(said)) = refused else { bail!("{refused:?}") };
    ensure!(said.contains("valid client certificate") && !said.contains('\n'), "{said}");

    let leaf = ours.leaf("client")?;
    let (certificate, key) = (leaf.certificate.display(), leaf.key.display());
    let shown = PostgresAddress::parse(&format!("{url}&sslcert={certificate}&sslkey={key}"))?;
    let store = PostgresStore::open(&shown, &options()).await?;
    ensure!(newest(&store).await?.is_none(), "who was refused has written");
    commit(&store, 1).await?;
    ensure!(newest(&store).await? == Some(1));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_of_the_url_that_is_missing_ends_the_start_and_is_named() -> Result<()> {
    let directory = TempDir::new()?;
    let ours = Authority::create(directory.path(), "database's CA")?;
    let leaf = ours.leaf("client")?;
    let mut bench = with_tls(&ours).await?;
    let database = bench.database().await?;
    let files = [
        ("sslrootcert", ours.certificate()),
        ("sslcert", leaf.certificate.clone()),
        ("sslkey", leaf.key.clone()),
    ];
    for (missing, path) in &files {
        let gone = path.with_extension("gone");
        let parameters: Vec<String> = files
            .iter()
            .map(|(name, path)| (name, if name == missing { &gone } else { path }))
            .map(|(name, path)| format!("{name}={}", path.display()))
            .collect();
        let url = format!(
            "postgres://{OWNER}@127.0.0.1:{}/{database}?sslmode=verify-full&{}",
            bench.server.port(),
            parameters.join("&")
        );
        let refused = PostgresStore::open(&PostgresAddress::parse(&url)?, &options()).await;
        let Err(StorageError::Other(said)) = refused else { bail!("{missing}: {refused:?}") };
        let named = format!("{missing} in the URL names {}", gone.display());
        ensure!(said.contains(&named) && !said.contains('\n'), "{said}");
    }
    Ok(())
}

/// From now on whoever comes over the network shows a certificate of `authority`.
async fn demand_certificates(bench: &mut Bench, authority: &Authority) -> Result<()> {
    let certificate = fs::read_to_string(authority.certificate())?;
    install(bench, "clients.crt", &certificate).await?;
    let only = "hostssl all all 127.0.0.1/32 trust clientcert=verify-ca";
    install(bench, "pg_hba.conf", only).await?;
    execute(&mut bench.admin, "ALTER SYSTEM SET ssl_ca_file = 'clients.crt'").await?;
    execute(&mut bench.admin, "SELECT pg_reload_conf()").await
}

/// A server that shows a certificate of `authority`.
async fn with_tls(authority: &Authority) -> Result<Bench> {
    let mut bench = Bench::start().await?;
    let leaf = authority.leaf("database")?;
    for (file, path) in [("server.crt", &leaf.certificate), ("server.key", &leaf.key)] {
        install(&mut bench, file, &fs::read_to_string(path)?).await?;
    }
    execute(&mut bench.admin, "ALTER SYSTEM SET ssl = on").await?;
    bench.server.crash().await?;
    bench.server.start_again().await?;
    bench.admin = bench.connect("postgres").await?;
    Ok(bench)
}

/// The server writes `file` itself, so that it is its own and nobody else's.
async fn install(bench: &mut Bench, file: &str, text: &str) -> Result<()> {
    let write = format!(
        "COPY (SELECT unnest(string_to_array('{text}', E'\\n'))) TO PROGRAM 'install -m 600 /dev/stdin {file}'"
    );
    execute(&mut bench.admin, &write).await
}
