//! A server with nothing stored and one key that it never signs with: whatever a request asks,
//! the whole way to the verdict runs, and nothing can be accepted.

use std::sync::{Arc, LazyLock};

use async_trait::async_trait;
use axum::Router;
use chrono::{DateTime, Utc};
use countersign_forge::key::Key;

use crate::documents::PUBLISHED_AT;
use countersign_custody::{Custody, CustodyError, KeySignature};
use countersign_server::{ServerSettings, Service, router};
use countersign_storage::{
    Change, ChangeRange, Commit, Heads, Mark, MetadataStore, Place, Published, StorageResult,
    StoredDocument,
};
use countersign_trust::{Clock, Policy, Trust};
use countersign_tuf::accepted::AcceptedUpdate;
use countersign_tuf::digest::Sha256Digest;
use countersign_tuf::keys::{KeyId, KeyType, PublicKey, ServerKeyAlgorithm};
use countersign_tuf::names::{Gun, RoleName, ServerRole, Version};

/// The one server of a process; no request changes it.
pub(crate) static SERVER: LazyLock<Router> = LazyLock::new(|| {
    let trust = Trust::new(Arc::new(Empty), Arc::new(Empty), Arc::new(Empty), Policy::default());
    router(Service::open(Arc::new(trust)), ServerSettings::default())
});

struct Empty;

impl Clock for Empty {
    fn now(&self) -> DateTime<Utc> {
        DateTime::from_timestamp(PUBLISHED_AT, 0).expect("a time")
    }
}

#[async_trait]
impl MetadataStore for Empty {
    /// So every read asks.
    fn mark(&self) -> Option<Mark> {
        None
    }

    async fn heads(&self, _: &Gun, roles: &[RoleName]) -> StorageResult<Heads> {
        Ok(roles.iter().map(|role| (role.clone(), None)).collect())
    }

    async fn newest(&self, _: &Gun, _: &RoleName) -> StorageResult<Option<StoredDocument>> {
        Ok(None)
    }

    async fn by_digest(
        &self,
        _: &Gun,
        _: &RoleName,
        _: Sha256Digest,
    ) -> StorageResult<Option<StoredDocument>> {
        Ok(None)
    }

    async fn by_version(
        &self,
        _: &Gun,
        _: &RoleName,
        _: Version,
    ) -> StorageResult<Option<StoredDocument>> {
        Ok(None)
    }

    async fn commit(
        &self,
        gun: &Gun,
        _: &Heads,
        _: &AcceptedUpdate,
        _: DateTime<Utc>,
    ) -> StorageResult<Commit> {
        unreachable!("an update of {gun} was accepted, although the server has no key to sign it")
    }

    async fn delete(&self, _: &Gun, _: DateTime<Utc>) -> StorageResult<bool> {
        Ok(false)
    }

    async fn changes(&self, _: Option<&Gun>, _: ChangeRange) -> StorageResult<Vec<Change>> {
        Ok(Vec::new())
    }

    async fn published(&self, _: Place, _: DateTime<Utc>, _: u32) -> StorageResult<Vec<Published>> {
        Ok(Vec::new())
    }

    async fn check(&self) -> StorageResult<()> {
        Ok(())
    }
}

#[async_trait]
impl Custody for Empty {
    async fn pending_key(
        &self,
        _: &Gun,
        _: ServerRole,
        _: ServerKeyAlgorithm,
    ) -> Result<PublicKey, CustodyError> {
        Ok(PublicKey::new(KeyType::Ecdsa, Key::ecdsa([3; 32]).public().to_vec()))
    }

    async fn find_pending(
        &self,
        _: &Gun,
        _: ServerRole,
        _: ServerKeyAlgorithm,
    ) -> Result<Option<PublicKey>, CustodyError> {
        Ok(None)
    }

    async fn find_key(
        &self,
        _: &Gun,
        _: ServerRole,
        _: &KeyId,
    ) -> Result<Option<PublicKey>, CustodyError> {
        Ok(None)
    }

    async fn bind(&self, _: &Gun, _: ServerRole, _: &KeyId) -> Result<bool, CustodyError> {
        Ok(false)
    }

    async fn sign(
        &self,
        _: &Gun,
        _: ServerRole,
        _: &KeyId,
        _: &[u8],
    ) -> Result<Option<KeySignature>, CustodyError> {
        Ok(None)
    }

    async fn check(&self) -> Result<(), CustodyError> {
        Ok(())
    }
}
