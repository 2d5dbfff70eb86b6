//! A service that only reads: what is stored is served until it expires, and nothing is changed.

use std::sync::Arc;

use chrono::Duration;
use countersign_storage::{KeyHome, KeyStore as _};
use countersign_trust::{Policy, Trust, TrustError, Writes, keep_fresh};
use countersign_tuf::names::ServerRole;

use crate::bench::{Bench, gun, read, role, signed};

const GUN: &str = "example.com/team/app";

fn reading(bench: &Bench) -> Arc<Trust> {
    bench.other(Policy { writes: Writes::Refused, ..Policy::default() })
}

fn is_refused<T: std::fmt::Debug>(outcome: &Result<T, TrustError>) -> bool {
    matches!(outcome, Err(TrustError::ReadOnly))
}

#[tokio::test]
async fn what_is_stored_is_served_until_it_expires_and_never_signed_again() {
    let bench = Bench::new().await;
    let repository = bench.client_snapshot(GUN).await;
    bench.publish(GUN, repository.all_parts()).await.unwrap();
    let (before, reader) = (bench.state(GUN).await, reading(&bench));
    let first = reader.current(&gun(GUN), &role("timestamp")).await.unwrap().unwrap();
    // About to expire: the other service would sign it again.
    bench.clock.advance(Duration::hours(13 * 24 + 23));
    let later = reader.current(&gun(GUN), &role("timestamp")).await.unwrap().unwrap();
    assert_eq!(later.bytes, first.bytes);
    bench.clock.advance(Duration::hours(2));
    for name in ["timestamp", "snapshot"] {
        let expired = reader.current(&gun(GUN), &role(name)).await;
        assert!(is_refused(&expired), "{name}: {expired:?}");
    }
    // What the server does not sign, and what is asked for by its digest, is there all the same.
    for name in ["root", "targets"] {
        assert!(reader.current(&gun(GUN), &role(name)).await.unwrap().is_some(), "{name}");
    }
    let by_digest = reader.by_digest(&gun(GUN), &role("timestamp"), first.sha256).await.unwrap();
    assert_eq!(by_digest.unwrap().bytes, first.bytes);
    assert_eq!(bench.state(GUN).await, before);
    // Whoever takes over signs it.
    assert_eq!(signed(&bench.current(GUN, "timestamp").await.unwrap())["version"], 2);
}

#[tokio::test]
async fn publishes_deletions_and_new_keys_are_refused_and_nothing_changes() {
    let bench = Bench::new().await;
    let mut repository = bench.client_snapshot(GUN).await;
    bench.publish(GUN, repository.all_parts()).await.unwrap();
    let (before, reader) = (bench.state(GUN).await, reading(&bench));
    repository.bump_all();
    let parts = read(repository.all_parts());
    assert!(is_refused(&reader.publish(&gun(GUN), parts).await));
    assert!(is_refused(&reader.delete(&gun(GUN)).await));
    for name in [GUN, "new"] {
        assert!(is_refused(&reader.rotate_key(&gun(name), ServerRole::Timestamp).await));
        assert!(is_refused(&reader.pending_key(&gun(name), ServerRole::Timestamp).await));
    }
    assert!(is_refused(&reader.key(&gun("new"), ServerRole::Timestamp).await));
    assert_eq!(
        bench.store.pending("new", "timestamp", "ecdsa", KeyHome::Sealed).await.unwrap(),
        None
    );
    assert_eq!(bench.state(GUN).await, before);
    // A key that is there is told.
    let key = reader.key(&gun(GUN), ServerRole::Timestamp).await.unwrap();
    assert_eq!(key, bench.trust.key(&gun(GUN), ServerRole::Timestamp).await.unwrap());
}

#[tokio::test]
async fn nothing_is_signed_ahead_and_the_end_is_heard() {
    let bench = Bench::new().await;
    let repository = bench.client_snapshot(GUN).await;
    bench.publish(GUN, repository.all_parts()).await.unwrap();
    bench.clock.advance(Duration::days(12));
    let before = bench.state(GUN).await;
    keep_fresh(reading(&bench), tokio::time::sleep(std::time::Duration::from_millis(50))).await;
    assert_eq!(bench.state(GUN).await, before);
}
