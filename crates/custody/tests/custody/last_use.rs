//! `last_used` is written at the first signature, then at most daily (contract section 3).

use chrono::TimeDelta;

use countersign_custody::{Custody as _, CustodyError};
use countersign_tuf::names::ServerRole;

use crate::memory_store::Outage;
use crate::workbench::{MESSAGE, Workbench, gun, pending, sign, sign_well};

#[tokio::test]
async fn first_signature_is_noted() {
    let bench = Workbench::new();
    let custody = bench.custody().await;
    let key = pending(&custody).await;
    assert_eq!(bench.store.rows()[0].last_used, None);
    sign_well(&custody, &key).await;
    assert_eq!(bench.store.rows()[0].last_used, Some(bench.time()));
}

#[tokio::test]
async fn signature_within_a_day_is_not_noted_and_one_after_a_day_is() {
    let bench = Workbench::new();
    let custody = bench.custody().await;
    let key = pending(&custody).await;
    sign_well(&custody, &key).await;
    let first = bench.time();
    bench.pass(TimeDelta::hours(24) - TimeDelta::seconds(1));
    sign_well(&custody, &key).await;
    assert_eq!(bench.store.rows()[0].last_used, Some(first));
    bench.pass(TimeDelta::seconds(1));
    sign_well(&custody, &key).await;
    assert_eq!(bench.store.rows()[0].last_used, Some(first + TimeDelta::hours(24)));
}

#[tokio::test]
async fn clock_that_went_back_notes_nothing_and_signs() {
    let bench = Workbench::new();
    let custody = bench.custody().await;
    let key = pending(&custody).await;
    sign_well(&custody, &key).await;
    let first = bench.time();
    bench.pass(TimeDelta::days(-3));
    sign_well(&custody, &key).await;
    assert_eq!(bench.store.rows()[0].last_used, Some(first));
}

#[tokio::test]
async fn first_signature_that_cannot_be_noted_is_not_given_out() {
    let bench = Workbench::new();
    let custody = bench.custody().await;
    let key = pending(&custody).await;
    bench.store.set_outage(Outage::MarkUsed);
    let error = sign(&custody, &key).await.unwrap_err();
    assert!(matches!(error, CustodyError::Unavailable { .. }), "{error}");
    assert_eq!(pending(&custody).await, key, "it has not signed, so it is still pending");
    bench.store.set_outage(Outage::None);
    sign_well(&custody, &key).await;
}

#[tokio::test]
async fn later_signature_that_cannot_be_noted_stands() {
    let bench = Workbench::new();
    let custody = bench.custody().await;
    let key = pending(&custody).await;
    sign_well(&custody, &key).await;
    let first = bench.time();
    bench.store.set_outage(Outage::MarkUsed);
    bench.pass(TimeDelta::days(2));
    sign_well(&custody, &key).await;
    assert_eq!(bench.store.rows()[0].last_used, Some(first));
}

#[tokio::test]
async fn a_key_that_is_tried_out_stays_pending_and_signs_all_the_same() {
    let bench = Workbench::new();
    let custody = bench.custody().await;
    let key = pending(&custody).await;
    let tried = custody.try_out(&gun(), ServerRole::Timestamp, key.id(), MESSAGE).await;
    assert_eq!(tried.unwrap().unwrap().key, key);
    assert_eq!(bench.store.rows()[0].last_used, None);
    assert_eq!(pending(&custody).await, key);
    let other = custody.try_out(&gun(), ServerRole::Snapshot, key.id(), MESSAGE).await;
    assert_eq!(other.unwrap(), None, "of another role");
}
