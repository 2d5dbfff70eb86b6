//! What was published lately: a walk over GUNs in the order in which their documents were stored.
//!
//! Timestamps and snapshots are no publishes here: the server signs them again by itself, and a
//! GUN that is signed again and again must still count as one that nobody publishes to.

use chrono::{DateTime, Utc};

/// A place in the walk: behind all that was stored before a moment, and behind some of what was
/// stored at that moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    stored_at: DateTime<Utc>,
    id: i64,
}

impl Place {
    /// Before the first document that was stored at `moment` or later.
    #[must_use]
    pub fn before(moment: DateTime<Utc>) -> Self {
        Self { stored_at: moment, id: i64::MIN }
    }

    /// Right behind the document that was stored at `moment` under this ID. For engines.
    #[must_use]
    pub fn behind(moment: DateTime<Utc>, id: i64) -> Self {
        Self { stored_at: moment, id }
    }

    /// The moment.
    #[must_use]
    pub fn moment(self) -> DateTime<Utc> {
        self.stored_at
    }

    /// The ID within that moment.
    #[must_use]
    pub fn id(self) -> i64 {
        self.id
    }
}

/// A GUN that the walk found, and where to go on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Published {
    /// The GUN as stored.
    pub gun: String,
    /// The place right behind it.
    pub place: Place,
}
