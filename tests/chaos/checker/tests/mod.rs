//! The checker on made-up histories: a sound one in which nothing is found, and the same with one
//! promise broken at a time.

mod answers;
mod changes;
mod versions;
mod writes;

use std::sync::Arc;
use std::time::Duration;

use countersign_tuf::digest::Sha256Digest;

use super::{Evidence, Violation, check};
use crate::history::{Action, By, Change, Edition, Moment, Operation, Outcome, Set};
use crate::stored::StoredDocument;

const GUN: &str = "lab/app";

/// Two publishes of targets and a delegation, the second one acknowledged at second 4; two reads,
/// one poller, and a set that was read at the end.
fn sound() -> Evidence {
    let mut evidence = Evidence::default();
    evidence.publishes(0, 1, &first(), Outcome::Done);
    evidence.publishes(3, 4, &second(), Outcome::Done);
    evidence.reads(2, 0, By::Name, edition("targets", 1));
    evidence.reads(5, 1, By::Name, edition("targets", 2));
    let set = [edition("targets", 2), edition("targets/a", 2), edition("timestamp", 2)];
    evidence.sees(6, set.to_vec());
    for edition in first().into_iter().chain(second()) {
        evidence.stores(edition);
    }
    for version in [1, 2] {
        evidence.stores(edition("timestamp", version));
        evidence.stored.changes.push(change(version));
    }
    evidence.polls(2, vec![change(1)]);
    evidence.polls(7, vec![change(2)]);
    evidence
}

fn first() -> Vec<Edition> {
    vec![edition("targets", 1), edition("targets/a", 1)]
}

fn second() -> Vec<Edition> {
    vec![edition("targets", 2), edition("targets/a", 2)]
}

fn edition(role: &str, version: i64) -> Edition {
    edition_by("its owner", role, version)
}

/// The bytes differ with who made them.
fn edition_by(who: &str, role: &str, version: i64) -> Edition {
    let sha256 = Sha256Digest::of(format!("{who} {role} {version}").as_bytes());
    Edition { role: role.into(), version, sha256: *sha256.as_bytes() }
}

/// The row of timestamp `version`, which has the same ID.
fn change(version: i64) -> Change {
    let sha256 = hex::encode(edition("timestamp", version).sha256);
    Change { id: version, gun: GUN.into(), version, sha256 }
}

fn gun() -> Arc<str> {
    GUN.into()
}

fn second_of(number: u64) -> Moment {
    Duration::from_secs(number)
}

impl Evidence {
    fn publishes(&mut self, began: u64, ended: u64, editions: &[Edition], outcome: Outcome) {
        let action = Action::Publish { gun: gun(), editions: editions.to_vec() };
        self.does(began, ended, 0, action, outcome);
    }

    /// A read that takes a tenth of a second.
    fn reads(&mut self, at: u64, replica: usize, by: By, edition: Edition) {
        let action = Action::Read { gun: gun(), role: Arc::clone(&edition.role), by };
        self.does(at, at, replica, action, Outcome::Document(edition));
    }

    fn sees(&mut self, at: u64, editions: Vec<Edition>) {
        let (began, ended) = (second_of(at), second_of(at));
        self.history.sets.push(Set { gun: gun(), began, ended, editions, refused: None });
    }

    fn polls(&mut self, at: u64, changes: Vec<Change>) {
        let action = Action::Poll { poller: 0, of: None, after: 0 };
        self.does(at, at, 0, action, Outcome::Changes(changes));
    }

    fn does(&mut self, began: u64, ended: u64, replica: usize, action: Action, outcome: Outcome) {
        let (began, ended) = (second_of(began), second_of(ended));
        self.history.operations.push(Operation { began, ended, replica, action, outcome });
    }

    fn stores(&mut self, edition: Edition) {
        let listed = hex::encode(edition.sha256);
        self.stored.documents.push(StoredDocument { gun: gun(), edition, listed });
    }

    fn forgets(&mut self, edition: &Edition) {
        self.stored.documents.retain(|document| document.edition != *edition);
    }
}

#[test]
fn a_sound_history_breaks_no_promise() {
    assert_eq!(check(&sound()), []);
}

#[test]
fn an_empty_history_breaks_no_promise() {
    assert_eq!(check(&Evidence::default()), []);
}

/// The checker finds this, whatever else follows from it.
#[track_caller]
fn finds(evidence: &Evidence, violation: &Violation) {
    let found = check(evidence);
    assert!(found.contains(violation), "{found:?}");
}
