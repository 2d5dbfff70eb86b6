//! What stands in for databases that have not been reached yet: whoever asks is told so, and
//! requests get the answers of a database that is away.
//!
//! Never in here: an answer that could be taken for the truth.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use countersign_custody::{Custody, CustodyError, KeySignature};
use countersign_storage::{
    Change, ChangeRange, Commit, Heads, Mark, MetadataStore, Place, Published, StorageError,
    StorageResult, StoredDocument,
};
use countersign_tuf::accepted::AcceptedUpdate;
use countersign_tuf::digest::Sha256Digest;
use countersign_tuf::keys::{KeyId, PublicKey, ServerKeyAlgorithm};
use countersign_tuf::names::{Gun, RoleName, ServerRole, Version};

/// Metadata and keys that cannot be reached.
pub(crate) struct Away;

const REASON: &str = "it has not been reached since the start; the log says why";

fn away<T>() -> StorageResult<T> {
    Err(StorageError::Unavailable { reason: REASON.to_owned() })
}

fn keys_away<T>() -> Result<T, CustodyError> {
    Err(CustodyError::Unavailable { reason: REASON.to_owned() })
}

#[async_trait]
impl MetadataStore for Away {
    /// Nobody is there to tell.
    fn mark(&self) -> Option<Mark> {
        None
    }

    async fn heads(&self, _: &Gun, _: &[RoleName]) -> StorageResult<Heads> {
        away()
    }

    async fn newest(&self, _: &Gun, _: &RoleName) -> StorageResult<Option<StoredDocument>> {
        away()
    }

    async fn by_digest(
        &self,
        _: &Gun,
        _: &RoleName,
        _: Sha256Digest,
    ) -> StorageResult<Option<StoredDocument>> {
        away()
    }

    async fn by_version(
        &self,
        _: &Gun,
        _: &RoleName,
        _: Version,
    ) -> StorageResult<Option<StoredDocument>> {
        away()
    }

    async fn commit(
        &self,
        _: &Gun,
        _: &Heads,
        _: &AcceptedUpdate,
        _: DateTime<Utc>,
    ) -> StorageResult<Commit> {
        away()
    }

    async fn delete(&self, _: &Gun, _: DateTime<Utc>) -> StorageResult<bool> {
        away()
    }

    async fn changes(&self, _: Option<&Gun>, _: ChangeRange) -> StorageResult<Vec<Change>> {
        away()
    }

    async fn published(&self, _: Place, _: DateTime<Utc>, _: u32) -> StorageResult<Vec<Published>> {
        away()
    }

    async fn check(&self) -> StorageResult<()> {
        away()
    }
}

#[async_trait]
impl Custody for Away {
    async fn pending_key(
        &self,
        _: &Gun,
        _: ServerRole,
        _: ServerKeyAlgorithm,
    ) -> Result<PublicKey, CustodyError> {
        keys_away()
    }

    async fn find_pending(
        &self,
        _: &Gun,
        _: ServerRole,
        _: ServerKeyAlgorithm,
    ) -> Result<Option<PublicKey>, CustodyError> {
        keys_away()
    }

    async fn find_key(
        &self,
        _: &Gun,
        _: ServerRole,
        _: &KeyId,
    ) -> Result<Option<PublicKey>, CustodyError> {
        keys_away()
    }

    async fn bind(&self, _: &Gun, _: ServerRole, _: &KeyId) -> Result<bool, CustodyError> {
        keys_away()
    }

    async fn sign(
        &self,
        _: &Gun,
        _: ServerRole,
        _: &KeyId,
        _: &[u8],
    ) -> Result<Option<KeySignature>, CustodyError> {
        keys_away()
    }

    async fn check(&self) -> Result<(), CustodyError> {
        keys_away()
    }
}
