//! What is left to do once the rules have accepted: the server's own signatures.
//!
//! [`NeedsSnapshot`] becomes [`NeedsTimestamp`] becomes an [`AcceptedUpdate`]. Each step verifies
//! what was signed under the root that governs, so that a custody that signs wrongly cannot put
//! anything into the store. Source: server spec 4, steps 4b and 5.

use bytes::Bytes;
use chrono::{DateTime, Utc};

use crate::accepted::{AcceptedDocument, AcceptedUpdate};
use crate::digest::{Digests, Sha256Digest};
use crate::metadata::{Document, Draft, Root, Snapshot, Timestamp};
use crate::names::{RoleName, Version};
use crate::reason::Reason;
use crate::verify::{RoleKeys, Unverified, Verified};

/// An update that the rules accept, and which server signature it lacks next.
#[derive(Debug)]
pub enum Decision {
    /// The server signs the snapshot first.
    NeedsSnapshot(NeedsSnapshot),
    /// The snapshot stands; the server signs the timestamp.
    NeedsTimestamp(NeedsTimestamp),
}

/// Waits for the server's signature on a snapshot.
#[derive(Debug)]
pub struct NeedsSnapshot {
    root: Verified<Root>,
    documents: Vec<AcceptedDocument>,
    draft: Draft<Snapshot>,
    timestamp_version: Version,
}

impl NeedsSnapshot {
    pub(super) fn new(
        root: Verified<Root>,
        documents: Vec<AcceptedDocument>,
        draft: Draft<Snapshot>,
        timestamp_version: Version,
    ) -> Self {
        Self { root, documents, draft, timestamp_version }
    }

    /// Whose signatures it needs.
    #[must_use]
    pub fn keys(&self) -> RoleKeys {
        self.root.content().role_keys(&RoleName::Snapshot)
    }

    /// What they sign.
    #[must_use]
    pub fn draft(&self) -> &Draft<Snapshot> {
        &self.draft
    }

    /// Takes the signed snapshot.
    ///
    /// # Errors
    /// The [`Reason`] why the signatures do not count.
    pub fn signed(mut self, raw: Bytes) -> Result<NeedsTimestamp, Reason> {
        let keys = self.keys();
        let snapshot = Unverified::<Snapshot>::parse(RoleName::Snapshot, raw)?.verify(&keys)?;
        self.documents.push(accept(&snapshot));
        Ok(NeedsTimestamp::new(self.root, self.documents, &snapshot, self.timestamp_version))
    }
}

/// Waits for the server's signature on a timestamp.
#[derive(Debug)]
pub struct NeedsTimestamp {
    root: Verified<Root>,
    documents: Vec<AcceptedDocument>,
    snapshot: Bytes,
    snapshot_digests: Digests,
    version: Version,
    relied_on: Vec<(RoleName, Sha256Digest)>,
}

impl NeedsTimestamp {
    pub(super) fn new(
        root: Verified<Root>,
        documents: Vec<AcceptedDocument>,
        snapshot: &Verified<Snapshot>,
        version: Version,
    ) -> Self {
        let (raw, snapshot_digests) = (snapshot.raw().clone(), *snapshot.digests());
        let relied_on = Vec::new();
        Self { root, documents, snapshot: raw, snapshot_digests, version, relied_on }
    }

    /// The same for a snapshot that names these stored documents anew.
    pub(super) fn relying_on(self, relied_on: Vec<(RoleName, Sha256Digest)>) -> Self {
        Self { relied_on, ..self }
    }

    /// Whose signatures it needs.
    #[must_use]
    pub fn keys(&self) -> RoleKeys {
        self.root.content().role_keys(&RoleName::Timestamp)
    }

    /// What they sign: a timestamp that lives until `expires`.
    ///
    /// # Errors
    /// Never in practice: the draft's numbers are integers.
    pub fn draft(&self, expires: DateTime<Utc>) -> Result<Draft<Timestamp>, Reason> {
        Ok(Draft::timestamp(&self.snapshot, &self.snapshot_digests, self.version, expires)?)
    }

    /// Takes the signed timestamp. The update is complete then.
    ///
    /// # Errors
    /// The [`Reason`] why the signatures do not count, or why it is not this snapshot's timestamp.
    pub fn signed(self, raw: Bytes) -> Result<AcceptedUpdate, Reason> {
        let keys = self.keys();
        let timestamp = Unverified::<Timestamp>::parse(RoleName::Timestamp, raw)?.verify(&keys)?;
        timestamp.content().snapshot().matches(&RoleName::Snapshot, &self.snapshot_digests)?;
        let update = AcceptedUpdate::from_unchecked(self.documents, accept(&timestamp));
        Ok(update.relying_on(self.relied_on))
    }
}

/// A verified document as storage takes it.
pub(super) fn accept<T: Document>(document: &Verified<T>) -> AcceptedDocument {
    AcceptedDocument {
        role: document.role().clone(),
        version: document.version(),
        sha256: document.digests().sha256,
        bytes: document.raw().clone(),
        signers: document.signers().clone(),
    }
}
