//! After a backup was put back: signed above everything that clients can have seen, once.

use std::collections::BTreeMap;

use chrono::Duration;
use countersign_storage::{Inventory as _, VersionRecord};
use countersign_trust::Clock as _;
use countersign_trust::operate::{Jump, SignedAbove};
use countersign_tuf::names::{RoleName, Version};
use serde_json::json;

use crate::bench::{Bench, gun};

const GUN: &str = "example.com/team/app";

fn version(number: i64) -> Version {
    Version::new(number).unwrap()
}

async fn rows(bench: &Bench) -> Vec<VersionRecord> {
    bench.store.versions(GUN).await.unwrap()
}

/// Signs above a backup that was taken an hour ago.
async fn signed_above(bench: &Bench, seen: &[(RoleName, i64)]) -> SignedAbove {
    let jump = Jump { versions: 1000, taken_at: bench.clock.now() - Duration::hours(1) };
    let seen: BTreeMap<_, _> =
        seen.iter().map(|(role, number)| (role.clone(), version(*number))).collect();
    bench.trust.sign_above(&gun(GUN), &rows(bench).await, &seen, jump).await.unwrap()
}

#[tokio::test]
async fn both_server_roles_are_signed_above_what_is_stored_and_only_once() {
    let bench = Bench::new().await;
    bench.publish(GUN, bench.server_snapshot(GUN).await.all_parts()).await.unwrap();
    bench.clock.advance(Duration::hours(2));
    let now = SignedAbove::Now { timestamp: version(1002), snapshot: Some(version(1002)) };
    assert_eq!(signed_above(&bench, &[]).await, now);
    assert_eq!(bench.version(GUN, "timestamp").await, 1002);
    assert_eq!(bench.version(GUN, "snapshot").await, 1002);
    assert_eq!(bench.version(GUN, "targets").await, 1);
    let before = bench.state(GUN).await;
    assert_eq!(signed_above(&bench, &[]).await, SignedAbove::Before);
    assert_eq!(bench.state(GUN).await, before);
}

#[tokio::test]
async fn a_publishers_snapshot_stays_and_the_timestamp_goes_on() {
    let bench = Bench::new().await;
    bench.publish(GUN, bench.client_snapshot(GUN).await.all_parts()).await.unwrap();
    bench.clock.advance(Duration::hours(2));
    let now = SignedAbove::Now { timestamp: version(1002), snapshot: None };
    assert_eq!(signed_above(&bench, &[]).await, now);
    assert_eq!(bench.version(GUN, "snapshot").await, 1);
}

#[tokio::test]
async fn versions_that_are_known_to_have_been_issued_are_a_floor() {
    let bench = Bench::new().await;
    bench.publish(GUN, bench.server_snapshot(GUN).await.all_parts()).await.unwrap();
    bench.clock.advance(Duration::hours(2));
    let seen = [(RoleName::Timestamp, 5000), (RoleName::Snapshot, 7)];
    let now = SignedAbove::Now { timestamp: version(5001), snapshot: Some(version(1002)) };
    assert_eq!(signed_above(&bench, &seen).await, now);
}

#[tokio::test]
async fn a_gun_whose_root_expired_is_told_and_stays_as_it_was() {
    let bench = Bench::new().await;
    let mut repository = bench.server_snapshot(GUN).await;
    let soon = repository.in_days(5);
    repository.edit("root", |root| root["expires"] = json!(soon));
    bench.publish(GUN, repository.all_parts()).await.unwrap();
    bench.clock.advance(Duration::days(6));
    let before = bench.state(GUN).await;
    let SignedAbove::Stuck(reason) = signed_above(&bench, &[]).await else { unreachable!() };
    assert!(reason.contains("expired"), "{reason}");
    assert_eq!(bench.state(GUN).await, before);
}

#[tokio::test]
async fn where_nothing_is_published_nothing_is_signed() {
    let bench = Bench::new().await;
    assert_eq!(signed_above(&bench, &[]).await, SignedAbove::NotServed);
}
