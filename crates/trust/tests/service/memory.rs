//! Reads from memory: never stale, never of what was deleted, and without queries.
//!
//! Source: contract section 4.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use countersign_forge::repository::Repository;
use countersign_storage::StorageError;
use countersign_trust::{DeletionFollower, Document, Led, Policy, Trust, TrustError};
use countersign_tuf::digest::Sha256Digest;
use tokio::sync::Semaphore;

use crate::bench::{Bench, gun, read, role, service, service_under, signed};
use crate::watched_store::{Queries, WatchedStore};

pub(crate) const GUN: &str = "example.com/team/app";
pub(crate) const ROLES: [&str; 4] = ["timestamp", "snapshot", "targets", "root"];

/// A published collection, and one more process on the same database.
pub(crate) struct Replica {
    pub(crate) bench: Bench,
    pub(crate) repository: Repository,
    pub(crate) trust: Arc<Trust>,
    pub(crate) store: Arc<WatchedStore>,
}

impl Replica {
    pub(crate) async fn new() -> Self {
        let bench = Bench::new().await;
        let repository = bench.server_snapshot(GUN).await;
        bench.publish(GUN, repository.all_parts()).await.unwrap();
        let store = WatchedStore::over(&bench.store);
        let trust = service(store.clone(), bench.custody.clone(), bench.clock.clone());
        Self { bench, repository, trust, store }
    }

    pub(crate) async fn current(&self, name: &str) -> Option<Document> {
        self.trust.current(&gun(GUN), &role(name)).await.unwrap()
    }

    async fn by_hash(&self, name: &str, sha256: Sha256Digest) -> Option<Document> {
        self.trust.by_digest(&gun(GUN), &role(name), sha256).await.unwrap()
    }

    fn digest(&self, name: &str) -> Sha256Digest {
        Sha256Digest::of(&self.repository.parts(&[name]).remove(0).1)
    }

    /// The collection's root is in this replica's memory afterwards.
    async fn root_in_memory(&self) -> Sha256Digest {
        let root = self.digest("root");
        assert!(self.by_hash("root", root).await.is_some());
        self.store.take_queries();
        assert!(self.by_hash("root", root).await.is_some());
        assert_eq!(self.store.take_queries(), Queries::new());
        root
    }

    pub(crate) async fn delete_elsewhere(&self) {
        self.bench.trust.delete(&gun(GUN)).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn twelve_gets_by_hash_at_once_make_one_query_and_later_ones_none() {
    let replica = Replica::new().await;
    let root = replica.digest("root");
    let gets: Vec<_> = (0..12)
        .map(|_| {
            let trust = Arc::clone(&replica.trust);
            tokio::spawn(async move { trust.by_digest(&gun(GUN), &role("root"), root).await })
        })
        .collect();
    for get in gets {
        assert_eq!(get.await.unwrap().unwrap().unwrap().sha256, root);
    }
    assert_eq!(replica.store.take_queries(), Queries::from([("by_digest", 1)]));
    for _ in 0..12 {
        assert!(replica.by_hash("root", root).await.is_some());
    }
    assert_eq!(replica.store.take_queries(), Queries::new());
}

#[tokio::test]
async fn a_get_by_name_asks_for_one_head_and_takes_the_bodies_from_memory() {
    let replica = Replica::new().await;
    for name in ROLES {
        assert!(replica.current(name).await.is_some());
    }
    replica.store.take_queries();
    for (count, name) in ROLES.into_iter().enumerate() {
        assert!(replica.current(name).await.is_some());
        assert_eq!(replica.store.take_queries(), Queries::from([("heads", 1)]), "{count}: {name}");
    }
    let memory = replica.trust.memory_use();
    assert_eq!(memory.misses, 4, "{memory:?}");
    assert!(memory.hits > 0 && memory.bytes > 0, "{memory:?}");
}

#[tokio::test]
async fn what_is_published_here_is_in_memory_for_readers_and_the_next_publish() {
    let mut replica = Replica::new().await;
    for target in ["v1", "v2"] {
        replica.repository.add_target("targets", target, b"one");
        replica.store.take_queries();
        let parts = read(replica.repository.parts(&["targets"]));
        replica.trust.publish(&gun(GUN), parts).await.unwrap();
    }
    let of_the_second = replica.store.take_queries();
    assert_eq!(of_the_second, Queries::from([("commit", 1), ("heads", 1)]));
    for name in ROLES {
        let here = replica.current(name).await;
        let asked = replica.store.take_queries();
        assert!(asked.keys().eq(&["heads"]), "no body of {name} is asked for: {asked:?}");
        let elsewhere = replica.bench.trust.current(&gun(GUN), &role(name)).await.unwrap();
        assert_eq!(format!("{here:?}"), format!("{elsewhere:?}"), "{name}");
    }
}

#[tokio::test]
async fn what_was_published_here_goes_with_its_gun() {
    let mut replica = Replica::new().await;
    replica.repository.add_target("targets", "v1", b"one");
    let parts = read(replica.repository.parts(&["targets"]));
    replica.trust.publish(&gun(GUN), parts).await.unwrap();
    let targets = replica.digest("targets");
    replica.store.take_queries();
    assert!(replica.by_hash("targets", targets).await.is_some());
    assert_eq!(replica.store.take_queries(), Queries::new(), "it came from memory");
    replica.trust.delete(&gun(GUN)).await.unwrap();
    assert!(replica.by_hash("targets", targets).await.is_none());
}

#[tokio::test]
async fn without_room_nothing_is_kept_and_all_is_read_from_the_database() {
    let replica = Replica::new().await;
    let policy = Policy { body_bytes: 0, ..Policy::default() };
    let (custody, clock) = (replica.bench.custody.clone(), replica.bench.clock.clone());
    let trust = service_under(replica.store.clone(), custody, clock, policy);
    let root = replica.digest("root");
    for _ in 0..2 {
        assert!(trust.by_digest(&gun(GUN), &role("root"), root).await.unwrap().is_some());
        assert_eq!(replica.store.take_queries(), Queries::from([("by_digest", 1)]));
        assert!(trust.current(&gun(GUN), &role("root")).await.unwrap().is_some());
        let asked = replica.store.take_queries();
        assert_eq!(asked, Queries::from([("by_digest", 2), ("newest", 1)]));
    }
    assert_eq!(trust.memory_use().bytes, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_read_that_begins_after_a_publish_elsewhere_sees_it() {
    reads_see_what_was_published_before_them(Replica::new().await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_read_that_begins_after_a_publish_elsewhere_sees_it_where_each_asks_for_itself() {
    let replica = Replica::new().await;
    replica.store.asks_together.store(true, Ordering::SeqCst);
    reads_see_what_was_published_before_them(replica).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn where_each_asks_for_itself_a_body_is_still_fetched_once() {
    let replica = Replica::new().await;
    replica.store.asks_together.store(true, Ordering::SeqCst);
    for name in ROLES {
        assert!(replica.current(name).await.is_some());
        let misses = replica.trust.memory_use().misses;
        replica.store.take_queries();
        assert!(replica.current(name).await.is_some());
        assert_eq!(replica.store.take_queries(), Queries::from([("heads", 1)]), "{name}");
        assert_eq!(replica.trust.memory_use().misses, misses, "{name}");
    }
    replica.delete_elsewhere().await;
    assert!(replica.current("timestamp").await.is_none());
}

#[tokio::test]
async fn by_its_lead_a_document_is_told_only_while_the_newest_timestamp_leads_to_it() {
    let mut replica = Replica::new().await;
    let by_lead = async |replica: &Replica, name: &str| {
        let led = replica.trust.current_by_lead(&gun(GUN), &role(name)).await.unwrap();
        match led {
            Led::To(document) => Some(document.bytes),
            Led::ToNothing => panic!("{name} is published"),
            Led::Nowhere => None,
        }
    };
    assert_eq!(by_lead(&replica, "targets").await, None, "nothing was read yet");
    assert_eq!(replica.store.take_queries(), Queries::new());
    let first = replica.current("targets").await.unwrap().bytes;
    assert_eq!(by_lead(&replica, "targets").await, Some(first));
    replica.repository.add_target("targets", "v2", b"content");
    let parts = replica.repository.parts(&["targets"]);
    replica.bench.publish(GUN, parts.clone()).await.unwrap();
    assert_eq!(by_lead(&replica, "targets").await, None, "another timestamp leads elsewhere");
    assert_eq!(replica.current("targets").await.unwrap().bytes, parts[0].1);
    assert_eq!(by_lead(&replica, "targets").await.as_deref(), Some(parts[0].1.as_ref()));
    replica.delete_elsewhere().await;
    let led = replica.trust.current_by_lead(&gun(GUN), &role("targets")).await.unwrap();
    assert!(matches!(led, Led::ToNothing), "{led:?}");
    replica.store.away.store(true, Ordering::SeqCst);
    assert!(replica.trust.current_by_lead(&gun(GUN), &role("targets")).await.is_err());
}

/// Readers are at it all the time, so that there always is a lookup under way that began too early.
async fn reads_see_what_was_published_before_them(mut replica: Replica) {
    let (stop, acknowledged) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(1)));
    let readers: Vec<_> = (0..8)
        .map(|_| {
            let (stop, acknowledged) = (Arc::clone(&stop), Arc::clone(&acknowledged));
            let trust = Arc::clone(&replica.trust);
            tokio::spawn(async move {
                let mut reads = 0;
                while !stop.load(Ordering::SeqCst) {
                    let least = acknowledged.load(Ordering::SeqCst);
                    let found = trust.current(&gun(GUN), &role("timestamp")).await.unwrap();
                    let version = signed(&found.unwrap())["version"].as_u64().unwrap();
                    assert!(version >= least, "{version} after {least} was acknowledged");
                    reads += 1;
                }
                reads
            })
        })
        .collect();
    for round in 0..20 {
        replica.repository.add_target("targets", &format!("v{round}"), b"content");
        let parts = replica.repository.parts(&["targets"]);
        replica.bench.publish(GUN, parts.clone()).await.unwrap();
        acknowledged.fetch_add(1, Ordering::SeqCst);
        assert_eq!(replica.current("targets").await.unwrap().bytes, parts[0].1);
    }
    stop.store(true, Ordering::SeqCst);
    for reader in readers {
        assert!(reader.await.unwrap() > 0);
    }
}

#[tokio::test]
async fn what_was_deleted_here_is_absent_by_hash_at_once() {
    let replica = Replica::new().await;
    let root = replica.root_in_memory().await;
    replica.trust.delete(&gun(GUN)).await.unwrap();
    assert_eq!(replica.by_hash("root", root).await, None);
    assert_eq!(replica.current("root").await, None);
}

#[tokio::test]
async fn what_was_deleted_elsewhere_is_absent_by_name_at_once_and_by_hash_after_the_changefeed() {
    let replica = Replica::new().await;
    let mut follower = DeletionFollower::new(Arc::clone(&replica.trust));
    follower.catch_up().await.unwrap();
    let root = replica.root_in_memory().await;
    replica.delete_elsewhere().await;
    for name in ROLES {
        assert_eq!(replica.current(name).await, None);
    }
    follower.catch_up().await.unwrap();
    assert_eq!(replica.by_hash("root", root).await, None);
}

#[tokio::test]
async fn publishes_elsewhere_leave_memory_alone() {
    let mut replica = Replica::new().await;
    let mut follower = DeletionFollower::new(Arc::clone(&replica.trust));
    follower.catch_up().await.unwrap();
    let root = replica.root_in_memory().await;
    for _ in 0..3 {
        replica.repository.bump("targets");
        replica.bench.publish(GUN, replica.repository.parts(&["targets"])).await.unwrap();
        follower.catch_up().await.unwrap();
        follower.catch_up().await.unwrap();
    }
    replica.store.take_queries();
    assert!(replica.by_hash("root", root).await.is_some());
    assert_eq!(replica.store.take_queries(), Queries::new());
}

/// More changes than are read at once lie before the deletion.
#[tokio::test]
async fn a_deletion_behind_many_changes_is_found_in_one_go() {
    let replica = Replica::new().await;
    let mut follower = DeletionFollower::new(Arc::clone(&replica.trust));
    follower.catch_up().await.unwrap();
    let root = replica.root_in_memory().await;
    let other = replica.bench.client_snapshot("other").await.all_parts();
    for _ in 0..260 {
        replica.bench.publish("other", other.clone()).await.unwrap();
        replica.bench.trust.delete(&gun("other")).await.unwrap();
    }
    replica.delete_elsewhere().await;
    follower.catch_up().await.unwrap();
    assert_eq!(replica.by_hash("root", root).await, None);
}

#[tokio::test]
async fn what_was_deleted_before_the_changefeed_was_first_read_is_absent_too() {
    let replica = Replica::new().await;
    let root = replica.root_in_memory().await;
    replica.delete_elsewhere().await;
    DeletionFollower::new(Arc::clone(&replica.trust)).catch_up().await.unwrap();
    assert_eq!(replica.by_hash("root", root).await, None);
}

/// The row of the deletion went with the rows before it.
#[tokio::test]
async fn after_the_changefeed_was_trimmed_nothing_that_was_read_before_is_believed() {
    let mut replica = Replica::new().await;
    let mut follower = DeletionFollower::new(Arc::clone(&replica.trust));
    follower.catch_up().await.unwrap();
    let root = replica.root_in_memory().await;
    replica.delete_elsewhere().await;
    let other = replica.bench.server_snapshot("other").await;
    replica.bench.publish("other", other.all_parts()).await.unwrap();
    replica.store.trimmed.store(2, Ordering::SeqCst);
    follower.catch_up().await.unwrap();
    assert_eq!(replica.by_hash("root", root).await, None);

    // From there on it follows as before.
    replica.repository = other;
    let root = replica.digest("root");
    let name = gun("other");
    let get = || replica.trust.by_digest(&name, &countersign_tuf::names::RoleName::Root, root);
    assert!(get().await.unwrap().is_some());
    replica.bench.trust.delete(&name).await.unwrap();
    follower.catch_up().await.unwrap();
    assert_eq!(get().await.unwrap(), None);
}

#[tokio::test]
async fn a_collection_that_is_made_again_is_served_as_it_is_then() {
    let replica = Replica::new().await;
    let mut follower = DeletionFollower::new(Arc::clone(&replica.trust));
    follower.catch_up().await.unwrap();
    let old = replica.digest("targets");
    assert!(replica.by_hash("targets", old).await.is_some());
    replica.delete_elsewhere().await;
    let mut again = replica.bench.server_snapshot(GUN).await;
    again.add_target("targets", "v2", b"two");
    replica.bench.publish(GUN, again.all_parts()).await.unwrap();
    for (name, bytes) in again.parts(&["root", "targets"]) {
        assert_eq!(replica.current(&name).await.unwrap().bytes, bytes);
    }
    follower.catch_up().await.unwrap();
    assert_eq!(replica.by_hash("targets", old).await, None);
    for (name, bytes) in again.parts(&["root", "targets"]) {
        assert_eq!(replica.by_hash(&name, Sha256Digest::of(&bytes)).await.unwrap().bytes, bytes);
    }
}

#[tokio::test]
async fn a_body_that_was_being_read_while_it_was_deleted_does_not_stay() {
    let replica = Replica::new().await;
    let root = replica.digest("root");
    let mut store = WatchedStore::over(&replica.bench.store);
    Arc::get_mut(&mut store).unwrap().gate = Semaphore::new(0);
    let trust = service(store.clone(), replica.bench.custody.clone(), replica.bench.clock.clone());
    let slow = {
        let trust = Arc::clone(&trust);
        tokio::spawn(async move { trust.by_digest(&gun(GUN), &role("root"), root).await })
    };
    // The database has answered, and the answer is on its way.
    store.at_the_gate.notified().await;
    trust.delete(&gun(GUN)).await.unwrap();
    store.gate.add_permits(10);
    assert!(slow.await.unwrap().unwrap().is_some(), "it came before the deletion");
    let after = trust.by_digest(&gun(GUN), &role("root"), root).await.unwrap();
    assert_eq!(after, None);
}

#[tokio::test]
async fn with_the_database_away_by_hash_goes_on_from_memory_and_names_are_errors() {
    let replica = Replica::new().await;
    let mut follower = DeletionFollower::new(Arc::clone(&replica.trust));
    follower.catch_up().await.unwrap();
    let root = replica.root_in_memory().await;
    replica.store.away.store(true, Ordering::SeqCst);
    let failed = follower.catch_up().await.unwrap_err();
    assert!(matches!(failed, TrustError::Storage(StorageError::Unavailable { .. })));
    let found = replica.by_hash("root", root).await.unwrap();
    assert_eq!(found.bytes, replica.repository.parts(&["root"])[0].1);
    for name in ROLES {
        let failed = replica.trust.current(&gun(GUN), &role(name)).await.unwrap_err();
        assert!(matches!(failed, TrustError::Storage(StorageError::Unavailable { .. })));
    }
    // Meanwhile it was deleted by one that reaches the database.
    replica.delete_elsewhere().await;
    replica.store.away.store(false, Ordering::SeqCst);
    follower.catch_up().await.unwrap();
    assert_eq!(replica.by_hash("root", root).await, None);
}

/// What an older snapshot or timestamp names may be removed once there is a newer one.
#[tokio::test]
async fn a_document_that_is_gone_at_one_look_only_is_not_absent() {
    for name in ["snapshot", "root", "targets"] {
        let replica = Replica::new().await;
        replica.store.loses_one.store(true, Ordering::SeqCst);
        assert!(replica.current(name).await.is_some(), "{name}");
    }
}
