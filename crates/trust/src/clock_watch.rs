//! A clock that went back: noticed wherever a GUN's newest timestamp was stored later than it is
//! now, remembered for health, and told to the log when it begins and when it ends.
//!
//! Never in here: what a read or a publish does about it.
//!
//! Source: contract section 3 (clock).

use std::sync::{Mutex, PoisonError};

use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use countersign_tuf::names::Gun;
use thiserror::Error;

/// How much earlier than a stored moment the clock may read. Clocks of machines that share a
/// database differ a little.
const LEEWAY: TimeDelta = TimeDelta::minutes(1);

/// What to do when the clock went back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum BackwardClock {
    /// Sign and store nothing for the GUNs concerned; serve what is stored.
    #[default]
    Refused,
    /// Believe the clock, and sign again what was stored later than it reads.
    Allowed,
}

/// The clock reads earlier than a GUN's newest timestamp was stored.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error(
    "the clock reads {}, but {gun} has a timestamp that was stored at {}: set the clock right; \
     if the clock was wrong then and is right now, start with clock.allow_backwards = true",
    show(.now), show(.stored_at)
)]
pub struct ClockWentBack {
    /// The GUN that shows it.
    pub gun: Gun,
    /// What the clock reads.
    pub now: DateTime<Utc>,
    /// When the GUN's newest timestamp was stored.
    pub stored_at: DateTime<Utc>,
}

/// Compares the clock with what is stored.
#[derive(Debug)]
pub(crate) struct ClockWatch {
    rule: BackwardClock,
    shown_by: Mutex<Option<Gun>>,
}

impl ClockWatch {
    pub(crate) fn new(rule: BackwardClock) -> Self {
        Self { rule, shown_by: Mutex::default() }
    }

    /// Whether a timestamp that was stored at `stored_at` is to be signed again for that alone.
    pub(crate) fn renews(&self, stored_at: DateTime<Utc>, now: DateTime<Utc>) -> bool {
        self.rule == BackwardClock::Allowed && is_ahead(stored_at, now)
    }

    /// Whether what was stored later than the clock reads matters at all.
    pub(crate) fn is_lifted(&self) -> bool {
        self.rule == BackwardClock::Allowed
    }

    /// Checks the clock against the moment at which this GUN's newest timestamp was stored.
    pub(crate) fn check(
        &self,
        gun: &Gun,
        stored_at: DateTime<Utc>,
        now: DateTime<Utc>,
    ) -> Result<(), ClockWentBack> {
        if self.rule == BackwardClock::Allowed || !is_ahead(stored_at, now) {
            return Ok(());
        }
        let went_back = ClockWentBack { gun: gun.clone(), now, stored_at };
        let before = self.lock().replace(gun.clone());
        if before.is_none() {
            tracing::error!(%gun, "{went_back}; until then nothing is signed or published for it");
        }
        Err(went_back)
    }

    /// The GUN that showed last that the clock went back.
    pub(crate) fn shown_by(&self) -> Option<Gun> {
        self.lock().clone()
    }

    /// That GUN no longer shows it.
    pub(crate) fn settled(&self) {
        if let Some(gun) = self.lock().take() {
            tracing::info!(%gun, "the clock is no longer behind what is stored");
        }
    }

    /// No call leaves it half changed, so a panic elsewhere does not spoil it.
    fn lock(&self) -> std::sync::MutexGuard<'_, Option<Gun>> {
        self.shown_by.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn is_ahead(stored_at: DateTime<Utc>, now: DateTime<Utc>) -> bool {
    stored_at.signed_duration_since(now) > LEEWAY
}

fn show(at: &DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Secs, true)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(rule: BackwardClock, stored_at: &str, now: &str) -> Result<(), ClockWentBack> {
        let (gun, at) = (Gun::parse("a/b").unwrap(), |text: &str| text.parse().unwrap());
        ClockWatch::new(rule).check(&gun, at(stored_at), at(now))
    }

    #[test]
    fn a_minute_earlier_is_no_step_back_and_more_is() {
        let stored = "2026-11-24T12:01:00Z";
        assert_eq!(check(BackwardClock::Refused, stored, "2026-11-24T12:00:00Z"), Ok(()));
        assert!(check(BackwardClock::Refused, stored, "2026-11-24T11:59:59.999Z").is_err());
        assert_eq!(check(BackwardClock::Allowed, stored, "2020-01-01T00:00:00Z"), Ok(()));
    }

    #[test]
    fn the_message_names_cause_and_mend() {
        let error =
            check(BackwardClock::Refused, "2027-01-01T00:00:00.25Z", "2026-11-24T12:00:00Z");
        assert_eq!(
            error.unwrap_err().to_string(),
            "the clock reads 2026-11-24T12:00:00Z, but a/b has a timestamp that was stored at \
             2027-01-01T00:00:00Z: set the clock right; if the clock was wrong then and is right \
             now, start with clock.allow_backwards = true"
        );
    }
}
