//! The file: who may read it, how it is set up, and what is refused as a database.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;

use sqlx::Row as _;
use sqlx::sqlite::SqlitePool;
use tokio::task::JoinSet;

use super::{commit, fresh, place, timestamp};
use crate::contract::StorageError;
use crate::contract::metadata::{Commit, MetadataStore as _};
use crate::engine::sqlite::SqliteStore;

const PRIVATE_FILES_TEST: &str =
    "engine::sqlite::tests::files::the_files_of_a_new_database_are_private";

fn mode(path: &Path) -> u32 {
    path.metadata().unwrap().permissions().mode() & 0o777
}

/// The value of a PRAGMA, on a connection of this pool.
async fn pragma(pool: &SqlitePool, statement: &'static str) -> String {
    let row = sqlx::query(statement).fetch_one(pool).await.unwrap();
    match row.try_get::<i64, _>(0) {
        Ok(number) => number.to_string(),
        Err(_) => row.get(0),
    }
}

#[tokio::test]
async fn the_files_of_a_new_database_are_private() {
    let (store, directory) = fresh().await;
    assert_eq!(commit(&store, &timestamp(1, 9)).await.unwrap(), Commit::Done);
    let mut names = Vec::new();
    for entry in directory.path().read_dir().unwrap() {
        let entry = entry.unwrap();
        assert_eq!(mode(&entry.path()), 0o600, "{:?}", entry.path());
        names.push(entry.file_name().into_string().unwrap());
    }
    names.sort();
    assert_eq!(names, ["countersign.db", "countersign.db-shm", "countersign.db-wal"]);
}

/// The mask belongs to the whole process, so the test above runs once more in one of its own.
#[test]
fn the_files_are_private_even_under_umask_0() {
    let run = Command::new("sh")
        .args(["-c", "umask 0 && exec \"$0\" --exact \"$1\""])
        .arg(std::env::current_exe().unwrap())
        .arg(PRIVATE_FILES_TEST)
        .output()
        .unwrap();
    let output = String::from_utf8_lossy(&run.stdout);
    assert!(run.status.success(), "{output}");
    assert!(output.contains("1 passed"), "{output}");
}

#[tokio::test]
async fn a_file_that_is_there_keeps_its_mode() {
    let (_directory, path) = place();
    SqliteStore::open(&path).await.unwrap().close().await;
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o640)).unwrap();
    SqliteStore::open(&path).await.unwrap().close().await;
    assert_eq!(mode(&path), 0o640);
}

#[tokio::test]
async fn the_writer_is_durable_and_checks_foreign_keys() {
    let (store, _directory) = fresh().await;
    for (statement, wanted) in [
        ("PRAGMA journal_mode", "wal"),
        ("PRAGMA synchronous", "2"),
        ("PRAGMA foreign_keys", "1"),
        ("PRAGMA busy_timeout", "5000"),
        ("PRAGMA trusted_schema", "0"),
        ("PRAGMA cell_size_check", "1"),
        ("PRAGMA wal_autocheckpoint", "4000"),
        ("PRAGMA journal_size_limit", "67108864"),
    ] {
        assert_eq!(pragma(&store.writer, statement).await, wanted, "{statement}");
    }
    assert_eq!(store.writer.options().get_max_connections(), 1);
}

#[tokio::test]
async fn readers_wait_for_locks_and_cannot_write() {
    let (store, _directory) = fresh().await;
    for (statement, wanted) in [
        ("PRAGMA journal_mode", "wal"),
        ("PRAGMA foreign_keys", "1"),
        ("PRAGMA busy_timeout", "5000"),
        ("PRAGMA trusted_schema", "0"),
    ] {
        assert_eq!(pragma(&store.readers, statement).await, wanted, "{statement}");
    }
    let error = sqlx::query("DELETE FROM tuf_files").execute(&store.readers).await.unwrap_err();
    assert!(error.to_string().contains("readonly"), "{error}");
}

/// One race seldom meets the lock that SQLite does not wait for, so there are ten.
#[tokio::test(flavor = "multi_thread")]
async fn twelve_opens_of_a_new_file_at_once_all_succeed() {
    for _ in 0..10 {
        let (_directory, path) = place();
        let mut opens = JoinSet::new();
        for _ in 0..12 {
            let path = path.clone();
            opens.spawn(async move { SqliteStore::open(&path).await });
        }
        for store in opens.join_all().await {
            store.unwrap().check().await.unwrap();
        }
    }
}

#[tokio::test]
async fn a_file_of_something_else_is_refused_and_left_alone() {
    let (_directory, path) = place();
    let text = "this is no database\n".repeat(1000);
    std::fs::write(&path, &text).unwrap();
    let error = SqliteStore::open(&path).await.unwrap_err();
    assert!(matches!(error, StorageError::Other(_)), "{error:?}");
    let message = error.to_string();
    assert!(message.contains("countersign.db"), "{message}");
    assert!(message.contains("damaged or is no SQLite database"), "{message}");
    assert_eq!(std::fs::read_to_string(&path).unwrap(), text);
}

#[tokio::test]
async fn a_file_that_was_cut_is_refused() {
    let (_directory, path) = place();
    SqliteStore::open(&path).await.unwrap().close().await;
    let whole = std::fs::read(&path).unwrap();
    std::fs::write(&path, &whole[..whole.len() / 2]).unwrap();
    let error = SqliteStore::open(&path).await.unwrap_err();
    assert!(error.to_string().contains("damaged"), "{error}");
}

#[tokio::test]
async fn a_directory_is_no_database() {
    let (directory, _path) = place();
    let error = SqliteStore::open(directory.path()).await.unwrap_err();
    assert!(matches!(error, StorageError::Unavailable { .. }), "{error:?}");
    assert!(error.to_string().contains(&directory.path().display().to_string()), "{error}");
}

#[tokio::test]
async fn a_missing_directory_is_named_and_not_made() {
    let (directory, _path) = place();
    let missing = directory.path().join("missing");
    let error = SqliteStore::open(&missing.join("countersign.db")).await.unwrap_err();
    assert!(matches!(error, StorageError::Unavailable { .. }), "{error:?}");
    assert!(error.to_string().contains("missing/countersign.db"), "{error}");
    assert!(!missing.exists());
}
