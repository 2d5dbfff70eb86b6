//! What a publisher sent: one document per role, outer form read, nothing believed.
//!
//! Source: server spec 1.6 and 4, step 0.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;

use crate::digest::Sha256Digest;
use crate::json::JsonError;
use crate::metadata::{DocumentLimits, Envelope, Size, Snapshot, Unreadable};
use crate::names::RoleName;
use crate::verify::Unverified;

/// One part of an upload: a role and its document.
#[derive(Clone, Debug)]
pub struct UploadedPart {
    role: RoleName,
    envelope: Envelope,
}

impl UploadedPart {
    /// Reads a part just enough to know that it is a document with a version.
    ///
    /// # Errors
    /// [`JsonError`] when it is not; on the wire that is `MALFORMED_JSON`.
    pub fn parse(role: RoleName, bytes: Bytes) -> Result<Self, JsonError> {
        Ok(Self { role, envelope: Envelope::parse(bytes)? })
    }

    /// The same of a part that is within these limits. Says how much it holds.
    ///
    /// # Errors
    /// [`Unreadable`] when it is not, or over a limit.
    pub fn parse_within(
        role: RoleName,
        bytes: Bytes,
        limits: &DocumentLimits,
    ) -> Result<(Self, Size), Unreadable> {
        let (envelope, size) = Envelope::parse_within(bytes, limits)?;
        Ok((Self { role, envelope }, size))
    }

    /// The role that it is for.
    #[must_use]
    pub fn role(&self) -> &RoleName {
        &self.role
    }
}

/// An update: at most one document per role.
#[derive(Clone, Debug, Default)]
pub struct Update {
    documents: BTreeMap<RoleName, Envelope>,
}

impl Update {
    /// Collects the parts of an upload. Of several parts of one role the last counts; a timestamp
    /// is left out, because only the server signs it.
    #[must_use]
    pub fn new(parts: Vec<UploadedPart>) -> Self {
        let documents = parts
            .into_iter()
            .filter(|part| part.role != RoleName::Timestamp)
            .map(|part| (part.role, part.envelope))
            .collect();
        Self { documents }
    }

    /// The roles that it holds documents of.
    pub fn roles(&self) -> impl Iterator<Item = &RoleName> {
        self.documents.keys()
    }

    /// The document of a role.
    #[must_use]
    pub fn get(&self, role: &RoleName) -> Option<&Envelope> {
        self.documents.get(role)
    }

    /// Targets and delegations, in the order in which they are judged.
    pub(super) fn targets(&self) -> impl Iterator<Item = (&RoleName, &Envelope)> {
        self.documents
            .iter()
            .filter(|(role, _)| matches!(role, RoleName::Targets | RoleName::Delegation(_)))
    }

    /// The stored documents that judging this update needs, besides the root: what stands above
    /// its delegations, and above those that its snapshot names anew.
    #[must_use]
    pub fn stored_roles_needed(&self, current: Option<&Snapshot>) -> BTreeSet<RoleName> {
        let named = self.new_claims(current).into_iter().map(|(role, _)| role);
        self.documents
            .keys()
            .cloned()
            .chain(named)
            .flat_map(|role| role.ancestors())
            .filter(|role| !self.documents.contains_key(role))
            .collect()
    }

    /// What the update's own snapshot names that neither the update holds nor the current
    /// snapshot names alike: documents that must be stored already. Without a SHA-256 none
    /// can be meant.
    #[must_use]
    pub fn new_claims(&self, current: Option<&Snapshot>) -> Vec<(RoleName, Option<Sha256Digest>)> {
        let Some(envelope) = self.documents.get(&RoleName::Snapshot) else { return Vec::new() };
        let offered = Unverified::<Snapshot>::new(RoleName::Snapshot, envelope.clone())
            .and_then(|unverified| unverified.read_untrusted());
        let Ok(offered) = offered else { return Vec::new() };
        offered
            .entries()
            .filter(|(role, _)| !self.documents.contains_key(role) && *role != RoleName::Root)
            .filter(|(role, entry)| {
                current.and_then(|current| current.entry(role)).and_then(|e| e.sha256())
                    != entry.sha256()
            })
            .map(|(role, entry)| (role, entry.sha256()))
            .collect()
    }
}
