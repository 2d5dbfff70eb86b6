//! The real store behind a counter of queries, which can be taken away, held and trimmed.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use countersign_storage::engine::sqlite::SqliteStore;
use countersign_storage::{
    Change, ChangeRange, Commit, Heads, Mark, MetadataStore, Place, Published, StorageError,
    StorageResult, StoredDocument,
};
use countersign_tuf::accepted::AcceptedUpdate;
use countersign_tuf::digest::Sha256Digest;
use countersign_tuf::names::{Gun, RoleName, Version};
use tokio::sync::{Notify, Semaphore};

/// What was asked of the store, and how often.
pub(crate) type Queries = BTreeMap<&'static str, usize>;

pub(crate) struct WatchedStore {
    inner: Arc<SqliteStore>,
    queries: Mutex<Queries>,
    pub(crate) away: AtomicBool,
    /// Whether it tells marks; while it does not, every read has a query that can be watched.
    pub(crate) tells_marks: AtomicBool,
    /// Whether it says that asking many times at once costs hardly more than once.
    pub(crate) asks_together: AtomicBool,
    /// Changes up to this ID are no longer there.
    pub(crate) trimmed: AtomicI64,
    /// The next document that is asked for by digest is not there.
    pub(crate) loses_one: AtomicBool,
    /// Answers to questions by digest pass here once they are known.
    pub(crate) gate: Semaphore,
    pub(crate) at_the_gate: Notify,
}

impl WatchedStore {
    pub(crate) fn over(inner: &Arc<SqliteStore>) -> Arc<Self> {
        Arc::new(Self {
            inner: Arc::clone(inner),
            queries: Mutex::default(),
            away: AtomicBool::new(false),
            tells_marks: AtomicBool::new(false),
            asks_together: AtomicBool::new(false),
            trimmed: AtomicI64::new(0),
            loses_one: AtomicBool::new(false),
            gate: Semaphore::new(Semaphore::MAX_PERMITS),
            at_the_gate: Notify::new(),
        })
    }

    /// What was asked since the last call.
    pub(crate) fn take_queries(&self) -> Queries {
        std::mem::take(&mut *self.queries.lock().unwrap())
    }

    fn pass(&self, operation: &'static str) -> StorageResult<()> {
        *self.queries.lock().unwrap().entry(operation).or_default() += 1;
        if self.away.load(Ordering::SeqCst) {
            return Err(StorageError::Unavailable { reason: "taken away".to_owned() });
        }
        Ok(())
    }
}

#[async_trait]
impl MetadataStore for WatchedStore {
    fn mark(&self) -> Option<Mark> {
        self.tells_marks.load(Ordering::SeqCst).then(|| self.inner.mark()).flatten()
    }

    fn asks_together(&self) -> bool {
        self.asks_together.load(Ordering::SeqCst)
    }

    async fn heads(&self, gun: &Gun, roles: &[RoleName]) -> StorageResult<Heads> {
        self.pass("heads")?;
        self.inner.heads(gun, roles).await
    }

    async fn newest(&self, gun: &Gun, role: &RoleName) -> StorageResult<Option<StoredDocument>> {
        self.pass("newest")?;
        self.inner.newest(gun, role).await
    }

    async fn by_digest(
        &self,
        gun: &Gun,
        role: &RoleName,
        sha256: Sha256Digest,
    ) -> StorageResult<Option<StoredDocument>> {
        self.pass("by_digest")?;
        let found = self.inner.by_digest(gun, role, sha256).await;
        self.at_the_gate.notify_one();
        self.gate.acquire().await.unwrap().forget();
        if self.loses_one.swap(false, Ordering::SeqCst) { Ok(None) } else { found }
    }

    async fn by_version(
        &self,
        gun: &Gun,
        role: &RoleName,
        version: Version,
    ) -> StorageResult<Option<StoredDocument>> {
        self.pass("by_version")?;
        self.inner.by_version(gun, role, version).await
    }

    async fn commit(
        &self,
        gun: &Gun,
        base: &Heads,
        update: &AcceptedUpdate,
        now: DateTime<Utc>,
    ) -> StorageResult<Commit> {
        self.pass("commit")?;
        self.inner.commit(gun, base, update, now).await
    }

    async fn delete(&self, gun: &Gun, now: DateTime<Utc>) -> StorageResult<bool> {
        self.pass("delete")?;
        self.inner.delete(gun, now).await
    }

    async fn changes(&self, gun: Option<&Gun>, range: ChangeRange) -> StorageResult<Vec<Change>> {
        self.pass("changes")?;
        let trimmed = self.trimmed.load(Ordering::SeqCst);
        let range = match range {
            ChangeRange::After { id, limit } => ChangeRange::After { id: id.max(trimmed), limit },
            other => other,
        };
        let changes = self.inner.changes(gun, range).await?;
        Ok(changes.into_iter().filter(|change| change.id > trimmed).collect())
    }

    async fn published(
        &self,
        after: Place,
        timestamp_before: DateTime<Utc>,
        limit: u32,
    ) -> StorageResult<Vec<Published>> {
        self.pass("published")?;
        self.inner.published(after, timestamp_before, limit).await
    }

    async fn check(&self) -> StorageResult<()> {
        self.pass("check")?;
        self.inner.check().await
    }
}
