//! Clearing a store of what no client can need any more.
//!
//! GUN by GUN: read what is stored, decide, remove in one transaction unless somebody published
//! meanwhile. Any number of processes may do it at once, beside any number that serve: what one
//! has removed the other does not find.
//!
//! Source: contract section 3, server spec 6.2 and 6.3.

use std::collections::BTreeMap;

use bytes::Bytes;
use chrono::{DateTime, Duration, Utc};
use countersign_storage::{
    Forgotten, Head, Heads, Inventory, Removal, Retention, StorageError, VersionRecord,
};
use countersign_tuf::digest::Sha256Digest;
use countersign_tuf::names::{Gun, RoleName, Version};
use countersign_tuf::rules;

pub use super::kept::Keep;
use super::kept::{Kept, Named, Stored};

/// How many GUNs, or changes, are looked at by one query.
const PAGE: u32 = 1000;

/// How often one GUN is decided again because others publish to it.
const TRIES: u32 = 5;

/// How many GUNs that were left alone are named.
const EXAMPLES: usize = 20;

/// The store that is cleared, by two of its faces.
#[derive(Clone, Copy)]
pub struct Shelves<'a> {
    /// What is there.
    pub inventory: &'a dyn Inventory,
    /// How it goes.
    pub retention: &'a dyn Retention,
}

/// What is kept, and what is done about the rest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Plan {
    /// Which versions are kept.
    pub keep: Keep,
    /// Changes that are older than this are thinned; `None`: all are kept.
    pub changes_within: Option<Duration>,
    /// Whether anything is removed.
    pub removal: Removal,
}

/// What was removed, or would have been.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cleared {
    /// How many GUNs were looked at.
    pub guns: u64,
    /// How many versions went.
    pub versions: u64,
    /// How many bytes of documents these were.
    pub bytes: u64,
    /// How many changes went.
    pub changes: u64,
    /// How many GUNs were left alone.
    pub left_alone: u64,
    /// Some of these, each with the reason.
    pub examples: Vec<(String, String)>,
}

/// What happened to one GUN.
enum Outcome {
    Cleared { versions: u64, bytes: u64 },
    LeftAlone(String),
}

/// Goes through the whole store once. Space is not given back yet: that is
/// [`Retention::give_back`].
///
/// # Errors
/// When the store cannot be read or written; what was removed until then stays removed.
pub async fn clear(
    store: Shelves<'_>,
    plan: Plan,
    now: DateTime<Utc>,
) -> Result<Cleared, StorageError> {
    let mut cleared = Cleared::default();
    let mut after: Option<String> = None;
    loop {
        let page = store.inventory.guns(after.as_deref(), PAGE).await?;
        let Some(last) = page.last() else { break };
        after = Some(last.clone());
        for name in page {
            cleared.guns = cleared.guns.saturating_add(1);
            match clear_gun(store, &name, plan, now).await? {
                Outcome::Cleared { versions, bytes } => {
                    cleared.versions = cleared.versions.saturating_add(versions);
                    cleared.bytes = cleared.bytes.saturating_add(bytes);
                }
                Outcome::LeftAlone(reason) => cleared.leave_alone(name, reason),
            }
        }
    }
    if let Some(within) = plan.changes_within {
        cleared.changes = thin(store, now - within, plan.removal).await?;
    }
    Ok(cleared)
}

impl Cleared {
    fn leave_alone(&mut self, gun: String, reason: String) {
        self.left_alone = self.left_alone.saturating_add(1);
        if self.examples.len() < EXAMPLES {
            self.examples.push((gun, reason));
        }
    }
}

async fn clear_gun(
    store: Shelves<'_>,
    name: &str,
    plan: Plan,
    now: DateTime<Utc>,
) -> Result<Outcome, StorageError> {
    let Ok(gun) = Gun::parse(name) else {
        return Ok(Outcome::LeftAlone("its name is none that a route takes".to_owned()));
    };
    for _ in 0..TRIES {
        let records = match store.inventory.versions(name).await {
            Err(error @ StorageError::Corrupt { .. }) => {
                return Ok(Outcome::LeftAlone(error.to_string()));
            }
            other => other?,
        };
        let others = match decide(store, &records, plan.keep, now).await? {
            Ok(others) => others,
            Err(reason) => return Ok(Outcome::LeftAlone(reason)),
        };
        let bytes = others.iter().map(|record| record.size_bytes).sum();
        let versions = u64::try_from(others.len()).unwrap_or(u64::MAX);
        if plan.removal == Removal::Rehearsed || others.is_empty() {
            return Ok(Outcome::Cleared { versions, bytes });
        }
        let Some(base) = heads(&records) else {
            return Ok(Outcome::LeftAlone("the highest version of a role is damaged".to_owned()));
        };
        let ids: Vec<i64> = others.iter().map(|record| record.id).collect();
        match store.retention.forget(&gun, &base, &ids).await {
            Err(error @ StorageError::Corrupt { .. }) => {
                return Ok(Outcome::LeftAlone(error.to_string()));
            }
            Err(error) => return Err(error),
            Ok(Forgotten::Done(versions)) => return Ok(Outcome::Cleared { versions, bytes }),
            Ok(Forgotten::Moved(_)) => {}
        }
    }
    Ok(Outcome::LeftAlone("others keep publishing to it".to_owned()))
}

/// The rows that may go, or why nothing of this GUN is touched.
async fn decide<'r>(
    store: Shelves<'_>,
    records: &'r [VersionRecord],
    keep: Keep,
    now: DateTime<Utc>,
) -> Result<Result<Vec<&'r VersionRecord>, String>, StorageError> {
    let current = highest(records, &RoleName::Timestamp).map(|record| record.id);
    let mut current_snapshot: Option<Sha256Digest> = None;
    let mut kept = Kept::begin(records, keep, now);
    while let Some(record) = kept.next_unread() {
        let named = match store.inventory.bytes(record.id).await? {
            Some(bytes) => names_in(record, bytes),
            // Another process removed it just now; only a head must be there.
            None => Err("a row is gone".to_owned()),
        };
        let is_current = Some(record.id) == current
            || current_snapshot.is_some_and(|sha256| record.sha256 == Some(sha256.to_hex()));
        match named {
            Ok(named) => {
                let stored = kept.follow(&named);
                if Some(record.id) == current {
                    if stored == Stored::InPart {
                        let reason = "its current timestamp names a snapshot that is not stored";
                        return Ok(Err(reason.to_owned()));
                    }
                    current_snapshot = named.first().map(|(_, sha256)| *sha256);
                }
            }
            Err(reason) if is_current => {
                return Ok(Err(format!("its current {} cannot be read: {reason}", record.role)));
            }
            Err(_) => {}
        }
    }
    if current.is_none() && kept.others().next().is_some() {
        return Ok(Err("it has no timestamp".to_owned()));
    }
    Ok(Ok(kept.others().collect()))
}

/// What a timestamp or snapshot names.
fn names_in(record: &VersionRecord, bytes: Bytes) -> Result<Vec<Named>, String> {
    if record.sha256 != Some(Sha256Digest::of(&bytes).to_hex()) {
        return Err("its bytes are not those of its digest".to_owned());
    }
    if record.role == RoleName::Timestamp.as_str() {
        let timestamp = rules::Stored::read_timestamp(bytes).map_err(|error| error.to_string())?;
        return Ok(vec![(RoleName::Snapshot, timestamp.snapshot_sha256())]);
    }
    let snapshot = rules::Stored::read_snapshot(bytes).map_err(|error| error.to_string())?;
    let named = snapshot.entries().filter_map(|(role, entry)| Some((role, entry.sha256()?)));
    Ok(named.collect())
}

fn highest<'r>(records: &'r [VersionRecord], role: &RoleName) -> Option<&'r VersionRecord> {
    records.iter().filter(|record| record.role == role.as_str()).max_by_key(|record| record.version)
}

/// The heads that the decision is based on; `None` when one of them is none.
fn heads(records: &[VersionRecord]) -> Option<Heads> {
    let mut highest = BTreeMap::<&str, &VersionRecord>::new();
    for record in records {
        let place = highest.entry(&record.role).or_insert(record);
        if record.version > place.version {
            *place = record;
        }
    }
    let known = highest.into_values().filter_map(|record| {
        let role = RoleName::parse(&record.role).ok()?;
        Some((role, record))
    });
    let head = |(role, record): (RoleName, &VersionRecord)| {
        let version = Version::new(i64::from(record.version))?;
        let sha256 = Sha256Digest::from_hex(record.sha256.as_deref()?)?;
        Some((role, Some(Head { version, sha256 })))
    };
    known.map(head).collect()
}

async fn thin(
    store: Shelves<'_>,
    before: DateTime<Utc>,
    removal: Removal,
) -> Result<u64, StorageError> {
    let (mut after, mut removed) = (0, 0_u64);
    loop {
        let thinned = store.retention.thin_changes(before, after, PAGE, removal).await?;
        removed = removed.saturating_add(thinned.removed);
        match thinned.upto {
            Some(upto) => after = upto,
            None => return Ok(removed),
        }
    }
}
