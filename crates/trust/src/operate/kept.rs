//! Which stored versions of one GUN a client can still need. Pure: records go in, row numbers come
//! out.
//!
//! Kept are all roots, of every role the highest version, the newest few, and what was the highest
//! a short while ago; and with every timestamp and snapshot that is kept, whatever it leads to.
//! So each state of the GUN that is still there is there as a whole, the current one first of all,
//! entries of its snapshot that are stale included. Nothing else is kept.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use chrono::{DateTime, Duration, Utc};
use countersign_storage::VersionRecord;
use countersign_tuf::digest::Sha256Digest;
use countersign_tuf::names::RoleName;

/// How much history is kept beside the current state. What one of the two keeps is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Keep {
    /// So many of the newest versions of every role; 0 counts as 1.
    pub versions: u32,
    /// What was the highest version of its role less than this long ago; zero: nothing for that.
    pub superseded_within: Duration,
}

/// A document that another one names.
pub(crate) type Named = (RoleName, Sha256Digest);

/// The versions of one GUN while it is decided which are kept.
#[derive(Debug)]
pub(crate) struct Kept<'a> {
    records: &'a [VersionRecord],
    kept: BTreeSet<i64>,
    /// Where a document is found that a timestamp or snapshot names.
    by_digest: BTreeMap<(&'a str, &'a str), Vec<&'a VersionRecord>>,
    /// Kept timestamps and snapshots whose names have not been followed.
    unread: VecDeque<&'a VersionRecord>,
}

impl<'a> Kept<'a> {
    /// Keeps what is kept for its role, number and age.
    pub(crate) fn begin(records: &'a [VersionRecord], keep: Keep, now: DateTime<Utc>) -> Self {
        let mut by_digest = BTreeMap::<_, Vec<_>>::new();
        let mut by_role = BTreeMap::<&str, Vec<&VersionRecord>>::new();
        for record in records {
            by_role.entry(&record.role).or_default().push(record);
            if let Some(sha256) = &record.sha256 {
                by_digest.entry((&*record.role, &**sha256)).or_default().push(record);
            }
        }
        let mut kept = Self { records, kept: BTreeSet::new(), by_digest, unread: VecDeque::new() };
        // The highest timestamp is read first: it says which snapshot is the current one.
        let timestamps = by_role.remove_entry(RoleName::Timestamp.as_str());
        for (role, mut versions) in timestamps.into_iter().chain(by_role) {
            versions.sort_by_key(|record| std::cmp::Reverse(record.version));
            kept.keep_of_role(role, &versions, keep, now);
        }
        kept
    }

    /// `versions` begins with the highest.
    fn keep_of_role(
        &mut self,
        role: &str,
        versions: &[&'a VersionRecord],
        keep: Keep,
        now: DateTime<Utc>,
    ) {
        // What no route can name is nothing that this program put there.
        let all = role == RoleName::Root.as_str() || RoleName::parse(role).is_err();
        let newest = usize::try_from(keep.versions.max(1)).unwrap_or(usize::MAX);
        let mut successor: Option<&VersionRecord> = None;
        for (place, record) in versions.iter().enumerate() {
            let is_late = successor.is_some_and(|next| superseded_lately(next, keep, now));
            if all || place < newest || is_late {
                self.keep(record);
            }
            successor = Some(record);
        }
    }

    fn keep(&mut self, record: &'a VersionRecord) {
        let names_others = [RoleName::Timestamp, RoleName::Snapshot]
            .iter()
            .any(|role| role.as_str() == record.role);
        if self.kept.insert(record.id) && names_others {
            self.unread.push_back(record);
        }
    }

    /// A kept timestamp or snapshot that has not been read; the highest timestamp comes before all
    /// others. `None` when all have been, or when nothing is left that could go.
    pub(crate) fn next_unread(&mut self) -> Option<&'a VersionRecord> {
        if self.kept.len() == self.records.len() {
            return None;
        }
        self.unread.pop_front()
    }

    /// Keeps what a document names. Tells whether all of it is stored.
    pub(crate) fn follow(&mut self, named: &[Named]) -> Stored {
        let mut stored = Stored::Whole;
        for (role, sha256) in named {
            let sha256 = sha256.to_hex();
            match self.by_digest.get(&(role.as_str(), &*sha256)) {
                Some(found) => found.clone().into_iter().for_each(|record| self.keep(record)),
                None => stored = Stored::InPart,
            }
        }
        stored
    }

    /// The rows that may go.
    pub(crate) fn others(&self) -> impl Iterator<Item = &'a VersionRecord> {
        self.records.iter().filter(|record| !self.kept.contains(&record.id))
    }
}

/// Whether everything that a document names is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stored {
    InPart,
    Whole,
}

/// A successor of unknown age may have come just now.
fn superseded_lately(successor: &VersionRecord, keep: Keep, now: DateTime<Utc>) -> bool {
    let within = keep.superseded_within;
    within > Duration::zero()
        && successor.stored_at.is_none_or(|at| now.signed_duration_since(at) < within)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Rows in the order of their numbers: role, version, and how many days ago they were stored.
    fn records(rows: &[(&str, i32, i64)]) -> Vec<VersionRecord> {
        let row = |(id, (role, version, days)): (i64, &(&str, i32, i64))| VersionRecord {
            id,
            role: (*role).to_owned(),
            version: *version,
            sha256: Some(digest(role, *version).to_hex()),
            size_bytes: 1,
            stored_at: Some(now() - Duration::days(*days)),
        };
        (1..).zip(rows).map(row).collect()
    }

    fn now() -> DateTime<Utc> {
        "2026-11-24T12:00:00Z".parse().unwrap()
    }

    fn digest(role: &str, version: i32) -> Sha256Digest {
        Sha256Digest::of(format!("{role} {version}").as_bytes())
    }

    fn named(role: &str, version: i32) -> Named {
        (RoleName::parse(role).unwrap(), digest(role, version))
    }

    fn keep(versions: u32, days: i64) -> Keep {
        Keep { versions, superseded_within: Duration::days(days) }
    }

    /// A role and a version.
    type Document = (&'static str, i32);

    /// What goes when the documents name what is said here.
    fn gone(
        rows: &[(&str, i32, i64)],
        keep: Keep,
        names: &[(Document, Document)],
    ) -> Vec<(String, i32)> {
        let records = records(rows);
        let mut kept = Kept::begin(&records, keep, now());
        while let Some(record) = kept.next_unread() {
            let (role, version) = (record.role.as_str(), record.version);
            let mine = names.iter().filter(|(by, _)| *by == (role, version));
            let mine: Vec<Named> = mine.map(|(_, (role, version))| named(role, *version)).collect();
            assert_eq!(kept.follow(&mine), Stored::Whole);
        }
        kept.others().map(|record| (record.role.clone(), record.version)).collect()
    }

    #[test]
    fn all_roots_and_the_highest_of_every_role_stay() {
        let rows = [
            ("root", 1, 900),
            ("root", 2, 800),
            ("targets", 1, 900),
            ("targets", 2, 800),
            ("targets/a", 7, 900),
            ("timestamp", 1, 900),
            ("timestamp", 2, 800),
        ];
        let gone = gone(&rows, keep(0, 0), &[]);
        assert_eq!(gone, [("targets".to_owned(), 1), ("timestamp".to_owned(), 1)]);
    }

    #[test]
    fn what_the_current_timestamp_reaches_stays_however_old() {
        let rows = [
            ("snapshot", 1, 900),
            ("targets", 1, 900),
            ("targets", 2, 800),
            ("targets/gone", 1, 900),
            ("targets/gone", 2, 800),
            ("timestamp", 1, 900),
            ("snapshot", 2, 800),
            ("timestamp", 2, 800),
        ];
        let names = [
            (("timestamp", 2), ("snapshot", 2)),
            (("snapshot", 2), ("targets", 1)),
            (("snapshot", 2), ("targets/gone", 1)),
        ];
        let gone = gone(&rows, keep(1, 0), &names);
        assert_eq!(gone, [("snapshot".to_owned(), 1), ("timestamp".to_owned(), 1)]);
    }

    #[test]
    fn the_newest_few_stay_with_what_they_lead_to() {
        let rows = [
            ("targets", 1, 900),
            ("targets", 2, 900),
            ("targets", 3, 900),
            ("snapshot", 1, 900),
            ("timestamp", 1, 900),
            ("timestamp", 2, 900),
            ("timestamp", 3, 900),
        ];
        let names = [
            (("timestamp", 2), ("snapshot", 1)),
            (("timestamp", 3), ("snapshot", 1)),
            (("snapshot", 1), ("targets", 1)),
        ];
        assert_eq!(gone(&rows, keep(2, 0), &names), [("timestamp".to_owned(), 1)]);
    }

    /// What counts is when it stopped being the newest: a reader may be on his way with it.
    #[test]
    fn what_was_the_highest_until_lately_stays_however_old_it_is() {
        let rows = [("targets", 1, 900), ("targets", 2, 899), ("targets", 3, 3), ("targets", 4, 1)];
        assert_eq!(
            gone(&rows, keep(1, 2), &[]),
            [("targets".to_owned(), 1), ("targets".to_owned(), 2)]
        );
        assert_eq!(gone(&rows, keep(1, 4), &[]), [("targets".to_owned(), 1)]);
    }

    #[test]
    fn where_nothing_could_go_nothing_is_read() {
        let records = records(&[("root", 1, 9), ("snapshot", 1, 9), ("timestamp", 1, 9)]);
        let mut kept = Kept::begin(&records, keep(1, 0), now());
        assert_eq!(kept.next_unread(), None);
        assert_eq!(kept.others().count(), 0);
    }

    #[test]
    fn a_name_that_is_no_roles_is_left_alone() {
        let rows = [("Targets", 1, 900), ("Targets", 2, 800), ("", 1, 9), ("", 2, 8)];
        assert_eq!(gone(&rows, keep(1, 0), &[]), []);
    }

    #[test]
    fn an_unknown_age_is_taken_for_young() {
        let mut records = records(&[("targets", 1, 900), ("targets", 2, 800)]);
        records.iter_mut().for_each(|record| record.stored_at = None);
        assert_eq!(Kept::begin(&records, keep(1, 1), now()).others().count(), 0);
        assert_eq!(Kept::begin(&records, keep(1, 0), now()).others().count(), 1);
    }

    #[test]
    fn what_is_named_and_not_stored_is_told() {
        let records = records(&[("timestamp", 1, 9), ("timestamp", 2, 9)]);
        let mut kept = Kept::begin(&records, keep(1, 0), now());
        assert_eq!(kept.follow(&[named("snapshot", 1)]), Stored::InPart);
    }
}
