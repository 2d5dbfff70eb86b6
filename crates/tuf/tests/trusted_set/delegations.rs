//! Delegations that count, that are skipped, and that cannot be.

use countersign_tuf::reason::{Reason, StructureFault};
use countersign_tuf::trusted_set::{Attack, Skipped, TrustedSet};
use serde_json::json;

use crate::mirror::{Mirror, role};

/// `targets/a` with the name `v1`, and `targets/a/b` below it with `v2`.
fn two_levels() -> Mirror {
    let mut mirror = Mirror::with_delegations(&["targets/a", "targets/a/b"]);
    mirror.repository.add_target("targets", "v0", b"zero");
    mirror.repository.add_target("targets/a", "v1", b"one");
    mirror.repository.add_target("targets/a/b", "v2", b"two");
    mirror.publish();
    mirror
}

fn names(set: &TrustedSet) -> Vec<&str> {
    set.list().into_keys().collect()
}

#[test]
fn expired_delegation_is_skipped_with_all_below_it() {
    let mut mirror = two_levels();
    let yesterday = mirror.repository.in_days(-1);
    mirror.repository.edit("targets/a", |signed| signed["expires"] = json!(yesterday));
    mirror.publish();
    let set = mirror.first_refresh().unwrap();
    assert_eq!(names(&set), ["v0"]);
    let why = &set.skipped()[&role("targets/a")];
    assert!(matches!(why, Skipped::Unusable(Reason::Expired { .. })), "{why:?}");
}

#[test]
fn under_signed_delegation_is_skipped() {
    let mut mirror = two_levels();
    let stranger = mirror.repository.new_ecdsa_key();
    mirror.repository.damage("targets/a/b", |document| document.sign([&stranger]));
    mirror.publish();
    let set = mirror.first_refresh().unwrap();
    assert_eq!(names(&set), ["v0", "v1"]);
    let reason = Reason::ThresholdNotMet(role("targets/a/b"));
    assert_eq!(set.skipped()[&role("targets/a/b")], Skipped::Unusable(reason));
}

#[test]
fn unsigned_delegation_is_skipped() {
    let mut mirror = two_levels();
    mirror.repository.damage("targets/a/b", |document| document.signatures.clear());
    mirror.publish();
    let set = mirror.first_refresh().unwrap();
    assert_eq!(set.skipped()[&role("targets/a/b")], Skipped::Unusable(Reason::NoSignatures));
}

#[test]
fn delegation_below_its_threshold_is_skipped() {
    let mut mirror = two_levels();
    mirror.repository.edit("targets", |signed| {
        signed["delegations"]["roles"][0]["threshold"] = json!(2);
    });
    mirror.publish();
    assert_eq!(names(&mirror.first_refresh().unwrap()), ["v0"]);
}

#[test]
fn delegation_that_was_never_published_is_skipped() {
    let mut mirror = two_levels();
    let listed = mirror.repository.document("targets").unwrap().value()["delegations"]["roles"][0]
        ["keyids"]
        .clone();
    mirror.repository.edit("targets", |signed| {
        let roles = signed["delegations"]["roles"].as_array_mut().unwrap();
        roles.push(json!({"keyids": listed, "name": "targets/b", "paths": [""], "threshold": 1}));
    });
    mirror.publish();
    let set = mirror.first_refresh().unwrap();
    assert_eq!(names(&set), ["v0", "v1", "v2"]);
    assert_eq!(set.skipped()[&role("targets/b")], Skipped::NotInSnapshot);
}

#[test]
fn delegation_that_nobody_lists_does_not_count() {
    let mut mirror = two_levels();
    mirror.repository.edit("targets", |signed| signed["delegations"]["roles"] = json!([]));
    mirror.publish();
    let set = mirror.first_refresh().unwrap();
    assert_eq!((names(&set), set.skipped().len()), (vec!["v0"], 0));
}

/// `a` lists `b` and `b` lists `a`: no name is a child of both.
#[test]
fn cycles_of_delegations_cannot_be_listed() {
    for (lister, listed) in [
        ("targets/a", "targets/b"),
        ("targets/b", "targets/a"),
        ("targets/a", "targets/a"),
        ("targets/a", "targets"),
        ("targets/a", "targets/b/a"),
    ] {
        let mut mirror = Mirror::with_delegations(&["targets/a", "targets/b"]);
        mirror.repository.edit(lister, |signed| {
            signed["delegations"]["roles"] =
                json!([{"keyids": [], "name": listed, "paths": [""], "threshold": 1}]);
        });
        mirror.publish();
        let fault = StructureFault::DelegationName(listed.to_owned());
        let reason = Reason::Structure { role: role(lister), fault };
        assert_eq!(
            mirror.first_refresh().unwrap_err(),
            Attack::Forgery { role: role(lister), reason }
        );
    }
}

#[test]
fn delegations_may_be_as_deep_as_a_name_is_long() {
    let mut mirror = Mirror::new();
    let mut name = "targets".to_owned();
    let mut deepest = 0;
    while name.len() + 2 <= countersign_tuf::names::ROLE_MAX_BYTES {
        name.push_str("/a");
        let key = mirror.repository.new_ed25519_key();
        mirror.repository.add_delegation(&name, key);
        deepest += 1;
    }
    mirror.publish();
    let set = mirror.first_refresh().unwrap();
    assert_eq!((deepest, set.targets().count()), (124, 125));
}
