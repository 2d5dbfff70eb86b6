//! What a restored store lacks of the one that it replaces: publishes that were acknowledged and
//! are gone, and deletions that did not happen any more. Pure.

use std::collections::BTreeMap;
use std::fmt;

use chrono::{DateTime, SecondsFormat, Utc};
use countersign_storage::VersionRecord;
use countersign_tuf::names::{RoleName, Version};

/// One thing that the restored store lacks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Loss {
    /// Versions that somebody published since the backup.
    Publishes {
        /// The role, as stored.
        role: String,
        /// The newest version that is there now; 0: none.
        restored: i32,
        /// The newest version that was there.
        lost: i32,
        /// When that was stored.
        at: Option<DateTime<Utc>>,
    },
    /// The GUN was deleted since, and is back.
    Deletion,
    /// The GUN was deleted since and published anew; what is back is what was before.
    Replacement,
}

/// What is lost of one GUN: `restored` is what is there now, `old` what was.
#[must_use]
pub fn lost(restored: &[VersionRecord], old: &[VersionRecord]) -> Vec<Loss> {
    let (now, before) = (newest(restored), newest(old));
    if before.is_empty() {
        return if now.is_empty() { Vec::new() } else { vec![Loss::Deletion] };
    }
    if now.iter().any(|(role, row)| is_replaced(role, row, old)) {
        return vec![Loss::Replacement];
    }
    let published = before.iter().filter(|(role, _)| !is_servers(role));
    let gone = published.filter_map(|(role, row)| {
        let there = now.get(role).map_or(0, |row| row.version);
        (row.version > there).then(|| Loss::Publishes {
            role: (*role).to_owned(),
            restored: there,
            lost: row.version,
            at: row.stored_at,
        })
    });
    gone.collect()
}

/// The versions of the server's roles that were issued.
#[must_use]
pub fn issued(old: &[VersionRecord]) -> BTreeMap<RoleName, Version> {
    let newest = newest(old);
    [RoleName::Timestamp, RoleName::Snapshot]
        .into_iter()
        .filter_map(|role| {
            let version = newest.get(role.as_str())?.version;
            Some((role, Version::new(i64::from(version))?))
        })
        .collect()
}

/// Signed by the server, as a rule: lost with what it was signed for.
fn is_servers(role: &str) -> bool {
    [RoleName::Timestamp, RoleName::Snapshot].iter().any(|server| server.as_str() == role)
}

/// Whether the old store has another document at that version, or none below its newest one.
fn is_replaced(role: &str, row: &VersionRecord, old: &[VersionRecord]) -> bool {
    let same = |other: &&VersionRecord| other.role == role && other.version == row.version;
    role == RoleName::Root.as_str()
        && old.iter().find(same).is_none_or(|other| other.sha256 != row.sha256)
}

fn newest(rows: &[VersionRecord]) -> BTreeMap<&str, &VersionRecord> {
    let mut newest = BTreeMap::<&str, &VersionRecord>::new();
    for row in rows {
        let place = newest.entry(&row.role).or_insert(row);
        if row.version > place.version {
            *place = row;
        }
    }
    newest
}

impl fmt::Display for Loss {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Publishes { role, restored, lost, at } => {
                let first = restored.saturating_add(1);
                if first == *lost {
                    write!(f, "{role} version {lost}")?;
                } else {
                    write!(f, "{role} versions {first} to {lost}")?;
                }
                match at {
                    Some(at) => {
                        let at = at.to_rfc3339_opts(SecondsFormat::Secs, true);
                        write!(f, ", the last stored at {at}: publish again")
                    }
                    None => f.write_str(": publish again"),
                }
            }
            Self::Deletion => f.write_str("was deleted since and is back: delete it again"),
            Self::Replacement => f.write_str(
                "was deleted since and published anew; what was before is back: delete it and \
                 publish again",
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Rows: role, version, and what their digest is made of.
    fn rows(rows: &[(&str, i32, &str)]) -> Vec<VersionRecord> {
        let row = |(role, version, sha256): &(&str, i32, &str)| VersionRecord {
            id: 1,
            role: (*role).to_owned(),
            version: *version,
            sha256: Some((*sha256).to_owned()),
            size_bytes: 1,
            stored_at: None,
        };
        rows.iter().map(row).collect()
    }

    fn said(restored: &[(&str, i32, &str)], old: &[(&str, i32, &str)]) -> Vec<String> {
        lost(&rows(restored), &rows(old)).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn what_is_there_is_not_lost() {
        let all = [("root", 1, "a"), ("targets", 2, "b"), ("timestamp", 3, "c")];
        assert_eq!(said(&all, &all), [""; 0]);
        assert_eq!(said(&[], &[]), [""; 0]);
    }

    #[test]
    fn what_the_server_signed_again_is_no_loss() {
        let restored = [("root", 1, "a"), ("timestamp", 3, "c")];
        let old = [("root", 1, "a"), ("timestamp", 9, "d"), ("snapshot", 9, "d")];
        assert_eq!(said(&restored, &old), [""; 0]);
    }

    #[test]
    fn lost_publishes_are_named_by_role_and_version() {
        let restored = [("root", 1, "a"), ("targets", 2, "b")];
        let old = [("root", 1, "a"), ("root", 2, "x"), ("targets", 5, "c"), ("targets/a", 1, "d")];
        let expected = [
            "root version 2: publish again",
            "targets versions 3 to 5: publish again",
            "targets/a version 1: publish again",
        ];
        assert_eq!(said(&restored, &old), expected);
    }

    #[test]
    fn a_gun_that_is_not_in_the_backup_is_lost_whole() {
        assert_eq!(said(&[], &[("root", 1, "a")]), ["root version 1: publish again"]);
    }

    #[test]
    fn a_deletion_is_lost_too() {
        assert_eq!(lost(&rows(&[("root", 1, "a")]), &[]), [Loss::Deletion]);
        let anew = rows(&[("root", 1, "other"), ("targets", 9, "x")]);
        assert_eq!(lost(&rows(&[("root", 1, "a")]), &anew), [Loss::Replacement]);
    }

    #[test]
    fn the_issued_versions_are_those_of_the_servers_roles() {
        let old = rows(&[("root", 7, "a"), ("timestamp", 9, "d"), ("timestamp", 8, "d")]);
        let expected = [(RoleName::Timestamp, Version::new(9).unwrap())].into();
        assert_eq!(issued(&old), expected);
    }
}
