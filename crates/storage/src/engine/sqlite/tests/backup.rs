//! A copy is of one moment, whole, and private; damage is noticed.

use std::os::unix::fs::PermissionsExt as _;
use std::sync::Arc;

use countersign_tuf::names::RoleName;

use super::{commit, execute, fresh, gun, timestamp};
use crate::contract::StorageError;
use crate::contract::metadata::MetadataStore as _;
use crate::contract::published::Place;
use crate::engine::sqlite::SqliteStore;
use crate::suite::durable;

#[tokio::test]
async fn a_copy_beside_an_open_store_holds_everything_and_is_private() {
    let (store, directory) = fresh().await;
    durable::leave(&*store, &*store).await;
    let (from, to) = (directory.path().join("countersign.db"), directory.path().join("copy.db"));
    SqliteStore::copy(&from, &to).await.unwrap();
    assert_eq!(to.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    SqliteStore::examine(&to).await.unwrap();
    let beside: Vec<_> = std::fs::read_dir(directory.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.starts_with("copy"))
        .collect();
    assert_eq!(beside, ["copy.db"]);
    let copy = SqliteStore::open(&to).await.unwrap();
    durable::find(&copy, &copy).await;
}

#[tokio::test]
async fn a_copy_of_a_file_that_nobody_has_open_is_made_too() {
    let (store, directory) = fresh().await;
    durable::leave(&*store, &*store).await;
    store.close().await;
    let (from, to) = (directory.path().join("countersign.db"), directory.path().join("copy.db"));
    SqliteStore::copy(&from, &to).await.unwrap();
    let copy = SqliteStore::open(&to).await.unwrap();
    durable::find(&copy, &copy).await;
}

/// Each commit adds a timestamp and a change; a copy never has one without the other.
#[tokio::test(flavor = "multi_thread")]
async fn copies_beside_a_busy_writer_are_each_of_one_moment() {
    let (store, directory) = fresh().await;
    let writer = Arc::clone(&store);
    let writing = tokio::spawn(async move {
        for number in 1..=200 {
            commit(&writer, &timestamp(number, 2000)).await.unwrap();
        }
    });
    let from = directory.path().join("countersign.db");
    for number in 0..5 {
        let to = directory.path().join(format!("copy-{number}.db"));
        SqliteStore::copy(&from, &to).await.unwrap();
        let copy = SqliteStore::open(&to).await.unwrap();
        let newest = copy.newest(&gun(), &RoleName::Timestamp).await.unwrap();
        let changes = copy.changes(None, crate::ChangeRange::Latest { limit: 1 }).await.unwrap();
        let versions = (
            newest.map(|document| document.version.as_i32()),
            changes.last().map(|change| change.version),
        );
        assert_eq!(versions.0, versions.1);
        copy.published(
            Place::before(chrono::DateTime::UNIX_EPOCH),
            chrono::DateTime::UNIX_EPOCH,
            1,
        )
        .await
        .unwrap();
    }
    writing.await.unwrap();
}

#[tokio::test]
async fn a_damaged_copy_is_noticed() {
    let (store, directory) = fresh().await;
    for number in 1..=20 {
        commit(&store, &timestamp(number, 2000)).await.unwrap();
    }
    execute(&store, "PRAGMA wal_checkpoint(TRUNCATE)").await;
    let (from, to) = (directory.path().join("countersign.db"), directory.path().join("copy.db"));
    SqliteStore::copy(&from, &to).await.unwrap();
    let mut bytes = std::fs::read(&to).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle..middle + 4096].fill(0xa5);
    std::fs::write(&to, bytes).unwrap();
    assert!(matches!(SqliteStore::examine(&to).await, Err(StorageError::Other(_))));
}

#[tokio::test]
async fn an_absent_database_is_not_copied_and_not_made() {
    let (_store, directory) = fresh().await;
    let (from, to) = (directory.path().join("other.db"), directory.path().join("copy.db"));
    assert!(matches!(SqliteStore::copy(&from, &to).await, Err(StorageError::Unavailable { .. })));
    assert!(!from.exists() && !to.exists());
}
