//! A store and a custody that end the process at a given call into them, before it or after it.

use std::collections::BTreeSet;
use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use countersign_custody::{Custody, CustodyError, KeySignature};
use countersign_storage::{
    Change, ChangeRange, Commit, Heads, Mark, MetadataStore, Place, Published, StorageResult,
    StoredDocument,
};
use countersign_tuf::accepted::AcceptedUpdate;
use countersign_tuf::digest::Sha256Digest;
use countersign_tuf::keys::{KeyId, PublicKey, ServerKeyAlgorithm};
use countersign_tuf::names::{Gun, RoleName, ServerRole, Version};

/// Counts the steps of a publish and ends the process at one of them.
#[derive(Debug)]
pub(crate) struct Fuse {
    burns_at: u64,
    steps: AtomicU64,
}

impl Fuse {
    /// One that ends the process at step `burns_at`, counted from 0.
    pub(crate) fn new(burns_at: u64) -> Arc<Self> {
        Arc::new(Self { burns_at, steps: AtomicU64::new(0) })
    }

    async fn around<T>(&self, step: &str, work: impl Future<Output = T>) -> T {
        self.reach("before", step);
        let done = work.await;
        self.reach("after", step);
        done
    }

    #[expect(clippy::print_stdout, reason = "the child's report to the test that started it")]
    fn reach(&self, side: &str, step: &str) {
        println!("step {side} {step}");
        if self.steps.fetch_add(1, Ordering::SeqCst) == self.burns_at {
            std::process::abort();
        }
    }
}

/// The steps that a process has printed.
pub(crate) fn steps(printed: &str) -> BTreeSet<&str> {
    printed.lines().filter_map(|line| line.strip_prefix("step ")).collect()
}

/// The store or the custody behind a fuse.
pub(crate) struct Fused<T: ?Sized> {
    pub(crate) fuse: Arc<Fuse>,
    pub(crate) inner: Arc<T>,
}

#[async_trait]
impl MetadataStore for Fused<dyn MetadataStore> {
    fn mark(&self) -> Option<Mark> {
        self.inner.mark()
    }

    async fn heads(&self, gun: &Gun, roles: &[RoleName]) -> StorageResult<Heads> {
        self.fuse.around("heads", self.inner.heads(gun, roles)).await
    }

    async fn newest(&self, gun: &Gun, role: &RoleName) -> StorageResult<Option<StoredDocument>> {
        self.fuse.around("newest", self.inner.newest(gun, role)).await
    }

    async fn by_digest(
        &self,
        gun: &Gun,
        role: &RoleName,
        sha256: Sha256Digest,
    ) -> StorageResult<Option<StoredDocument>> {
        self.fuse.around("by_digest", self.inner.by_digest(gun, role, sha256)).await
    }

    async fn by_version(
        &self,
        gun: &Gun,
        role: &RoleName,
        version: Version,
    ) -> StorageResult<Option<StoredDocument>> {
        self.fuse.around("by_version", self.inner.by_version(gun, role, version)).await
    }

    async fn commit(
        &self,
        gun: &Gun,
        base: &Heads,
        update: &AcceptedUpdate,
        now: DateTime<Utc>,
    ) -> StorageResult<Commit> {
        self.fuse.around("commit", self.inner.commit(gun, base, update, now)).await
    }

    async fn delete(&self, gun: &Gun, now: DateTime<Utc>) -> StorageResult<bool> {
        self.fuse.around("delete", self.inner.delete(gun, now)).await
    }

    async fn changes(&self, gun: Option<&Gun>, range: ChangeRange) -> StorageResult<Vec<Change>> {
        self.fuse.around("changes", self.inner.changes(gun, range)).await
    }

    async fn published(
        &self,
        after: Place,
        timestamp_before: DateTime<Utc>,
        limit: u32,
    ) -> StorageResult<Vec<Published>> {
        let found = self.inner.published(after, timestamp_before, limit);
        self.fuse.around("published", found).await
    }

    async fn check(&self) -> StorageResult<()> {
        self.fuse.around("check", self.inner.check()).await
    }
}

#[async_trait]
impl Custody for Fused<dyn Custody> {
    async fn pending_key(
        &self,
        gun: &Gun,
        role: ServerRole,
        algorithm: ServerKeyAlgorithm,
    ) -> Result<PublicKey, CustodyError> {
        self.fuse.around("pending_key", self.inner.pending_key(gun, role, algorithm)).await
    }

    async fn find_pending(
        &self,
        gun: &Gun,
        role: ServerRole,
        algorithm: ServerKeyAlgorithm,
    ) -> Result<Option<PublicKey>, CustodyError> {
        self.fuse.around("find_pending", self.inner.find_pending(gun, role, algorithm)).await
    }

    async fn find_key(
        &self,
        gun: &Gun,
        role: ServerRole,
        id: &KeyId,
    ) -> Result<Option<PublicKey>, CustodyError> {
        self.fuse.around("find_key", self.inner.find_key(gun, role, id)).await
    }

    async fn bind(&self, gun: &Gun, role: ServerRole, id: &KeyId) -> Result<bool, CustodyError> {
        self.fuse.around("bind", self.inner.bind(gun, role, id)).await
    }

    async fn sign(
        &self,
        gun: &Gun,
        role: ServerRole,
        id: &KeyId,
        message: &[u8],
    ) -> Result<Option<KeySignature>, CustodyError> {
        let step = format!("sign {}", role.as_str());
        self.fuse.around(&step, self.inner.sign(gun, role, id, message)).await
    }

    async fn check(&self) -> Result<(), CustodyError> {
        self.fuse.around("check", self.inner.check()).await
    }
}
