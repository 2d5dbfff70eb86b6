//! An update that the rules accepted: the only thing that storage commits.

use std::collections::BTreeSet;

use bytes::Bytes;

use crate::digest::Sha256Digest;
use crate::keys::KeyId;
use crate::names::{RoleName, Version};

/// A set of documents that may become the newest state of one GUN, all or nothing.
///
/// Holds at most one document per role, and exactly one timestamp. Made by [`crate::rules`] only
/// (or, where a caller has verified by other means, by [`AcceptedUpdate::from_unchecked`]).
#[derive(Clone, Debug)]
pub struct AcceptedUpdate {
    documents: Vec<AcceptedDocument>,
    timestamp: AcceptedDocument,
    relied_on: Vec<(RoleName, Sha256Digest)>,
}

/// One document of an [`AcceptedUpdate`]: the exact bytes that were signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AcceptedDocument {
    /// Its role.
    pub role: RoleName,
    /// Its version.
    pub version: Version,
    /// The SHA-256 of `bytes`.
    pub sha256: Sha256Digest,
    /// The exact bytes, signatures included.
    pub bytes: Bytes,
    /// The keys whose signatures on it were verified; empty where the rules did not see it.
    pub signers: BTreeSet<KeyId>,
}

impl AcceptedUpdate {
    /// An update from its parts. Outside [`crate::rules`] no rule has seen them: for tests of
    /// storage, and for copies of stores whose documents were verified one by one.
    #[must_use]
    pub fn from_unchecked(documents: Vec<AcceptedDocument>, timestamp: AcceptedDocument) -> Self {
        Self { documents, timestamp, relied_on: Vec::new() }
    }

    /// The same, good only as long as these documents are stored: its snapshot names them, and
    /// neither it nor the snapshot before holds them.
    #[must_use]
    pub fn relying_on(self, relied_on: Vec<(RoleName, Sha256Digest)>) -> Self {
        Self { relied_on, ..self }
    }

    /// The documents that must still be stored when it is committed.
    #[must_use]
    pub fn relied_on(&self) -> &[(RoleName, Sha256Digest)] {
        &self.relied_on
    }

    /// Every document, the timestamp last.
    pub fn documents(&self) -> impl Iterator<Item = &AcceptedDocument> {
        self.documents.iter().chain(std::iter::once(&self.timestamp))
    }

    /// The timestamp.
    #[must_use]
    pub fn timestamp(&self) -> &AcceptedDocument {
        &self.timestamp
    }
}

impl AcceptedDocument {
    /// A document of `role` at `version`; the digest is computed.
    #[must_use]
    pub fn new(role: RoleName, version: Version, bytes: Bytes) -> Self {
        let sha256 = Sha256Digest::of(&bytes);
        Self { role, version, sha256, bytes, signers: BTreeSet::new() }
    }
}
