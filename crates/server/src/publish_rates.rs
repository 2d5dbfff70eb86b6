//! How often may be published below prefixes of GUNs, in this process.

use std::num::NonZeroU32;

use countersign_tuf::gun_prefix::GunPrefix;
use countersign_tuf::names::Gun;
use governor::clock::{Clock, MonotonicClock};
use governor::middleware::NoOpMiddleware;
use governor::state::{InMemoryState, NotKeyed};
use governor::{Quota, RateLimiter};
use thiserror::Error;

use crate::budgets::whole_seconds;
use crate::error::ApiError;

/// How often may be published below one prefix.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublishRate {
    /// The prefix.
    pub prefix: GunPrefix,
    /// The most publishes within a minute: so many at once, and again when time has passed.
    pub per_minute: NonZeroU32,
}

/// A publish that comes too soon after others; nothing of it was read.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("below {prefix} publishes are limited to {per_minute} a minute: try again in {wait} s")]
pub(crate) struct TooManyPublishes {
    pub(crate) prefix: GunPrefix,
    pub(crate) per_minute: NonZeroU32,
    /// Seconds until another is taken.
    pub(crate) wait: u64,
}

type Limiter<C> = RateLimiter<NotKeyed, InMemoryState, C, NoOpMiddleware<<C as Clock>::Instant>>;

/// One budget per prefix.
pub(crate) struct PublishRates<C: Clock = MonotonicClock>(Vec<(PublishRate, Limiter<C>)>);

impl PublishRates {
    pub(crate) fn new(rates: &[PublishRate]) -> Self {
        Self::with_clock(rates, &MonotonicClock)
    }
}

impl<C: Clock + Clone> PublishRates<C> {
    fn with_clock(rates: &[PublishRate], clock: &C) -> Self {
        let limiter = |rate: &PublishRate| {
            let quota = Quota::per_minute(rate.per_minute);
            RateLimiter::direct_with_clock(quota, clock.clone())
        };
        Self(rates.iter().map(|rate| (rate.clone(), limiter(rate))).collect())
    }

    /// Spends one publish of every prefix that `gun` is below.
    ///
    /// # Errors
    /// [`ApiError::TooManyPublishes`] when one of them has none left; those before it have spent
    /// theirs.
    pub(crate) fn spend(&self, gun: &Gun) -> Result<(), ApiError> {
        for (PublishRate { prefix, per_minute }, limiter) in &self.0 {
            if prefix.admits(gun)
                && let Err(refused) = limiter.check()
            {
                let wait = whole_seconds(refused.wait_time_from(limiter.clock().now()));
                let (prefix, per_minute) = (prefix.clone(), *per_minute);
                let refused = TooManyPublishes { prefix, per_minute, wait };
                return Err(ApiError::TooManyPublishes(refused));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use governor::clock::FakeRelativeClock;

    use super::*;

    fn rates(rates: &[(&str, u32)]) -> (PublishRates<FakeRelativeClock>, FakeRelativeClock) {
        let clock = FakeRelativeClock::default();
        let rate = |(prefix, number): &(&str, u32)| PublishRate {
            prefix: prefix.parse().unwrap(),
            per_minute: NonZeroU32::new(*number).unwrap(),
        };
        let rates: Vec<_> = rates.iter().map(rate).collect();
        (PublishRates::with_clock(&rates, &clock), clock)
    }

    fn spend(rates: &PublishRates<FakeRelativeClock>, gun: &str) -> Result<(), (String, u64)> {
        rates.spend(&Gun::parse(gun).unwrap()).map_err(|error| match error {
            ApiError::TooManyPublishes(refused) => (refused.prefix.to_string(), refused.wait),
            other => panic!("{other:?}"),
        })
    }

    #[test]
    fn as_many_publishes_as_the_limit_pass_at_once_and_then_one_by_one() {
        let (rates, clock) = rates(&[("a/", 6)]);
        for _ in 0..6 {
            spend(&rates, "a/x").unwrap();
        }
        assert_eq!(spend(&rates, "a/y"), Err(("a/".to_owned(), 10)));
        spend(&rates, "b/x").expect("another prefix");
        clock.advance(Duration::from_secs(10));
        spend(&rates, "a/y").unwrap();
        assert!(spend(&rates, "a/y").is_err());
    }

    #[test]
    fn every_prefix_that_a_gun_is_below_holds() {
        let (rates, _) = rates(&[("a/", 2), ("a/b/", 1)]);
        spend(&rates, "a/b/x").unwrap();
        assert_eq!(spend(&rates, "a/b/x"), Err(("a/b/".to_owned(), 60)));
        assert_eq!(spend(&rates, "a/x"), Err(("a/".to_owned(), 30)));
    }
}
