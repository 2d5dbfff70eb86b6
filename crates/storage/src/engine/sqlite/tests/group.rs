//! Writes that wait at the same time: one commit, and each for itself all the same.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use chrono::{DateTime, Utc};
use countersign_tuf::accepted::{AcceptedDocument, AcceptedUpdate};
use countersign_tuf::names::{Gun, RoleName, Version};
use sqlx::Sqlite;
use sqlx::pool::PoolConnection;
use tempfile::TempDir;
use tokio::task::JoinHandle;

use super::{execute, fresh, timestamp};
use crate::contract::changefeed::ChangeRange;
use crate::contract::keys::KeyStore as _;
use crate::contract::metadata::{Commit, Heads, MetadataStore as _};
use crate::contract::{StorageError, StorageResult};
use crate::engine::sqlite::SqliteStore;

type Answer = JoinHandle<StorageResult<Commit>>;

/// A store whose writing connection is held, so that writes wait; and what is to become of
/// commits on that connection.
struct Crowd {
    store: Arc<SqliteStore>,
    held: Option<PoolConnection<Sqlite>>,
    commits: Arc<AtomicU32>,
    _directory: TempDir,
}

#[derive(Clone, Copy, PartialEq)]
enum Disk {
    Works,
    RefusesCommits,
}

impl Crowd {
    async fn gather(disk: Disk) -> Self {
        let (store, directory) = fresh().await;
        let commits = Arc::new(AtomicU32::new(0));
        let mut held = store.writer.acquire().await.unwrap();
        let counted = Arc::clone(&commits);
        held.lock_handle().await.unwrap().set_commit_hook(move || {
            counted.fetch_add(1, Ordering::SeqCst);
            disk == Disk::Works
        });
        Self { store, held: Some(held), commits, _directory: directory }
    }

    /// A publish of this GUN that waits from now on.
    async fn publish(&self, gun: &str, version: i64, size_bytes: usize) -> Answer {
        let base = Heads::from([(RoleName::Timestamp, None)]);
        let base = if version == 1 { base } else { Heads::new() };
        self.offer(gun, base, timestamp(version, size_bytes)).await
    }

    /// A publish of this that waits from now on.
    async fn offer(&self, gun: &str, base: Heads, update: AcceptedUpdate) -> Answer {
        let (store, gun) = (Arc::clone(&self.store), Gun::parse(gun).unwrap());
        let before = self.store.queue.len();
        let answer = tokio::spawn(async move { store.commit(&gun, &base, &update, now()).await });
        while self.store.queue.len() == before {
            tokio::task::yield_now().await;
        }
        answer
    }

    /// Lets those who wait have the connection.
    fn go(&mut self) {
        self.held = None;
    }

    async fn newest(&self, gun: &str) -> Option<i64> {
        let gun = Gun::parse(gun).unwrap();
        let found = self.store.newest(&gun, &RoleName::Timestamp).await.unwrap();
        found.map(|document| document.version.get())
    }

    async fn changes(&self) -> usize {
        let all = ChangeRange::After { id: 0, limit: 1_000 };
        self.store.changes(None, all).await.unwrap().len()
    }
}

fn now() -> DateTime<Utc> {
    "2026-11-24T11:02:35.785575Z".parse().unwrap()
}

/// An update of several documents, all of this version.
fn whole(number: i64) -> AcceptedUpdate {
    let document = |role| {
        let version = Version::new(number).unwrap();
        AcceptedDocument::new(role, version, "x".into())
    };
    let others = [RoleName::Root, RoleName::Targets, RoleName::Snapshot].map(document);
    AcceptedUpdate::from_unchecked(others.to_vec(), document(RoleName::Timestamp))
}

/// From now on no snapshot of the GUN `a/refused` can be written.
async fn refuse_snapshots(crowd: &Crowd, how: &str) {
    let trigger = format!(
        "CREATE TRIGGER refuse BEFORE INSERT ON tuf_files \
         WHEN new.gun = 'a/refused' AND new.role = 'snapshot' \
         BEGIN SELECT RAISE ({how}, 'no snapshots'); END"
    );
    execute(&crowd.store, &trigger).await;
}

async fn unavailable(answer: Answer) -> String {
    match answer.await.unwrap() {
        Err(StorageError::Unavailable { reason }) => reason,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn those_who_wait_together_are_durable_by_one_commit() {
    let mut crowd = Crowd::gather(Disk::Works).await;
    let mut answers = Vec::new();
    for number in 0..20 {
        answers.push(crowd.publish(&format!("a/{number}"), 1, 9).await);
    }
    crowd.go();
    for answer in answers {
        assert_eq!(answer.await.unwrap().unwrap(), Commit::Done);
    }
    assert_eq!(crowd.commits.load(Ordering::SeqCst), 1);
    for number in 0..20 {
        assert_eq!(crowd.newest(&format!("a/{number}")).await, Some(1));
    }
    assert_eq!(crowd.changes().await, 20, "one row of the changefeed for each");
}

#[tokio::test]
async fn a_crowd_larger_than_one_transaction_is_served_to_the_last() {
    let mut crowd = Crowd::gather(Disk::Works).await;
    let mut answers = Vec::new();
    for number in 0..100 {
        answers.push(crowd.publish(&format!("a/{number}"), 1, 9).await);
    }
    crowd.go();
    for answer in answers {
        assert_eq!(answer.await.unwrap().unwrap(), Commit::Done);
    }
    assert_eq!(crowd.commits.load(Ordering::SeqCst), 2);
    assert_eq!(crowd.changes().await, 100);
}

#[tokio::test]
async fn the_later_of_two_rivals_finds_the_earlier_ones_head() {
    let mut crowd = Crowd::gather(Disk::Works).await;
    let first = crowd.publish("a/b", 1, 9).await;
    let second = crowd.publish("a/b", 1, 10).await;
    let third = crowd.publish("a/c", 1, 9).await;
    crowd.go();
    assert_eq!(first.await.unwrap().unwrap(), Commit::Done);
    let Commit::Moved(heads) = second.await.unwrap().unwrap() else { panic!("both were stored") };
    assert_eq!(heads[&RoleName::Timestamp].as_ref().unwrap().version.get(), 1);
    assert_eq!(third.await.unwrap().unwrap(), Commit::Done);
    assert_eq!(crowd.newest("a/c").await, Some(1));
    assert_eq!(crowd.changes().await, 2);
}

#[tokio::test]
async fn one_that_fails_takes_nobody_along() {
    let mut crowd = Crowd::gather(Disk::Works).await;
    let damaged = crowd.publish("a/damaged", 1, 9).await;
    crowd.go();
    assert_eq!(damaged.await.unwrap().unwrap(), Commit::Done);
    execute(&crowd.store, "UPDATE tuf_files SET sha256 = 'none' WHERE gun = 'a/damaged'").await;
    crowd.held = Some(crowd.store.writer.acquire().await.unwrap());
    let before = crowd.publish("a/before", 1, 9).await;
    let damaged = crowd.publish("a/damaged", 2, 9).await;
    let after = crowd.publish("a/after", 1, 9).await;
    crowd.go();
    assert_eq!(before.await.unwrap().unwrap(), Commit::Done);
    let error = damaged.await.unwrap().unwrap_err();
    assert!(matches!(error, StorageError::Corrupt { .. }), "{error}");
    assert_eq!(after.await.unwrap().unwrap(), Commit::Done);
    assert_eq!(crowd.newest("a/before").await, Some(1));
    assert_eq!(crowd.newest("a/after").await, Some(1));
    assert_eq!(crowd.changes().await, 3);
}

#[tokio::test]
async fn one_that_fails_halfway_leaves_its_neighbours_and_nothing_of_itself() {
    let mut crowd = Crowd::gather(Disk::Works).await;
    crowd.go();
    refuse_snapshots(&crowd, "ABORT").await;
    crowd.held = Some(crowd.store.writer.acquire().await.unwrap());
    let before = crowd.offer("a/before", Heads::new(), whole(1)).await;
    let refused = crowd.offer("a/refused", Heads::new(), whole(1)).await;
    let after = crowd.offer("a/after", Heads::new(), whole(1)).await;
    crowd.go();
    assert_eq!(before.await.unwrap().unwrap(), Commit::Done);
    let error = refused.await.unwrap().unwrap_err();
    assert!(error.to_string().contains("no snapshots"), "{error}");
    assert_eq!(after.await.unwrap().unwrap(), Commit::Done);
    for (gun, kept) in [("a/before", Some(1)), ("a/refused", None), ("a/after", Some(1))] {
        let gun = Gun::parse(gun).unwrap();
        for role in [RoleName::Root, RoleName::Targets, RoleName::Snapshot, RoleName::Timestamp] {
            let found = crowd.store.newest(&gun, &role).await.unwrap();
            assert_eq!(found.map(|found| found.version.get()), kept, "{gun:?} {role:?}");
        }
    }
    assert_eq!(crowd.changes().await, 2);
}

#[tokio::test]
async fn one_that_is_refused_leaves_its_neighbours_and_nothing_of_itself() {
    let mut crowd = Crowd::gather(Disk::Works).await;
    let first = crowd.offer("a/refused", Heads::new(), whole(2)).await;
    crowd.go();
    assert_eq!(first.await.unwrap().unwrap(), Commit::Done);
    let snapshot = "DELETE FROM tuf_files WHERE role <> 'snapshot'";
    execute(&crowd.store, snapshot).await;
    execute(&crowd.store, "UPDATE tuf_files SET deleted_at = created_at").await;
    crowd.held = Some(crowd.store.writer.acquire().await.unwrap());
    let before = crowd.offer("a/before", Heads::new(), whole(1)).await;
    let refused = crowd.offer("a/refused", Heads::new(), whole(2)).await;
    let after = crowd.offer("a/after", Heads::new(), whole(1)).await;
    crowd.go();
    assert_eq!(before.await.unwrap().unwrap(), Commit::Done);
    assert_eq!(refused.await.unwrap().unwrap(), Commit::OldVersion(RoleName::Snapshot));
    assert_eq!(after.await.unwrap().unwrap(), Commit::Done);
    let commits = crowd.commits.load(Ordering::SeqCst);
    assert_eq!(commits, 4, "one each for the first, the two statements, and all three together");
    for (gun, kept) in [("a/before", Some(1)), ("a/refused", None), ("a/after", Some(1))] {
        assert_eq!(crowd.newest(gun).await, kept, "{gun}");
    }
    assert_eq!(crowd.changes().await, 3);
}

#[tokio::test]
async fn a_transaction_that_ends_because_of_one_is_unavailable_for_all() {
    let mut crowd = Crowd::gather(Disk::Works).await;
    crowd.go();
    refuse_snapshots(&crowd, "ROLLBACK").await;
    crowd.held = Some(crowd.store.writer.acquire().await.unwrap());
    let before = crowd.offer("a/before", Heads::new(), whole(1)).await;
    let refused = crowd.offer("a/refused", Heads::new(), whole(1)).await;
    let after = crowd.offer("a/after", Heads::new(), whole(1)).await;
    crowd.go();
    unavailable(before).await;
    assert!(refused.await.unwrap().is_err());
    unavailable(after).await;
    assert_eq!((crowd.newest("a/before").await, crowd.changes().await), (None, 0));
    let again = crowd.offer("a/before", Heads::new(), whole(1)).await;
    assert_eq!(again.await.unwrap().unwrap(), Commit::Done);
}

#[tokio::test]
async fn those_who_come_back_after_a_commit_are_together_again() {
    let mut crowd = Crowd::gather(Disk::Works).await;
    let mut publishers = Vec::new();
    for number in 0..20 {
        let store = Arc::clone(&crowd.store);
        let gun = Gun::parse(&format!("a/{number}")).unwrap();
        publishers.push(tokio::spawn(async move {
            for version in 1..=5 {
                let (base, update) = (Heads::new(), timestamp(version, 9));
                let commit = store.commit(&gun, &base, &update, now()).await;
                assert_eq!(commit.unwrap(), Commit::Done);
            }
        }));
    }
    while crowd.store.queue.len() < 20 {
        tokio::task::yield_now().await;
    }
    crowd.go();
    for publisher in publishers {
        publisher.await.unwrap();
    }
    assert_eq!(crowd.commits.load(Ordering::SeqCst), 5);
    assert_eq!(crowd.changes().await, 100);
}

#[tokio::test]
async fn nobody_is_told_of_a_success_that_is_not_durable() {
    let mut crowd = Crowd::gather(Disk::RefusesCommits).await;
    let first = crowd.publish("a/b", 1, 9).await;
    let rival = crowd.publish("a/b", 1, 10).await;
    let other = crowd.publish("a/c", 1, 9).await;
    crowd.go();
    for answer in [first, rival, other] {
        let found = answer.await.unwrap();
        assert!(found.is_err(), "{found:?}");
    }
    assert_eq!(crowd.commits.load(Ordering::SeqCst), 1);
    assert_eq!((crowd.newest("a/b").await, crowd.newest("a/c").await), (None, None));
    assert_eq!(crowd.changes().await, 0);
}

#[tokio::test]
async fn a_disk_that_one_fills_is_unavailable_for_all_and_works_again_with_room() {
    let mut crowd = Crowd::gather(Disk::Works).await;
    crowd.go();
    execute(&crowd.store, "PRAGMA max_page_count = 60").await;
    crowd.held = Some(crowd.store.writer.acquire().await.unwrap());
    let small = crowd.publish("a/small", 1, 9).await;
    let large = crowd.publish("a/large", 1, 1 << 20).await;
    crowd.go();
    assert!(unavailable(large).await.contains("full"));
    unavailable(small).await;
    assert_eq!((crowd.newest("a/small").await, crowd.changes().await), (None, 0));
    execute(&crowd.store, "PRAGMA max_page_count = 1000000").await;
    crowd.held = Some(crowd.store.writer.acquire().await.unwrap());
    let again = crowd.publish("a/small", 1, 9).await;
    crowd.go();
    assert_eq!(again.await.unwrap().unwrap(), Commit::Done);
}

#[tokio::test]
async fn keys_and_publishes_share_a_commit() {
    let mut crowd = Crowd::gather(Disk::Works).await;
    let publish = crowd.publish("a/b", 1, 9).await;
    let store = Arc::clone(&crowd.store);
    let check = tokio::spawn(async move { store.insert_passphrase_check(b"sealed").await });
    while crowd.store.queue.len() < 2 {
        tokio::task::yield_now().await;
    }
    crowd.go();
    assert_eq!(publish.await.unwrap().unwrap(), Commit::Done);
    assert_eq!(check.await.unwrap().unwrap(), b"sealed");
    assert_eq!(crowd.commits.load(Ordering::SeqCst), 1);
}
