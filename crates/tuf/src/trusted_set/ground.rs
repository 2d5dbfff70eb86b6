//! What every state of a refresh stands on: root, time, limits, and the versions seen so far; and
//! the checks that are the same for every role.

use std::collections::BTreeMap;

use bytes::Bytes;
use chrono::{DateTime, Utc};

use super::attack::{Attack, Mismatch};
use super::limits::Limits;
use crate::digest::Digests;
use crate::metadata::{Document, FileMeta, Root};
use crate::names::{Gun, RoleName, Version};
use crate::verify::{Unverified, Verified};

#[derive(Clone, Debug)]
pub(super) struct Ground {
    pub(super) gun: Gun,
    pub(super) limits: Limits,
    pub(super) now: DateTime<Utc>,
    pub(super) root: Verified<Root>,
    /// The newest version trusted of each role but root. Never falls.
    pub(super) seen: BTreeMap<RoleName, Version>,
}

impl Ground {
    /// Verifies a document of a role whose keys are in the root; it is neither older than the one
    /// seen before nor expired.
    pub(super) fn judge<T: Document>(
        &self,
        role: &RoleName,
        raw: Bytes,
    ) -> Result<Verified<T>, Attack> {
        let keys = self.root.content().role_keys(role);
        let document = Unverified::<T>::parse(role.clone(), raw)
            .and_then(|document| document.verify(&keys))
            .map_err(|reason| Attack::of(role, reason))?;
        self.judge_age(document)
    }

    /// Passes a verified document that is neither older than the one seen before nor expired.
    pub(super) fn judge_age<T: Document>(
        &self,
        document: Verified<T>,
    ) -> Result<Verified<T>, Attack> {
        let (role, offered) = (document.role().clone(), document.version());
        match self.seen.get(&role) {
            Some(&trusted) if offered < trusted => Err(Attack::Rollback { role, trusted, offered }),
            Some(_) | None => {
                document.unexpired(self.now).map_err(|reason| Attack::of(&role, reason))
            }
        }
    }

    /// Remembers the version of a document that is trusted now.
    pub(super) fn remember<T: Document>(&mut self, document: &Verified<T>) {
        self.seen.insert(document.role().clone(), document.version());
    }
}

/// Passes bytes that are not more than the limit.
pub(super) fn refuse_endless(
    role: &RoleName,
    raw: Bytes,
    limit_bytes: usize,
) -> Result<Bytes, Attack> {
    if raw.len() > limit_bytes {
        return Err(Attack::EndlessData { role: role.clone(), limit_bytes });
    }
    Ok(raw)
}

/// Checks that a document is the one that `named` means: length where it is stated, and hashes.
pub(super) fn refuse_other_bytes(
    role: &RoleName,
    length: usize,
    digests: &Digests,
    named: &FileMeta,
) -> Result<(), Attack> {
    let other = |fault| Attack::MixAndMatch { role: role.clone(), fault };
    named.matches(role, digests).map_err(|reason| other(Mismatch::Hash(reason)))?;
    let stated = named.length();
    // A length that is left out reads as zero, and no document has no bytes.
    if stated != 0 && i64::try_from(length).ok() != Some(stated) {
        return Err(other(Mismatch::Length { stated, found: length }));
    }
    Ok(())
}
