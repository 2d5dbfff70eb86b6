//! 400 days without a restart: nothing that the server signs is ever read expired.
//!
//! Timestamps live 14 days and snapshots 100 here, so both lapse on the way; root and targets are
//! the client's and live on.

use std::sync::Arc;

use chrono::{DateTime, Duration, Utc};
use countersign_trust::{Clock as _, Document, Policy, Round, Trust};
use countersign_tuf::digest::Sha256Digest;
use countersign_tuf::names::Version;
use countersign_tuf::rules::Stored;

use crate::bench::{Bench, gun, role, signed};

const READ: &str = "example.com/read-every-day";
const QUIET: &str = "example.com/quiet";

/// Whether signing ahead runs beside the reads.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Background {
    Runs,
    Absent,
}

/// Two published collections, and a service whose snapshots lapse on the way.
async fn published() -> (Bench, Arc<Trust>) {
    let bench = Bench::new().await;
    let trust = bench.other(Policy { snapshot_lifetime: Duration::days(100), ..Policy::default() });
    for name in [READ, QUIET] {
        let parts = crate::bench::read(bench.server_snapshot(name).await.all_parts());
        trust.publish(&gun(name), parts).await.unwrap();
    }
    (bench, trust)
}

/// Reads a role by name, by digest and by version: all are the same, and unexpired.
async fn read(trust: &Trust, name: &str, role_name: &str, now: DateTime<Utc>) -> Document {
    let (gun, role) = (gun(name), role(role_name));
    let current = trust.current(&gun, &role).await.unwrap().unwrap();
    let content = signed(&current);
    let expires: DateTime<Utc> = content["expires"].as_str().unwrap().parse().unwrap();
    assert!(expires > now, "{role_name} of {name} expired at {expires}, it is {now}");
    let version = Version::new(content["version"].as_i64().unwrap()).unwrap();
    let by_version = trust.by_version(&gun, &role, version).await.unwrap().unwrap();
    let by_digest = trust.by_digest(&gun, &role, current.sha256).await.unwrap().unwrap();
    assert!(by_version == current && by_digest == current);
    current
}

/// Reads all roles as clients do, each by the digest that the one above it names.
async fn read_all(trust: &Trust, name: &str, now: DateTime<Utc>) {
    let timestamp = read(trust, name, "timestamp", now).await;
    let snapshot = read(trust, name, "snapshot", now).await;
    let named = Stored::read_timestamp(timestamp.bytes).unwrap().snapshot_sha256();
    assert_eq!(named, snapshot.sha256);
    let content = Stored::read_snapshot(snapshot.bytes).unwrap();
    for role_name in ["root", "targets"] {
        let document = read(trust, name, role_name, now).await;
        let named: Option<Sha256Digest> = content.entry(&role(role_name)).unwrap().sha256();
        assert_eq!(named, Some(document.sha256));
    }
}

/// Bug class 32. Uneven steps, so that reads fall on both sides of every expiry.
async fn every_read_of_400_days(background: Background) -> Bench {
    let (bench, trust) = published().await;
    let start = bench.clock.now();
    for step in [7, 13, 29, 17, 41, 5].map(Duration::hours).into_iter().cycle() {
        let now = bench.clock.now();
        if background == Background::Runs {
            let renewal = trust.renew_due(Round::Later).await.unwrap();
            assert_eq!(renewal.stuck, 0, "{renewal:?}");
        }
        read_all(&trust, READ, now).await;
        if now - start > Duration::days(400) {
            read_all(&trust, QUIET, now).await;
            return bench;
        }
        bench.clock.advance(step);
    }
    bench
}

#[tokio::test]
async fn every_read_of_400_days_is_unexpired_also_of_a_gun_that_nobody_touched() {
    let bench = every_read_of_400_days(Background::Absent).await;
    assert_eq!(bench.version(QUIET, "timestamp").await, 2);
    assert_eq!(bench.version(QUIET, "snapshot").await, 2);
    // Signed a day before it expires at the earliest: 400 / 14 at least, 400 / 13 at most.
    let signed = bench.version(READ, "timestamp").await;
    assert!((29..=33).contains(&signed), "{signed}");
}

#[tokio::test]
async fn every_read_of_400_days_is_unexpired_with_signing_ahead_too() {
    let bench = every_read_of_400_days(Background::Runs).await;
    // Signed when half to three quarters of its life are over: every 7 to 10.5 days.
    let signed = bench.version(READ, "timestamp").await;
    assert!((39..=61).contains(&signed), "{signed}");
}

/// Nobody reads it: for 60 days after its publish the background keeps it, then lets it go, and the
/// first GET afterwards signs it.
#[tokio::test]
async fn a_gun_that_nobody_reads_is_kept_fresh_for_60_days_after_its_publish_and_by_its_next_read()
{
    let (bench, trust) = published().await;
    let start = bench.clock.now();
    let mut last_version = 0;
    for day in 0..=400 {
        bench.clock.advance(Duration::days(1));
        trust.renew_due(Round::Later).await.unwrap();
        let (version, expires) = bench.stored(QUIET, "timestamp").await;
        if day < 60 {
            assert!(expires > bench.clock.now(), "lapsed on day {day}");
            last_version = version;
        } else {
            assert_eq!(version, last_version, "signed on day {day}");
        }
    }
    assert!(last_version > 5, "{last_version}");
    assert!(bench.stored(QUIET, "timestamp").await.1 < start + Duration::days(80));
    read_all(&trust, QUIET, bench.clock.now()).await;
    bench.clock.advance(Duration::hours(252));
    assert_eq!(trust.renew_due(Round::Later).await.unwrap().signed, 1, "read here since");
}
