//! Migrations: on data, twice, and the ones that are refused.

use countersign_tuf::digest::Sha256Digest;
use sqlx::migrate::Migrator;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{Connection as _, SqliteConnection};

use super::{commit, execute, fresh, gun, place, timestamp};
use crate::contract::StorageError;
use crate::contract::changefeed::{ChangeCategory, ChangeRange};
use crate::contract::keys::{KeyHome, KeyStore as _};
use crate::contract::metadata::{Commit, MetadataStore as _};
use crate::contract::published::Place;
use crate::engine::sqlite::SqliteStore;
use crate::engine::sqlite::migrations::HISTORIES;

const ALL: ChangeRange = ChangeRange::After { id: 0, limit: 100 };

/// A database on which only migration 1 of each history has run.
async fn at_migration_1(path: &std::path::Path) -> SqliteConnection {
    let options = SqliteConnectOptions::new().filename(path).create_if_missing(true);
    let mut connection = SqliteConnection::connect_with(&options).await.unwrap();
    for history in HISTORIES {
        let mut migrator = Migrator::with_migrations(history.migrations());
        migrator.dangerous_set_table_name(history.notes_table);
        migrator.run_to(1, &mut connection).await.unwrap();
    }
    connection
}

async fn refused(path: &std::path::Path, damage: &str) -> StorageError {
    let store = SqliteStore::open(path).await.unwrap();
    execute(&store, damage).await;
    store.close().await;
    SqliteStore::open(path).await.unwrap_err()
}

#[tokio::test]
async fn a_database_at_migration_1_with_data_is_brought_up_to_date() {
    let (_directory, path) = place();
    let mut old = at_migration_1(&path).await;
    let insert = "INSERT INTO tuf_files \
        (created_at, updated_at, deleted_at, gun, role, version, data, sha256) \
        VALUES (?1, ?1, ?2, 'a/b', ?3, ?4, x'6f6c64', ?5)";
    let digest = Sha256Digest::of(b"old").to_hex();
    let (early, late) = ("2026-01-01T00:00:00.000000Z", "2026-01-02T00:00:00.000000Z");
    for (at, deleted_at, role, version) in [
        (late, None, "timestamp", 2),
        (early, None, "timestamp", 1),
        (late, Some(late), "timestamp", 3),
        (early, None, "root", 1),
    ] {
        sqlx::query(insert)
            .bind(at)
            .bind(deleted_at)
            .bind(role)
            .bind(version)
            .bind(&digest)
            .execute(&mut old)
            .await
            .unwrap();
    }
    sqlx::query(
        "INSERT INTO private_keys (key_id, encryption_alg, keywrap_alg, algorithm, \
        passphrase_alias, public, private, gun, role) \
        VALUES ('aa', 'e', 'k', 'ecdsa', 'p', x'00', x'01', 'a/b', 'timestamp')",
    )
    .execute(&mut old)
    .await
    .unwrap();
    old.close().await.unwrap();

    let store = SqliteStore::open(&path).await.unwrap();
    let root = store.newest(&gun(), &countersign_tuf::names::RoleName::Root).await.unwrap();
    assert_eq!(root.unwrap().bytes, "old");
    let changes = store.changes(None, ALL).await.unwrap();
    let seen: Vec<_> = changes.iter().map(|c| (c.version, c.sha256.as_str(), c.category)).collect();
    let digest = digest.as_str();
    assert_eq!(seen, [(1, digest, ChangeCategory::Update), (2, digest, ChangeCategory::Update)]);
    let after = Place::before(early.parse().unwrap());
    let late = "2026-01-03T00:00:00Z".parse().unwrap();
    let published = store.published(after, late, 10).await.unwrap();
    assert_eq!(published.iter().map(|found| found.gun.as_str()).collect::<Vec<_>>(), ["a/b"]);
    assert!(store.pending("a/b", "timestamp", "ecdsa", KeyHome::Sealed).await.unwrap().is_some());
    assert_eq!(store.insert_passphrase_check(b"x").await.unwrap(), b"x");
}

#[test]
fn every_migration_file_is_embedded_under_its_name() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../migrations/sqlite");
    for (history, name) in HISTORIES.into_iter().zip(["metadata", "keys"]) {
        let mut files: Vec<(String, String)> = std::fs::read_dir(format!("{folder}/{name}"))
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .map(|path| {
                let name = path.file_name().unwrap().to_str().unwrap().to_owned();
                (name, std::fs::read_to_string(&path).unwrap())
            })
            .collect();
        files.sort();
        let embedded: Vec<(String, String)> = history
            .migrations()
            .iter()
            .map(|migration| {
                let name = format!("{:04}_{}.sql", migration.version, migration.description);
                (name, migration.sql.as_str().to_owned())
            })
            .collect();
        assert_eq!(files, embedded);
    }
}

#[tokio::test]
async fn a_second_migration_changes_nothing() {
    let (_directory, path) = place();
    let store = SqliteStore::open(&path).await.unwrap();
    assert_eq!(commit(&store, &timestamp(1, 9)).await.unwrap(), Commit::Done);
    let before = schema(&store).await;
    assert!(before.len() > 10, "{before:?}");
    store.close().await;
    let store = SqliteStore::open(&path).await.unwrap();
    assert_eq!(schema(&store).await, before);
    assert_eq!(store.changes(None, ALL).await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_newer_database_is_refused_in_either_history() {
    for (history, known) in HISTORIES.into_iter().zip([7, 6]) {
        let (_directory, path) = place();
        let damage = format!(
            "INSERT INTO {} (version, description, success, checksum, execution_time) \
             VALUES (99, 'later', 1, x'00', 0)",
            history.notes_table
        );
        match refused(&path, &damage).await {
            StorageError::Newer { found: 99, known: ours } => assert_eq!(ours, known),
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn a_changed_migration_is_refused_in_either_history() {
    for history in HISTORIES {
        let (_directory, path) = place();
        let table = history.notes_table;
        let damage = format!("UPDATE {table} SET checksum = x'00' WHERE version = 1");
        let error = refused(&path, &damage).await;
        assert!(matches!(error, StorageError::Other(_)), "{error:?}");
        let message = error.to_string();
        assert!(message.contains(table) && message.contains("migration 1"), "{message}");
        assert!(message.contains("countersign.db"), "{message}");
    }
}

#[tokio::test]
async fn a_migration_that_this_program_does_not_have_is_refused() {
    let (_directory, path) = place();
    let damage = "UPDATE countersign_metadata_migrations SET version = 0 WHERE version = 1";
    let error = refused(&path, damage).await;
    assert!(error.to_string().contains("migration 0"), "{error}");
}

#[tokio::test]
async fn a_migration_that_fails_leaves_nothing_behind() {
    let (_directory, path) = place();
    let mut old = at_migration_1(&path).await;
    sqlx::query("CREATE TABLE countersign_passphrase_check (x TEXT)")
        .execute(&mut old)
        .await
        .unwrap();
    old.close().await.unwrap();
    let error = SqliteStore::open(&path).await.unwrap_err();
    assert!(error.to_string().contains("migration 3"), "{error}");
    let options = SqliteConnectOptions::new().filename(&path);
    let mut after = SqliteConnection::connect_with(&options).await.unwrap();
    let feeds: i64 =
        sqlx::query_scalar("SELECT count(*) FROM sqlite_schema WHERE name = 'changefeed'")
            .fetch_one(&mut after)
            .await
            .unwrap();
    assert_eq!(feeds, 0);
}

#[tokio::test]
async fn change_numbers_are_never_given_twice() {
    let (store, _directory) = fresh().await;
    assert_eq!(commit(&store, &timestamp(1, 9)).await.unwrap(), Commit::Done);
    assert_eq!(commit(&store, &timestamp(2, 9)).await.unwrap(), Commit::Done);
    execute(&store, "DELETE FROM changefeed WHERE id = 2").await;
    assert_eq!(commit(&store, &timestamp(3, 9)).await.unwrap(), Commit::Done);
    let changes = store.changes(None, ALL).await.unwrap();
    assert_eq!(changes.iter().map(|change| change.id).collect::<Vec<_>>(), [1, 3]);
}

async fn schema(store: &SqliteStore) -> Vec<String> {
    sqlx::query_scalar("SELECT name || coalesce(sql, '') FROM sqlite_schema ORDER BY name")
        .fetch_all(&store.readers)
        .await
        .unwrap()
}
