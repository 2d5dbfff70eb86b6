//! The chain of roots: who may sign what, from the first root that is trusted to the newest.
//!
//! Source: server spec 8.2 steps 1 and 5; TUF specification 5.3.

use std::collections::BTreeMap;

use bytes::Bytes;
use chrono::{DateTime, Utc};

use super::attack::Attack;
use super::ground::{Ground, refuse_endless};
use super::limits::Limits;
use super::timestamp::TrustedTimestamp;
use crate::metadata::{Envelope, Root};
use crate::names::{Gun, RoleName, Version};
use crate::reason::Reason;
use crate::rules::{stored_root, verify_succession};
use crate::verify::{Unverified, Verified};

/// The roots followed so far; the newest one counts.
#[derive(Clone, Debug)]
pub struct RootChain {
    ground: Ground,
    updates: usize,
}

impl RootChain {
    /// Trusts a first root because its certificates name the GUN and have signed it. It may have
    /// expired: then a newer one must follow.
    ///
    /// # Errors
    /// The [`Attack`] that believing it would allow.
    pub fn begin(
        gun: Gun,
        root: Bytes,
        now: DateTime<Utc>,
        limits: Limits,
    ) -> Result<Self, Attack> {
        Self::resume(gun, root, BTreeMap::new(), now, limits)
    }

    /// As [`RootChain::begin`], for a client that has kept its newest root and the versions of
    /// the other documents that it trusted last.
    ///
    /// # Errors
    /// The [`Attack`] that believing the root would allow.
    pub fn resume(
        gun: Gun,
        root: Bytes,
        versions: BTreeMap<RoleName, Version>,
        now: DateTime<Utc>,
        limits: Limits,
    ) -> Result<Self, Attack> {
        let root = refuse_endless(&RoleName::Root, root, limits.root_bytes)?;
        let root =
            stored_root(&gun, root, now).map_err(|reason| Attack::of(&RoleName::Root, reason))?;
        Ok(Self { ground: Ground { gun, limits, now, root, seen: versions }, updates: 0 })
    }

    /// The next refresh of a client that stands on `ground`.
    pub(super) fn follow(ground: &Ground, now: DateTime<Utc>) -> Self {
        Self { ground: Ground { now, ..ground.clone() }, updates: 0 }
    }

    /// The newest root.
    #[must_use]
    pub fn root(&self) -> &Verified<Root> {
        &self.ground.root
    }

    /// Takes the next root: exactly one version higher, signed by the keys of the one before and
    /// by its own. Whether it has expired is asked only of the last one.
    ///
    /// # Errors
    /// The [`Attack`] that believing it would allow; the root before stays trusted.
    pub fn update_root(&mut self, raw: Bytes) -> Result<&Verified<Root>, Attack> {
        let Ground { gun, limits, now, root: trusted, .. } = &self.ground;
        if self.updates >= limits.root_updates {
            return Err(Attack::EndlessRoots { limit: limits.root_updates });
        }
        let raw = refuse_endless(&RoleName::Root, raw, limits.root_bytes)?;
        let attack = |reason| Attack::of(&RoleName::Root, reason);
        let envelope = Envelope::parse(raw).map_err(|fault| attack(Reason::from(fault)))?;
        let offered = envelope.claimed_version();
        if offered.checked_sub(1) != Some(trusted.version().get()) {
            return Err(Attack::RootOutOfTurn { trusted: trusted.version(), offered });
        }
        let next = Unverified::new(RoleName::Root, envelope)
            .and_then(|next| verify_succession(gun, Some(trusted), next, *now))
            .map_err(attack)?;
        self.ground.root = next;
        self.updates = self.updates.saturating_add(1);
        Ok(&self.ground.root)
    }

    /// Takes the timestamp. There is no newer root then, so this one must not have expired.
    ///
    /// # Errors
    /// The [`Attack`] that believing it would allow.
    pub fn update_timestamp(&self, raw: Bytes) -> Result<TrustedTimestamp, Attack> {
        let Ground { root, now, .. } = &self.ground;
        root.clone().unexpired(*now).map_err(|reason| Attack::of(&RoleName::Root, reason))?;
        TrustedTimestamp::judge(self.ground.clone(), raw)
    }
}
