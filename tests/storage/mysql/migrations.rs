//! Migrations: on nothing, by several at once, and the ones that are refused.

use std::sync::Arc;

use anyhow::{Result, ensure};
use countersign_storage::engine::mysql::{MySqlOptions, MySqlStore, Tables};
use countersign_storage::suite::durable;
use countersign_storage::{ChangeRange, KeyStore as _, MetadataStore as _, StorageError};
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
        opening.spawn(async move { MySqlStore::open(&address, &options()).await });
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
        let options = MySqlOptions { tables, ..options() };
        stores.push(MySqlStore::open(&bench.address(&database)?, &options).await?);
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
        (version, name, checksum) VALUES (99, 'x', 'x')";
    execute(&mut connection, newer).await?;
    let refused = MySqlStore::open(&bench.address(&database)?, &options()).await;
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
    let refused = MySqlStore::open(&bench.address(&database)?, &options()).await;
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
    execute(&mut other, "DROP INDEX countersign_published_idx ON tuf_files").await?;
    execute(&mut other, "BEGIN; SELECT COUNT(*) FROM tuf_files").await?;
    let brief = MySqlOptions { wait: std::time::Duration::from_millis(300), ..options() };
    let refused = MySqlStore::open(&bench.address(&database)?, &brief).await;
    ensure!(
        matches!(&refused, Err(StorageError::Unavailable { reason }) if reason.contains("Lock wait")),
        "{refused:?}"
    );
    execute(&mut other, "COMMIT").await?;
    let store = MySqlStore::open(&bench.address(&database)?, &options()).await?;
    commit(&store, 1).await?;
    ensure!(newest(&store).await? == Some(1));
    Ok(())
}

/// Tables cannot be changed in a transaction, so a start may be broken off between any two
/// statements; the next one goes on from there.
#[tokio::test]
async fn a_migration_that_was_broken_off_is_done_by_the_next_start() -> Result<()> {
    let mut bench = Bench::start().await?;
    for undone in [
        "DELETE FROM countersign_metadata_migrations WHERE version > 3",
        "DELETE FROM countersign_metadata_migrations",
        "DROP TABLE countersign_metadata_migrations, countersign_keys_migrations",
        "DELETE FROM countersign_metadata_migrations WHERE version > 1; DROP TABLE changefeed",
        "DELETE FROM countersign_keys_migrations WHERE version > 2; \
         DROP TABLE countersign_passphrase_check; \
         DROP INDEX countersign_unsigned_idx ON private_keys",
    ] {
        let database = bench.database().await?;
        let mut connection = bench.connect(&database).await?;
        execute(&mut connection, undone).await?;
        let store = bench.open(&database).await?;
        durable::leave(&store, &store).await;
        durable::find(&store, &store).await;
        let noted = "SELECT (SELECT COUNT(*) FROM countersign_metadata_migrations) \
            + (SELECT COUNT(*) FROM countersign_keys_migrations)";
        let noted: i64 = sqlx::query_scalar(noted).fetch_one(&mut connection).await?;
        ensure!(noted == 13, "{undone}: {noted} migrations are noted");
    }
    Ok(())
}

/// Timestamps that a server of before the changefeed stored are its first rows, once.
#[tokio::test]
async fn a_table_from_before_the_changefeed_becomes_its_first_rows() -> Result<()> {
    let mut bench = Bench::start().await?;
    let database = bench.notary_database().await?;
    let mut connection = bench.connect(&database).await?;
    for statement in [
        "DROP TABLE changefeed, change_category",
        "INSERT INTO tuf_files (created_at, gun, role, version, data, sha256) VALUES \
            (now(), 'a/b', 'root', 1, 'r', sha2('r', 256)), \
            (now(), 'a/b', 'timestamp', 1, 'x', sha2('x', 256)), \
            (now(), 'a/c', 'timestamp', 1, 'y', sha2('y', 256))",
    ] {
        execute(&mut connection, statement).await?;
    }
    for _ in 0..2 {
        let store = bench.open(&database).await?;
        let changes = store.changes(None, ChangeRange::Latest { limit: 10 }).await?;
        let guns: Vec<&str> = changes.iter().map(|change| change.gun.as_str()).collect();
        ensure!(guns == ["a/b", "a/c"], "{changes:?}");
        store.close().await;
        execute(&mut connection, "DELETE FROM countersign_metadata_migrations").await?;
    }
    Ok(())
}
