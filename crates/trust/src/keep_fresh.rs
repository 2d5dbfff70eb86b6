//! Keep fresh: rounds of signing ahead, one after the other, for as long as the process serves.
//!
//! Nothing ends it but being told to stop: after a failure it waits a little longer each time, and
//! says once that it waits and once that it goes on.

use std::convert::Infallible;
use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt as _;

use crate::renew::{Renewal, Round};
use crate::{Policy, Trust, TrustError, Writes};

/// There are at least so many rounds in the shorter of the two lives.
const ROUNDS_PER_LIFE: u32 = 100;

/// The shortest and the longest wait between two rounds.
const WAITS: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(3600));

/// How long to wait after a failure; doubled with each further one.
const FIRST_RETRY: Duration = Duration::from_secs(1);

/// The longest wait after a failure.
const LAST_RETRY: Duration = Duration::from_secs(60);

/// Signs ahead until `stop` comes, unless this service only reads. A signature that is under way then is stored or not, as a whole.
pub async fn keep_fresh(trust: Arc<Trust>, stop: impl Future<Output = ()>) {
    tokio::select! {
        () = stop => {}
        never = rounds(&trust) => match never {},
    }
}

async fn rounds(trust: &Trust) -> Infallible {
    if trust.policy.writes == Writes::Refused {
        return std::future::pending().await;
    }
    let mut pace = Pace::new(&trust.policy);
    loop {
        // No lock is held across a round's waits, so a panic leaves nothing half changed.
        let round = AssertUnwindSafe(Box::pin(trust.renew_due(pace.round))).catch_unwind().await;
        let outcome = round.map_err(|_| Failure::Panic).and_then(|done| Ok(done?));
        tokio::time::sleep(pace.after(outcome)).await;
    }
}

/// Why a round ended early.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error("a panic, which is a bug; see the log above")]
    Panic,
    #[error(transparent)]
    Trust(#[from] TrustError),
}

/// Which round is next, when it comes, and what the log has been told.
#[derive(Debug)]
struct Pace {
    interval: Duration,
    round: Round,
    failures: u32,
    stuck: usize,
}

impl Pace {
    fn new(policy: &Policy) -> Self {
        let life = policy.timestamp_lifetime.min(policy.snapshot_lifetime);
        let (shortest, longest) = WAITS;
        let interval = life.to_std().unwrap_or_default() / ROUNDS_PER_LIFE;
        let interval = interval.clamp(shortest, longest);
        Self { interval, round: Round::First, failures: 0, stuck: 0 }
    }

    /// Takes note of a round, and says how long to wait for the next one.
    fn after(&mut self, outcome: Result<Renewal, Failure>) -> Duration {
        match outcome {
            Ok(renewal) => {
                self.done(&renewal);
                self.interval
            }
            Err(error) => {
                if self.failures == 0 {
                    tracing::warn!(%error, "signing ahead of expiry pauses and is tried again");
                }
                let doubled = FIRST_RETRY.saturating_mul(1_u32 << self.failures.min(10));
                self.failures = self.failures.saturating_add(1);
                doubled.min(LAST_RETRY).min(self.interval)
            }
        }
    }

    fn done(&mut self, renewal: &Renewal) {
        if self.failures > 0 {
            tracing::info!(failures = self.failures, "signing ahead of expiry goes on");
        }
        tracing::debug!(
            signed = renewal.signed,
            stuck = renewal.stuck,
            "signing ahead: a round ended"
        );
        if renewal.signed > 0 {
            tracing::info!(guns = renewal.signed, "signed again ahead of expiry");
        }
        if let Some((gun, error)) = &renewal.example
            && renewal.stuck != self.stuck
        {
            tracing::warn!(
                stuck = renewal.stuck, example = %gun, %error,
                "some repositories cannot be signed again; they lapse unless that is mended"
            );
        }
        *self = Self { round: Round::Later, failures: 0, stuck: renewal.stuck, ..*self };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pace(timestamp: chrono::Duration) -> Pace {
        Pace::new(&Policy { timestamp_lifetime: timestamp, ..Policy::default() })
    }

    #[test]
    fn short_lives_are_looked_at_often_and_long_ones_hourly() {
        assert_eq!(pace(chrono::Duration::hours(1)).interval, Duration::from_secs(36));
        assert_eq!(pace(chrono::Duration::days(14)).interval, Duration::from_secs(3600));
        assert_eq!(pace(chrono::Duration::MAX).interval, Duration::from_secs(3600));
        assert_eq!(pace(chrono::Duration::zero()).interval, Duration::from_secs(1));
    }

    #[test]
    fn waits_after_failures_double_up_to_a_minute_and_end_with_success() {
        let mut pace = pace(chrono::Duration::days(14));
        let waits: Vec<u64> = (0..9).map(|_| pace.after(Err(Failure::Panic)).as_secs()).collect();
        assert_eq!(waits, [1, 2, 4, 8, 16, 32, 60, 60, 60]);
        assert_eq!(pace.round, Round::First);
        assert_eq!(pace.after(Ok(Renewal::default())).as_secs(), 3600);
        assert_eq!(pace.round, Round::Later);
        assert_eq!(pace.after(Err(Failure::Panic)).as_secs(), 1);
    }

    #[test]
    fn failures_without_end_do_not_overflow() {
        let mut pace = pace(chrono::Duration::days(14));
        pace.failures = u32::MAX;
        assert_eq!(pace.after(Err(Failure::Panic)), LAST_RETRY);
    }
}
