//! A clock that goes back: contract section 3.

use std::sync::Arc;

use chrono::Duration;
use countersign_trust::{BackwardClock, Clock as _, Policy, Round, Trust, TrustError};

use crate::bench::{Bench, gun, read, role};

const GUN: &str = "example.com/team/app";

/// A published collection, and the clock two hours further back than it was then.
async fn two_hours_back() -> (Bench, countersign_forge::repository::Repository) {
    let bench = Bench::new().await;
    let repository = bench.server_snapshot(GUN).await;
    bench.publish(GUN, repository.all_parts()).await.unwrap();
    bench.clock.advance(-Duration::hours(2));
    (bench, repository)
}

fn lifted(bench: &Bench) -> Arc<Trust> {
    bench.other(Policy { backward_clock: BackwardClock::Allowed, ..Policy::default() })
}

#[tokio::test]
async fn with_the_clock_back_stored_documents_are_served() {
    let (bench, repository) = two_hours_back().await;
    let timestamp = bench.current(GUN, "timestamp").await.unwrap();
    assert_eq!(timestamp.stored_at, bench.clock.now() + Duration::hours(2));
    assert!(bench.current(GUN, "snapshot").await.is_some());
    for (name, bytes) in repository.parts(&["root", "targets"]) {
        assert_eq!(bench.current(GUN, &name).await.unwrap().bytes, bytes);
    }
    assert_eq!(bench.version(GUN, "timestamp").await, 1);
}

#[tokio::test]
async fn with_the_clock_back_a_publish_fails_and_stores_nothing() {
    let (bench, mut repository) = two_hours_back().await;
    repository.add_target("targets", "v1", b"one");
    let before = bench.state(GUN).await;
    let failed = bench.publish(GUN, repository.parts(&["targets"])).await.unwrap_err();
    assert!(matches!(failed, TrustError::ClockWentBack(_)), "{failed:?}");
    assert!(failed.to_string().contains("set the clock right"), "{failed}");
    assert_eq!(bench.state(GUN).await, before);
}

#[tokio::test]
async fn with_the_clock_back_nothing_is_signed_ahead() {
    let (bench, _) = two_hours_back().await;
    let hasty = bench.other(Policy { timestamp_lifetime: Duration::days(40), ..Policy::default() });
    let before = bench.state(GUN).await;
    let renewal = hasty.renew_due(Round::First).await.unwrap();
    assert_eq!((renewal.signed, renewal.stuck), (0, 0));
    assert_eq!(bench.state(GUN).await, before);
    bench.clock.advance(Duration::hours(2));
    assert_eq!(hasty.renew_due(Round::First).await.unwrap().signed, 1);
}

#[tokio::test]
async fn health_says_that_the_clock_went_back_until_it_has_caught_up() {
    let (bench, _) = two_hours_back().await;
    let health = bench.trust.health().await;
    assert!(health.database.is_ok() && health.custody.is_ok(), "{health:?}");
    let said = health.clock.unwrap_err();
    assert!(said.contains(GUN) && said.contains("clock.allow_backwards"), "{said}");
    bench.clock.advance(Duration::hours(2));
    assert_eq!(bench.trust.health().await.clock, Ok(()));
}

/// The newest change is another GUN's by then; the step back that a read showed is not forgotten.
#[tokio::test]
async fn health_remembers_the_gun_that_showed_it() {
    let (bench, _) = two_hours_back().await;
    bench.current(GUN, "timestamp").await;
    let other = bench.server_snapshot("other").await;
    bench.publish("other", other.all_parts()).await.unwrap();
    assert!(bench.trust.health().await.clock.unwrap_err().contains(GUN));
    bench.trust.delete(&gun(GUN)).await.unwrap();
    assert_eq!(bench.trust.health().await.clock, Ok(()));
}

/// Also where nobody asks for health.
#[tokio::test]
async fn a_round_of_signing_ahead_notices_that_the_clock_has_caught_up() {
    let (bench, _) = two_hours_back().await;
    bench.current(GUN, "timestamp").await;
    bench.publish("other", bench.server_snapshot("other").await.all_parts()).await.unwrap();
    bench.clock.advance(Duration::hours(2));
    bench.trust.renew_due(Round::Later).await.unwrap();
    bench.clock.advance(-Duration::hours(1) - Duration::minutes(59));
    assert_eq!(bench.trust.health().await.clock, Ok(()), "its step back is forgotten");
}

#[tokio::test]
async fn a_clock_a_minute_behind_is_believed() {
    let (bench, mut repository) = two_hours_back().await;
    bench.clock.advance(Duration::hours(2) - Duration::minutes(1));
    repository.add_target("targets", "v1", b"one");
    bench.publish(GUN, repository.parts(&["targets"])).await.unwrap();
    assert_eq!(bench.trust.health().await.clock, Ok(()));
}

#[tokio::test]
async fn guns_that_were_stored_earlier_go_on() {
    let bench = Bench::new().await;
    let mut early = bench.server_snapshot("early").await;
    bench.publish("early", early.all_parts()).await.unwrap();
    bench.clock.advance(Duration::days(1));
    bench.publish("late", bench.server_snapshot("late").await.all_parts()).await.unwrap();
    bench.clock.advance(-Duration::hours(12));
    early.add_target("targets", "v1", b"one");
    bench.publish("early", early.parts(&["targets"])).await.unwrap();
}

#[tokio::test]
async fn a_shortened_lifetime_is_no_step_back() {
    let bench = Bench::new().await;
    let mut repository = bench.server_snapshot(GUN).await;
    bench.publish(GUN, repository.all_parts()).await.unwrap();
    let short = bench.other(Policy { timestamp_lifetime: Duration::hours(1), ..Policy::default() });
    repository.add_target("targets", "v1", b"one");
    short.publish(&gun(GUN), read(repository.parts(&["targets"]))).await.unwrap();
    assert!(short.current(&gun(GUN), &role("timestamp")).await.unwrap().is_some());
    assert_eq!(short.health().await.clock, Ok(()));
}

#[tokio::test]
async fn an_operator_who_lifts_it_can_publish() {
    let (bench, mut repository) = two_hours_back().await;
    let lifted = lifted(&bench);
    assert_eq!(lifted.health().await.clock, Ok(()));
    repository.add_target("targets", "v1", b"one");
    lifted.publish(&gun(GUN), read(repository.parts(&["targets"]))).await.unwrap();
    assert_eq!(bench.stored(GUN, "timestamp").await.0, 2);
}

/// What a clock that was ahead left behind is mended by a read, or by the background.
#[tokio::test]
async fn once_lifted_what_was_stored_in_the_future_is_signed_again_and_the_rule_holds_again() {
    for ahead in [true, false] {
        let (bench, mut repository) = two_hours_back().await;
        if ahead {
            assert_eq!(lifted(&bench).renew_due(Round::Later).await.unwrap().signed, 1);
        } else {
            assert!(lifted(&bench).current(&gun(GUN), &role("timestamp")).await.unwrap().is_some());
        }
        let (version, expires) = bench.stored(GUN, "timestamp").await;
        assert_eq!((version, expires), (2, bench.clock.now() + Duration::days(14)));
        repository.add_target("targets", "v1", b"one");
        bench.publish(GUN, repository.parts(&["targets"])).await.unwrap();
        assert_eq!(bench.trust.health().await.clock, Ok(()));
    }
}
