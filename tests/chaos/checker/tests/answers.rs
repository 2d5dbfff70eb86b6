//! Planted: errors that nothing excuses, and answers that are not normal again in time.

use super::*;
use crate::checker::recoveries;
use crate::history::{Disturbance, Place};

impl Evidence {
    /// The database is away for a while.
    pub(super) fn disturbed(&mut self, began: u64, ended: u64) {
        self.disturbed_at(Place::Database, began, ended);
    }

    fn disturbed_at(&mut self, place: Place, began: u64, ended: u64) {
        let (began, ended) = (second_of(began), second_of(ended));
        self.history.disturbances.push(Disturbance { place, kind: "planted", began, ended });
    }

    fn gets(&mut self, at: u64, replica: usize, outcome: Outcome) {
        let action = Action::Read { gun: gun(), role: "root".into(), by: By::Name };
        self.does(at, at, replica, action, outcome);
    }
}

fn later() -> Outcome {
    Outcome::Later("busy".to_owned())
}

fn broken() -> Outcome {
    Outcome::Broken("connection refused".to_owned())
}

#[track_caller]
fn is_excused(evidence: &Evidence) {
    assert_eq!(check(evidence), []);
}

#[track_caller]
fn is_not_recovered(evidence: &Evidence) {
    let found = check(evidence);
    assert!(matches!(found.as_slice(), [Violation::NotRecovered { .. }]), "{found:?}");
}

#[track_caller]
fn is_wrong(evidence: &Evidence) {
    let found = check(evidence);
    assert!(matches!(found.as_slice(), [Violation::WrongAnswer { .. }]), "{found:?}");
}

#[test]
fn absence_and_a_failure_of_the_server_are_wrong_also_amid_faults() {
    for answer in ["404: METADATA_NOT_FOUND", "500: UNKNOWN", "503: without Retry-After"] {
        let mut evidence = sound();
        evidence.disturbed(8, 20);
        evidence.gets(9, 0, Outcome::Wrong(answer.to_owned()));
        is_wrong(&evidence);
    }
}

#[test]
fn not_for_now_is_excused_by_a_fault_on_the_way_until_five_seconds_after_it() {
    for (at, excused) in [(7, false), (8, true), (15, true), (16, false)] {
        let mut evidence = sound();
        evidence.disturbed(8, 10);
        evidence.gets(at, 0, later());
        if excused { is_excused(&evidence) } else { is_not_recovered(&evidence) }
    }
}

#[test]
fn a_fault_at_one_replica_excuses_nothing_at_another() {
    for place in [Place::Replica(1), Place::Link(1)] {
        let mut evidence = sound();
        evidence.disturbed_at(place, 8, 10);
        evidence.gets(9, 1, later());
        is_excused(&evidence);
        evidence.gets(9, 0, later());
        is_not_recovered(&evidence);
    }
}

#[test]
fn a_broken_connection_is_excused_by_a_fault_of_that_process_only() {
    let mut evidence = sound();
    evidence.disturbed_at(Place::Replica(0), 8, 10);
    evidence.gets(9, 0, broken());
    is_excused(&evidence);
    evidence.disturbed(8, 10);
    evidence.gets(9, 1, broken());
    is_not_recovered(&evidence);
}

#[test]
fn a_process_that_answers_says_that_it_lives() {
    let mut evidence = sound();
    evidence.disturbed(8, 10);
    evidence.does(9, 9, 0, Action::Ready, later());
    is_excused(&evidence);
    evidence.does(9, 9, 0, Action::Live, later());
    is_wrong(&evidence);
}

#[test]
fn a_refusal_of_the_update_is_wrong_where_the_owner_signs_no_snapshot() {
    let invalid = || Outcome::Refused("INVALID_UPDATE".to_owned());
    let mut evidence = sound();
    let mut rival = vec![edition_by("a rival", "targets", 2)];
    evidence.publishes(3, 5, &rival, invalid());
    is_wrong(&evidence);
    let mut evidence = sound();
    rival.push(edition_by("a rival", "snapshot", 2));
    evidence.publishes(3, 5, &rival, invalid());
    is_excused(&evidence);
}

#[test]
fn recovery_is_from_the_end_of_the_newest_fault_to_the_last_answer_that_it_excuses() {
    let mut evidence = sound();
    evidence.disturbed(8, 10);
    evidence.disturbed_at(Place::Link(1), 20, 21);
    evidence.disturbed_at(Place::Link(0), 20, 21);
    for at in [9, 11, 12] {
        evidence.gets(at, 0, later());
    }
    evidence.gets(24, 1, later());
    let took: Vec<u64> =
        recoveries(&evidence.history).iter().map(|recovery| recovery.took.as_secs()).collect();
    assert_eq!(took, [2, 3, 0]);
}
