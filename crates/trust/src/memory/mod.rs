//! Reads that need no query: bodies come from memory, and which of them is current is one small
//! query that requests share.
//!
//! Nothing in here is believed about what is current: the database is asked for that each time. One
//! that tells by a mark that nothing was committed since it was asked last has answered by that.
//! Never in here: a body that a publish is judged by without the database having named it.

mod bodies;
mod leads;
mod shared_lookups;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use chrono::{DateTime, SubsecRound as _, Utc};
use countersign_storage::{Mark, MetadataStore, StorageResult, StoredDocument};
use countersign_tuf::accepted::AcceptedUpdate;
use countersign_tuf::digest::Sha256Digest;
use countersign_tuf::names::{Gun, RoleName};
use quick_cache::sync::Cache;

use self::bodies::{Bodies, Generation};
pub(crate) use self::leads::Lead;
use self::leads::{Leads, MOST};
use self::shared_lookups::SharedLookups;

const TIMESTAMP: RoleName = RoleName::Timestamp;

type Found = StorageResult<Option<StoredDocument>>;

/// What this process keeps of the store, and its way to the rest.
pub(crate) struct Memory {
    store: Arc<dyn MetadataStore>,
    bodies: Bodies,
    leads: Leads,
    /// What was the newest timestamp of a GUN, or that there was none, when the store had a mark.
    marked: Cache<Gun, (Mark, Option<Sha256Digest>)>,
    newest: SharedLookups<Gun, Found>,
    fetches: SharedLookups<(Gun, RoleName, Sha256Digest), Found>,
    hits: AtomicU64,
    misses: AtomicU64,
}

/// How much the bodies in memory are used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MemoryUse {
    /// How many bytes they take, with what keeping them takes.
    pub bytes: u64,
    /// How often a body came from memory.
    pub hits: u64,
    /// How often one was looked for in the database.
    pub misses: u64,
}

impl Memory {
    /// Over `store`, with room for this many bytes of bodies.
    pub(crate) fn new(store: Arc<dyn MetadataStore>, room: u64) -> Self {
        Self {
            store,
            bodies: Bodies::with_room_for(room),
            leads: Leads::new(),
            marked: Cache::new(MOST),
            newest: SharedLookups::default(),
            fetches: SharedLookups::default(),
            hits: AtomicU64::default(),
            misses: AtomicU64::default(),
        }
    }

    /// The newest timestamp of a GUN, as the database had it at a moment after this call.
    pub(crate) async fn newest_timestamp(&self, gun: &Gun) -> Found {
        if !self.bodies.keep_anything() {
            return Box::pin(self.newest.find(gun, || self.look_for_timestamp(gun))).await;
        }
        // Taken before the lookup, which may see more than it, never less.
        let mark = self.store.mark();
        if let Some(found) = mark.and_then(|mark| self.timestamp_under(gun, mark)) {
            return Ok(found);
        }
        if self.store.asks_together() {
            return self.newest_by_head(gun).await;
        }
        let found = Box::pin(self.newest.find(gun, || self.look_for_timestamp(gun))).await;
        if let (Some(mark), Ok(newest)) = (mark, &found) {
            let sha256 = newest.as_ref().map(|newest| newest.sha256);
            self.marked.insert(gun.clone(), (mark, sha256));
        }
        found
    }

    /// What the store answered when it was asked last for the newest timestamp of a GUN, if nothing
    /// was committed since. `None`: it has to be asked.
    pub(crate) fn unchanged_timestamp(&self, gun: &Gun) -> Option<Option<StoredDocument>> {
        self.timestamp_under(gun, self.store.mark()?)
    }

    /// What the store answered when it had this mark; `None` when it was not asked then.
    fn timestamp_under(&self, gun: &Gun, mark: Mark) -> Option<Option<StoredDocument>> {
        let (_, sha256) = self.marked.get(gun).filter(|(then, _)| *then == mark)?;
        match sha256 {
            None => Some(None),
            Some(sha256) => self.recall(gun, &RoleName::Timestamp, sha256).map(Some),
        }
    }

    /// By a query for the head, which is each request's own; only what is not in memory is looked
    /// for once for many.
    async fn newest_by_head(&self, gun: &Gun) -> Found {
        let Some(head) = self.store.head(gun, &TIMESTAMP).await? else { return Ok(None) };
        match self.recall(gun, &TIMESTAMP, head.sha256) {
            Some(found) => Ok(Some(found)),
            // Put aside, so that the many who need not do this wait in less space.
            None => Box::pin(self.newest.find(gun, || self.fetch_timestamp(gun))).await,
        }
    }

    /// Notes what a timestamp of this GUN leads to.
    pub(crate) fn note_lead(&self, gun: &Gun, lead: Lead) {
        if self.bodies.keep_anything() {
            self.leads.note(gun, lead);
        }
    }

    /// Whether it was read before what some timestamp of this GUN leads to.
    pub(crate) fn has_a_lead(&self, gun: &Gun) -> bool {
        self.leads.has_any(gun)
    }

    /// What this timestamp of this GUN leads to, if that was read before.
    pub(crate) fn lead(&self, gun: &Gun, timestamp: Sha256Digest) -> Option<Arc<Lead>> {
        self.leads.find(gun, timestamp)
    }

    async fn look_for_timestamp(&self, gun: &Gun) -> Found {
        if self.bodies.keep_anything() {
            let Some(head) = self.store.head(gun, &TIMESTAMP).await? else { return Ok(None) };
            if let Some(found) = self.recall(gun, &TIMESTAMP, head.sha256) {
                return Ok(Some(found));
            }
        }
        self.fetch_timestamp(gun).await
    }

    /// The newest, and not one that a head named a moment ago: that may be gone by now.
    async fn fetch_timestamp(&self, gun: &Gun) -> Found {
        self.misses.fetch_add(1, Ordering::Relaxed);
        let generation = self.bodies.generation(gun);
        let newest = self.store.newest(gun, &TIMESTAMP).await?;
        if let Some(newest) = &newest {
            self.bodies.keep(gun, generation, newest);
        }
        Ok(newest)
    }

    /// The document of a role with this digest: from memory, or else from the database.
    pub(crate) async fn by_digest(
        &self,
        gun: &Gun,
        role: &RoleName,
        sha256: Sha256Digest,
    ) -> Found {
        if let Some(found) = self.recall(gun, role, sha256) {
            return Ok(Some(found));
        }
        let name = (gun.clone(), role.clone(), sha256);
        Box::pin(self.fetches.find(&name, || self.fetch(gun, role, sha256))).await
    }

    async fn fetch(&self, gun: &Gun, role: &RoleName, sha256: Sha256Digest) -> Found {
        // Whoever had the turn before may have brought it.
        if let Some(found) = self.recall(gun, role, sha256) {
            return Ok(Some(found));
        }
        self.misses.fetch_add(1, Ordering::Relaxed);
        let generation = self.bodies.generation(gun);
        let found = self.store.by_digest(gun, role, sha256).await?;
        if let Some(found) = &found {
            self.bodies.keep(gun, generation, found);
        }
        Ok(found)
    }

    /// To be asked before a commit, for [`Memory::keep_committed`] after it.
    pub(crate) fn generation(&self, gun: &Gun) -> Generation {
        self.bodies.generation(gun)
    }

    /// Keeps what was committed at `at`, of which somebody will ask: the next publish and everybody
    /// who pulls. Nothing is kept of a GUN that was deleted since `generation`.
    pub(crate) fn keep_committed(
        &self,
        gun: &Gun,
        generation: Generation,
        update: &AcceptedUpdate,
        at: DateTime<Utc>,
    ) {
        /// Larger ones are fetched when they are wanted: a copy of them takes a while.
        const LARGEST: usize = 64 * 1024;
        for document in update.documents().filter(|document| document.bytes.len() <= LARGEST) {
            let kept = StoredDocument {
                role: document.role.clone(),
                version: document.version,
                sha256: document.sha256,
                // Without the rest of what it came in.
                bytes: Bytes::copy_from_slice(&document.bytes),
                // As the databases keep it.
                stored_at: at.trunc_subsecs(6),
            };
            self.bodies.keep(gun, generation, &kept);
        }
    }

    /// The document of a role with this digest, if it is in memory.
    pub(crate) fn recall(
        &self,
        gun: &Gun,
        role: &RoleName,
        sha256: Sha256Digest,
    ) -> Option<StoredDocument> {
        let found = self.bodies.get(gun, role, sha256)?;
        self.hits.fetch_add(1, Ordering::Relaxed);
        Some(found)
    }

    /// Whether anything is ever kept.
    pub(crate) fn keeps_anything(&self) -> bool {
        self.bodies.keep_anything()
    }

    /// Nothing of this GUN that was read so far comes from memory again.
    pub(crate) fn forget(&self, gun: &Gun) {
        self.bodies.forget(gun);
    }

    /// Nothing that was read so far comes from memory again.
    pub(crate) fn forget_all(&self) {
        self.bodies.forget_all();
    }

    /// The same as [`Memory::forget`], once the result is dropped: however what it is for ends.
    pub(crate) fn forget_at_the_end<'a>(&'a self, gun: &'a Gun) -> ForgetAtTheEnd<'a> {
        ForgetAtTheEnd { memory: self, gun }
    }

    pub(crate) fn usage(&self) -> MemoryUse {
        MemoryUse {
            bytes: self.bodies.bytes(),
            hits: self.hits.load(Ordering::Relaxed),
            misses: self.misses.load(Ordering::Relaxed),
        }
    }
}

/// Forgets a GUN when it is dropped.
pub(crate) struct ForgetAtTheEnd<'a> {
    memory: &'a Memory,
    gun: &'a Gun,
}

impl Drop for ForgetAtTheEnd<'_> {
    fn drop(&mut self) {
        self.memory.forget(self.gun);
    }
}
