//! What an operator may choose about the token service.

use std::num::{NonZeroU32, NonZeroUsize};
use std::time::Duration;

use chrono::TimeDelta;
use countersign_access::issue::Audience;

/// What an operator may choose about the token service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenServiceSettings {
    /// The `iss` of its tokens.
    pub issuer: String,
    /// The services that it gives out tokens for; no two of one name.
    pub audiences: Vec<Audience>,
    /// How long tokens are good. Whole seconds, at least 60: clients count with no less.
    pub lifetime: TimeDelta,
    /// How long a refresh token is good. Whole seconds.
    pub refresh_lifetime: TimeDelta,
    /// How many passwords are checked at a time; each takes a processor.
    pub password_checks: NonZeroUsize,
    /// How often somebody may be wrong.
    pub guesses: GuessLimits,
}

/// How many wrong passwords are looked at before the rest has to wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GuessLimits {
    /// From one address within `window`.
    pub per_address: NonZeroU32,
    /// With one user name within `window`.
    pub per_user: NonZeroU32,
    /// The time in which all of them come back, one after the other.
    pub window: Duration,
}
