//! The way of a client that trusts the first stored root: every later root, timestamp, snapshot,
//! targets, delegations.
//!
//! It is gone at the time at which the newest root was stored, or earlier where something had
//! expired by then: whoever forgot to publish for a while has a sound repository all the same.

use bytes::Bytes;
use chrono::{DateTime, Duration, Utc};
use countersign_storage::{StorageError, VersionRecord};
use countersign_tuf::digest::Sha256Digest;
use countersign_tuf::metadata::FileMeta;
use countersign_tuf::names::{Gun, RoleName};
use countersign_tuf::trusted_set::{Attack, Delegations, Limits, RootChain, TrustedSet};

use super::bodies::Bodies;
use super::report::Fault;

/// How often an earlier time is tried.
const TRIES: usize = 8;

/// Nothing that is stored is too much for whoever stored it.
const LIMITS: Limits = Limits {
    root_updates: usize::MAX,
    delegations: usize::MAX,
    root_bytes: usize::MAX,
    timestamp_bytes: usize::MAX,
    snapshot_bytes: usize::MAX,
    targets_bytes: usize::MAX,
    targets_total_bytes: usize::MAX,
};

/// Why a client gets no further.
pub(super) enum Lost {
    /// It refuses, or finds nothing.
    Fault(Fault),
    /// The store did not answer.
    Storage(StorageError),
}

impl From<StorageError> for Lost {
    fn from(error: StorageError) -> Self {
        Self::Storage(error)
    }
}

impl From<Attack> for Lost {
    fn from(attack: Attack) -> Self {
        Self::Fault(attack.into())
    }
}

/// What a client ends up with.
pub(super) async fn follow(
    gun: &Gun,
    rows: &[VersionRecord],
    bodies: &mut Bodies<'_>,
    now: DateTime<Utc>,
) -> Result<TrustedSet, Lost> {
    let newest_root = newest(rows, &RoleName::Root);
    let mut at = newest_root.and_then(|row| row.stored_at).map_or(now, |stored| stored.min(now));
    let mut expired = None;
    for _ in 0..TRIES {
        match follow_at(gun, rows, bodies, at).await {
            Err(Lost::Fault(Fault::Refused(attack @ Attack::Freeze { .. }))) => {
                if let Attack::Freeze { at: expiry, .. } = &attack {
                    at = at.min(expiry.at() - Duration::seconds(1));
                }
                expired.get_or_insert(attack);
            }
            // Before the expiry something else did not hold yet: the expiry is what is wrong.
            Err(Lost::Fault(Fault::Refused(attack))) => {
                return Err(expired.unwrap_or(attack).into());
            }
            ended => return ended,
        }
    }
    Err(expired.map_or_else(|| missing(RoleName::Root, "is current"), Lost::from))
}

async fn follow_at(
    gun: &Gun,
    rows: &[VersionRecord],
    bodies: &mut Bodies<'_>,
    at: DateTime<Utc>,
) -> Result<TrustedSet, Lost> {
    let mut roots: Vec<_> = rows.iter().filter(|row| row.role == "root").collect();
    roots.sort_unstable_by_key(|row| row.version);
    let mut roots = roots.into_iter();
    let first = roots.next().ok_or_else(|| missing(RoleName::Root, "a client could trust"))?;
    let first = read(first, bodies).await?;
    let mut chain = RootChain::begin(gun.clone(), first, at, LIMITS)?;
    for root in roots {
        chain.update_root(read(root, bodies).await?)?;
    }
    let timestamp = newest(rows, &RoleName::Timestamp)
        .ok_or_else(|| missing(RoleName::Timestamp, "a client could begin with"))?;
    let timestamp = chain.update_timestamp(read(timestamp, bodies).await?)?;
    let named = find(rows, &RoleName::Snapshot, timestamp.wanted())
        .ok_or_else(|| missing(RoleName::Snapshot, "the newest timestamp names"))?;
    let snapshot = timestamp.update_snapshot(read(named, bodies).await?)?;
    let targets = snapshot
        .snapshot()
        .content()
        .entry(&RoleName::Targets)
        .and_then(|meta| find(rows, &RoleName::Targets, meta))
        .ok_or_else(|| missing(RoleName::Targets, "the current snapshot names"))?;
    let mut delegations = snapshot.update_targets(read(targets, bodies).await?)?;
    loop {
        match delegations {
            Delegations::Complete(set) => return Ok(set),
            Delegations::Wanted(wanted) => {
                let row = find(rows, wanted.role(), wanted.wanted())
                    .ok_or_else(|| missing(wanted.role().clone(), "the current snapshot names"))?;
                let raw = read(row, bodies).await?;
                delegations = wanted.update(raw)?;
            }
        }
    }
}

fn missing(role: RoleName, named_by: &'static str) -> Lost {
    Lost::Fault(Fault::Missing { role, named_by })
}

/// The row of a role with the highest version.
pub(super) fn newest<'r>(rows: &'r [VersionRecord], role: &RoleName) -> Option<&'r VersionRecord> {
    rows.iter().filter(|row| row.role == role.as_str()).max_by_key(|row| row.version)
}

/// The row whose digest, as stored, is the one that is named.
fn find<'r>(
    rows: &'r [VersionRecord],
    role: &RoleName,
    named: &FileMeta,
) -> Option<&'r VersionRecord> {
    let wanted = named.sha256().map(Sha256Digest::to_hex)?;
    rows.iter().find(|row| row.role == role.as_str() && row.sha256.as_ref() == Some(&wanted))
}

async fn read(row: &VersionRecord, bodies: &mut Bodies<'_>) -> Result<Bytes, Lost> {
    let gone = || Fault::Unreadable(format!("row {} is gone", row.id));
    bodies.get(row.id).await?.ok_or_else(|| Lost::Fault(gone()))
}
