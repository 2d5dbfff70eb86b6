//! Whether a run kept what is promised. Pure: a history and what the database held at the end go
//! in, every broken promise comes out.
//!
//! What never comes in: requests, and knowing which faults were planned.

mod answers;
mod changes;
mod recovery;
mod sets;
mod stored;
#[cfg(test)]
mod tests;
mod versions;

use std::fmt;
use std::sync::Arc;

pub(crate) use recovery::recoveries;

use crate::history::{Edition, History, Moment};
use crate::stored::Stored;

/// A run and its end.
#[derive(Clone, Debug, Default)]
pub(crate) struct Evidence {
    pub(crate) history: History,
    pub(crate) stored: Stored,
}

/// A promise that was broken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Violation {
    /// A publish was acknowledged, and at the end this of it is not stored.
    Lost { gun: Arc<str>, edition: Edition },
    /// A document was served, and at the end it is not stored.
    Vanished { gun: Arc<str>, edition: Edition },
    /// A read that began after a publish was acknowledged saw an older version.
    Stale { gun: Arc<str>, role: Arc<str>, at: Moment, saw: i64, acknowledged: i64 },
    /// A read that began after another had ended saw an older version.
    WentBack { gun: Arc<str>, role: Arc<str>, at: Moment, saw: i64, before: i64 },
    /// A version between the first and the last one is not stored.
    Gap { gun: Arc<str>, role: Arc<str>, version: i64 },
    /// A version is stored more than once.
    Twice { gun: Arc<str>, role: Arc<str>, version: i64 },
    /// Two publishes of one version of a role were acknowledged.
    TwoWinners { gun: Arc<str>, role: Arc<str>, version: i64 },
    /// Of one publish some documents are stored and this one is not.
    Half { gun: Arc<str>, edition: Edition },
    /// A publish was refused, and this of it is stored.
    KeptRefused { gun: Arc<str>, edition: Edition },
    /// A publish was refused as too old, and nobody else published any of its roles.
    RefusedWithoutRival { gun: Arc<str>, at: Moment, code: String },
    /// Stored bytes have another digest than the one beside them.
    Damaged { gun: Arc<str>, edition: Edition },
    /// Documents that a reader was served do not follow from each other.
    Unverifiable { gun: Arc<str>, at: Moment, reason: String },
    /// A reader was served one document of a publish, and an older one than its other.
    Torn { gun: Arc<str>, at: Moment, has: Edition, lacks: Edition },
    /// A stored change never reached a poller.
    MissedChange { poller: usize, id: i64 },
    /// A poller got a change that is not stored, or not so, or not in this place.
    WrongChange { poller: usize, id: i64 },
    /// Timestamps and changes do not go in pairs.
    UnpairedChange { gun: Arc<str>, version: i64 },
    /// An answer that nothing excuses.
    WrongAnswer { at: Moment, replica: usize, action: String, answer: String },
    /// An answer that only a fault excuses, and no fault was near.
    NotRecovered { at: Moment, replica: usize, action: String, answer: String },
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self:?}")
    }
}

impl fmt::Display for Edition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} version {} ({})", self.role, self.version, hex::encode(self.sha256))
    }
}

/// Every broken promise of a run.
pub(crate) fn check(evidence: &Evidence) -> Vec<Violation> {
    let mut found = Vec::new();
    found.extend(stored::check(evidence));
    found.extend(versions::check(&evidence.history));
    found.extend(sets::check(&evidence.history));
    found.extend(changes::check(evidence));
    found.extend(answers::check(&evidence.history));
    found
}
