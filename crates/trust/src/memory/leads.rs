//! What a timestamp leads to: which documents are current and until when, read out of timestamp and
//! snapshot once instead of for each request.
//!
//! An entry follows from the bytes of its timestamp alone, so it cannot become wrong; which
//! timestamp is the newest is not known here.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use countersign_tuf::digest::Sha256Digest;
use countersign_tuf::metadata::{Document as _, Snapshot, Timestamp};
use countersign_tuf::names::{Gun, RoleName};
use quick_cache::sync::Cache;

/// How many GUNs have an entry. One takes some hundred bytes.
pub(super) const MOST: usize = 16_384;

/// What one timestamp leads to.
#[derive(Debug)]
pub(crate) struct Lead {
    timestamp: Sha256Digest,
    /// When the timestamp expires.
    pub(crate) timestamp_expires: DateTime<Utc>,
    snapshot: Sha256Digest,
    /// When its snapshot expires.
    pub(crate) snapshot_expires: DateTime<Utc>,
    root: Option<Sha256Digest>,
    targets: Option<Sha256Digest>,
}

impl Lead {
    /// Of the timestamp with this digest, and of the snapshot that it names.
    pub(crate) fn of(
        timestamp: Sha256Digest,
        timestamp_content: &Timestamp,
        snapshot_content: &Snapshot,
    ) -> Self {
        let named = |role| snapshot_content.entry(&role).and_then(|entry| entry.sha256());
        Self {
            timestamp,
            timestamp_expires: timestamp_content.header().expires.at(),
            snapshot: timestamp_content.snapshot_sha256(),
            snapshot_expires: snapshot_content.header().expires.at(),
            root: named(RoleName::Root),
            targets: named(RoleName::Targets),
        }
    }

    /// The digest of the current document of `role`; `None` where only the snapshot tells.
    pub(crate) fn sha256(&self, role: &RoleName) -> Option<Sha256Digest> {
        match role {
            RoleName::Timestamp => Some(self.timestamp),
            RoleName::Snapshot => Some(self.snapshot),
            RoleName::Root => self.root,
            RoleName::Targets => self.targets,
            RoleName::Delegation(_) => None,
        }
    }
}

/// The entries, one for each GUN.
pub(super) struct Leads(Cache<Gun, Arc<Lead>>);

impl Leads {
    pub(super) fn new() -> Self {
        Self(Cache::new(MOST))
    }

    pub(super) fn note(&self, gun: &Gun, lead: Lead) {
        self.0.insert(gun.clone(), Arc::new(lead));
    }

    /// Whether it was read before what some timestamp of this GUN leads to.
    pub(super) fn has_any(&self, gun: &Gun) -> bool {
        self.0.peek(gun).is_some()
    }

    /// What this timestamp of this GUN leads to, if that was read before.
    pub(super) fn find(&self, gun: &Gun, timestamp: Sha256Digest) -> Option<Arc<Lead>> {
        self.0.get(gun).filter(|lead| lead.timestamp == timestamp)
    }
}
