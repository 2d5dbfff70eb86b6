//! Planted: what must be stored and is not, and what is and must not be.

use super::*;

fn lost(edition: Edition) -> Violation {
    Violation::Lost { gun: gun(), edition }
}

#[test]
fn an_acknowledged_document_that_is_not_stored_is_lost() {
    let mut evidence = sound();
    evidence.forgets(&edition("targets/a", 1));
    finds(&evidence, &lost(edition("targets/a", 1)));
}

#[test]
fn an_acknowledged_document_with_other_bytes_under_its_version_is_lost() {
    let mut evidence = sound();
    evidence.forgets(&edition("targets", 2));
    evidence.stores(edition_by("a stranger", "targets", 2));
    finds(&evidence, &lost(edition("targets", 2)));
}

#[test]
fn a_document_that_was_served_and_is_not_stored_has_vanished() {
    let mut evidence = sound();
    evidence.reads(8, 0, By::Name, edition("targets", 3));
    finds(&evidence, &Violation::Vanished { gun: gun(), edition: edition("targets", 3) });
}

#[test]
fn a_version_between_others_that_is_not_stored_is_a_gap() {
    let mut evidence = sound();
    evidence.stores(edition("targets", 4));
    let gap = Violation::Gap { gun: gun(), role: "targets".into(), version: 3 };
    assert_eq!(check(&evidence), [gap]);
}

#[test]
fn a_version_that_is_stored_twice_is_noticed() {
    let mut evidence = sound();
    evidence.stores(edition_by("a stranger", "targets", 2));
    let twice = Violation::Twice { gun: gun(), role: "targets".into(), version: 2 };
    assert_eq!(check(&evidence), [twice]);
}

#[test]
fn two_acknowledged_publishes_of_one_version_are_one_too_many() {
    let mut evidence = sound();
    let rival = [edition_by("a rival", "targets", 2)];
    evidence.publishes(3, 4, &rival, Outcome::Done);
    finds(&evidence, &Violation::TwoWinners { gun: gun(), role: "targets".into(), version: 2 });
}

#[test]
fn a_publish_without_an_answer_may_be_there_or_not_but_not_by_half() {
    for stored in 0..=2 {
        let mut evidence = sound();
        let third = [edition("targets", 3), edition("targets/a", 3)];
        evidence.publishes(7, 8, &third, Outcome::Later("busy".to_owned()));
        // Something must excuse it.
        evidence.disturbed(7, 8);
        third.iter().take(stored).cloned().for_each(|edition| evidence.stores(edition));
        let half = Violation::Half { gun: gun(), edition: edition("targets/a", 3) };
        assert_eq!(check(&evidence), if stored == 1 { vec![half] } else { vec![] }, "{stored}");
    }
}

#[test]
fn a_refused_publish_that_is_stored_all_the_same_is_noticed() {
    let mut evidence = sound();
    let rival = edition_by("a rival", "targets", 2);
    let too_old = Outcome::Refused("VERSION".to_owned());
    evidence.publishes(3, 5, std::slice::from_ref(&rival), too_old);
    assert_eq!(check(&evidence), []);
    evidence.stores(rival.clone());
    finds(&evidence, &Violation::KeptRefused { gun: gun(), edition: rival });
}

#[test]
fn a_publish_that_is_refused_as_too_old_without_a_rival_is_noticed() {
    let mut evidence = sound();
    let code = "VERSION".to_owned();
    evidence.publishes(7, 8, &[edition("targets", 3)], Outcome::Refused(code.clone()));
    let at = second_of(8);
    assert_eq!(check(&evidence), [Violation::RefusedWithoutRival { gun: gun(), at, code }]);
}

#[test]
fn bytes_that_do_not_have_the_digest_beside_them_are_damaged() {
    let mut evidence = sound();
    evidence.forgets(&edition("targets/a", 1));
    evidence.stored.documents.push(StoredDocument {
        gun: gun(),
        edition: edition("targets/a", 1),
        listed: "00".repeat(32),
    });
    let edition = edition("targets/a", 1);
    assert_eq!(check(&evidence), [Violation::Damaged { gun: gun(), edition }]);
}
