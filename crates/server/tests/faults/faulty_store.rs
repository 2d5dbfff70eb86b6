//! A store whose operations can be made to fail, one at a time, and which notes what it was asked.

use std::collections::BTreeSet;
use std::future::pending;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use chrono::{DateTime, Utc};

use countersign_storage::engine::sqlite::SqliteStore;
use countersign_storage::{
    Change, ChangeRange, Commit, Heads, KeyHome, KeyStore, Mark, MetadataStore, Place, Published,
    SealedKey, StorageError, StorageResult, StoredDocument,
};
use countersign_tuf::accepted::AcceptedUpdate;
use countersign_tuf::digest::Sha256Digest;
use countersign_tuf::names::{Gun, RoleName, Version};

/// How an operation fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The database is busy, away or full.
    Unavailable,
    /// A row cannot be.
    Corrupt,
    /// Something that trying again does not mend.
    Broken,
    /// There is never an answer.
    Silent,
}

impl Fault {
    pub(crate) const ALL: [Self; 4] =
        [Self::Unavailable, Self::Corrupt, Self::Broken, Self::Silent];
}

/// Which operation fails and how, and which operations were asked for.
#[derive(Default)]
pub(crate) struct Faults {
    now: Mutex<Option<(&'static str, Fault)>>,
    asked: Mutex<BTreeSet<&'static str>>,
}

impl Faults {
    pub(crate) fn set(&self, fault: Option<(&'static str, Fault)>) {
        *self.now.lock().unwrap() = fault;
    }

    /// What was asked for since the last call.
    pub(crate) fn take_asked(&self) -> BTreeSet<&'static str> {
        std::mem::take(&mut *self.asked.lock().unwrap())
    }

    async fn pass(&self, operation: &'static str) -> StorageResult<()> {
        self.asked.lock().unwrap().insert(operation);
        let now = *self.now.lock().unwrap();
        let fault = now.filter(|(name, _)| *name == operation).map(|(_, fault)| fault);
        match fault {
            None => Ok(()),
            Some(Fault::Unavailable) => {
                Err(StorageError::Unavailable { reason: "taken away".to_owned() })
            }
            Some(Fault::Corrupt) => {
                let (row, reason) = ("7".to_owned(), "odd".to_owned());
                Err(StorageError::Corrupt { table: "tuf_files", row, reason })
            }
            Some(Fault::Broken) => Err(StorageError::Other("broken".to_owned())),
            Some(Fault::Silent) => pending().await,
        }
    }
}

pub(crate) struct FaultyStore {
    pub(crate) inner: Arc<SqliteStore>,
    pub(crate) faults: Arc<Faults>,
}

#[async_trait]
impl MetadataStore for FaultyStore {
    /// So every read has a query that can fail.
    fn mark(&self) -> Option<Mark> {
        None
    }

    async fn heads(&self, gun: &Gun, roles: &[RoleName]) -> StorageResult<Heads> {
        self.faults.pass("heads").await?;
        self.inner.heads(gun, roles).await
    }

    async fn newest(&self, gun: &Gun, role: &RoleName) -> StorageResult<Option<StoredDocument>> {
        self.faults.pass("newest").await?;
        self.inner.newest(gun, role).await
    }

    async fn by_digest(
        &self,
        gun: &Gun,
        role: &RoleName,
        sha256: Sha256Digest,
    ) -> StorageResult<Option<StoredDocument>> {
        self.faults.pass("by_digest").await?;
        self.inner.by_digest(gun, role, sha256).await
    }

    async fn by_version(
        &self,
        gun: &Gun,
        role: &RoleName,
        version: Version,
    ) -> StorageResult<Option<StoredDocument>> {
        self.faults.pass("by_version").await?;
        self.inner.by_version(gun, role, version).await
    }

    async fn commit(
        &self,
        gun: &Gun,
        base: &Heads,
        update: &AcceptedUpdate,
        now: DateTime<Utc>,
    ) -> StorageResult<Commit> {
        self.faults.pass("commit").await?;
        self.inner.commit(gun, base, update, now).await
    }

    async fn delete(&self, gun: &Gun, now: DateTime<Utc>) -> StorageResult<bool> {
        self.faults.pass("delete").await?;
        self.inner.delete(gun, now).await
    }

    async fn changes(&self, gun: Option<&Gun>, range: ChangeRange) -> StorageResult<Vec<Change>> {
        self.faults.pass("changes").await?;
        self.inner.changes(gun, range).await
    }

    async fn published(
        &self,
        after: Place,
        timestamp_before: DateTime<Utc>,
        limit: u32,
    ) -> StorageResult<Vec<Published>> {
        self.faults.pass("published").await?;
        self.inner.published(after, timestamp_before, limit).await
    }

    async fn check(&self) -> StorageResult<()> {
        self.faults.pass("check").await?;
        self.inner.check().await
    }
}

#[async_trait]
impl KeyStore for FaultyStore {
    async fn pending(
        &self,
        gun: &str,
        role: &str,
        algorithm: &str,
        home: KeyHome,
    ) -> StorageResult<Option<SealedKey>> {
        self.faults.pass("pending").await?;
        self.inner.pending(gun, role, algorithm, home).await
    }

    async fn insert_unless_pending(
        &self,
        key: &SealedKey,
        now: DateTime<Utc>,
    ) -> StorageResult<SealedKey> {
        self.faults.pass("insert_unless_pending").await?;
        self.inner.insert_unless_pending(key, now).await
    }

    async fn count_pending(&self, most: u32) -> StorageResult<u32> {
        self.faults.pass("count_pending").await?;
        self.inner.count_pending(most).await
    }

    async fn by_id(&self, key_id: &str) -> StorageResult<Option<SealedKey>> {
        self.faults.pass("by_id").await?;
        self.inner.by_id(key_id).await
    }

    async fn bind(
        &self,
        key_id: &str,
        gun: &str,
        role: &str,
        now: DateTime<Utc>,
    ) -> StorageResult<Option<SealedKey>> {
        self.faults.pass("bind").await?;
        self.inner.bind(key_id, gun, role, now).await
    }

    async fn mark_used(&self, key_id: &str, at: DateTime<Utc>) -> StorageResult<()> {
        self.faults.pass("mark_used").await?;
        self.inner.mark_used(key_id, at).await
    }

    async fn passphrase_check(&self) -> StorageResult<Option<Vec<u8>>> {
        self.faults.pass("passphrase_check").await?;
        self.inner.passphrase_check().await
    }

    async fn insert_passphrase_check(&self, sealed: &[u8]) -> StorageResult<Vec<u8>> {
        self.inner.insert_passphrase_check(sealed).await
    }
}
