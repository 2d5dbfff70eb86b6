//! The complete set: which names are signed, and by which role.
//!
//! Source: server spec 8.2; which role wins is observed in the `notary` client.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};

use super::ground::Ground;
use super::paths::Prefixes;
use super::roots::RootChain;
use crate::metadata::{Root, Snapshot, Target, Targets};
use crate::names::{RoleName, Version};
use crate::reason::Reason;
use crate::rules::Tree;
use crate::verify::Verified;

/// Every document that is trusted, from the root to the last delegation.
#[derive(Clone, Debug)]
pub struct TrustedSet {
    pub(super) ground: Ground,
    pub(super) snapshot: Verified<Snapshot>,
    pub(super) tree: Tree,
    /// Targets and delegations, level by level; within one in the order of the listings.
    order: Vec<(RoleName, Prefixes)>,
    skipped: BTreeMap<RoleName, Skipped>,
}

/// A signed name, and the role that signs it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Found<'a> {
    /// The role.
    pub role: &'a RoleName,
    /// What it signs.
    pub target: &'a Target,
}

/// Why a delegation that is listed is not in the set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Skipped {
    /// Nothing of it was ever published.
    NotInSnapshot,
    /// It has expired, or its signatures do not count.
    Unusable(Reason),
}

impl TrustedSet {
    pub(super) fn empty(ground: Ground, snapshot: Verified<Snapshot>) -> Self {
        let (tree, order, skipped) = (Tree::default(), Vec::new(), BTreeMap::new());
        Self { ground, snapshot, tree, order, skipped }
    }

    pub(super) fn insert(&mut self, document: Verified<Targets>, paths: Prefixes) {
        let level = |role: &RoleName| role.ancestors().len();
        let at = self.order.partition_point(|(role, _)| level(role) <= level(document.role()));
        self.order.insert(at, (document.role().clone(), paths));
        self.tree.insert(document);
    }

    pub(super) fn skip(&mut self, role: RoleName, why: Skipped) {
        self.skipped.insert(role, why);
    }

    /// The root.
    #[must_use]
    pub fn root(&self) -> &Verified<Root> {
        &self.ground.root
    }

    /// The snapshot.
    #[must_use]
    pub fn snapshot(&self) -> &Verified<Snapshot> {
        &self.snapshot
    }

    /// Targets and the delegations that count, level by level: the order in which they are asked.
    pub fn targets(&self) -> impl Iterator<Item = &Verified<Targets>> {
        self.order.iter().filter_map(|(role, _)| self.tree.get(role))
    }

    /// The delegations that are listed and do not count.
    #[must_use]
    pub fn skipped(&self) -> &BTreeMap<RoleName, Skipped> {
        &self.skipped
    }

    /// The newest version trusted of every role but root, delegations that are gone included:
    /// what a client keeps for [`RootChain::resume`].
    #[must_use]
    pub fn versions(&self) -> &BTreeMap<RoleName, Version> {
        &self.ground.seen
    }

    /// The signed name `name`: of the first role that lists it and may. A role nearer to the top
    /// comes first; of several on one level the one that is listed first.
    #[must_use]
    pub fn lookup(&self, name: &str) -> Option<Found<'_>> {
        self.order.iter().filter(|(_, paths)| paths.allow(name)).find_map(|(role, _)| {
            let target = self.tree.get(role)?.content().targets().get(name)?;
            Some(Found { role, target })
        })
    }

    /// All signed names; where several roles sign one, the same as in [`TrustedSet::lookup`].
    #[must_use]
    pub fn list(&self) -> BTreeMap<&str, Found<'_>> {
        let mut names = BTreeMap::new();
        for (role, paths) in &self.order {
            let listed = self.tree.get(role).into_iter().flat_map(|d| d.content().targets());
            for (name, target) in listed.filter(|(name, _)| paths.allow(name)) {
                names.entry(name.as_str()).or_insert(Found { role, target });
            }
        }
        names
    }

    /// Begins the next refresh. No document may be older than those in this set.
    #[must_use]
    pub fn refresh(&self, now: DateTime<Utc>) -> RootChain {
        RootChain::follow(&self.ground, now)
    }
}
