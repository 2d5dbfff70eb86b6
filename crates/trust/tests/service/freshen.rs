//! Signing again when time passes.

use chrono::Duration;
use countersign_storage::ChangeRange;
use countersign_trust::{Clock as _, TrustError};

use crate::bench::{Bench, gun, role, signed};

const GUN: &str = "example.com/team/app";

#[tokio::test]
async fn a_timestamp_lives_fourteen_days_and_a_server_snapshot_three_years() {
    let bench = Bench::new().await;
    bench.publish(GUN, bench.server_snapshot(GUN).await.all_parts()).await.unwrap();
    let timestamp = bench.current(GUN, "timestamp").await.unwrap();
    let snapshot = bench.current(GUN, "snapshot").await.unwrap();
    assert_eq!(signed(&timestamp)["expires"], "2026-12-08T12:00:00Z");
    assert_eq!(signed(&snapshot)["expires"], "2029-11-23T12:00:00Z");
}

#[tokio::test]
async fn a_fresh_timestamp_is_served_as_stored() {
    let bench = Bench::new().await;
    bench.publish(GUN, bench.server_snapshot(GUN).await.all_parts()).await.unwrap();
    let first = bench.current(GUN, "timestamp").await;
    bench.clock.advance(Duration::days(12));
    assert_eq!(bench.current(GUN, "timestamp").await, first);
}

#[tokio::test]
async fn an_expired_timestamp_is_signed_again_with_a_change() {
    let bench = Bench::new().await;
    bench.publish(GUN, bench.client_snapshot(GUN).await.all_parts()).await.unwrap();
    bench.clock.advance(Duration::days(15));
    assert_eq!(bench.version(GUN, "timestamp").await, 2);
    assert_eq!(bench.version(GUN, "snapshot").await, 1);
    let range = ChangeRange::After { id: 0, limit: 10 };
    assert_eq!(bench.trust.changes(None, range).await.unwrap().len(), 2);
}

#[tokio::test]
async fn a_timestamp_that_is_about_to_expire_is_signed_again() {
    let bench = Bench::new().await;
    bench.publish(GUN, bench.server_snapshot(GUN).await.all_parts()).await.unwrap();
    bench.clock.advance(Duration::days(13) + Duration::hours(1));
    assert_eq!(bench.version(GUN, "timestamp").await, 2);
}

#[tokio::test]
async fn an_expired_server_snapshot_is_signed_again_and_named_by_a_new_timestamp() {
    let bench = Bench::new().await;
    bench.publish(GUN, bench.server_snapshot(GUN).await.all_parts()).await.unwrap();
    bench.clock.advance(Duration::days(3 * 365 + 1));
    assert_eq!(bench.version(GUN, "snapshot").await, 2);
    assert_eq!(bench.version(GUN, "timestamp").await, 2);
    let snapshot = bench.current(GUN, "snapshot").await.unwrap();
    assert_eq!(signed(&snapshot)["expires"], "2032-11-23T12:00:00Z");
}

/// Bug class 32, server-signed roles expire while the server runs. The snapshot, which lives three
/// years, is renewed once on the way.
#[tokio::test]
async fn readers_find_unexpired_roles_on_each_of_400_days_and_in_later_years() {
    let bench = Bench::new().await;
    bench.publish(GUN, bench.server_snapshot(GUN).await.all_parts()).await.unwrap();
    let daily = std::iter::repeat_n(Duration::days(1), 400);
    let yearly = std::iter::repeat_n(Duration::days(365), 3);
    for step in daily.chain(yearly) {
        bench.clock.advance(step);
        let now = bench.clock.now().to_rfc3339();
        for role in ["timestamp", "snapshot"] {
            let document = signed(&bench.current(GUN, role).await.unwrap());
            assert!(document["expires"].as_str().unwrap() > now.as_str(), "{role} at {now}");
        }
    }
    assert_eq!(bench.version(GUN, "snapshot").await, 2);
}

/// C-127.
#[tokio::test]
async fn an_expired_client_snapshot_cannot_be_signed_and_other_documents_stay_readable() {
    let bench = Bench::new().await;
    bench.publish(GUN, bench.client_snapshot(GUN).await.all_parts()).await.unwrap();
    bench.clock.advance(Duration::days(3 * 365 + 1));
    for name in ["timestamp", "snapshot"] {
        let refused = bench.trust.current(&gun(GUN), &role(name)).await.unwrap_err();
        assert!(
            matches!(&refused, TrustError::MissingKeys(keys) if keys.found == 0 && keys.needed == 1),
            "{refused:?}"
        );
    }
    assert!(bench.current(GUN, "root").await.is_some());
    assert!(bench.current(GUN, "targets").await.is_some());
}

///
#[tokio::test]
async fn nothing_is_signed_under_an_expired_root() {
    let bench = Bench::new().await;
    let mut repository = bench.server_snapshot(GUN).await;
    let soon = repository.in_days(20);
    repository.edit("root", |root| root["expires"] = serde_json::json!(soon));
    bench.publish(GUN, repository.all_parts()).await.unwrap();
    bench.clock.advance(Duration::days(21));
    let refused = bench.trust.current(&gun(GUN), &role("timestamp")).await.unwrap_err();
    assert!(matches!(refused, TrustError::StoredInvalid { .. }), "{refused:?}");
}

///
#[tokio::test]
async fn a_publish_on_top_of_an_expired_root_is_accepted() {
    let bench = Bench::new().await;
    let mut repository = bench.server_snapshot(GUN).await;
    let soon = repository.in_days(20);
    repository.edit("root", |root| root["expires"] = serde_json::json!(soon));
    bench.publish(GUN, repository.all_parts()).await.unwrap();
    bench.clock.advance(Duration::days(21));
    repository.add_target("targets", "v1", b"one");
    bench.publish(GUN, repository.parts(&["targets"])).await.unwrap();
}
