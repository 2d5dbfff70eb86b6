//! Signing ahead in the background: what is due, what is left alone, and what ends a round.

use std::future::pending;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration as Wait;

use chrono::{DateTime, Duration, Utc};
use countersign_storage::{ChangeRange, StorageError};
use countersign_trust::{Clock, Policy, Round, Trust, TrustError, keep_fresh};
use tokio::sync::oneshot;
use tokio::time::timeout;

use crate::bench::{Bench, TestClock, gun, service_under};
use crate::faults::breakable;

const GUN: &str = "example.com/team/app";

/// When every GUN is due that was signed for 14 days: three quarters of that.
fn due() -> Duration {
    Duration::hours(252)
}

async fn published(names: &[&str]) -> Bench {
    let bench = Bench::new().await;
    for name in names {
        bench.publish(name, bench.server_snapshot(name).await.all_parts()).await.unwrap();
    }
    bench
}

async fn signed(trust: &Trust) -> usize {
    let renewal = trust.renew_due(Round::Later).await.unwrap();
    assert_eq!(renewal.stuck, 0, "{renewal:?}");
    renewal.signed
}

async fn feed(bench: &Bench) -> usize {
    let range = ChangeRange::After { id: 0, limit: 1000 };
    bench.trust.changes(None, range).await.unwrap().len()
}

#[tokio::test]
async fn what_was_published_lately_is_signed_ahead_once_with_a_change() {
    let bench = published(&[GUN]).await;
    bench.clock.advance(due());
    assert_eq!(signed(&bench.trust).await, 1);
    let expires = bench.clock.now() + Duration::days(14);
    assert_eq!(bench.stored(GUN, "timestamp").await, (2, expires));
    assert_eq!(bench.stored(GUN, "snapshot").await.0, 1);
    assert_eq!(feed(&bench).await, 2);
    assert_eq!(signed(&bench.trust).await, 0);
    assert_eq!(feed(&bench).await, 2);
}

#[tokio::test]
async fn nothing_is_signed_in_the_first_half_of_its_life() {
    let bench = published(&[GUN]).await;
    bench.clock.advance(Duration::days(7));
    let renewal = bench.trust.renew_due(Round::First).await.unwrap();
    assert_eq!((renewal.signed, renewal.stuck), (0, 0));
}

#[tokio::test]
async fn a_server_held_snapshot_that_is_read_is_signed_ahead() {
    let bench = published(&[GUN]).await;
    bench.current(GUN, "timestamp").await;
    bench.clock.advance(Duration::days(3 * 365 - 15));
    assert_eq!(signed(&bench.trust).await, 1);
    let expires = bench.clock.now() + Duration::days(3 * 365);
    assert_eq!(bench.stored(GUN, "snapshot").await, (2, expires));
    assert_eq!(bench.stored(GUN, "timestamp").await.0, 2);
}

#[tokio::test]
async fn under_a_client_snapshot_the_timestamp_alone_is_signed_ahead() {
    let bench = Bench::new().await;
    bench.publish(GUN, bench.client_snapshot(GUN).await.all_parts()).await.unwrap();
    bench.clock.advance(Duration::days(3 * 365 - 15));
    bench.current(GUN, "timestamp").await;
    assert_eq!(signed(&bench.trust).await, 0);
    bench.clock.advance(due());
    assert_eq!(signed(&bench.trust).await, 1);
    assert_eq!(bench.stored(GUN, "timestamp").await.0, 3);
    assert_eq!(bench.stored(GUN, "snapshot").await.0, 1);
}

#[tokio::test]
async fn a_gun_that_cannot_be_signed_is_told_and_keeps_no_other_from_it() {
    let bench = published(&["b/good"]).await;
    let mut repository = bench.server_snapshot("a/bad").await;
    let soon = repository.in_days(5);
    repository.edit("root", |root| root["expires"] = serde_json::json!(soon));
    bench.publish("a/bad", repository.all_parts()).await.unwrap();
    bench.clock.advance(due());
    let renewal = bench.trust.renew_due(Round::Later).await.unwrap();
    assert_eq!((renewal.signed, renewal.stuck), (1, 1));
    assert_eq!(renewal.example.unwrap().0, gun("a/bad"));
}

#[tokio::test]
async fn a_deleted_gun_is_left_alone() {
    let bench = published(&[GUN]).await;
    bench.current(GUN, "timestamp").await;
    bench.trust.delete(&gun(GUN)).await.unwrap();
    bench.clock.advance(due());
    assert_eq!(signed(&bench.trust).await, 0);
}

#[tokio::test]
async fn lives_of_an_hour_never_lapse() {
    let bench = Bench::new().await;
    let policy = Policy {
        timestamp_lifetime: Duration::hours(1),
        snapshot_lifetime: Duration::hours(2),
        ..Policy::default()
    };
    let trust = bench.other(policy);
    for name in ["a", "b", "c"] {
        let parts = crate::bench::read(bench.server_snapshot(name).await.all_parts());
        trust.publish(&gun(name), parts).await.unwrap();
    }
    for _ in 0..600 {
        bench.clock.advance(Duration::seconds(36));
        trust.renew_due(Round::Later).await.unwrap();
        for name in ["a", "b", "c"] {
            for role_name in ["timestamp", "snapshot"] {
                assert!(bench.stored(name, role_name).await.1 > bench.clock.now(), "{name}");
            }
        }
    }
}

/// What an earlier process signed for a shorter life is found by the first round of the next.
#[tokio::test]
async fn what_was_signed_for_a_shorter_life_is_signed_ahead_by_the_first_round() {
    let bench = Bench::new().await;
    let short = bench.other(Policy { timestamp_lifetime: Duration::hours(1), ..Policy::default() });
    let parts = crate::bench::read(bench.server_snapshot(GUN).await.all_parts());
    short.publish(&gun(GUN), parts).await.unwrap();
    bench.clock.advance(Duration::minutes(5));
    assert_eq!(bench.trust.renew_due(Round::First).await.unwrap().signed, 1);
}

/// Contract section 3: once per GUN, whatever the number of replicas.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn two_services_that_sign_ahead_at_once_make_one_version_per_gun() {
    let names: Vec<String> = (0..30).map(|number| format!("app-{number}")).collect();
    let bench = published(&names.iter().map(String::as_str).collect::<Vec<_>>()).await;
    bench.clock.advance(due());
    let rounds = [bench.other(Policy::default()), bench.other(Policy::default())]
        .map(|trust| tokio::spawn(async move { trust.renew_due(Round::First).await.unwrap() }));
    for round in rounds {
        assert_eq!(round.await.unwrap().stuck, 0);
    }
    for name in &names {
        assert_eq!(bench.stored(name, "timestamp").await.0, 2, "{name}");
    }
    assert_eq!(feed(&bench).await, 60);
}

#[tokio::test]
async fn a_database_that_is_away_ends_the_round_and_the_next_one_does_its_work() {
    let bench = published(&["a", "b"]).await;
    bench.clock.advance(due());
    let away = bench.database().with_extension("away");
    std::fs::rename(bench.database(), &away).unwrap();
    let failed = bench.trust.renew_due(Round::Later).await.unwrap_err();
    assert!(matches!(failed, TrustError::Storage(StorageError::Unavailable { .. })), "{failed:?}");
    std::fs::rename(&away, bench.database()).unwrap();
    assert_eq!(signed(&bench.trust).await, 2);
}

#[tokio::test]
async fn a_custody_that_is_away_ends_the_round_and_the_next_one_does_its_work() {
    let bench = published(&["a", "b"]).await;
    let custody = breakable(&bench);
    let (store, clock) = (bench.store.clone(), bench.clock.clone());
    let trust = service_under(store, custody.clone(), clock, Policy::default());
    bench.clock.advance(due());
    custody.away.store(true, Ordering::SeqCst);
    let failed = trust.renew_due(Round::Later).await.unwrap_err();
    assert!(matches!(failed, TrustError::Custody(_)), "{failed:?}");
    custody.away.store(false, Ordering::SeqCst);
    assert_eq!(signed(&trust).await, 2);
}

/// A clock that panics once: any bug on the way would look like that.
struct PanicsOnce {
    clock: Arc<TestClock>,
    panicked: AtomicBool,
}

impl Clock for PanicsOnce {
    fn now(&self) -> DateTime<Utc> {
        assert!(self.panicked.swap(true, Ordering::SeqCst), "a bug");
        self.clock.now()
    }
}

#[tokio::test]
async fn the_task_outlives_a_panic_signs_and_stops_when_told() {
    let bench = published(&[GUN]).await;
    bench.clock.advance(due());
    let clock = Arc::new(PanicsOnce { clock: bench.clock.clone(), panicked: false.into() });
    let trust = service_under(
        bench.store.clone(),
        bench.custody.clone(),
        Arc::<PanicsOnce>::clone(&clock),
        Policy::default(),
    );
    let (stop, stopped) = oneshot::channel::<()>();
    let task = tokio::spawn(keep_fresh(trust, async { stopped.await.unwrap_or(()) }));
    timeout(Wait::from_secs(60), signed_once(&bench)).await.unwrap();
    assert!(clock.panicked.load(Ordering::SeqCst));
    drop(stop);
    timeout(Wait::from_secs(60), task).await.unwrap().unwrap();
}

#[tokio::test]
async fn the_task_outlives_a_database_that_is_away_and_signs_when_it_is_back() {
    let bench = published(&[GUN]).await;
    bench.clock.advance(due());
    let away = bench.database().with_extension("away");
    std::fs::rename(bench.database(), &away).unwrap();
    let mut task = tokio::spawn(keep_fresh(Arc::clone(&bench.trust), pending()));
    assert!(timeout(Wait::from_millis(200), &mut task).await.is_err(), "it ended");
    std::fs::rename(&away, bench.database()).unwrap();
    timeout(Wait::from_secs(60), signed_once(&bench)).await.unwrap();
    task.abort();
}

/// Waits until the collection's timestamp has been signed again.
async fn signed_once(bench: &Bench) {
    while bench.stored(GUN, "timestamp").await.0 < 2 {
        tokio::task::yield_now().await;
    }
}
