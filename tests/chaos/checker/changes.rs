//! The changefeed: each timestamp has one row, and each poller got every row once, in order.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::{Evidence, Violation};
use crate::history::{Action, Change, Outcome};

/// Every row that is missing, or there and should not be.
pub(super) fn check(evidence: &Evidence) -> Vec<Violation> {
    let mut found = unpaired(evidence);
    found.extend(not_asked_for(evidence));
    for (poller, got) in polled(evidence) {
        let stored = evidence.stored.changes.iter();
        let mut expected = stored.filter(|change| concerns(&got.of, change)).peekable();
        for change in &got.changes {
            while let Some(missed) = expected.next_if(|stored| stored.id < change.id) {
                found.push(Violation::MissedChange { poller, id: missed.id });
            }
            if expected.next_if(|stored| *stored == *change).is_none() {
                found.push(wrong(poller, change));
            }
        }
        let rest = expected.map(|missed| Violation::MissedChange { poller, id: missed.id });
        found.extend(rest);
    }
    found
}

/// Rows that a poller had said it had.
fn not_asked_for(evidence: &Evidence) -> Vec<Violation> {
    let mut found = Vec::new();
    for done in &evidence.history.operations {
        if let (Action::Poll { poller, after, .. }, Outcome::Changes(changes)) =
            (&done.action, &done.outcome)
        {
            let known = changes.iter().filter(|change| change.id <= *after);
            found.extend(known.map(|change| wrong(*poller, change)));
        }
    }
    found
}

fn wrong(poller: usize, change: &Change) -> Violation {
    Violation::WrongChange { poller, id: change.id }
}

/// What a poller got, in the order in which it got it.
struct Polled<'a> {
    of: Option<Arc<str>>,
    changes: Vec<&'a Change>,
}

fn polled(evidence: &Evidence) -> BTreeMap<usize, Polled<'_>> {
    let mut polled: BTreeMap<usize, Polled<'_>> = BTreeMap::new();
    for done in &evidence.history.operations {
        let (Action::Poll { poller, of, .. }, Outcome::Changes(changes)) =
            (&done.action, &done.outcome)
        else {
            continue;
        };
        let got =
            polled.entry(*poller).or_insert_with(|| Polled { of: of.clone(), changes: Vec::new() });
        got.changes.extend(changes);
    }
    polled
}

fn concerns(of: &Option<Arc<str>>, change: &Change) -> bool {
    of.as_ref().is_none_or(|gun| *gun == change.gun)
}

/// Timestamps without a row and rows without a timestamp.
fn unpaired(evidence: &Evidence) -> Vec<Violation> {
    let documents = evidence.stored.documents.iter();
    let timestamps: BTreeSet<_> = documents
        .filter(|document| &*document.edition.role == "timestamp")
        .map(|document| {
            (&document.gun, document.edition.version, hex::encode(document.edition.sha256))
        })
        .collect();
    let mut rows = BTreeSet::new();
    let mut found = Vec::new();
    for change in &evidence.stored.changes {
        let row = (&change.gun, change.version, change.sha256.trim_end().to_owned());
        if !timestamps.contains(&row) || !rows.insert(row) {
            found.push(unpaired_at(&change.gun, change.version));
        }
    }
    let without = timestamps.difference(&rows);
    found.extend(without.map(|(gun, version, _)| unpaired_at(gun, *version)));
    found
}

fn unpaired_at(gun: &Arc<str>, version: i64) -> Violation {
    Violation::UnpairedChange { gun: Arc::clone(gun), version }
}
