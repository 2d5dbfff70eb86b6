//! TLS to the server: its certificate is judged as the URL asks, and ours is shown where it wants
//! one.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use anyhow::{Result, ensure};
use countersign_storage::StorageError;
use countersign_storage::engine::mysql::{MySqlAddress, MySqlStore};
use countersign_tests::peers::certs::Authority;
use tempfile::TempDir;

use super::{Bench, OWNER, commit, execute, newest, options};

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_of_the_named_authority_is_taken_and_another_ends_the_start() -> Result<()> {
    let ((_directory, right), (_other, wrong)) = (authority("right")?, authority("wrong")?);
    let mut bench = with_tls(&right).await?;
    let database = bench.database().await?;
    for mode in ["VERIFY_IDENTITY", "VERIFY_CA"] {
        let taken = address(&bench, OWNER, &database, mode, &right.certificate())?;
        let store = MySqlStore::open(&taken, &options()).await?;
        ensure!(newest(&store).await?.is_none());
        let refused = address(&bench, OWNER, &database, mode, &wrong.certificate())?;
        let refused = MySqlStore::open(&refused, &options()).await;
        let Err(StorageError::Other(said)) = refused else { anyhow::bail!("{refused:?}") };
        ensure!(said.contains("ssl-ca"), "{said}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_who_must_show_a_certificate_shows_it() -> Result<()> {
    let (_directory, ours) = authority("right")?;
    let mut bench = with_tls(&ours).await?;
    let database = bench.database().await?;
    let user = format!(
        "CREATE USER shown@'%', shown@localhost REQUIRE X509; \
         GRANT ALL ON {database}.* TO shown@'%'; GRANT ALL ON {database}.* TO shown@localhost"
    );
    execute(&mut bench.admin, &user).await?;
    let without = address(&bench, "shown", &database, "VERIFY_IDENTITY", &ours.certificate())?;
    let refused = MySqlStore::open(&without, &options()).await;
    ensure!(
        matches!(&refused, Err(StorageError::Other(said)) if said.contains("shown")),
        "{refused:?}"
    );

    let leaf = ours.leaf("client")?;
    let url = format!(
        "mysql://shown@127.0.0.1:{}/{database}?ssl-mode=VERIFY_IDENTITY&ssl-ca={}&ssl-cert={}&ssl-key={}",
        bench.server.port(),
        ours.certificate().display(),
        leaf.certificate.display(),
        leaf.key.display()
    );
    let store = MySqlStore::open(&MySqlAddress::parse(&url)?, &options()).await?;
    commit(&store, 1).await?;
    ensure!(newest(&store).await? == Some(1));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_of_the_url_that_is_missing_ends_the_start_and_is_named() -> Result<()> {
    let (_directory, ours) = authority("right")?;
    let leaf = ours.leaf("client")?;
    let mut bench = with_tls(&ours).await?;
    let database = bench.database().await?;
    let files = [
        ("ssl-ca", ours.certificate()),
        ("ssl-cert", leaf.certificate.clone()),
        ("ssl-key", leaf.key.clone()),
    ];
    for (missing, path) in &files {
        let gone = path.with_extension("gone");
        let parameters: Vec<String> = files
            .iter()
            .map(|(name, path)| (name, if name == missing { &gone } else { path }))
            .map(|(name, path)| format!("{name}={}", path.display()))
            .collect();
        let url = format!(
            "mysql://{OWNER}@127.0.0.1:{}/{database}?ssl-mode=VERIFY_IDENTITY&{}",
            bench.server.port(),
            parameters.join("&")
        );
        let refused = MySqlStore::open(&MySqlAddress::parse(&url)?, &options()).await;
        let Err(StorageError::Other(said)) = refused else {
            anyhow::bail!("{missing}: {refused:?}")
        };
        let named = format!("{missing} in the URL names {}", gone.display());
        ensure!(said.contains(&named) && !said.contains('\n'), "{said}");
    }
    Ok(())
}

/// A server that shows a certificate of `authority`, and knows those of clients by it.
async fn with_tls(authority: &Authority) -> Result<Bench> {
    let leaf = authority.leaf("database")?;
    Bench::start_with(&[
        &format!("--ssl-ca={}", authority.certificate().display()),
        &format!("--ssl-cert={}", leaf.certificate.display()),
        &format!("--ssl-key={}", leaf.key.display()),
    ])
    .await
}

/// An authority whose files the server's user can read.
fn authority(name: &str) -> Result<(TempDir, Authority)> {
    let directory =
        tempfile::Builder::new().permissions(Permissions::from_mode(0o755)).tempdir()?;
    let authority = Authority::create(directory.path(), name)?;
    Ok((directory, authority))
}

fn address(
    bench: &Bench,
    user: &str,
    database: &str,
    mode: &str,
    authority: &Path,
) -> Result<MySqlAddress> {
    let (port, file) = (bench.server.port(), authority.display());
    let url = format!("mysql://{user}@127.0.0.1:{port}/{database}?ssl-mode={mode}&ssl-ca={file}");
    Ok(MySqlAddress::parse(&url)?)
}
