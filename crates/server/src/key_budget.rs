//! How many server keys each client may have made.
//!
//! Every new key is a row that stays until somebody publishes with it, and anybody may ask for
//! one. Asking for a key that exists costs nothing.

use std::net::{IpAddr, Ipv6Addr};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use governor::clock::{Clock, MonotonicClock};
use governor::middleware::NoOpMiddleware;
use governor::state::keyed::HashMapStateStore;
use governor::{Quota, RateLimiter};

use crate::error::ApiError;
use crate::limits::Limits;

/// After how many new keys the clients are forgotten that have their whole budget again.
const SWEEP_EVERY: u64 = 1_024;

/// The most clients that have a budget of their own; all others share one.
const MAX_CLIENTS: usize = 65_536;

/// The client of requests whose address is not known, and of those over [`MAX_CLIENTS`].
const SHARED: IpAddr = IpAddr::V6(Ipv6Addr::UNSPECIFIED);

/// One budget per client address.
pub(crate) struct KeyBudget<C: Clock = MonotonicClock> {
    limiter: RateLimiter<IpAddr, HashMapStateStore<IpAddr>, C, NoOpMiddleware<C::Instant>>,
    spent: AtomicU64,
}

impl KeyBudget {
    pub(crate) fn new(limits: &Limits) -> Self {
        Self::with_clock(limits, MonotonicClock)
    }
}

impl<C: Clock> KeyBudget<C> {
    fn with_clock(limits: &Limits, clock: C) -> Self {
        let quota = Quota::per_second(limits.keys_per_second).allow_burst(limits.key_burst);
        let limiter = RateLimiter::hashmap_with_clock(quota, clock);
        Self { limiter, spent: AtomicU64::new(0) }
    }

    /// Spends one key of the client at `remote`.
    ///
    /// # Errors
    /// [`ApiError::TooManyKeys`] when it has none left.
    pub(crate) fn spend(&self, remote: Option<IpAddr>) -> Result<(), ApiError> {
        if self.spent.fetch_add(1, Ordering::Relaxed).is_multiple_of(SWEEP_EVERY) {
            self.limiter.retain_recent();
        }
        let client = match remote {
            Some(address) if self.limiter.len() < MAX_CLIENTS => client(address),
            _ => SHARED,
        };
        self.limiter.check_key(&client).map_err(|refused| {
            let wait = refused.wait_time_from(self.limiter.clock().now());
            ApiError::TooManyKeys { wait: whole_seconds(wait) }
        })
    }
}

/// Whoever has an IPv6 address has a network of 64 bits.
pub(crate) fn client(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => IpAddr::V4(address),
        IpAddr::V6(address) => {
            const NETWORK: u128 = u128::MAX << 64;
            IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & NETWORK))
        }
    }
}

/// Rounded up, and never none.
fn whole_seconds(wait: Duration) -> u64 {
    let begun = u64::from(wait.subsec_nanos() > 0);
    wait.as_secs().saturating_add(begun).max(1)
}

#[cfg(test)]
mod tests {
    use governor::clock::FakeRelativeClock;

    use super::*;

    fn budget() -> (KeyBudget<FakeRelativeClock>, FakeRelativeClock) {
        let clock = FakeRelativeClock::default();
        (KeyBudget::with_clock(&Limits::for_tests(), clock.clone()), clock)
    }

    fn address(text: &str) -> Option<IpAddr> {
        Some(text.parse().unwrap())
    }

    fn refused(outcome: Result<(), ApiError>) -> u64 {
        match outcome {
            Err(ApiError::TooManyKeys { wait }) => wait,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_burst_of_the_limit_passes_and_one_more_waits() {
        let (budget, clock) = budget();
        for _ in 0..3 {
            budget.spend(address("192.0.2.1")).unwrap();
        }
        assert_eq!(refused(budget.spend(address("192.0.2.1"))), 1);
        clock.advance(Duration::from_millis(999));
        refused(budget.spend(address("192.0.2.1")));
        clock.advance(Duration::from_millis(1));
        budget.spend(address("192.0.2.1")).unwrap();
        refused(budget.spend(address("192.0.2.1")));
    }

    #[test]
    fn each_address_has_its_own_budget_and_a_network_of_64_bits_has_one() {
        let (budget, _) = budget();
        for address in ["192.0.2.1", "192.0.2.2", "2001:db8::1", "2001:db8:0:1::1"] {
            for _ in 0..3 {
                budget.spend(Some(address.parse().unwrap())).unwrap();
            }
        }
        for address in ["192.0.2.1", "::ffff:192.0.2.2", "2001:db8::ffff:1", "2001:db8:0:1::2"] {
            refused(budget.spend(Some(address.parse().unwrap())));
        }
    }

    #[test]
    fn clients_that_have_their_whole_budget_again_are_forgotten() {
        let (budget, clock) = budget();
        for client in 0..10_000_u32 {
            budget.spend(Some(IpAddr::V4(client.into()))).unwrap();
            clock.advance(Duration::from_millis(100));
        }
        assert!(budget.limiter.len() < 1_100, "{}", budget.limiter.len());
    }

    #[test]
    fn clients_over_the_bound_share_one_budget() {
        let (budget, _) = budget();
        for client in 0..70_000_u32 {
            budget.spend(Some(IpAddr::V4(client.into()))).ok();
        }
        assert!(budget.limiter.len() <= MAX_CLIENTS + 1, "{}", budget.limiter.len());
        refused(budget.spend(address("192.0.2.1")));
    }
}
