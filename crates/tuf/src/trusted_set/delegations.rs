//! Targets and delegations: parents first, in the order in which they are listed.
//!
//! A delegation names direct children only, so the tree has no cycles and is no deeper than a
//! role name is long; how wide it may be is for the limits to say.
//! Source: server spec 8.2 step 4; TUF specification 5.6 and 5.7.

use bytes::Bytes;

use super::attack::Attack;
use super::complete::{Skipped, TrustedSet};
use super::ground::{Ground, refuse_endless, refuse_other_bytes};
use super::paths::Prefixes;
use super::snapshot::entry;
use crate::digest::Digests;
use crate::metadata::{Envelope, FileMeta, Snapshot, Targets};
use crate::names::RoleName;
use crate::reason::Reason;
use crate::verify::Verified;

/// Whether a delegation is still missing.
#[derive(Clone, Debug)]
pub enum Delegations {
    /// All there: names can be looked up.
    Complete(TrustedSet),
    /// The next one to take.
    Wanted(WantedDelegation),
}

/// Waits for the next delegation.
#[derive(Clone, Debug)]
pub struct WantedDelegation {
    walk: Walk,
    listed: Listed,
    named: FileMeta,
}

impl Delegations {
    pub(super) fn begin(
        ground: Ground,
        snapshot: Verified<Snapshot>,
        raw: Bytes,
    ) -> Result<Self, Attack> {
        let named = entry(&snapshot, &RoleName::Targets)?.clone();
        let set = TrustedSet::empty(ground, snapshot);
        let mut walk = Walk { set, pending: Vec::new(), judged: 0, bytes: 0 };
        let listed = Listed { role: RoleName::Targets, paths: Prefixes::all() };
        walk.judge(listed, &named, raw)?;
        walk.proceed()
    }
}

impl WantedDelegation {
    /// The delegation.
    #[must_use]
    pub fn role(&self) -> &RoleName {
        &self.listed.role
    }

    /// Its length and hashes, as the snapshot states them.
    #[must_use]
    pub fn wanted(&self) -> &FileMeta {
        &self.named
    }

    /// Takes the delegation's document. One that has expired, or whose signatures do not count,
    /// is skipped, with all below it.
    ///
    /// # Errors
    /// The [`Attack`] that believing the bytes would allow: other bytes than the snapshot names,
    /// no document at all, an older version. The refresh is over then.
    pub fn update(self, raw: Bytes) -> Result<Delegations, Attack> {
        let Self { mut walk, listed, named } = self;
        walk.judged = walk.judged.saturating_add(1);
        let role = listed.role.clone();
        match walk.judge(listed, &named, raw) {
            Ok(()) => {}
            Err(attack) => {
                let reason = harmless(attack)?;
                walk.set.skip(role, Skipped::Unusable(reason));
            }
        }
        walk.proceed()
    }
}

/// A delegation to be judged, and which names it may list.
#[derive(Clone, Debug)]
struct Listed {
    role: RoleName,
    paths: Prefixes,
}

/// The way through the tree.
#[derive(Clone, Debug)]
struct Walk {
    set: TrustedSet,
    /// What is still to be judged; the next one is the last.
    pending: Vec<Listed>,
    judged: usize,
    bytes: usize,
}

impl Walk {
    /// Judges a document, and puts its children in front of everything that waits.
    fn judge(&mut self, listed: Listed, named: &FileMeta, raw: Bytes) -> Result<(), Attack> {
        let Listed { role, paths } = listed;
        let limits = self.set.ground.limits;
        let raw = refuse_endless(&role, raw, limits.targets_bytes)?;
        self.bytes = self.bytes.saturating_add(raw.len());
        if self.bytes > limits.targets_total_bytes {
            return Err(Attack::EndlessData { role, limit_bytes: limits.targets_total_bytes });
        }
        refuse_other_bytes(&role, raw.len(), &Digests::of(&raw), named)?;
        let ground = &mut self.set.ground;
        let document = Envelope::parse(raw)
            .map_err(Reason::from)
            .and_then(|envelope| self.set.tree.verify(&role, &envelope, ground.root.content()))
            .map_err(|reason| Attack::of(&role, reason))?;
        let document = ground.judge_age(document)?;
        ground.remember(&document);
        let children = children(document.content(), &paths);
        self.pending.extend(children.into_iter().rev());
        self.set.insert(document, paths);
        Ok(())
    }

    /// The next delegation that the snapshot names, or the end.
    fn proceed(mut self) -> Result<Delegations, Attack> {
        let limit = self.set.ground.limits.delegations;
        while let Some(listed) = self.pending.pop() {
            let Some(named) = self.set.snapshot.content().entry(&listed.role).cloned() else {
                self.set.skip(listed.role, Skipped::NotInSnapshot);
                continue;
            };
            if self.judged >= limit {
                return Err(Attack::EndlessDelegations { limit });
            }
            return Ok(Delegations::Wanted(WantedDelegation { walk: self, listed, named }));
        }
        Ok(Delegations::Complete(self.set))
    }
}

fn children(document: &Targets, paths: &Prefixes) -> Vec<Listed> {
    let listed = document.delegations().iter().map(|delegation| Listed {
        role: delegation.name().clone(),
        paths: paths.narrowed(delegation.paths()),
    });
    listed.collect()
}

/// The reason why a delegation is skipped, or the attack when the whole refresh must fail. A
/// delegate who loses a key or lets a document expire must not take the repository along.
fn harmless(attack: Attack) -> Result<Reason, Attack> {
    match attack {
        Attack::Freeze { role, at } => Ok(Reason::Expired { role, at }),
        Attack::Forgery {
            reason:
                reason @ (Reason::KeyIdMismatch
                | Reason::NoSignatures
                | Reason::ThresholdNotMet(_)
                | Reason::WeakCertificate(_)),
            ..
        } => Ok(reason),
        other => Err(other),
    }
}
