//! Versions of signed metadata, per GUN and role.

use std::collections::BTreeMap;
use std::slice;

use async_trait::async_trait;
use bytes::Bytes;
use chrono::{DateTime, Utc};
use countersign_tuf::accepted::AcceptedUpdate;
use countersign_tuf::digest::Sha256Digest;
use countersign_tuf::names::{Gun, RoleName, Version};

use super::StorageResult;
use super::changefeed::{Change, ChangeRange};
use super::published::{Place, Published};

/// A stored document: the exact bytes that were signed, and when they were stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredDocument {
    /// Its role.
    pub role: RoleName,
    /// Its version.
    pub version: Version,
    /// The SHA-256 of `bytes`.
    pub sha256: Sha256Digest,
    /// The exact bytes.
    pub bytes: Bytes,
    /// When it was stored.
    pub stored_at: DateTime<Utc>,
}

/// The highest stored version of one role.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    /// The version.
    pub version: Version,
    /// The SHA-256 of that version's bytes.
    pub sha256: Sha256Digest,
}

/// The heads that a decision was based on. A role that maps to `None` had no stored version.
pub type Heads = BTreeMap<RoleName, Option<Head>>;

/// How a commit ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Commit {
    /// All documents and one changefeed row are stored.
    Done,
    /// Nothing is stored: a head of the base has moved, or a document is gone that the update
    /// relies on. Holds the heads of the base's roles now.
    Moved(Heads),
    /// Nothing is stored: this role has a stored version that is the same or newer, although no
    /// head of the base has moved.
    OldVersion(RoleName),
}

/// What a store tells of its newest commit without a query.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mark([u8; Mark::BYTES]);

impl Mark {
    /// How many bytes tell commits apart.
    pub const BYTES: usize = 48;

    /// A mark that differs from others as these bytes do.
    #[must_use]
    pub fn new(bytes: [u8; Self::BYTES]) -> Self {
        Self(bytes)
    }
}

/// A store of metadata versions and of the changefeed.
#[async_trait]
pub trait MetadataStore: Send + Sync {
    /// The mark of the newest commit that a read from now on would see; `None` where only a query
    /// can tell. When two marks are equal, nothing was committed by anybody between the first call
    /// and the second, and a read in between saw what one from now on sees.
    ///
    /// Costs a few microseconds and waits for nobody.
    fn mark(&self) -> Option<Mark>;

    /// The highest stored version of each of `roles`, read at one moment.
    async fn heads(&self, gun: &Gun, roles: &[RoleName]) -> StorageResult<Heads>;

    /// The highest stored version of one role.
    async fn head(&self, gun: &Gun, role: &RoleName) -> StorageResult<Option<Head>> {
        Ok(self.heads(gun, slice::from_ref(role)).await?.remove(role).flatten())
    }

    /// Whether heads that many ask for at the same time cost hardly more than one, so that nobody
    /// need share what another was told.
    fn asks_together(&self) -> bool {
        false
    }

    /// The document of the highest stored version of `role`.
    async fn newest(&self, gun: &Gun, role: &RoleName) -> StorageResult<Option<StoredDocument>>;

    /// The document of `role` with this digest, whatever its version.
    async fn by_digest(
        &self,
        gun: &Gun,
        role: &RoleName,
        sha256: Sha256Digest,
    ) -> StorageResult<Option<StoredDocument>>;

    /// The document of `role` at exactly this version.
    async fn by_version(
        &self,
        gun: &Gun,
        role: &RoleName,
        version: Version,
    ) -> StorageResult<Option<StoredDocument>>;

    /// Stores every document of `update` and one changefeed row (category `update`, the
    /// timestamp's version and digest) in one transaction, or nothing.
    ///
    /// In that transaction: a role of `base` whose head differs from the one given ends it as
    /// [`Commit::Moved`], and so does a document that `update` relies on and that is not stored;
    /// then a role of `update` with a stored version that is not lower ends it
    /// as [`Commit::OldVersion`]. The same version of a role twice in `update` ends so as well.
    ///
    /// It comes to its end even when the caller does not wait for it.
    async fn commit(
        &self,
        gun: &Gun,
        base: &Heads,
        update: &AcceptedUpdate,
        now: DateTime<Utc>,
    ) -> StorageResult<Commit>;

    /// Removes every version of every role of exactly this GUN. When there were any, adds one
    /// changefeed row (category `deletion`, version 0, empty digest) in the same transaction and
    /// returns true.
    async fn delete(&self, gun: &Gun, now: DateTime<Utc>) -> StorageResult<bool>;

    /// The changes in `range`, oldest first; of one GUN, or of all.
    async fn changes(&self, gun: Option<&Gun>, range: ChangeRange) -> StorageResult<Vec<Change>>;

    /// The next GUNs behind `after` to which root, targets or a delegation was published and whose
    /// newest timestamp was stored before `timestamp_before`, in the order of those publishes; at
    /// most `limit`. Of each role only the highest version counts, so a GUN comes at most once per
    /// role, and never for what the server signed again.
    async fn published(
        &self,
        after: Place,
        timestamp_before: DateTime<Utc>,
        limit: u32,
    ) -> StorageResult<Vec<Published>>;

    /// Whether the store can be read now, its tables included, and is still the one that was
    /// opened.
    async fn check(&self) -> StorageResult<()>;
}
