//! How many requests each address and each user may send: off unless the operator sets it.
//!
//! Never limited is what tells whether the server is there: `GET /v2/`, health and its like.
//! Source: contract sections 1 and 2.

use std::hash::{BuildHasher as _, RandomState};
use std::net::IpAddr;

use countersign_access::Caller;
use governor::Quota;
use governor::clock::{Clock, MonotonicClock};

use crate::budgets::{Budgets, network};
use crate::error::ApiError;
use crate::limits::{Limits, Rate};
use crate::route::Route;

/// Whose limit a request is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Holder {
    /// That of the address, or of the network of 64 bits, that it came from.
    Address,
    /// That of the user who sent it.
    User,
}

impl Holder {
    /// The word in metrics and messages.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Address => "address",
            Self::User => "user",
        }
    }
}

/// The budgets of requests; `None` where nothing is limited.
pub(crate) struct RequestLimits<C: Clock = MonotonicClock> {
    by_address: Option<Budgets<IpAddr, C>>,
    /// By a hash of the name, which may be long; keyed, so that nobody can choose to share one.
    by_user: Option<Budgets<u64, C>>,
    hasher: RandomState,
}

impl RequestLimits {
    pub(crate) fn new(limits: &Limits) -> Self {
        Self::with_clock(limits, &MonotonicClock)
    }
}

impl<C: Clock + Clone> RequestLimits<C> {
    fn with_clock(limits: &Limits, clock: &C) -> Self {
        let quota = |rate: Rate| Quota::per_minute(rate.per_minute).allow_burst(rate.burst);
        let Limits { requests_per_address, requests_per_user, .. } = limits;
        Self {
            by_address: requests_per_address.map(|rate| Budgets::new(quota(rate), clock.clone())),
            by_user: requests_per_user.map(|rate| Budgets::new(quota(rate), clock.clone())),
            hasher: RandomState::new(),
        }
    }

    /// Counts a request for `route` from `address`, before anything else is done for it.
    ///
    /// # Errors
    /// [`ApiError::TooManyRequests`] when it is one too many.
    pub(crate) fn admit_address(
        &self,
        route: &Route,
        address: Option<IpAddr>,
    ) -> Result<(), ApiError> {
        let Some(budgets) = self.by_address.as_ref().filter(|_| is_limited(route)) else {
            return Ok(());
        };
        let spent = budgets.spend(address.map(network));
        spent.map_err(|spent| over(Holder::Address, spent.wait))
    }

    /// Counts a request for `route` by `caller`; one by nobody in particular counts by its address
    /// only.
    ///
    /// # Errors
    /// [`ApiError::TooManyRequests`] when it is one too many.
    pub(crate) fn admit_user(&self, route: &Route, caller: &Caller) -> Result<(), ApiError> {
        let budgets = self.by_user.as_ref().filter(|_| is_limited(route));
        let Some((budgets, user)) = budgets.zip(caller.user()) else { return Ok(()) };
        let spent = budgets.spend(Some(self.hasher.hash_one(user)));
        spent.map_err(|spent| over(Holder::User, spent.wait))
    }
}

fn over(holder: Holder, wait: u64) -> ApiError {
    ApiError::TooManyRequests { holder, wait }
}

fn is_limited(route: &Route) -> bool {
    !matches!(route, Route::Health | Route::Live | Route::Metrics | Route::Ping | Route::Ready)
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;
    use std::time::Duration;

    use axum::http::Method;
    use governor::clock::FakeRelativeClock;

    use super::*;

    fn rate(per_minute: u32, burst: u32) -> Option<Rate> {
        let positive = |number| NonZeroU32::new(number).unwrap();
        Some(Rate { per_minute: positive(per_minute), burst: positive(burst) })
    }

    fn limits(
        requests_per_address: Option<Rate>,
        requests_per_user: Option<Rate>,
    ) -> (RequestLimits<FakeRelativeClock>, FakeRelativeClock) {
        let clock = FakeRelativeClock::default();
        let limits = Limits { requests_per_address, requests_per_user, ..Limits::for_tests() };
        (RequestLimits::with_clock(&limits, &clock), clock)
    }

    fn route(path: &str) -> Route {
        Route::parse(&Method::GET, path)
    }

    fn root() -> Route {
        route("/v2/e/a/_trust/tuf/root.json")
    }

    fn at(text: &str) -> Option<IpAddr> {
        Some(text.parse().unwrap())
    }

    fn user(name: &str) -> Caller {
        Caller { token_user: Some(name.to_owned()), certificate: None }
    }

    fn refused(outcome: Result<(), ApiError>) -> (Holder, u64) {
        match outcome {
            Err(ApiError::TooManyRequests { holder, wait }) => (holder, wait),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn nothing_is_limited_unless_it_is_set() {
        let limits = RequestLimits::new(&Limits::default());
        for _ in 0..10_000 {
            limits.admit_address(&root(), at("192.0.2.1")).unwrap();
            limits.admit_user(&root(), &user("ci")).unwrap();
        }
    }

    #[test]
    fn a_burst_passes_and_one_more_waits_until_the_minute_gives_another() {
        let (limits, clock) = limits(rate(2, 3), None);
        for _ in 0..3 {
            limits.admit_address(&root(), at("192.0.2.1")).unwrap();
        }
        let one_more = || limits.admit_address(&root(), at("192.0.2.1"));
        assert_eq!(refused(one_more()), (Holder::Address, 30));
        clock.advance(Duration::from_secs(29));
        assert_eq!(refused(one_more()), (Holder::Address, 1));
        clock.advance(Duration::from_secs(1));
        one_more().unwrap();
        refused(one_more());
    }

    #[test]
    fn each_address_counts_by_itself_and_a_network_of_64_bits_as_one() {
        let (limits, _) = limits(rate(1, 1), None);
        for address in ["192.0.2.1", "192.0.2.2", "2001:db8::1", "2001:db8:0:1::1"] {
            limits.admit_address(&root(), at(address)).unwrap();
        }
        for address in ["192.0.2.1", "::ffff:192.0.2.2", "2001:db8::ffff:1", "2001:db8:0:1::2"] {
            refused(limits.admit_address(&root(), at(address)));
        }
    }

    #[test]
    fn each_user_counts_by_itself_from_everywhere_and_nobody_in_particular_does_not() {
        let (limits, _) = limits(None, rate(1, 2));
        let certificate = Caller { token_user: None, certificate: Some("ci".to_owned()) };
        for caller in [user("ci"), certificate.clone(), user("alice")] {
            limits.admit_user(&root(), &caller).unwrap();
        }
        assert_eq!(refused(limits.admit_user(&root(), &certificate)), (Holder::User, 60));
        limits.admit_user(&root(), &user("alice")).unwrap();
        for _ in 0..10 {
            limits.admit_user(&root(), &Caller::ANONYMOUS).unwrap();
        }
    }

    #[test]
    fn what_tells_whether_the_server_is_there_is_never_limited() {
        let (limits, _) = limits(rate(1, 1), rate(1, 1));
        let never = ["/v2/", "/_notary_server/health", "/metrics", "/_countersign/live"];
        for path in never.into_iter().chain(["/_countersign/ready"]) {
            for _ in 0..10 {
                limits.admit_address(&route(path), at("192.0.2.1")).unwrap();
                limits.admit_user(&route(path), &user("ci")).unwrap();
            }
        }
        for path in ["/v2/_trust/changefeed", "/elsewhere", "/v2/e/a/_trust/tuf/timestamp.key"] {
            let (limits, _) = self::limits(rate(1, 1), None);
            limits.admit_address(&route(path), None).unwrap();
            refused(limits.admit_address(&route(path), None));
        }
    }
}
