//! What an operator does to stored keys: sealing them anew, and letting go of those that nobody
//! needs.
//!
//! Nothing here is judged: whether a root still names a key is for the caller to know.
//!
//! Source: signer spec 3.4 (aliases), 3.5 (soft deletes), 9.9.

use async_trait::async_trait;
use chrono::{DateTime, Utc};

use super::StorageResult;
use super::keys::{KeyRecord, SealedKey};

/// A key that was let go of: no query but these sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RetiredKey {
    /// The key.
    pub record: KeyRecord,
    /// Since when.
    pub retired_at: DateTime<Utc>,
}

/// A store whose keys can be sealed anew, retired and collected. Each call is all or nothing.
#[async_trait]
pub trait KeyUpkeep: Send + Sync {
    /// The keys that are sealed under exactly this alias and whose key IDs follow `after` (`None`:
    /// the first), in the order of key IDs; at most `most`.
    async fn sealed_under(
        &self,
        alias: &str,
        after: Option<&str>,
        most: u32,
    ) -> StorageResult<Vec<SealedKey>>;

    /// Puts what seals `anew` (sealed bytes, alias and the two algorithms) in place of what seals
    /// `was`, if the row is still sealed as `was` is. Whether it was.
    async fn reseal(
        &self,
        was: &SealedKey,
        anew: &SealedKey,
        now: DateTime<Utc>,
    ) -> StorageResult<bool>;

    /// Marks the key with exactly this ID as deleted. Whether there was one that was not.
    async fn retire(&self, key_id: &str, now: DateTime<Utc>) -> StorageResult<bool>;

    /// Takes the mark away again. Whether there was one.
    async fn bring_back(&self, key_id: &str, now: DateTime<Utc>) -> StorageResult<bool>;

    /// The keys that were retired before `before` and whose key IDs follow `after`, in the order
    /// of key IDs; at most `most`.
    async fn retired(
        &self,
        before: DateTime<Utc>,
        after: Option<&str>,
        most: u32,
    ) -> StorageResult<Vec<RetiredKey>>;

    /// The keys that were made before `before` and have not signed, and whose key IDs follow
    /// `after`, in the order of key IDs; at most `most`. Keys that do not say when they were made
    /// are not among them.
    async fn pending_since(
        &self,
        before: DateTime<Utc>,
        after: Option<&str>,
        most: u32,
    ) -> StorageResult<Vec<KeyRecord>>;
}
