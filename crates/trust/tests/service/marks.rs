//! A store that tells whether anything was committed is asked again only when something was.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use chrono::Duration;

use crate::bench::{gun, role, signed};
use crate::memory::{GUN, ROLES, Replica};
use crate::watched_store::Queries;

/// A process on the same database whose store tells marks.
async fn marked() -> Replica {
    let replica = Replica::new().await;
    replica.store.tells_marks.store(true, Ordering::SeqCst);
    replica
}

#[tokio::test]
async fn while_nothing_is_committed_reads_by_name_make_no_query() {
    let mut replica = marked().await;
    for name in ROLES {
        assert!(replica.current(name).await.is_some());
    }
    replica.store.take_queries();
    for name in ROLES {
        assert!(replica.current(name).await.is_some());
    }
    assert_eq!(replica.store.take_queries(), Queries::new());
    replica.repository.add_target("targets", "v1", b"one");
    let parts = replica.repository.parts(&["targets"]);
    replica.bench.publish(GUN, parts.clone()).await.unwrap();
    assert_eq!(replica.current("targets").await.unwrap().bytes, parts[0].1);
    assert!(replica.store.take_queries().contains_key("heads"));
}

#[tokio::test]
async fn a_commit_of_another_collection_costs_one_head_and_no_more() {
    let replica = marked().await;
    let timestamp = replica.current("timestamp").await.unwrap();
    let other = replica.bench.client_snapshot("other").await.all_parts();
    replica.bench.publish("other", other).await.unwrap();
    replica.store.take_queries();
    for asked in [Queries::from([("heads", 1)]), Queries::new()] {
        assert_eq!(replica.current("timestamp").await.as_ref(), Some(&timestamp));
        assert_eq!(replica.store.take_queries(), asked);
    }
}

#[tokio::test]
async fn that_nothing_is_published_is_remembered_until_something_is() {
    let replica = marked().await;
    let find = async || replica.trust.current(&gun("other"), &role("timestamp")).await;
    assert_eq!(find().await.unwrap(), None);
    replica.store.take_queries();
    assert_eq!(find().await.unwrap(), None);
    assert_eq!(replica.store.take_queries(), Queries::new());
    let other = replica.bench.client_snapshot("other").await.all_parts();
    replica.bench.publish("other", other).await.unwrap();
    assert!(find().await.unwrap().is_some());
}

#[tokio::test]
async fn what_was_deleted_elsewhere_is_absent_by_name_at_once() {
    let replica = marked().await;
    for name in ROLES {
        assert!(replica.current(name).await.is_some());
    }
    replica.delete_elsewhere().await;
    for name in ROLES {
        assert_eq!(replica.current(name).await, None, "{name}");
    }
}

#[tokio::test]
async fn what_expires_while_nothing_is_committed_is_signed_again() {
    let replica = marked().await;
    let version = async |name: &str| {
        signed(&replica.current(name).await.unwrap())["version"].as_u64().unwrap()
    };
    assert_eq!((version("timestamp").await, version("snapshot").await), (1, 1));
    replica.bench.clock.advance(Duration::days(13) + Duration::hours(1));
    assert_eq!((version("timestamp").await, version("snapshot").await), (2, 1));
    replica.bench.clock.advance(Duration::days(3 * 365));
    assert_eq!((version("snapshot").await, version("timestamp").await), (2, 3));
}

/// Writers are at it all the time, and a reader may never see less than was acknowledged before it
/// asked.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_read_that_begins_after_a_publish_elsewhere_sees_it() {
    let mut replica = marked().await;
    let (stop, acknowledged) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(1)));
    let readers: Vec<_> = (0..4)
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
                    // A read without a query never waits, and would keep its thread.
                    tokio::task::yield_now().await;
                }
                reads
            })
        })
        .collect();
    for round in 0..40 {
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
