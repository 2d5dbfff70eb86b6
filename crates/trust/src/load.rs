//! What is stored of a GUN: from the newest timestamp to its snapshot, and from there to every
//! other current document.
//!
//! Source: server spec 6.3.

use std::collections::BTreeMap;

use countersign_storage::{Head, Heads, StoredDocument};
use countersign_tuf::metadata::{Snapshot, Timestamp};
use countersign_tuf::names::{Gun, RoleName};
use countersign_tuf::rules::{Stored, Update};

use crate::memory::Lead;
use crate::{Trust, TrustError};

/// The current timestamp and snapshot of a GUN, as stored.
pub(crate) struct Current {
    pub(crate) timestamp: StoredDocument,
    pub(crate) timestamp_content: Timestamp,
    pub(crate) snapshot: StoredDocument,
    pub(crate) snapshot_content: Snapshot,
}

impl Trust {
    /// Where the newest timestamp leads. `None` when there is none, or when its snapshot is gone.
    pub(crate) async fn load_current(&self, gun: &Gun) -> Result<Option<Current>, TrustError> {
        let mut seen = None;
        loop {
            let Some(timestamp) = self.memory.newest_timestamp(gun).await? else {
                return Ok(None);
            };
            let sha256 = timestamp.sha256;
            if let Some(current) = self.follow(gun, timestamp).await? {
                return Ok(Some(current));
            }
            // What an older timestamp names may be removed once there is a newer one.
            if seen.replace(sha256) == Some(sha256) {
                return Ok(None);
            }
        }
    }

    /// The same where the newest timestamp is known already, by its head.
    async fn load_current_at(
        &self,
        gun: &Gun,
        head: Option<Head>,
    ) -> Result<Option<Current>, TrustError> {
        let Some(head) = head else { return Ok(None) };
        let timestamp = self.memory.by_digest(gun, &RoleName::Timestamp, head.sha256).await?;
        if let Some(timestamp) = timestamp
            && let Some(current) = self.follow(gun, timestamp).await?
        {
            return Ok(Some(current));
        }
        // It, or what it names, is gone meanwhile.
        self.load_current(gun).await
    }

    /// Where a timestamp leads. `None` when its snapshot is gone.
    async fn follow(
        &self,
        gun: &Gun,
        timestamp: StoredDocument,
    ) -> Result<Option<Current>, TrustError> {
        let invalid = |reason| TrustError::StoredInvalid { role: RoleName::Timestamp, reason };
        let timestamp_content = Stored::read_timestamp(timestamp.bytes.clone()).map_err(invalid)?;
        let sha256 = timestamp_content.snapshot_sha256();
        let Some(snapshot) = self.memory.by_digest(gun, &RoleName::Snapshot, sha256).await? else {
            return Ok(None);
        };
        let invalid = |reason| TrustError::StoredInvalid { role: RoleName::Snapshot, reason };
        let snapshot_content = Stored::read_snapshot(snapshot.bytes.clone()).map_err(invalid)?;
        let lead = Lead::of(timestamp.sha256, &timestamp_content, &snapshot_content);
        self.memory.note_lead(gun, lead);
        Ok(Some(Current { timestamp, timestamp_content, snapshot, snapshot_content }))
    }

    /// The document of `role` that the current snapshot names. `None` when there is none.
    pub(crate) async fn load_current_named(
        &self,
        gun: &Gun,
        role: &RoleName,
    ) -> Result<Option<StoredDocument>, TrustError> {
        let mut seen = None;
        loop {
            let Some(current) = self.load_current(gun).await? else { return Ok(None) };
            let named = self.load_named(gun, &current.snapshot_content, role).await?;
            let is_named = current.snapshot_content.entry(role).is_some();
            // As above: what an older snapshot names may be gone.
            let (sha256, is_found) = (current.snapshot.sha256, named.is_some());
            if is_found || !is_named || seen.replace(sha256) == Some(sha256) {
                return Ok(named);
            }
        }
    }

    /// The document of `role` that a snapshot names. `None` when it names none that is stored.
    pub(crate) async fn load_named(
        &self,
        gun: &Gun,
        snapshot: &Snapshot,
        role: &RoleName,
    ) -> Result<Option<StoredDocument>, TrustError> {
        match snapshot.entry(role).and_then(|entry| entry.sha256()) {
            Some(sha256) => Ok(self.memory.by_digest(gun, role, sha256).await?),
            None => Ok(None),
        }
    }

    /// All that judging `update` needs, and the heads that it was read under. The heads are read
    /// first: whatever moves afterwards is noticed at commit.
    pub(crate) async fn load_for(
        &self,
        gun: &Gun,
        update: &Update,
    ) -> Result<(Heads, Stored), TrustError> {
        let mut roles: Vec<RoleName> = update.roles().cloned().collect();
        roles.extend([RoleName::Timestamp, RoleName::Snapshot, RoleName::Root]);
        roles.sort();
        roles.dedup();
        let heads = self.store.heads(gun, &roles).await?;
        let mut stored = Stored { versions: versions(&heads), ..Stored::default() };
        let newest = heads.get(&RoleName::Timestamp).copied().flatten();
        let current = match self.load_current_at(gun, newest).await {
            // What is stored and unreadable is the GUN's trouble, not the client's update's.
            Err(TrustError::StoredInvalid { reason, .. }) => {
                return Err(countersign_tuf::rules::Refusal::Stored(reason).into());
            }
            other => other?,
        };
        if let Some(current) = &current {
            self.watch.check(gun, current.timestamp.stored_at, self.clock.now())?;
        }
        let snapshot = current.map(|current| current.snapshot_content);
        if let Some(snapshot) = &snapshot {
            let root = self.load_named(gun, snapshot, &RoleName::Root).await?;
            stored.root = root.map(|root| root.bytes);
            for role in update.stored_roles_needed(Some(snapshot)) {
                if let Some(document) = self.load_named(gun, snapshot, &role).await? {
                    stored.targets.insert(role, document.bytes);
                }
            }
        }
        for (role, sha256) in update.new_claims(snapshot.as_ref()) {
            let Some(sha256) = sha256 else { continue };
            // Not from memory: what is there may be gone from the store by now.
            if self.store.by_digest(gun, &role, sha256).await?.is_some() {
                stored.documents_held.insert((role, sha256));
            }
        }
        stored.snapshot = snapshot;
        Ok((heads, stored))
    }
}

/// The versions of those heads that exist.
pub(crate) fn versions(heads: &Heads) -> BTreeMap<RoleName, countersign_tuf::names::Version> {
    heads.iter().filter_map(|(role, head)| head.map(|head| (role.clone(), head.version))).collect()
}
