//! The decision on a whole update, step by step in Notary's order.
//!
//! Source: server spec 4.

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroU32;

use bytes::Bytes;
use chrono::{DateTime, Duration, Utc};

use crate::digest::Sha256Digest;
use crate::metadata::{Document, Draft, FileMeta, Root, Snapshot};
use crate::names::{Gun, RoleName, Version};
use crate::reason::Reason;
use crate::verify::Verified;

use super::decision::{Decision, NeedsSnapshot, NeedsTimestamp, accept};
use super::refusal::Refusal;
use super::root::{follow_root, stored_root};
use super::snapshot::follow_snapshot;
use super::targets::Tree;
use super::update::Update;

/// What is stored of a GUN, as far as a decision needs it. "Current" is what the newest timestamp
/// leads to, through its snapshot.
#[derive(Clone, Debug, Default)]
pub struct Stored {
    /// The highest stored version of each role that has any.
    pub versions: BTreeMap<RoleName, Version>,
    /// The current snapshot; it was verified when it was stored.
    pub snapshot: Option<Snapshot>,
    /// The current root.
    pub root: Option<Bytes>,
    /// The current documents of [`Update::stored_roles_needed`].
    pub targets: BTreeMap<RoleName, Bytes>,
    /// Which of [`Update::new_claims`] are stored.
    pub documents_held: BTreeSet<(RoleName, Sha256Digest)>,
}

/// What else a decision depends on.
#[derive(Clone, Copy, Debug)]
pub struct Circumstances {
    /// The time.
    pub now: DateTime<Utc>,
    /// How long a snapshot that the server signs lives.
    pub snapshot_lifetime: Duration,
    /// How far above the highest stored version of its role a new version may be; `None`: any
    /// distance. The first version of a role is free.
    pub max_version_step: Option<NonZeroU32>,
}

impl Stored {
    /// The version after the highest stored one of a role that the server signs.
    pub(super) fn next_version(&self, role: &RoleName) -> Result<Version, Reason> {
        match self.versions.get(role) {
            None => Ok(Version::FIRST),
            Some(highest) => highest.next().ok_or_else(|| Reason::VersionsExhausted(role.clone())),
        }
    }
}

/// Decides whether `update` may follow what is stored.
///
/// # Errors
/// The [`Refusal`]; nothing may be stored then.
pub fn decide(
    gun: &Gun,
    update: &Update,
    stored: &Stored,
    circumstances: Circumstances,
) -> Result<Decision, Refusal> {
    let now = circumstances.now;
    let root = decide_root(gun, update, stored, now)?;
    let mut accepted = Vec::new();
    if update.get(&RoleName::Root).is_some() {
        accepted.push(accept(&root));
    }
    let mut tree = Tree::default();
    for (role, offered) in update.targets() {
        tree.load_ancestors(role, root.content(), &stored.targets)?;
        let document =
            tree.judge(role, offered, root.content(), now).map_err(Refusal::BadTargets)?;
        refuse_fast_forward(document, stored, circumstances).map_err(Refusal::BadTargets)?;
        accepted.push(accept(document));
    }
    let timestamp_version =
        stored.next_version(&RoleName::Timestamp).map_err(Refusal::Validation)?;
    let Some(offered) = update.get(&RoleName::Snapshot) else {
        let draft = draft_snapshot(update, stored, &root, &tree, circumstances)
            .map_err(Refusal::Validation)?;
        let next = NeedsSnapshot::new(root, accepted, draft, timestamp_version);
        return Ok(Decision::NeedsSnapshot(next));
    };
    for (role, _) in update.new_claims(stored.snapshot.as_ref()) {
        tree.load_ancestors(&role, root.content(), &stored.targets)?;
    }
    let snapshot = follow_snapshot(offered, update, &root, &tree, stored, now)
        .map_err(Refusal::BadSnapshot)?;
    refuse_fast_forward(&snapshot, stored, circumstances).map_err(Refusal::BadSnapshot)?;
    accepted.push(accept(&snapshot));
    let claims = update.new_claims(stored.snapshot.as_ref()).into_iter();
    let relied_on = claims
        .filter_map(|(role, sha256)| Some((role, sha256?)))
        .filter(|claim| stored.documents_held.contains(claim));
    let next = NeedsTimestamp::new(root, accepted, &snapshot, timestamp_version)
        .relying_on(relied_on.collect());
    Ok(Decision::NeedsTimestamp(next))
}

/// The root that governs from here on: the update's, else the stored one.
fn decide_root(
    gun: &Gun,
    update: &Update,
    stored: &Stored,
    now: DateTime<Utc>,
) -> Result<Verified<Root>, Refusal> {
    let current = match &stored.root {
        Some(raw) => Some(stored_root(gun, raw.clone(), now).map_err(Refusal::Stored)?),
        None => None,
    };
    match (update.get(&RoleName::Root), current) {
        (Some(offered), current) => {
            follow_root(gun, current.as_ref(), offered, now).map_err(Refusal::BadRoot)
        }
        (None, Some(current)) => Ok(current),
        (None, None) => Err(Refusal::Validation(Reason::NoRoot)),
    }
}

/// The snapshot that the server signs when the update brings none. Only what was uploaded is
/// replaced: what others published meanwhile stays.
fn draft_snapshot(
    update: &Update,
    stored: &Stored,
    root: &Verified<Root>,
    tree: &Tree,
    circumstances: Circumstances,
) -> Result<Draft<Snapshot>, Reason> {
    if stored.snapshot.is_none() && update.get(&RoleName::Targets).is_none() {
        return Err(Reason::NotLoaded(RoleName::Targets));
    }
    let uploaded_root = update.get(&RoleName::Root).is_some().then_some(root);
    let changed = uploaded_root.into_iter().map(entry).chain(
        tree.documents().filter(|document| update.get(document.role()).is_some()).map(entry),
    );
    let version = stored.next_version(&RoleName::Snapshot)?;
    let expires = circumstances.now + circumstances.snapshot_lifetime;
    Ok(Draft::snapshot(stored.snapshot.as_ref(), changed, version, expires)?)
}

/// Somebody with publish rights could otherwise publish the highest version there is, and nobody
/// could ever publish again.
fn refuse_fast_forward<T: Document>(
    document: &Verified<T>,
    stored: &Stored,
    circumstances: Circumstances,
) -> Result<(), Reason> {
    let (Some(stored), Some(step)) =
        (stored.versions.get(document.role()), circumstances.max_version_step)
    else {
        return Ok(());
    };
    let (role, offered, step) = (document.role().clone(), document.version(), step.get());
    if offered.get().saturating_sub(stored.get()) > i64::from(step) {
        return Err(Reason::FastForward { role, stored: *stored, offered, step });
    }
    Ok(())
}

fn entry<T: Document>(document: &Verified<T>) -> (&RoleName, FileMeta) {
    (document.role(), FileMeta::of(document.raw(), document.digests()))
}
