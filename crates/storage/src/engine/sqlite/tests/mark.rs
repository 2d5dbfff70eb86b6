//! The mark moves with every commit of anybody, and with nothing else.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use countersign_tuf::names::RoleName;

use super::{commit, execute, fresh, gun, place, timestamp};
use crate::contract::keys::KeyStore as _;
use crate::contract::metadata::{Commit, MetadataStore as _};
use crate::engine::sqlite::SqliteStore;

#[tokio::test]
async fn reads_leave_the_mark_where_it_is() {
    let (store, _directory) = fresh().await;
    let mark = store.mark();
    assert!(mark.is_some());
    store.newest(&gun(), &RoleName::Timestamp).await.unwrap();
    store.check().await.unwrap();
    execute(&store, "PRAGMA wal_checkpoint(PASSIVE)").await;
    assert_eq!(store.mark(), mark);
}

#[tokio::test]
async fn every_commit_moves_the_mark_to_where_it_never_was() {
    let (store, _directory) = fresh().await;
    let mut marks = HashSet::from([format!("{:?}", store.mark().unwrap())]);
    for number in 1..=50 {
        assert_eq!(commit(&store, &timestamp(number, 9)).await.unwrap(), Commit::Done);
        assert!(marks.insert(format!("{:?}", store.mark().unwrap())), "{number}");
        if number % 10 == 0 {
            // The log begins anew afterwards.
            execute(&store, "PRAGMA wal_checkpoint(TRUNCATE)").await;
        }
    }
    store.delete(&gun(), "2026-11-24T11:02:35.785575Z".parse().unwrap()).await.unwrap();
    assert!(marks.insert(format!("{:?}", store.mark().unwrap())));
    store.insert_passphrase_check(b"sealed").await.unwrap();
    assert!(marks.insert(format!("{:?}", store.mark().unwrap())));
}

#[tokio::test]
async fn a_commit_through_other_connections_moves_it_too() {
    let (store, directory) = fresh().await;
    let other = SqliteStore::open(&directory.path().join("countersign.db")).await.unwrap();
    let before = store.mark();
    assert_eq!(other.mark(), before);
    commit(&other, &timestamp(1, 9)).await.unwrap();
    assert_ne!(store.mark(), before);
    assert_eq!(other.mark(), store.mark());
}

/// What is refused or undone changes nothing that anybody could read.
#[tokio::test]
async fn what_is_not_committed_leaves_the_mark_where_it_is() {
    let (store, _directory) = fresh().await;
    commit(&store, &timestamp(2, 9)).await.unwrap();
    let before = store.mark();
    let refused = commit(&store, &timestamp(1, 9)).await.unwrap();
    assert_eq!(refused, Commit::OldVersion(RoleName::Timestamp));
    assert_eq!(store.mark(), before);
}

/// SQLite removes its file with the last connection and makes another with the next one; the old
/// one, which is still open here, stands still.
#[tokio::test]
async fn the_mark_follows_the_file_that_is_in_use() {
    let (store, directory) = fresh().await;
    let before = store.mark();
    assert!(before.is_some());
    store.close().await;
    let again = SqliteStore::open(&directory.path().join("countersign.db")).await.unwrap();
    let opened = again.mark();
    commit(&again, &timestamp(1, 9)).await.unwrap();
    let moved = again.mark();
    assert!(opened.is_some() && moved.is_some());
    assert_ne!(opened, moved);
    // Its connections are closed, and it still tells no mark of the past.
    assert_ne!(store.mark(), before);
}

/// As after errors, when each of them is replaced by a new one.
#[tokio::test]
async fn the_file_in_use_stays_while_no_connection_of_ours_works() {
    let (store, directory) = fresh().await;
    let before = store.mark();
    assert!(before.is_some());
    store.readers.close().await;
    store.writer.close().await;
    assert_eq!(store.mark(), before);
    for number in 1..=3 {
        let other = SqliteStore::open(&directory.path().join("countersign.db")).await.unwrap();
        let before = store.mark();
        commit(&other, &timestamp(number, 9)).await.unwrap();
        assert!(store.mark().is_some() && store.mark() != before, "{number}");
        assert_eq!(store.mark(), other.mark());
        other.close().await;
    }
}

#[tokio::test]
async fn a_file_that_is_gone_or_another_soon_tells_no_mark() {
    let (store, directory) = fresh().await;
    let path = directory.path().join("countersign.db");
    assert!(store.mark().is_some());
    std::fs::rename(&path, directory.path().join("elsewhere")).unwrap();
    while store.mark().is_some() {
        tokio::task::yield_now().await;
    }
    std::fs::write(&path, b"another").unwrap();
    assert_eq!(store.mark(), None);
}

#[tokio::test]
async fn who_only_looks_tells_no_mark() {
    let (_directory, path) = place();
    SqliteStore::open(&path).await.unwrap().close().await;
    let looking = SqliteStore::open_read_only(&path).await.unwrap();
    assert_eq!(looking.mark(), None);
}

/// The promise that reads are built on: as long as the mark is the same, so is what is read.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn between_two_equal_marks_nothing_changes_while_others_write() {
    const ROUNDS: i64 = 300;
    let (store, directory) = fresh().await;
    let writer = SqliteStore::open(&directory.path().join("countersign.db")).await.unwrap();
    let acknowledged = Arc::new(AtomicI64::new(0));
    let written = Arc::clone(&acknowledged);
    let writes = tokio::spawn(async move {
        for number in 1..=ROUNDS {
            commit(&writer, &timestamp(number, 9)).await.unwrap();
            written.store(number, Ordering::SeqCst);
        }
    });
    let version = async || {
        let newest = store.newest(&gun(), &RoleName::Timestamp).await.unwrap();
        newest.map_or(0, |newest| newest.version.get())
    };
    let (mut marked, mut equal) = (None, 0);
    while acknowledged.load(Ordering::SeqCst) < ROUNDS {
        let least = acknowledged.load(Ordering::SeqCst);
        let mark = store.mark();
        match marked {
            Some((then, found)) if mark.is_some() && then == mark => {
                assert!(found >= least, "the mark of {found} was believed after {least}");
                equal += 1;
            }
            _ => marked = Some((mark, version().await)),
        }
    }
    writes.await.unwrap();
    assert!(equal > 0);
    assert_eq!(version().await, ROUNDS);
}
