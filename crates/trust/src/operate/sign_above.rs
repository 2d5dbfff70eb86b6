//! Signing a GUN again above every version that clients can have seen: after a backup was put back,
//! what the server signed since is lost, and clients refuse versions that go back.
//!
//! Source: contract section 4 (a restored backup is a rollback).

use std::collections::BTreeMap;

use chrono::{DateTime, Duration, Utc};
use countersign_storage::{Commit, Head, Heads, VersionRecord};
use countersign_tuf::accepted::AcceptedUpdate;
use countersign_tuf::names::{Gun, RoleName, ServerRole, Version};
use countersign_tuf::rules::{Stored, renew_snapshot, renew_timestamp, stored_root};

use crate::load::{Current, versions};
use crate::{Trust, TrustError};

/// How many versions of one GUN can be issued in a burst.
const BURST: u32 = 100_000;

/// How many versions of one GUN can be issued per second, for as long as there are publishers.
const PER_SECOND: i64 = 10;

/// How often one GUN is tried; nobody else should be writing.
const TRIES: u32 = 5;

/// How many versions can have been issued since `taken_at`: a burst of 100,000, and 10 a second.
#[must_use]
pub fn issued_since(taken_at: DateTime<Utc>, now: DateTime<Utc>) -> u32 {
    let seconds = now.signed_duration_since(taken_at).max(Duration::zero()).num_seconds();
    let issued = seconds.saturating_mul(PER_SECOND).saturating_add(i64::from(BURST));
    u32::try_from(issued).unwrap_or(u32::MAX)
}

/// How far above what is stored is signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Jump {
    /// So many versions are left out.
    pub versions: u32,
    /// Nothing that is stored was stored later, but for what this has done before.
    pub taken_at: DateTime<Utc>,
}

/// What was done about one GUN.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SignedAbove {
    /// An earlier run has done it, and nobody published since.
    Before,
    /// The timestamp has this version now; so has the snapshot where the server signs it.
    Now {
        /// The timestamp's.
        timestamp: Version,
        /// The snapshot's, where the server signs it.
        snapshot: Option<Version>,
    },
    /// Nothing of it is served, so there is nothing to sign.
    NotServed,
    /// It cannot be signed, and is served as it was when the backup was taken. Why.
    Stuck(String),
}

impl Trust {
    /// Signs timestamp, and snapshot where the server holds its key, above what is stored by
    /// `jump` and above `seen`, the versions that are known to have been issued. `rows` are those
    /// of the GUN.
    ///
    /// # Errors
    /// What concerns all GUNs, such as a database or keys that are away.
    pub async fn sign_above(
        &self,
        gun: &Gun,
        rows: &[VersionRecord],
        seen: &BTreeMap<RoleName, Version>,
        jump: Jump,
    ) -> Result<SignedAbove, TrustError> {
        match self.within_patience(self.try_sign_above(gun, rows, seen, jump)).await {
            Err(error) if !crate::renew::concerns_all(&error) => {
                Ok(SignedAbove::Stuck(error.to_string()))
            }
            other => other,
        }
    }

    async fn try_sign_above(
        &self,
        gun: &Gun,
        rows: &[VersionRecord],
        seen: &BTreeMap<RoleName, Version>,
        jump: Jump,
    ) -> Result<SignedAbove, TrustError> {
        let watched = [RoleName::Timestamp, RoleName::Snapshot, RoleName::Root];
        for _ in 0..TRIES {
            let heads = self.store.heads(gun, &watched).await?;
            let Some(current) = self.load_current(gun).await? else {
                return Ok(SignedAbove::NotServed);
            };
            if was_signed_above(rows, seen, jump) {
                return Ok(SignedAbove::Before);
            }
            let Some(raised) = raised(&heads, seen, jump) else {
                let reason = "there are not so many versions left: leave out fewer";
                return Ok(SignedAbove::Stuck(reason.to_owned()));
            };
            let update = self.sign_for(gun, &current, raised).await?;
            let version = |role: &RoleName| {
                update.documents().find(|document| document.role == *role).map(|d| d.version)
            };
            let signed = SignedAbove::Now {
                timestamp: update.timestamp().version,
                snapshot: version(&RoleName::Snapshot),
            };
            match self.store.commit(gun, &heads, &update, self.clock.now()).await? {
                Commit::Done => return Ok(signed),
                Commit::Moved(_) | Commit::OldVersion(_) => {}
            }
        }
        Err(TrustError::Contended)
    }

    /// A new snapshot and timestamp, or a timestamp alone where the snapshot is its publisher's.
    async fn sign_for(
        &self,
        gun: &Gun,
        current: &Current,
        versions: BTreeMap<RoleName, Version>,
    ) -> Result<AcceptedUpdate, TrustError> {
        let circumstances = self.circumstances();
        let root = self.load_named(gun, &current.snapshot_content, &RoleName::Root).await?;
        let root = root.ok_or(TrustError::NoRoot)?;
        let invalid = |role| move |reason| TrustError::StoredInvalid { role, reason };
        let root =
            stored_root(gun, root.bytes, circumstances.now).map_err(invalid(RoleName::Root))?;
        let snapshot = Some(current.snapshot_content.clone());
        let stored = Stored { versions, snapshot, ..Stored::default() };
        let waiting = renew_snapshot(root.clone(), &stored, circumstances)
            .map_err(invalid(RoleName::Root))?;
        let (keys, role) = (waiting.keys(), ServerRole::Snapshot);
        let waiting = match self.sign(gun, role, &keys, waiting.draft()).await {
            Ok(raw) => {
                waiting.signed(raw).map_err(|reason| TrustError::SignedBadly { role, reason })?
            }
            Err(TrustError::MissingKeys(_)) => {
                let snapshot = current.snapshot.bytes.clone();
                renew_timestamp(root, snapshot, &stored, circumstances.now)
                    .map_err(invalid(RoleName::Snapshot))?
            }
            Err(error) => return Err(error),
        };
        self.sign_timestamp(gun, waiting).await
    }
}

/// The versions that the next ones follow; `None` when there are none left above them.
fn raised(
    heads: &Heads,
    seen: &BTreeMap<RoleName, Version>,
    jump: Jump,
) -> Option<BTreeMap<RoleName, Version>> {
    let mut raised = versions(heads);
    for role in [RoleName::Timestamp, RoleName::Snapshot] {
        let stored = heads.get(&role).copied().flatten().map_or(0, |head: Head| head.version.get());
        let jumped = stored.saturating_add(i64::from(jump.versions));
        let seen = seen.get(&role).map_or(0, |version| version.get());
        let version = Version::new(jumped.max(seen))?;
        version.next()?;
        raised.insert(role, version);
    }
    Some(raised)
}

/// Whether the newest timestamp is one that this made: timestamps are numbered without gaps
/// otherwise, and the one behind the gap is younger than the backup. When versions are left out by
/// time, a later run leaves out more than an earlier one, so half of it is enough.
fn was_signed_above(
    rows: &[VersionRecord],
    seen: &BTreeMap<RoleName, Version>,
    jump: Jump,
) -> bool {
    let mut timestamps: Vec<&VersionRecord> =
        rows.iter().filter(|row| row.role == RoleName::Timestamp.as_str()).collect();
    timestamps.sort_by_key(|row| std::cmp::Reverse(row.version));
    let [newest, before, ..] = timestamps.as_slice() else { return false };
    let gap = i64::from(newest.version) - i64::from(before.version) - 1;
    let is_above_seen = seen
        .get(&RoleName::Timestamp)
        .is_none_or(|version| version.get() < i64::from(newest.version));
    gap > 0
        && gap.saturating_mul(2) >= i64::from(jump.versions)
        && is_above_seen
        && newest.stored_at.is_some_and(|at| at > jump.taken_at)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    #[test]
    fn as_many_versions_as_can_have_been_issued_are_left_out() {
        let taken = at("2026-11-24T12:00:00Z");
        for (now, issued) in [
            ("2026-11-24T12:00:00Z", 100_000),
            ("2026-11-24T12:00:10Z", 100_100),
            ("2026-11-25T12:00:00Z", 964_000),
            ("2020-01-01T00:00:00Z", 100_000),
        ] {
            assert_eq!(issued_since(taken, at(now)), issued, "{now}");
        }
        assert_eq!(issued_since(DateTime::<Utc>::MIN_UTC, taken), u32::MAX);
    }

    /// Rows of timestamps: version, and when each was stored.
    fn rows(rows: &[(i32, &str)]) -> Vec<VersionRecord> {
        let row = |(id, (version, stored_at)): (i64, &(i32, &str))| VersionRecord {
            id,
            role: "timestamp".to_owned(),
            version: *version,
            sha256: None,
            size_bytes: 1,
            stored_at: Some(at(stored_at)),
        };
        (1..).zip(rows).map(row).collect()
    }

    #[test]
    fn what_an_earlier_run_signed_is_known_by_its_gap_and_its_age() {
        let (early, taken, late) =
            ("2026-11-23T12:00:00Z", "2026-11-24T12:00:00Z", "2026-11-25T12:00:00Z");
        let jump = Jump { versions: 100, taken_at: at(taken) };
        for (before, newest, seen, known) in [
            ((7, early), (108, late), None, true),
            ((7, early), (70, late), None, true),
            ((7, early), (8, late), None, false),
            ((7, early), (20, late), None, false),
            // A jump of an earlier restore, which the backup holds.
            ((7, early), (108, early), None, false),
            ((7, early), (108, late), Some(107), true),
            ((7, early), (108, late), Some(108), false),
        ] {
            let rows = rows(&[newest, before]);
            let seen = seen.map(|number| (RoleName::Timestamp, Version::new(number).unwrap()));
            let seen = seen.into_iter().collect();
            assert_eq!(was_signed_above(&rows, &seen, jump), known, "{before:?} {newest:?}");
        }
        assert!(!was_signed_above(&rows(&[(108, late)]), &BTreeMap::new(), jump));
    }

    #[test]
    fn where_no_version_is_left_nothing_is_raised() {
        let head = |number| {
            let sha256 = countersign_tuf::digest::Sha256Digest::of(b"x");
            Some(Head { version: Version::new(number).unwrap(), sha256 })
        };
        let highest = i64::from(i32::MAX);
        let jump = Jump { versions: 10, taken_at: at("2026-11-24T12:00:00Z") };
        for (stored, left) in [(1, true), (highest - 11, true), (highest - 10, false)] {
            let heads = Heads::from([(RoleName::Timestamp, head(stored))]);
            assert_eq!(raised(&heads, &BTreeMap::new(), jump).is_some(), left, "{stored}");
        }
    }
}
