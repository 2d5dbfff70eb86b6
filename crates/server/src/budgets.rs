//! What each of very many holders may spend over time, in memory that has a bound.

use std::hash::Hash;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use governor::clock::{Clock, MonotonicClock};
use governor::middleware::NoOpMiddleware;
use governor::state::keyed::HashMapStateStore;
use governor::{Quota, RateLimiter};

/// After how many spends the holders are forgotten that have their whole budget again.
const SWEEP_EVERY: u64 = 1_024;

/// The most holders that have a budget of their own; all others share one.
pub(crate) const MAX_HOLDERS: usize = 65_536;

type Limiter<K, C> = RateLimiter<K, HashMapStateStore<K>, C, NoOpMiddleware<<C as Clock>::Instant>>;

/// One budget per holder; `None` is the holder of what all others share.
pub(crate) struct Budgets<K: Hash + Eq + Clone, C: Clock = MonotonicClock> {
    limiter: Limiter<Option<K>, C>,
    spent: AtomicU64,
}

/// A budget is spent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Spent {
    /// Whole seconds until there is something in it again; one at least.
    pub(crate) wait: u64,
}

impl<K: Hash + Eq + Clone, C: Clock> Budgets<K, C> {
    /// Each holder begins with all that `quota` lets it spend at once.
    pub(crate) fn new(quota: Quota, clock: C) -> Self {
        let limiter = RateLimiter::hashmap_with_clock(quota, clock);
        Self { limiter, spent: AtomicU64::new(0) }
    }

    /// Spends one of the `holder`'s budget; of the shared one when it is not known.
    ///
    /// # Errors
    /// [`Spent`] when nothing is left.
    pub(crate) fn spend(&self, holder: Option<K>) -> Result<(), Spent> {
        if self.spent.fetch_add(1, Ordering::Relaxed).is_multiple_of(SWEEP_EVERY) {
            self.limiter.retain_recent();
        }
        let holder = holder.filter(|_| self.holders() < MAX_HOLDERS);
        self.limiter.check_key(&holder).map_err(|refused| {
            let wait = refused.wait_time_from(self.limiter.clock().now());
            Spent { wait: whole_seconds(wait) }
        })
    }

    /// How many are remembered.
    pub(crate) fn holders(&self) -> usize {
        self.limiter.len()
    }
}

/// The network of a client: whoever has an IPv6 address has 64 bits of them.
pub(crate) fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => IpAddr::V4(address),
        IpAddr::V6(address) => {
            const NETWORK: u128 = u128::MAX << 64;
            IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & NETWORK))
        }
    }
}

/// Rounded up, and never none.
pub(crate) fn whole_seconds(wait: Duration) -> u64 {
    let begun = u64::from(wait.subsec_nanos() > 0);
    wait.as_secs().saturating_add(begun).max(1)
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;

    use governor::clock::FakeRelativeClock;

    use super::*;

    fn budgets() -> (Budgets<u32, FakeRelativeClock>, FakeRelativeClock) {
        let clock = FakeRelativeClock::default();
        let quota = Quota::per_second(NonZeroU32::MIN).allow_burst(NonZeroU32::new(3).unwrap());
        (Budgets::new(quota, clock.clone()), clock)
    }

    #[test]
    fn holders_that_have_their_whole_budget_again_are_forgotten() {
        let (budgets, clock) = budgets();
        for holder in 0..10_000 {
            budgets.spend(Some(holder)).unwrap();
            clock.advance(Duration::from_millis(100));
        }
        assert!(budgets.holders() < 1_100, "{}", budgets.holders());
    }

    #[test]
    fn holders_over_the_bound_share_one_budget() {
        let (budgets, _) = budgets();
        for holder in 0..70_000 {
            budgets.spend(Some(holder)).ok();
        }
        assert!(budgets.holders() <= MAX_HOLDERS + 1, "{}", budgets.holders());
        assert_eq!(budgets.spend(Some(70_001)), Err(Spent { wait: 1 }));
        assert_eq!(budgets.spend(None), Err(Spent { wait: 1 }));
    }
}
