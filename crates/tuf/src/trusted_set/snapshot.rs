//! The snapshot: which documents belong together.
//!
//! Source: server spec 8.2 steps 3 and 5; TUF specification 5.5.

use bytes::Bytes;
use chrono::{DateTime, Utc};

use super::attack::{Attack, Mismatch};
use super::delegations::Delegations;
use super::ground::{Ground, refuse_endless, refuse_other_bytes};
use super::roots::RootChain;
use crate::digest::Digests;
use crate::metadata::{FileMeta, Snapshot};
use crate::names::RoleName;
use crate::reason::Reason;
use crate::verify::Verified;

/// A root, and the snapshot that a timestamp under it names.
#[derive(Clone, Debug)]
pub struct TrustedSnapshot {
    ground: Ground,
    snapshot: Verified<Snapshot>,
}

impl TrustedSnapshot {
    pub(super) fn judge(mut ground: Ground, named: &FileMeta, raw: Bytes) -> Result<Self, Attack> {
        let role = RoleName::Snapshot;
        let raw = refuse_endless(&role, raw, ground.limits.snapshot_bytes)?;
        refuse_other_bytes(&role, raw.len(), &Digests::of(&raw), named)?;
        let snapshot = ground.judge::<Snapshot>(&role, raw)?;
        let root = &ground.root;
        let named = entry(&snapshot, root.role())?;
        refuse_other_bytes(root.role(), root.raw().len(), root.digests(), named)?;
        ground.remember(&snapshot);
        Ok(Self { ground, snapshot })
    }

    /// The snapshot.
    #[must_use]
    pub fn snapshot(&self) -> &Verified<Snapshot> {
        &self.snapshot
    }

    /// Takes the targets document that the snapshot names.
    ///
    /// # Errors
    /// The [`Attack`] that believing it would allow.
    pub fn update_targets(&self, raw: Bytes) -> Result<Delegations, Attack> {
        Delegations::begin(self.ground.clone(), self.snapshot.clone(), raw)
    }

    /// Begins again, at another time or because a newer root is needed. No document may be older
    /// than those trusted so far.
    #[must_use]
    pub fn refresh(&self, now: DateTime<Utc>) -> RootChain {
        RootChain::follow(&self.ground, now)
    }
}

/// What the snapshot says of a role that it must name.
pub(super) fn entry<'a>(
    snapshot: &'a Verified<Snapshot>,
    role: &RoleName,
) -> Result<&'a FileMeta, Attack> {
    snapshot.content().entry(role).ok_or_else(|| {
        let fault = Mismatch::Hash(Reason::NoChecksum(role.clone()));
        Attack::MixAndMatch { role: role.clone(), fault }
    })
}
