//! Rows that cannot be concern the reads that meet them, and no other.

use anyhow::{Result, ensure};
use countersign_storage::{
    ChangeRange, KeyBindings as _, KeyHome, KeyStore as _, MetadataStore as _, Place, StorageError,
};
use countersign_tests::damage;
use countersign_tests::peers::countersign::Countersign;
use countersign_tuf::names::{Gun, RoleName};

use super::{Bench, OWNER, app, commit, execute};

const ALL: ChangeRange = ChangeRange::After { id: 0, limit: 100 };

const INSERT_KEY: &str = "INSERT INTO private_keys (key_id, encryption_alg, keywrap_alg, \
    algorithm, passphrase_alias, public, private, gun, role) \
    VALUES ('aa', 'e', 'k', 'ecdsa', 'p', 'x', 'x', 'a/b', 'timestamp')";

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_row_concerns_its_own_repository_alone() -> Result<()> {
    let mut bench = Bench::start().await?;
    let database = bench.empty_database().await?;
    let url = bench.server.url(OWNER, &database);
    let server = Countersign::start_with(&format!("[database]\nurl = '{url}'\n")).await?;
    let execute = async |statement: &str| {
        let mut connection = bench.connect(&database).await?;
        execute(&mut connection, statement).await
    };
    damage::concerns_its_own_repository_alone(server.endpoint(), execute, || server.log()).await
}

/// The walk of those that sign ahead goes on to all others.
#[tokio::test]
async fn a_document_without_a_time_keeps_no_other_from_being_signed_ahead() -> Result<()> {
    let mut bench = Bench::start().await?;
    for damage in ["'infinity'", "'-infinity'", "'20000-01-01'", "NULL"] {
        let database = bench.database().await?;
        let store = bench.open(&database).await?;
        let mut connection = bench.connect(&database).await?;
        let insert = format!(
            "INSERT INTO tuf_files (created_at, gun, role, version, data, sha256) VALUES
            ({damage}, 'a/b', 'root', 1, 'x', 'x'), (now(), 'a/b', 'timestamp', 1, 'x', 'x'),
            (now(), 'a/c', 'root', 1, 'x', 'x'), (now(), 'a/c', 'timestamp', 1, 'x', 'x')"
        );
        execute(&mut connection, &insert).await?;
        let (from, until) = ("2000-01-01T00:00:00Z".parse()?, "9999-01-01T00:00:00Z".parse()?);
        let found = store.published(Place::before(from), until, 10).await?;
        let guns: Vec<&str> = found.iter().map(|found| found.gun.as_str()).collect();
        ensure!(guns == ["a/c"], "{damage}: {guns:?}");
    }
    Ok(())
}

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
        ("created_at = 'infinity'", "created_at is no time"),
        ("created_at = '-infinity'", "created_at is no time"),
        ("created_at = '20000-01-01'", "created_at is no time"),
    ] {
        let database = bench.database().await?;
        let store = bench.open(&database).await?;
        commit(&store, 1).await?;
        let mut connection = bench.connect(&database).await?;
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
        ("created_at = 'infinity'", "created_at is no time"),
        ("category = 'deletion'", "names a version"),
    ] {
        let database = bench.database().await?;
        let store = bench.open(&database).await?;
        commit(&store, 1).await?;
        let mut connection = bench.connect(&database).await?;
        execute(&mut connection, &format!("UPDATE changefeed SET {damage}")).await?;
        check(store.changes(None, ALL).await, "changefeed", wanted)?;
    }
    Ok(())
}

#[tokio::test]
async fn a_damaged_key_is_told_with_its_row() -> Result<()> {
    let mut bench = Bench::start().await?;
    for (damage, wanted) in
        [("role = 'root'", "unknown role"), ("last_used = 'infinity'", "last_used is no time")]
    {
        let database = bench.database().await?;
        let store = bench.open(&database).await?;
        let mut connection = bench.connect(&database).await?;
        execute(&mut connection, INSERT_KEY).await?;
        execute(&mut connection, &format!("UPDATE private_keys SET {damage}")).await?;
        check(store.by_id("aa").await, "private_keys", wanted)?;
        ensure!(store.by_id("bb").await?.is_none());
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
