//! A token that was verified.

use chrono::{DateTime, Utc};

use super::claims::Granted;
use crate::AccessItem;

/// By how much clocks may differ, in seconds.
const LEEWAY: i64 = 60;

/// A token whose signature, issuer and audience were verified. Its times are to be asked for each
/// time that it is used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifiedToken {
    pub(super) issuer: String,
    pub(super) subject: Option<String>,
    pub(super) times: Times,
    pub(super) access: Vec<Granted>,
}

/// When a token counts, in seconds since 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Times {
    pub(super) not_before: i64,
    pub(super) expires: i64,
}

/// Where a time lies to a token's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    Early,
    Within,
    Late,
}

impl Times {
    /// Source: server spec 2.4, steps 3 and 4.
    pub(super) fn phase_at(self, now: DateTime<Utc>) -> Phase {
        let (seconds, nanos) = (now.timestamp(), now.timestamp_subsec_nanos());
        if (seconds, nanos) > (self.expires.saturating_add(LEEWAY), 0) {
            Phase::Late
        } else if seconds < self.not_before.saturating_sub(LEEWAY) {
            Phase::Early
        } else {
            Phase::Within
        }
    }
}

impl VerifiedToken {
    /// Who issued it.
    #[must_use]
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// Whom it names; `None` for nobody in particular.
    #[must_use]
    pub fn subject(&self) -> Option<&str> {
        self.subject.as_deref()
    }

    /// Whether it counts at `now`; clocks may differ by a minute.
    #[must_use]
    pub fn holds_at(&self, now: DateTime<Utc>) -> bool {
        self.times.phase_at(now) == Phase::Within
    }

    /// Whether it grants `item`. The action `*` stands for every action, and for itself only when
    /// it is asked for.
    #[must_use]
    pub fn grants(&self, item: &AccessItem) -> bool {
        self.access.iter().any(|granted| {
            granted.kind == item.kind
                && granted.name == item.name
                && granted.actions.iter().any(|action| action == item.action || action == "*")
        })
    }

    /// How much memory it takes, about, in bytes.
    #[must_use]
    pub fn weight(&self) -> usize {
        const ENTRY: usize = 96;
        const ACTION: usize = 40;
        let entry = |granted: &Granted| {
            let actions: usize = granted.actions.iter().map(|action| ACTION + action.len()).sum();
            ENTRY + granted.kind.len() + granted.name.len() + actions
        };
        let subject = self.subject.as_ref().map_or(0, String::len);
        ENTRY + self.issuer.len() + subject + self.access.iter().map(entry).sum::<usize>()
    }
}
