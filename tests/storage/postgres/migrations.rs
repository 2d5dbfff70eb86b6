//! Migrations: on nothing, by several at once, and the ones that are refused.

use std::sync::Arc;

use anyhow::{Result, ensure};
use countersign_storage::engine::postgres::{PostgresOptions, PostgresStore, Tables};
use countersign_storage::suite::durable;
use countersign_storage::{KeyStore as _, MetadataStore as _, StorageError};
use tokio::task::JoinSet;

use super::{Bench, commit, execute, newest, options};

#[tokio::test(flavor = "multi_thread")]
async fn of_eight_that_open_an_empty_database_at_once_all_do() -> Result<()> {
    let mut bench = Bench::start().await?;
    let database = bench.empty_database().await?;
    let address = Arc::new(bench.address(&database)?);
    let mut opening = JoinSet::new();
    for _ in 0..8 {
        let address = Arc::clone(&address);
        opening.spawn(async move { PostgresStore::open(&address, &options()).await });
    }
    for store in opening.join_all().await {
        store?.check().await?;
    }
    Ok(())
}

#[tokio::test]
async fn metadata_and_keys_live_in_two_databases() -> Result<()> {
    let mut bench = Bench::start().await?;
    let mut stores = Vec::new();
    for tables in [Tables::Metadata, Tables::Keys] {
        let database = bench.empty_database().await?;
        let options = PostgresOptions { tables, ..options() };
        stores.push(PostgresStore::open(&bench.address(&database)?, &options).await?);
    }
    let [metadata, keys] = stores.as_slice() else { anyhow::bail!("not two stores") };
    durable::leave(metadata, keys).await;
    durable::find(metadata, keys).await;
    ensure!(metadata.by_id("aa").await.is_err(), "a database without keys answers about keys");
    ensure!(keys.check().await.is_err(), "a database without metadata answers about it");
    Ok(())
}

#[tokio::test]
async fn a_database_of_a_newer_version_is_refused() -> Result<()> {
    let mut bench = Bench::start().await?;
    let database = bench.database().await?;
    let mut connection = bench.connect(&database).await?;
    let newer = "INSERT INTO countersign_keys_migrations \
        (version, description, success, checksum, execution_time) VALUES (99, 'x', true, 'x', 0)";
    execute(&mut connection, newer).await?;
    let refused = PostgresStore::open(&bench.address(&database)?, &options()).await;
    ensure!(matches!(refused, Err(StorageError::Newer { found: 99, known: 6 })), "{refused:?}");
    Ok(())
}

#[tokio::test]
async fn a_database_with_another_history_is_refused() -> Result<()> {
    let mut bench = Bench::start().await?;
    let database = bench.database().await?;
    let mut connection = bench.connect(&database).await?;
    let changed = "UPDATE countersign_metadata_migrations SET checksum = 'other' WHERE version = 2";
    execute(&mut connection, changed).await?;
    let refused = PostgresStore::open(&bench.address(&database)?, &options()).await;
    let said = refused.err().map(|error| error.to_string()).unwrap_or_default();
    ensure!(said.contains("migration 2 of this database is not the one"), "{said}");
    Ok(())
}

/// A migration that another process is at is waited for, and no longer than a lock is.
#[tokio::test]
async fn a_migration_that_takes_long_elsewhere_makes_the_database_unavailable() -> Result<()> {
    let mut bench = Bench::start().await?;
    let database = bench.database().await?;
    let mut other = bench.connect(&database).await?;
    execute(&mut other, "DELETE FROM countersign_metadata_migrations WHERE version > 2").await?;
    execute(&mut other, "BEGIN; LOCK TABLE tuf_files IN ROW EXCLUSIVE MODE").await?;
    let brief = PostgresOptions { wait: std::time::Duration::from_millis(300), ..options() };
    let refused = PostgresStore::open(&bench.address(&database)?, &brief).await;
    ensure!(
        matches!(&refused, Err(StorageError::Unavailable { reason }) if reason.contains("lock")),
        "{refused:?}"
    );
    execute(&mut other, "COMMIT").await?;
    let store = PostgresStore::open(&bench.address(&database)?, &options()).await?;
    commit(&store, 1).await?;
    ensure!(newest(&store).await? == Some(1));
    Ok(())
}
