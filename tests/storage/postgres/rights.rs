//! Whom the server lets in, and what they may do there.

use anyhow::{Result, ensure};
use countersign_storage::engine::postgres::{PostgresAddress, PostgresStore};
use countersign_storage::suite::durable;
use countersign_storage::{KeyStore as _, PassphraseCheck, PassphraseMoves as _, StorageError};
use countersign_tests::peers::go_notary::{SERVER_TABLES, SIGNER_TABLES};

use super::{Bench, execute, options};
use crate::own_tables;

const GUEST: &str = "CREATE ROLE guest LOGIN";

const MAY_USE_ROWS: &str = "
    REVOKE CREATE ON SCHEMA public FROM public;
    GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO guest;
    GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO guest;
";

/// A database as a version left it that had no passphrases to come and no bindings.
const OLDER: &str = "
    DELETE FROM countersign_metadata_migrations WHERE version > 5;
    DELETE FROM countersign_keys_migrations WHERE version > 5;
    DROP TABLE countersign_key_bindings, countersign_root_walks;
    DROP TABLE countersign_key_processes, countersign_passphrase_proposal;
    ALTER TABLE countersign_passphrase_check DROP COLUMN alias;
";

async fn open_as_guest(bench: &Bench, database: &str) -> Result<PostgresStore, StorageError> {
    let address = PostgresAddress::parse(&bench.server.url("guest", database))?;
    PostgresStore::open(&address, &options()).await
}

#[tokio::test]
async fn tables_that_may_not_be_altered_are_used_and_it_is_said() -> Result<()> {
    let mut bench = Bench::start().await?;
    let database = bench.empty_database().await?;
    let mut owner = bench.connect(&database).await?;
    for statements in [SERVER_TABLES, SIGNER_TABLES, GUEST, MAY_USE_ROWS] {
        execute(&mut owner, statements).await?;
    }
    let store = open_as_guest(&bench, &database).await?;
    let said = store.what_is_off().join("\n");
    ensure!(said.contains("tuf_files and changefeed are used as they are"), "{said}");
    ensure!(said.contains("private_keys are used as they are"), "{said}");
    ensure!(said.contains("keys are looked for without an index"), "{said}");
    ensure!(said.contains("the passphrase cannot be changed while others use it"), "{said}");
    ensure!(said.contains("a remote signer are for is known only until"), "{said}");
    ensure!(said.contains("all stored roots are looked through at each start"), "{said}");
    ensure!(store.passphrase_check().await?.is_none());
    ensure!(store.insert_passphrase_check(b"sealed").await? == b"sealed");
    countersign_storage::suite::metadata::versions_restart_after_delete(&store).await;
    countersign_storage::suite::keys::a_key_comes_back_exactly(&store).await;
    Ok(())
}

#[tokio::test]
async fn tables_of_our_own_that_may_not_be_made_are_used_once_their_owner_made_them() -> Result<()>
{
    let mut bench = Bench::start().await?;
    let database = bench.empty_database().await?;
    let mut owner = bench.connect(&database).await?;
    for statements in [SERVER_TABLES, SIGNER_TABLES, GUEST, MAY_USE_ROWS] {
        execute(&mut owner, statements).await?;
    }
    let store = open_as_guest(&bench, &database).await?;
    own_tables::are_missing(&store).await?;
    bench.open(&database).await?.close().await;
    // They are there, and still not for this user.
    own_tables::are_missing(&store).await?;
    execute(&mut owner, MAY_USE_ROWS).await?;
    own_tables::are_used(&store).await
}

/// After an upgrade the sentence names what the new version goes without, and nothing else.
#[tokio::test]
async fn whoever_may_not_migrate_the_tables_of_an_older_version_goes_without_what_is_new()
-> Result<()> {
    let mut bench = Bench::start().await?;
    let database = bench.database().await?;
    let mut owner = bench.connect(&database).await?;
    for statements in [OLDER, GUEST, MAY_USE_ROWS] {
        execute(&mut owner, statements).await?;
    }
    let store = open_as_guest(&bench, &database).await?;
    let said = store.what_is_off().join("\n");
    ensure!(said.contains("the passphrase cannot be changed"), "{said}");
    ensure!(!said.contains("index") && !said.contains("wrong passphrase"), "{said}");
    ensure!(store.insert_passphrase_check(b"sealed").await? == b"sealed");
    let held = PassphraseCheck { alias: None, sealed: b"sealed".to_vec() };
    ensure!(store.current_check().await? == Some(held));
    countersign_storage::suite::keys::a_key_comes_back_exactly(&store).await;
    Ok(())
}

#[tokio::test]
async fn whoever_may_only_use_rows_serves_from_tables_that_are_up_to_date() -> Result<()> {
    let mut bench = Bench::start().await?;
    let database = bench.database().await?;
    let mut owner = bench.connect(&database).await?;
    for statements in [GUEST, MAY_USE_ROWS] {
        execute(&mut owner, statements).await?;
    }
    let store = open_as_guest(&bench, &database).await?;
    ensure!(!store.what_is_off().iter().any(|said| said.contains("as they are")));
    durable::leave(&store, &store).await;
    durable::find(&store, &store).await;
    Ok(())
}

#[tokio::test]
async fn no_tables_and_no_right_to_make_them_stops_the_start() -> Result<()> {
    let mut bench = Bench::start().await?;
    let database = bench.empty_database().await?;
    execute(&mut bench.admin, GUEST).await?;
    let mut owner = bench.connect(&database).await?;
    execute(&mut owner, MAY_USE_ROWS).await?;
    let refused = open_as_guest(&bench, &database).await;
    let Err(StorageError::Other(said)) = refused else { anyhow::bail!("{refused:?}") };
    ensure!(said.contains("table tuf_files is missing"), "{said}");
    Ok(())
}

/// What trying again does not mend is told from what it does.
#[tokio::test]
async fn a_wrong_user_or_database_is_no_outage() -> Result<()> {
    let bench = Bench::start().await?;
    for (url, reason) in [
        (bench.server.url("nobody", "postgres"), "nobody"),
        (bench.server.url(super::OWNER, "nowhere"), "nowhere"),
    ] {
        let refused = PostgresStore::open(&PostgresAddress::parse(&url)?, &options()).await;
        let Err(StorageError::Other(said)) = refused else { anyhow::bail!("{refused:?}") };
        ensure!(said.contains(reason), "{said}");
    }
    Ok(())
}

#[tokio::test]
async fn a_server_without_tls_is_refused_where_tls_is_wanted() -> Result<()> {
    let bench = Bench::start().await?;
    let url = bench.server.url(super::OWNER, "postgres").replace("=disable", "=verify-full");
    let refused = PostgresStore::open(&PostgresAddress::parse(&url)?, &options()).await;
    let Err(StorageError::Other(said)) = refused else { anyhow::bail!("{refused:?}") };
    ensure!(said.contains("TLS"), "{said}");
    Ok(())
}

#[tokio::test]
async fn a_server_that_does_not_sync_is_warned_of() -> Result<()> {
    let mut bench = Bench::start().await?;
    let database = bench.database().await?;
    let said = bench.open(&database).await?.what_is_off().join("\n");
    ensure!(said.contains("fsync = off"), "{said}");
    Ok(())
}
