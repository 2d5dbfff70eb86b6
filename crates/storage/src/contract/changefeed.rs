//! The changefeed: one row for every accepted publish, re-signing and deletion, in commit order.
//!
//! A row becomes visible only when no lower ID can become visible any more, so a reader that polls
//! with the last ID it saw never misses one.

use chrono::{DateTime, Utc};

/// One change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// Its number; grows, may have gaps.
    pub id: i64,
    /// When it was stored.
    pub created_at: DateTime<Utc>,
    /// The GUN as stored.
    pub gun: String,
    /// The timestamp's version; 0 for a deletion.
    pub version: i32,
    /// The timestamp's SHA-256 in lower-case hex; empty for a deletion.
    pub sha256: String,
    /// What happened.
    pub category: ChangeCategory,
}

/// What a change is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChangeCategory {
    /// A GUN was deleted.
    Deletion,
    /// A new timestamp was stored.
    Update,
}

impl ChangeCategory {
    /// The name in the database and on the wire.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Deletion => "deletion",
            Self::Update => "update",
        }
    }
}

/// Which changes to read (spec 6.4). Whatever the direction, they come oldest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChangeRange {
    /// The first `limit` changes with an ID above `id`.
    After {
        /// The last ID that the reader has seen; 0 for all.
        id: i64,
        /// How many at most.
        limit: u32,
    },
    /// The newest `limit` changes with an ID below `id`.
    Before {
        /// The ID to stop at.
        id: i64,
        /// How many at most.
        limit: u32,
    },
    /// The newest `limit` changes.
    Latest {
        /// How many at most.
        limit: u32,
    },
}
