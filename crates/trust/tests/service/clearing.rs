//! A store that is cleared to its current state in the last moment before each commit.

use std::sync::Arc;

use async_trait::async_trait;
use chrono::{DateTime, Duration, Utc};
use countersign_storage::engine::sqlite::SqliteStore;
use countersign_storage::{
    Change, ChangeRange, Commit, Heads, Mark, MetadataStore, Place, Published, Removal,
    StorageResult, StoredDocument,
};
use countersign_trust::operate::gc::{Keep, Plan, Shelves, clear};
use countersign_tuf::accepted::AcceptedUpdate;
use countersign_tuf::digest::Sha256Digest;
use countersign_tuf::names::{Gun, RoleName, Version};

use crate::bench::Bench;

pub(crate) struct ClearsBeforeCommit(Arc<SqliteStore>);

impl ClearsBeforeCommit {
    pub(crate) fn over(bench: &Bench) -> Self {
        Self(bench.store.clone())
    }
}

#[async_trait]
impl MetadataStore for ClearsBeforeCommit {
    fn mark(&self) -> Option<Mark> {
        self.0.mark()
    }

    async fn heads(&self, gun: &Gun, roles: &[RoleName]) -> StorageResult<Heads> {
        self.0.heads(gun, roles).await
    }

    async fn newest(&self, gun: &Gun, role: &RoleName) -> StorageResult<Option<StoredDocument>> {
        self.0.newest(gun, role).await
    }

    async fn by_digest(
        &self,
        gun: &Gun,
        role: &RoleName,
        sha256: Sha256Digest,
    ) -> StorageResult<Option<StoredDocument>> {
        self.0.by_digest(gun, role, sha256).await
    }

    async fn by_version(
        &self,
        gun: &Gun,
        role: &RoleName,
        version: Version,
    ) -> StorageResult<Option<StoredDocument>> {
        self.0.by_version(gun, role, version).await
    }

    async fn commit(
        &self,
        gun: &Gun,
        base: &Heads,
        update: &AcceptedUpdate,
        now: DateTime<Utc>,
    ) -> StorageResult<Commit> {
        let keep = Keep { versions: 1, superseded_within: Duration::zero() };
        let plan = Plan { keep, changes_within: None, removal: Removal::Real };
        let shelves = Shelves { inventory: &*self.0, retention: &*self.0 };
        clear(shelves, plan, now).await?;
        self.0.commit(gun, base, update, now).await
    }

    async fn delete(&self, gun: &Gun, now: DateTime<Utc>) -> StorageResult<bool> {
        self.0.delete(gun, now).await
    }

    async fn changes(&self, gun: Option<&Gun>, range: ChangeRange) -> StorageResult<Vec<Change>> {
        self.0.changes(gun, range).await
    }

    async fn published(
        &self,
        after: Place,
        timestamp_before: DateTime<Utc>,
        limit: u32,
    ) -> StorageResult<Vec<Published>> {
        self.0.published(after, timestamp_before, limit).await
    }

    async fn check(&self) -> StorageResult<()> {
        self.0.check().await
    }
}
