//! Documents that the trusted keys have not signed, or not as this.

use countersign_tuf::names::RoleName;
use countersign_tuf::reason::Reason;
use countersign_tuf::trusted_set::{Attack, Limits, RootChain};

use crate::client::refresh;
use crate::mirror::{Mirror, gun, now, role};

const ROLES: [&str; 4] = ["root", "targets", "snapshot", "timestamp"];

#[test]
fn document_without_enough_signatures_is_refused() {
    for name in ["targets", "snapshot"] {
        let mut mirror = Mirror::new();
        mirror.repository.damage(name, |document| document.signatures.clear());
        mirror.stamp();
        let refused = mirror.first_refresh().unwrap_err();
        assert_eq!(refused, Attack::Forgery { role: role(name), reason: Reason::NoSignatures });
    }
}

#[test]
fn document_signed_by_the_key_of_another_role_is_refused() {
    let mut mirror = Mirror::new();
    let keys = mirror.repository.keys("snapshot").to_vec();
    mirror.repository.damage("targets", |targets| targets.sign(&keys));
    mirror.publish();
    let reason = Reason::ThresholdNotMet(RoleName::Targets);
    assert_eq!(
        mirror.first_refresh().unwrap_err(),
        Attack::Forgery { role: RoleName::Targets, reason }
    );
}

/// The other document's content, signed by the right keys and named by its hash: only its type
/// tells what it is.
#[test]
fn one_document_taken_for_another_type_is_refused() {
    for of in ROLES {
        for taken_for in ROLES.into_iter().filter(|name| *name != of) {
            let mut mirror = Mirror::new();
            let foreign = match of {
                "timestamp" => mirror.timestamp.value(),
                _ => mirror.repository.document(of).unwrap().value(),
            };
            if taken_for == "timestamp" {
                mirror.stamp_with(|signed| *signed = foreign);
            } else {
                mirror.repository.edit(taken_for, |signed| *signed = foreign);
                mirror.stamp();
            }
            let begun = RootChain::begin(gun(), mirror.bytes("root"), now(), Limits::default());
            let refused = begun.and_then(|chain| refresh(&chain, &mirror.served())).unwrap_err();
            let Attack::Forgery { role, reason } = &refused else { panic!("{refused}") };
            assert_eq!(role.as_str(), taken_for, "{of} as {taken_for}: {refused}");
            assert!(reason.to_string().contains("expected type"), "{of} as {taken_for}: {reason}");
        }
    }
}

#[test]
fn bytes_of_another_role_are_refused_everywhere() {
    for taken_for in ROLES {
        for of in ROLES.into_iter().filter(|name| *name != taken_for) {
            let mirror = Mirror::new();
            let mut served = mirror.served();
            served.insert(role(taken_for), mirror.bytes(of));
            let root = served[&RoleName::Root].clone();
            let begun = RootChain::begin(gun(), root, now(), Limits::default());
            assert!(
                begun.and_then(|chain| refresh(&chain, &served)).is_err(),
                "{of} as {taken_for}"
            );
        }
    }
}

#[test]
fn targets_served_as_a_delegation_are_refused() {
    let mut mirror = Mirror::with_delegations(&["targets/a"]);
    let keys = mirror.repository.keys("targets/a").to_vec();
    let targets = mirror.repository.document("targets").unwrap().clone();
    mirror.repository.damage("targets/a", |delegation| {
        *delegation = targets;
        delegation.sign(&keys);
    });
    mirror.publish();
    let refused = mirror.first_refresh().unwrap_err();
    assert!(
        matches!(&refused, Attack::Forgery { role, reason: Reason::Structure { .. } } if role.as_str() == "targets/a"),
        "{refused}"
    );
}
