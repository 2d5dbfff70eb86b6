//! Putting in what another store held, as it was there.
//!
//! Nothing here is judged: whoever calls has verified what it puts in, and nobody is served from
//! the store meanwhile but for reading. Publishes go through
//! [`MetadataStore::commit`](super::metadata::MetadataStore::commit), never through here.

use async_trait::async_trait;
use bytes::Bytes;
use chrono::{DateTime, Utc};
use countersign_tuf::names::{Gun, RoleName, Version};

use super::changefeed::Change;
use super::keys::{SealedKey, is_known_role};
use super::{StorageError, StorageResult};

/// A document as another store held it. Its digest is that of its bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ArchivedDocument {
    /// Its role.
    pub role: RoleName,
    /// Its version.
    pub version: Version,
    /// The exact bytes.
    pub bytes: Bytes,
    /// When it was stored there.
    pub stored_at: DateTime<Utc>,
}

/// A sealed key as another store held it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ArchivedKey {
    /// The key. It may have signed.
    pub key: SealedKey,
    /// When it was made; `None` where the row did not say.
    pub created_at: Option<DateTime<Utc>>,
}

impl ArchivedKey {
    pub(crate) fn refuse_unknown_role(&self) -> StorageResult<()> {
        if is_known_role(&self.key.role) {
            return Ok(());
        }
        Err(StorageError::Other(format!("no server key has the role {:?}", self.key.role)))
    }
}

/// A store that takes documents and changes which it has not judged. Each call is all or nothing.
#[async_trait]
pub trait MetadataArchive: Send + Sync {
    /// Stores documents of a GUN without looking at heads, and without a row in the changefeed. A
    /// version that is stored already is refused as
    /// [`StorageError::Other`].
    async fn put_unjudged(&self, gun: &Gun, documents: &[ArchivedDocument]) -> StorageResult<()>;

    /// Removes every version of every role of exactly this GUN without a row in the changefeed.
    async fn remove_unannounced(&self, gun: &Gun) -> StorageResult<()>;

    /// Stores changes under the numbers and dates that they have. A number that is taken is refused
    /// as [`StorageError::Other`]. New changes get higher numbers than
    /// any that is stored.
    ///
    /// A reader who polls meanwhile may miss some: this is for a feed that nobody reads yet.
    async fn put_changes_unannounced(&self, changes: &[Change]) -> StorageResult<()>;
}

/// A store that takes sealed keys as they are. Each call is all or nothing.
#[async_trait]
pub trait KeyArchive: Send + Sync {
    /// Stores these keys; one whose ID is stored, deleted or not, is replaced. A role that is
    /// neither `timestamp`, `snapshot` nor empty is refused as
    /// [`StorageError::Other`].
    async fn put_keys_unjudged(&self, keys: &[ArchivedKey]) -> StorageResult<()>;

    /// Removes the key with exactly this ID. One that is not there is no error.
    async fn remove_key(&self, key_id: &str) -> StorageResult<()>;

    /// Whether there is a row of exactly this key ID that is marked as deleted.
    async fn is_marked_deleted(&self, key_id: &str) -> StorageResult<bool>;
}
