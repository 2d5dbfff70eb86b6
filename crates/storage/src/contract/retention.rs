//! Making a store smaller: old versions and old changes go, and their space is given back.
//!
//! What may go is for the caller to decide. Two things never go, whatever he says: the highest
//! version of a role, and the newest change of a GUN.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use countersign_tuf::names::Gun;

use super::StorageResult;
use super::metadata::Heads;

/// How [`Retention::forget`] ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Forgotten {
    /// So many versions are gone.
    Done(u64),
    /// Nothing is gone: a head of the base has moved. Holds the heads of the base's roles now.
    Moved(Heads),
}

/// What [`Retention::thin_changes`] did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Thinned {
    /// The number of the last change that was looked at; `None` when there was none to look at, or
    /// none that is old enough: the end.
    pub upto: Option<i64>,
    /// How many are gone, or would be.
    pub removed: u64,
}

/// Whether what may go does go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Removal {
    /// It goes.
    Real,
    /// It is counted and stays.
    Rehearsed,
}

/// How much may stand in the way of others while space is given back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GivingBack {
    /// As much as is possible while others read and write.
    Beside,
    /// All of it. The database may keep others waiting until it is done.
    Whole,
}

/// How much room the tables and their indexes take, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Space {
    /// Before.
    pub before: u64,
    /// Afterwards.
    pub after: u64,
}

/// A store that can be made smaller.
#[async_trait]
pub trait Retention: Send + Sync {
    /// Removes those rows of `ids` that are versions of exactly this GUN, in one transaction,
    /// unless a head of `base` has moved. The highest version of a role stays, also when it is
    /// listed. The changefeed stays as it is. A row that is gone already is no error.
    ///
    /// It comes to its end even when the caller does not wait for it.
    async fn forget(&self, gun: &Gun, base: &Heads, ids: &[i64]) -> StorageResult<Forgotten>;

    /// Looks at the next `most` changes with numbers above `after`, and removes those that were
    /// stored before `before` and are followed by a later change of the same GUN.
    ///
    /// So a reader with an old number still learns of every GUN that changed since, by its newest
    /// change.
    async fn thin_changes(
        &self,
        before: DateTime<Utc>,
        after: i64,
        most: u32,
        removal: Removal,
    ) -> StorageResult<Thinned>;

    /// Gives the space of what was removed back to the system, as far as the engine can.
    async fn give_back(&self, how: GivingBack) -> StorageResult<Space>;
}
