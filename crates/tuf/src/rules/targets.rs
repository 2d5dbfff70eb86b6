//! Do targets and delegations count under the root and under what delegates to them?
//!
//! Source: server spec 4, step 3.

use std::collections::BTreeMap;

use bytes::Bytes;
use chrono::{DateTime, Utc};

use crate::keys::certificate;
use crate::metadata::{Envelope, Root, Targets};
use crate::names::RoleName;
use crate::reason::Reason;
use crate::verify::{RoleKeys, Unverified, Verified};

use super::Refusal;

/// Verified targets and delegations, from the update and from the store.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tree {
    documents: BTreeMap<RoleName, Verified<Targets>>,
}

impl Tree {
    /// All documents in it.
    pub(super) fn documents(&self) -> impl Iterator<Item = &Verified<Targets>> {
        self.documents.values()
    }

    /// The document of a role.
    pub(crate) fn get(&self, role: &RoleName) -> Option<&Verified<Targets>> {
        self.documents.get(role)
    }

    /// Takes in a document that [`Tree::verify`] made.
    pub(crate) fn insert(&mut self, document: Verified<Targets>) -> &Verified<Targets> {
        self.documents.entry(document.role().clone()).insert_entry(document).into_mut()
    }

    /// Whether the document above a delegation is here and lists it.
    pub(super) fn lists(&self, role: &RoleName) -> bool {
        self.parent_keys(role).is_some()
    }

    /// Takes in the stored documents above `role` that are not here yet, `targets` first. Stored
    /// ones may have expired; one that is not stored is passed over.
    pub(super) fn load_ancestors(
        &mut self,
        role: &RoleName,
        root: &Root,
        stored: &BTreeMap<RoleName, Bytes>,
    ) -> Result<(), Refusal> {
        for above in role.ancestors() {
            if self.documents.contains_key(&above) {
                continue;
            }
            let Some(raw) = stored.get(&above) else { continue };
            let document = Envelope::parse(raw.clone())
                .map_err(Reason::from)
                .and_then(|envelope| self.verify(&above, &envelope, root))
                .map_err(Refusal::Stored)?;
            self.documents.insert(above, document);
        }
        Ok(())
    }

    /// Takes in a document of the update.
    pub(super) fn judge(
        &mut self,
        role: &RoleName,
        offered: &Envelope,
        root: &Root,
        now: DateTime<Utc>,
    ) -> Result<&Verified<Targets>, Reason> {
        let document = self.verify(role, offered, root)?.unexpired(now)?;
        Ok(self.insert(document))
    }

    /// Checks a document under the root, or under the document above it, which must be here.
    ///
    /// For `targets` signatures come before structure, for delegations after it: which error a
    /// client sees depends on it.
    pub(crate) fn verify(
        &self,
        role: &RoleName,
        envelope: &Envelope,
        root: &Root,
    ) -> Result<Verified<Targets>, Reason> {
        let keys = match role {
            RoleName::Delegation(_) if !self.documents.contains_key(&RoleName::Targets) => {
                return Err(Reason::NotLoaded(RoleName::Targets));
            }
            RoleName::Delegation(_) => {
                self.parent_keys(role).ok_or_else(|| Reason::NotDelegated(role.clone()))?
            }
            RoleName::Root | RoleName::Snapshot | RoleName::Targets | RoleName::Timestamp => {
                root.role_keys(&RoleName::Targets)
            }
        };
        refuse_weak_certificates(&keys)?;
        let document = Unverified::<Targets>::new(role.clone(), envelope.clone())?;
        if matches!(role, RoleName::Delegation(_)) {
            document.read_untrusted()?;
        }
        document.verify(&keys)
    }

    fn parent_keys(&self, role: &RoleName) -> Option<RoleKeys> {
        self.documents.get(&role.parent()?)?.content().delegation_keys(role)
    }
}

/// Certificates of delegations must be strong; their dates and names do not matter. Other roles
/// than root do not use certificates.
fn refuse_weak_certificates(keys: &RoleKeys) -> Result<(), Reason> {
    if matches!(keys.role, RoleName::Delegation(_)) {
        for key in keys.keys.values().filter(|key| key.key_type().is_certificate()) {
            certificate::refuse_weak(key.public())?;
        }
    }
    Ok(())
}
