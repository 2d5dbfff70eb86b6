//! Rows that cannot be concern the reads that meet them, and no other.

use anyhow::{Result, ensure};
use countersign_storage::{
    ChangeRange, Commit, KeyBindings as _, KeyHome, KeyStore as _, KeyUpkeep as _,
    MetadataStore as _, StorageError,
};
use countersign_tuf::names::{Gun, RoleName};

use super::{Bench, app, commit, execute};

const ALL: ChangeRange = ChangeRange::After { id: 0, limit: 100 };

/// As old servers took what today's refuse.
const LAX: &str = "SET SESSION sql_mode = ''";

const INSERT_KEY: &str = "INSERT INTO private_keys (key_id, encryption_alg, keywrap_alg, \
    algorithm, passphrase_alias, public, private, gun, role) \
    VALUES ('aa', 'e', 'k', 'ecdsa', 'p', 'x', 'x', 'a/b', 'timestamp')";

#[tokio::test]
async fn a_damaged_document_is_told_with_its_row() -> Result<()> {
    let mut bench = Bench::start().await?;
    for (damage, wanted) in [
        ("sha256 = NULL", "sha256 is not"),
        ("sha256 = 'AB'", "sha256 is not"),
        ("data = 'other'", "not the digest of data"),
        ("version = 0", "version 0"),
        ("version = -7", "version -7"),
        ("created_at = NULL", "created_at is NULL"),
        ("created_at = '2020-00-10'", "created_at is no time"),
    ] {
        let database = bench.database().await?;
        let store = bench.open(&database).await?;
        commit(&store, 1).await?;
        let mut connection = bench.connect(&database).await?;
        execute(&mut connection, LAX).await?;
        execute(&mut connection, &format!("UPDATE tuf_files SET {damage}")).await?;
        check(store.newest(&app(), &RoleName::Timestamp).await, "tuf_files", wanted)?;
        let other = Gun::parse("a/c")?;
        ensure!(store.newest(&other, &RoleName::Timestamp).await?.is_none());
        store.check().await?;
    }
    Ok(())
}

#[tokio::test]
async fn a_damaged_change_is_told_with_its_row() -> Result<()> {
    let mut bench = Bench::start().await?;
    for (damage, wanted) in [
        ("sha256 = ''", "sha256 is not"),
        ("version = 0", "version 0"),
        ("created_at = '2020-00-10'", "created_at is no time"),
        ("category = 'deletion'", "names a version"),
    ] {
        let database = bench.database().await?;
        let store = bench.open(&database).await?;
        commit(&store, 1).await?;
        let mut connection = bench.connect(&database).await?;
        execute(&mut connection, LAX).await?;
        execute(&mut connection, &format!("UPDATE changefeed SET {damage}")).await?;
        check(store.changes(None, ALL).await, "changefeed", wanted)?;
    }
    Ok(())
}

#[tokio::test]
async fn a_damaged_key_is_told_with_its_row() -> Result<()> {
    let mut bench = Bench::start().await?;
    for (damage, wanted) in
        [("role = 'root'", "unknown role"), ("last_used = '2020-00-10'", "last_used is no time")]
    {
        let database = bench.database().await?;
        let store = bench.open(&database).await?;
        let mut connection = bench.connect(&database).await?;
        execute(&mut connection, INSERT_KEY).await?;
        execute(&mut connection, LAX).await?;
        execute(&mut connection, &format!("UPDATE private_keys SET {damage}")).await?;
        check(store.by_id("aa").await, "private_keys", wanted)?;
        ensure!(store.by_id("bb").await?.is_none());
    }
    Ok(())
}

/// Old servers wrote zeros for want of a time; what has them is old, and is served.
#[tokio::test]
async fn a_date_of_zeros_is_the_beginning_of_time() -> Result<()> {
    let mut bench = Bench::start().await?;
    for database in [bench.database().await?, bench.notary_database().await?] {
        let store = bench.open(&database).await?;
        commit(&store, 1).await?;
        let mut connection = bench.connect(&database).await?;
        for statement in [
            LAX,
            INSERT_KEY,
            "UPDATE tuf_files SET created_at = '0000-00-00', updated_at = '0000-00-00'",
            "UPDATE changefeed SET created_at = '0000-00-00'",
            "UPDATE private_keys SET created_at = '0000-00-00', last_used = '0000-00-00'",
        ] {
            execute(&mut connection, statement).await?;
        }
        let epoch = chrono::DateTime::UNIX_EPOCH;
        let newest = store.newest(&app(), &RoleName::Timestamp).await?;
        ensure!(newest.map(|document| document.stored_at) == Some(epoch));
        let changes = store.changes(None, ALL).await?;
        ensure!(changes.iter().all(|change| change.created_at == epoch), "{changes:?}");
        ensure!(store.by_id("aa").await?.and_then(|key| key.last_used) == Some(epoch));
        ensure!(store.pending("a/b", "timestamp", "ecdsa", KeyHome::Sealed).await?.is_none());
        // Such a date does not say how long a key has waited.
        execute(&mut connection, "UPDATE private_keys SET last_used = NULL").await?;
        let late = "9000-01-01T00:00:00Z".parse()?;
        ensure!(store.pending_since(late, None, 10).await?.is_empty());
        ensure!(commit(&store, 2).await? == Commit::Done);
        store.close().await;
        // The indexes that an opening makes do not stumble over them either.
        execute(&mut connection, "DROP INDEX countersign_published_idx ON tuf_files").await?;
        execute(&mut connection, "DELETE FROM countersign_metadata_migrations WHERE version > 2")
            .await?;
        bench.open(&database).await?;
    }
    Ok(())
}

#[tokio::test]
async fn a_damaged_binding_is_told_with_its_row() -> Result<()> {
    let mut bench = Bench::start().await?;
    for (damage, wanted) in [("role = 'root'", "unknown role"), ("gun = ''", "GUN \"\"")] {
        let database = bench.database().await?;
        let store = bench.open(&database).await?;
        let mut connection = bench.connect(&database).await?;
        let insert = "INSERT INTO countersign_key_bindings \
            (key_id, algorithm, gun, role, bound_at) VALUES ('aa', 'ecdsa', 'a/b', 'timestamp', now())";
        execute(&mut connection, insert).await?;
        ensure!(store.binding("aa").await?.is_some());
        let damage = format!("UPDATE countersign_key_bindings SET {damage}");
        execute(&mut connection, &damage).await?;
        check(store.binding("aa").await, "countersign_key_bindings", wanted)?;
        check(store.bindings(None, None, 10).await, "countersign_key_bindings", wanted)?;
        ensure!(store.binding("bb").await?.is_none());
    }
    Ok(())
}

#[tokio::test]
async fn rows_that_are_marked_as_deleted_are_absent() -> Result<()> {
    let mut bench = Bench::start().await?;
    let database = bench.database().await?;
    let store = bench.open(&database).await?;
    commit(&store, 1).await?;
    let mut connection = bench.connect(&database).await?;
    execute(&mut connection, INSERT_KEY).await?;
    for table in ["tuf_files", "private_keys"] {
        execute(&mut connection, LAX).await?;
        execute(&mut connection, &format!("UPDATE {table} SET deleted_at = now()")).await?;
    }
    ensure!(store.newest(&app(), &RoleName::Timestamp).await?.is_none());
    ensure!(store.by_id("aa").await?.is_none());
    ensure!(store.pending("a/b", "timestamp", "ecdsa", KeyHome::Sealed).await?.is_none());
    Ok(())
}

fn check<T: std::fmt::Debug>(
    found: Result<T, StorageError>,
    wanted_table: &str,
    wanted_reason: &str,
) -> Result<()> {
    let Err(StorageError::Corrupt { table, row, reason }) = found else {
        anyhow::bail!("{found:?} is not refused for {wanted_reason}")
    };
    ensure!((table, row.as_str()) == (wanted_table, "1"), "{table} {row}");
    ensure!(reason.contains(wanted_reason), "{reason}");
    Ok(())
}
