//! What an operator does to stored keys: sealing them anew, and letting go of those that nobody
//! needs.
//!
//! Nothing here is judged: whether a root still names a key is for the caller to know.
//!
//! Source: signer spec 3.4 (aliases), 3.5 (soft deletes), 9.9.

use async_trait::async_trait;
use chrono::{DateTime, Utc};

use super::keys::{KeyRecord, SealedKey};
use super::{StorageError, StorageResult};

/// A key that was let go of: no other query sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RetiredKey {
    /// The key.
    pub record: KeyRecord,
    /// Since when.
    pub retired_at: DateTime<Utc>,
}

/// A store whose keys can be sealed anew, retired and collected. Each call is all or nothing.
///
/// Where keys come in the order of their IDs, that is the store's own order, in which each comes
/// once; for lower-case hex it is the order of bytes.
#[async_trait]
pub trait KeyUpkeep: Send + Sync {
    /// The keys that are sealed under exactly this alias and whose key IDs follow `after` (`None`:
    /// the first), in the order of key IDs; at most `most`. Retired ones are among them, so that
    /// they can be brought back when the passphrase is gone; keys in a token are not. Roles that no
    /// server key has are not told apart here.
    async fn sealed_under(
        &self,
        alias: &str,
        after: Option<&str>,
        most: u32,
    ) -> StorageResult<Vec<SealedKey>>;

    /// The rows of keys in a token whose key IDs follow `after` (`None`: the first), in the order of
    /// key IDs; at most `most`. Retired ones are among them: their objects are in the token still.
    async fn in_token(&self, after: Option<&str>, most: u32) -> StorageResult<Vec<SealedKey>>;

    /// Puts what seals `anew` (sealed bytes, alias and the two algorithms) in place of what seals
    /// `was`, if the row is still sealed as `was` is. Whether it was. Also for a retired key, and
    /// for one that goes into a token or comes out of one.
    ///
    /// Rows of two keys are refused as [`StorageError::Other`].
    async fn reseal(
        &self,
        was: &SealedKey,
        anew: &SealedKey,
        now: DateTime<Utc>,
    ) -> StorageResult<bool>;

    /// Marks the key with exactly this ID as deleted: from then on only this trait sees it. Whether
    /// there was one that was not.
    async fn retire(&self, key_id: &str, now: DateTime<Utc>) -> StorageResult<bool>;

    /// Takes the mark away again. Whether there was one.
    async fn bring_back(&self, key_id: &str, now: DateTime<Utc>) -> StorageResult<bool>;

    /// Removes the key with exactly this ID for good, if it was retired before `before`. Whether
    /// it was.
    async fn erase(&self, key_id: &str, before: DateTime<Utc>) -> StorageResult<bool>;

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

/// Passes two rows of one key.
pub(crate) fn refuse_another_key(was: &SealedKey, anew: &SealedKey) -> StorageResult<()> {
    if (&was.key_id, &was.public) == (&anew.key_id, &anew.public) {
        return Ok(());
    }
    let (was, anew) = (&was.key_id, &anew.key_id);
    Err(StorageError::Other(format!("key {anew} cannot take the place of key {was}")))
}
