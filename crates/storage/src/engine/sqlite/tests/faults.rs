//! A full disk, a lock that does not end, a caller that goes away: the store says so, keeps
//! nothing by halves, and works again as soon as the fault has ended.

use std::sync::Arc;
use std::time::Duration;

use countersign_tuf::names::RoleName;
use sqlx::Connection as _;

use super::{commit, execute, fresh, gun, place, timestamp};
use crate::contract::changefeed::ChangeRange;
use crate::contract::keys::KeyStore as _;
use crate::contract::metadata::{Commit, MetadataStore as _};
use crate::contract::{StorageError, StorageResult};
use crate::engine::sqlite::{SqliteOptions, SqliteStore};

const ALL: ChangeRange = ChangeRange::After { id: 0, limit: 100 };

fn check_unavailable<T: std::fmt::Debug>(result: StorageResult<T>, wanted: &str) {
    match result {
        Err(StorageError::Unavailable { reason }) => {
            assert!(reason.contains(wanted), "{reason}");
        }
        other => panic!("{other:?}"),
    }
}

/// A store that gives up a lock soon.
async fn impatient() -> (SqliteStore, tempfile::TempDir) {
    let (directory, path) = place();
    let options = SqliteOptions { wait: Duration::from_millis(500), ..SqliteOptions::default() };
    (SqliteStore::open_with(&path, &options).await.unwrap(), directory)
}

#[tokio::test]
async fn a_full_database_is_unavailable_and_keeps_nothing_of_the_commit() {
    let (store, _directory) = fresh().await;
    assert_eq!(commit(&store, &timestamp(1, 9)).await.unwrap(), Commit::Done);
    execute(&store, "PRAGMA max_page_count = 30").await;
    check_unavailable(commit(&store, &timestamp(2, 1 << 20)).await, "full");
    let newest = store.newest(&gun(), &RoleName::Timestamp).await.unwrap().unwrap();
    assert_eq!(newest.version.get(), 1);
    assert_eq!(store.changes(None, ALL).await.unwrap().len(), 1);
}

#[tokio::test]
async fn commits_work_again_after_a_full_database() {
    let (store, _directory) = fresh().await;
    for number in 1..=3 {
        execute(&store, "PRAGMA max_page_count = 30").await;
        check_unavailable(commit(&store, &timestamp(number, 1 << 20)).await, "full");
        execute(&store, "PRAGMA max_page_count = 1000000").await;
        assert_eq!(commit(&store, &timestamp(number, 1 << 20)).await.unwrap(), Commit::Done);
    }
}

#[tokio::test]
async fn a_lock_that_does_not_end_is_unavailable() {
    let (store, directory) = impatient().await;
    let other = SqliteStore::open(&directory.path().join("countersign.db")).await.unwrap();
    let mut held = other.writer.acquire().await.unwrap();
    let lock = held.begin_with("BEGIN IMMEDIATE").await.unwrap();
    check_unavailable(commit(&store, &timestamp(1, 9)).await, "locked");
    assert_eq!(store.newest(&gun(), &RoleName::Timestamp).await.unwrap(), None);
    lock.rollback().await.unwrap();
    assert_eq!(commit(&store, &timestamp(1, 9)).await.unwrap(), Commit::Done);
}

#[tokio::test]
async fn a_store_whose_connections_are_all_busy_is_unavailable() {
    let (store, _directory) = impatient().await;
    let held = store.writer.acquire().await.unwrap();
    check_unavailable(commit(&store, &timestamp(1, 9)).await, "busy");
    drop(held);
    assert_eq!(commit(&store, &timestamp(1, 9)).await.unwrap(), Commit::Done);
}

#[tokio::test]
async fn a_commit_goes_on_without_its_caller() {
    let (store, directory) = fresh().await;
    let other = SqliteStore::open(&directory.path().join("countersign.db")).await.unwrap();
    let mut held = other.writer.acquire().await.unwrap();
    let lock = held.begin_with("BEGIN IMMEDIATE").await.unwrap();
    let caller = tokio::spawn({
        let store = Arc::clone(&store);
        async move { commit(&store, &timestamp(1, 9)).await }
    });
    while store.writer.num_idle() > 0 {
        tokio::task::yield_now().await;
    }
    caller.abort();
    assert!(caller.await.unwrap_err().is_cancelled());
    lock.rollback().await.unwrap();
    // One connection writes, so this waits for the commit before it.
    store.insert_passphrase_check(b"x").await.unwrap();
    let newest = store.newest(&gun(), &RoleName::Timestamp).await.unwrap().unwrap();
    assert_eq!(newest.version.get(), 1);
}

#[tokio::test]
async fn a_closed_store_is_unavailable() {
    let (store, _directory) = fresh().await;
    store.close().await;
    check_unavailable(store.check().await, "closed");
    check_unavailable(commit(&store, &timestamp(1, 9)).await, "closed");
    check_unavailable(store.by_id("aa").await, "closed");
}

#[tokio::test]
async fn a_missing_table_fails_the_check() {
    for table in ["tuf_files", "changefeed", "change_category"] {
        let (store, _directory) = fresh().await;
        execute(&store, &format!("PRAGMA foreign_keys = OFF; DROP TABLE {table}")).await;
        let error = store.check().await.unwrap_err();
        assert!(error.to_string().contains(table), "{error}");
    }
}

#[tokio::test]
async fn a_file_that_is_gone_fails_the_check() {
    let (store, directory) = fresh().await;
    let path = directory.path().join("countersign.db");
    std::fs::rename(&path, directory.path().join("moved.db")).unwrap();
    check_unavailable(store.check().await, "is gone");
    std::fs::write(&path, "").unwrap();
    check_unavailable(store.check().await, "was replaced");
}

#[tokio::test]
async fn a_file_that_is_gone_is_unavailable_for_reads_and_writes_until_it_is_back() {
    let (store, directory) = fresh().await;
    let (path, moved) =
        (directory.path().join("countersign.db"), directory.path().join("moved.db"));
    assert_eq!(commit(&store, &timestamp(1, 9)).await.unwrap(), Commit::Done);
    std::fs::rename(&path, &moved).unwrap();
    check_unavailable(store.newest(&gun(), &RoleName::Timestamp).await, "is gone");
    check_unavailable(commit(&store, &timestamp(2, 9)).await, "is gone");
    check_unavailable(store.by_id("aa").await, "is gone");
    check_unavailable(store.mark_used("aa", "2026-11-24T11:02:35Z".parse().unwrap()).await, "gone");
    std::fs::rename(&moved, &path).unwrap();
    assert_eq!(commit(&store, &timestamp(2, 9)).await.unwrap(), Commit::Done);
    let newest = store.newest(&gun(), &RoleName::Timestamp).await.unwrap().unwrap();
    assert_eq!(newest.version.get(), 2);
}

#[tokio::test]
async fn a_database_that_cannot_be_written_is_unavailable_and_stays_readable() {
    let (store, _directory) = fresh().await;
    assert_eq!(commit(&store, &timestamp(1, 9)).await.unwrap(), Commit::Done);
    execute(&store, "PRAGMA query_only = ON").await;
    check_unavailable(commit(&store, &timestamp(2, 9)).await, "readonly");
    let newest = store.newest(&gun(), &RoleName::Timestamp).await.unwrap().unwrap();
    assert_eq!(newest.version.get(), 1);
    assert_eq!(commit(&store, &timestamp(2, 9)).await.unwrap(), Commit::Done);
}
