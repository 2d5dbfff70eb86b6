//! A database or a signer that is there and does not answer.

use std::time::Duration;

use countersign_trust::{Policy, Round, TrustError};

use crate::bench::{Bench, gun, read, role};
use crate::silent::Silent;

const GUN: &str = "example.com/team/app";

fn hasty() -> Policy {
    Policy { patience: Duration::from_millis(50), ..Policy::default() }
}

#[track_caller]
fn check<T: std::fmt::Debug>(outcome: Result<T, TrustError>) {
    assert!(matches!(outcome, Err(TrustError::TooSlow { .. })), "{outcome:?}");
}

#[tokio::test]
async fn an_operation_on_a_silent_custody_ends_and_nothing_is_stored() {
    let bench = Bench::new().await;
    let parts = read(bench.server_snapshot(GUN).await.all_parts());
    let (store, clock) = (bench.store.clone(), bench.clock.clone());
    let trust = crate::bench::service_under(store, std::sync::Arc::new(Silent), clock, hasty());
    let before = bench.state(GUN).await;
    check(trust.publish(&gun(GUN), parts).await);
    check(trust.key(&gun(GUN), countersign_tuf::names::ServerRole::Timestamp).await);
    assert_eq!(bench.state(GUN).await, before);
}

#[tokio::test]
async fn an_expired_timestamp_under_a_silent_custody_is_an_error_that_ends() {
    let bench = Bench::new().await;
    bench.publish(GUN, bench.server_snapshot(GUN).await.all_parts()).await.unwrap();
    bench.clock.advance(chrono::Duration::days(20));
    let (store, clock) = (bench.store.clone(), bench.clock.clone());
    let trust = crate::bench::service_under(store, std::sync::Arc::new(Silent), clock, hasty());
    check(trust.current(&gun(GUN), &role("timestamp")).await);
    check(trust.renew_due(Round::First).await);
    assert!(trust.current(&gun(GUN), &role("root")).await.unwrap().is_some());
}
