//! Limits on what is stored below a prefix, over the real store.

use std::sync::Arc;

use countersign_custody::Custody;
use countersign_storage::{MetadataStore, Usage};
use countersign_trust::{OverStorageLimit, Policy, StorageLimit, StorageLimits, Trust, TrustError};
use countersign_tuf::names::ServerRole;

use crate::bench::{Bench, gun, read};

/// Another service on the same database and keys, within one limit.
fn within(bench: &Bench, repositories: Option<u64>, bytes: Option<u64>) -> Trust {
    let store: Arc<dyn MetadataStore> = bench.store.clone();
    let custody: Arc<dyn Custody> = bench.custody.clone();
    let usage: Arc<dyn Usage> = bench.store.clone();
    let limit = StorageLimit { prefix: "team/".parse().unwrap(), repositories, bytes };
    let limits = Arc::new(StorageLimits::new(usage, vec![limit]));
    Trust::new(store, custody, bench.clock.clone(), Policy::default()).within(limits)
}

#[tokio::test]
async fn a_new_gun_over_the_limit_is_refused_and_nothing_is_stored_or_signed() {
    let bench = Bench::new().await;
    let trust = within(&bench, Some(1), None);
    let mut first = bench.server_snapshot("team/a").await;
    trust.publish(&gun("team/a"), read(first.all_parts())).await.unwrap();
    let second = bench.server_snapshot("team/b").await;
    let before = bench.state("team/b").await;
    let refused = trust.publish(&gun("team/b"), read(second.all_parts())).await;
    assert!(
        matches!(
            refused,
            Err(TrustError::OverStorageLimit(OverStorageLimit::Repositories {
                most: 1,
                used: 1,
                ..
            }))
        ),
        "{refused:?}"
    );
    assert_eq!(bench.state("team/b").await, before);
    let pending = trust.pending_key(&gun("team/b"), ServerRole::Timestamp).await.unwrap();
    assert!(pending.is_some(), "its key has signed nothing");

    first.add_target("targets", "v2", b"content");
    trust.publish(&gun("team/a"), read(first.parts(&["targets"]))).await.unwrap();
    let elsewhere = bench.server_snapshot("other/c").await;
    trust.publish(&gun("other/c"), read(elsewhere.all_parts())).await.unwrap();

    trust.delete(&gun("team/a")).await.unwrap();
    trust.publish(&gun("team/b"), read(second.all_parts())).await.unwrap();
}

#[tokio::test]
async fn bytes_over_the_limit_are_refused_and_those_of_the_server_count() {
    let bench = Bench::new().await;
    let mut repository = bench.server_snapshot("team/a").await;
    let parts = repository.all_parts();
    let size = |parts: &[(String, Vec<u8>)]| -> u64 {
        parts.iter().map(|(_, bytes)| u64::try_from(bytes.len()).unwrap()).sum()
    };
    let exact = size(&parts);
    let tight = within(&bench, None, Some(exact - 1));
    let refused = tight.publish(&gun("team/a"), read(parts.clone())).await;
    assert!(
        matches!(
            refused,
            Err(TrustError::OverStorageLimit(OverStorageLimit::Bytes { used: 0, .. }))
        ),
        "{refused:?}"
    );
    assert_eq!(bench.version("team/a", "timestamp").await, 0);
    let trust = within(&bench, None, Some(exact));
    trust.publish(&gun("team/a"), read(parts)).await.unwrap();
    let used = bench.store.used_below(&"team/".parse().unwrap()).await.unwrap();
    assert!(used.bytes > exact, "snapshot and timestamp of the server count too");
    repository.add_target("targets", "v2", b"content");
    let refused = trust.publish(&gun("team/a"), read(repository.parts(&["targets"]))).await;
    let Err(TrustError::OverStorageLimit(OverStorageLimit::Bytes { used: said, .. })) = refused
    else {
        panic!("{refused:?}")
    };
    assert_eq!(said, used.bytes, "what was remembered is what the store counts");
    assert_eq!(bench.version("team/a", "targets").await, 1);
}

#[tokio::test]
async fn a_publish_that_the_rules_refuse_takes_no_room() {
    let bench = Bench::new().await;
    let trust = within(&bench, Some(1), None);
    let mut broken = bench.server_snapshot("team/a").await;
    let good = broken.all_parts();
    countersign_forge::faults::named("signature-wrong").unwrap().apply(&mut broken, "targets");
    let refused = trust.publish(&gun("team/a"), read(broken.all_parts())).await;
    assert!(matches!(refused, Err(TrustError::Refused(_))), "{refused:?}");
    trust.publish(&gun("team/a"), read(good)).await.unwrap();
}

#[tokio::test]
async fn keys_for_new_guns_are_made_whatever_is_stored() {
    let bench = Bench::new().await;
    let trust = within(&bench, Some(0), Some(0));
    for name in ["team/a", "team/b"] {
        trust.key(&gun(name), ServerRole::Timestamp).await.unwrap();
    }
    let repository = bench.client_snapshot("team/a").await;
    let refused = trust.publish(&gun("team/a"), read(repository.all_parts())).await;
    assert!(matches!(refused, Err(TrustError::OverStorageLimit(_))), "{refused:?}");
}

#[tokio::test]
async fn of_twelve_new_guns_at_once_as_many_as_the_limit_are_stored() {
    let bench = Bench::new().await;
    let trust = Arc::new(within(&bench, Some(5), None));
    let mut publishes = Vec::new();
    for number in 0..12 {
        let name = format!("team/{number}");
        let parts = read(bench.client_snapshot(&name).await.all_parts());
        let trust = Arc::clone(&trust);
        publishes.push(tokio::spawn(async move { trust.publish(&gun(&name), parts).await }));
    }
    let mut done = 0;
    for publish in publishes {
        match publish.await.unwrap() {
            Ok(_) => done += 1,
            Err(TrustError::OverStorageLimit(_)) => {}
            Err(other) => panic!("{other:?}"),
        }
    }
    assert_eq!(done, 5);
    let used = bench.store.used_below(&"team/".parse().unwrap()).await.unwrap();
    assert_eq!(used.guns, 5);
}
