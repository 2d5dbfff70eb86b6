//! Planted: rows of the changefeed that a poller missed, got twice, or got too late.

use super::*;

#[test]
fn a_row_that_the_poller_never_got_is_missed() {
    let mut evidence = sound();
    evidence.stores(edition("timestamp", 3));
    evidence.stored.changes.push(change(3));
    assert_eq!(check(&evidence), [Violation::MissedChange { poller: 0, id: 3 }]);
}

/// As where a number is taken before the row that it belongs to can be seen.
#[test]
fn a_row_that_becomes_visible_behind_the_poller_is_missed() {
    let mut evidence = sound();
    evidence.stores(edition("timestamp", 3));
    evidence.stored.changes.insert(1, Change { id: 2, ..change(3) });
    if let Some(last) = evidence.stored.changes.last_mut() {
        last.id = 3;
    }
    evidence.history.operations.retain(|done| !matches!(done.action, Action::Poll { .. }));
    evidence.polls(9, vec![change(1), Change { id: 3, ..change(2) }]);
    assert_eq!(check(&evidence), [Violation::MissedChange { poller: 0, id: 2 }]);
}

#[test]
fn a_row_that_the_poller_got_twice_is_noticed() {
    let mut evidence = sound();
    evidence.polls(8, vec![change(2)]);
    assert_eq!(check(&evidence), [Violation::WrongChange { poller: 0, id: 2 }]);
}

#[test]
fn a_row_that_is_stored_otherwise_is_noticed() {
    let mut evidence = sound();
    evidence.polls(8, vec![Change { id: 3, ..change(2) }]);
    assert_eq!(check(&evidence), [Violation::WrongChange { poller: 0, id: 3 }]);
}

#[test]
fn a_poller_of_one_collection_gets_its_rows_and_no_others() {
    let mut evidence = sound();
    let action = Action::Poll { poller: 1, of: Some("lab/other".into()), after: 0 };
    evidence.does(8, 8, 0, action.clone(), Outcome::Changes(Vec::new()));
    assert_eq!(check(&evidence), []);
    evidence.does(9, 9, 0, action, Outcome::Changes(vec![change(1)]));
    assert_eq!(check(&evidence), [Violation::WrongChange { poller: 1, id: 1 }]);
}

#[test]
fn a_timestamp_without_a_row_and_a_row_without_a_timestamp_are_noticed() {
    let unpaired = |version| Violation::UnpairedChange { gun: gun(), version };
    let mut evidence = sound();
    evidence.stores(edition("timestamp", 3));
    assert_eq!(check(&evidence), [unpaired(3)]);
    let mut evidence = sound();
    evidence.stored.documents.retain(|document| document.edition != edition("timestamp", 1));
    finds(&evidence, &unpaired(1));
}
