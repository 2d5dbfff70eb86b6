//! How many server keys each client may have made.
//!
//! Every new key is a row that stays until somebody publishes with it, and anybody may ask for
//! one. Asking for a key that exists costs nothing.

use std::net::IpAddr;

use governor::Quota;
use governor::clock::{Clock, MonotonicClock};

use crate::budgets::{Budgets, network};
use crate::error::ApiError;
use crate::limits::Limits;

/// One budget per client address.
pub(crate) struct KeyBudget<C: Clock = MonotonicClock>(Budgets<IpAddr, C>);

impl KeyBudget {
    pub(crate) fn new(limits: &Limits) -> Self {
        Self::with_clock(limits, MonotonicClock)
    }
}

impl<C: Clock> KeyBudget<C> {
    fn with_clock(limits: &Limits, clock: C) -> Self {
        let quota = Quota::per_second(limits.keys_per_second).allow_burst(limits.key_burst);
        Self(Budgets::new(quota, clock))
    }

    /// Spends one key of the client at `remote`.
    ///
    /// # Errors
    /// [`ApiError::TooManyKeys`] when it has none left.
    pub(crate) fn spend(&self, remote: Option<IpAddr>) -> Result<(), ApiError> {
        let spent = self.0.spend(remote.map(network));
        spent.map_err(|spent| ApiError::TooManyKeys { wait: spent.wait })
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

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
}
