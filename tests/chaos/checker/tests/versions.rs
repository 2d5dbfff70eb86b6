//! Planted: reads that see too little, and sets that are none.

use super::*;

#[test]
fn a_read_at_another_replica_that_misses_what_was_acknowledged_is_stale() {
    let mut evidence = sound();
    evidence.reads(5, 2, By::Name, edition("targets", 1));
    let (gun, role) = (gun(), "targets".into());
    let stale = Violation::Stale { gun, role, at: second_of(5), saw: 1, acknowledged: 2 };
    assert_eq!(check(&evidence), [stale]);
}

#[test]
fn a_read_that_began_before_the_acknowledgement_may_see_the_old_or_the_new() {
    for version in [1, 2] {
        let mut evidence = sound();
        let action = Action::Read { gun: gun(), role: "targets".into(), by: By::Name };
        let saw = Outcome::Document(edition("targets", version));
        evidence.does(3, 9, 2, action, saw);
        assert_eq!(check(&evidence), [], "{version}");
    }
}

#[test]
fn a_read_by_version_or_digest_may_ask_for_what_is_old() {
    let mut evidence = sound();
    let old = edition("targets", 1);
    evidence.reads(8, 0, By::Version(1), old.clone());
    evidence.reads(8, 1, By::Digest(old.sha256), old);
    assert_eq!(check(&evidence), []);
}

#[test]
fn a_version_that_was_seen_and_then_an_older_one_went_back() {
    let mut evidence = sound();
    // Nobody was told that timestamps are stored, so only what was seen counts.
    evidence.reads(7, 0, By::Name, edition("timestamp", 2));
    evidence.reads(8, 1, By::Name, edition("timestamp", 1));
    let (gun, role) = (gun(), "timestamp".into());
    let back = Violation::WentBack { gun, role, at: second_of(8), saw: 1, before: 2 };
    assert_eq!(check(&evidence), [back]);
}

#[test]
fn a_set_that_is_older_than_what_was_acknowledged_is_stale() {
    let mut evidence = sound();
    evidence.sees(9, vec![edition("targets", 1), edition("targets/a", 1)]);
    let (gun, role) = (gun(), "targets/a".into());
    let stale = Violation::Stale { gun, role, at: second_of(9), saw: 1, acknowledged: 2 };
    finds(&evidence, &stale);
}

#[test]
fn a_set_with_half_of_a_publish_is_torn() {
    let mut evidence = sound();
    // Read while the publish was under way, so that neither document is stale.
    let editions = vec![edition("targets", 2), edition("targets/a", 1)];
    let (began, ended) = (second_of(3), second_of(4));
    evidence.history.sets.push(Set { gun: gun(), began, ended, editions, refused: None });
    let (has, lacks) = (edition("targets", 2), edition("targets/a", 2));
    assert_eq!(check(&evidence), [Violation::Torn { gun: gun(), at: ended, has, lacks }]);
}

#[test]
fn a_set_with_a_newer_delegation_than_the_publish_had_is_whole() {
    let mut evidence = sound();
    let newer = edition("targets/a", 3);
    evidence.publishes(7, 8, std::slice::from_ref(&newer), Outcome::Done);
    evidence.stores(newer.clone());
    evidence.sees(9, vec![edition("targets", 2), newer]);
    assert_eq!(check(&evidence), []);
}

#[test]
fn a_set_that_does_not_verify_is_noticed() {
    let mut evidence = sound();
    evidence.sees(9, vec![edition("targets", 2)]);
    let reason = "another digest".to_owned();
    if let Some(set) = evidence.history.sets.last_mut() {
        set.refused = Some(reason.clone());
    }
    let at = second_of(9);
    assert_eq!(check(&evidence), [Violation::Unverifiable { gun: gun(), at, reason }]);
}
