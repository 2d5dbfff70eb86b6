//! The chain of roots, and every wrong one.

use std::collections::BTreeMap;

use bytes::Bytes;
use countersign_tuf::reason::Reason;
use countersign_tuf::trusted_set::{Attack, Limits, RootChain};

use crate::mirror::{GUN, Mirror, gun, now, role};

/// Roots 1 to 4, each with another key than the one before.
fn rotations() -> (Mirror, Vec<Bytes>) {
    let mut mirror = Mirror::new();
    let mut roots = vec![mirror.bytes("root")];
    for _ in 0..3 {
        let key = mirror.repository.new_root_key();
        mirror.repository.rotate("root", key);
        mirror.publish();
        roots.push(mirror.bytes("root"));
    }
    (mirror, roots)
}

fn begin(root: &Bytes) -> RootChain {
    RootChain::begin(gun(), root.clone(), now(), Limits::default()).unwrap()
}

fn forged(reason: Reason) -> Attack {
    Attack::Forgery { role: role("root"), reason }
}

#[test]
fn every_root_after_the_first_is_followed_in_turn() {
    let (mirror, roots) = rotations();
    let mut chain = begin(&roots[0]);
    for (root, version) in roots.iter().skip(1).zip(2..) {
        assert_eq!(chain.update_root(root.clone()).unwrap().version().get(), version);
    }
    let set = crate::client::refresh(&chain, &mirror.served()).unwrap();
    assert_eq!(set.root().raw(), &roots[3]);
}

#[test]
fn root_that_skips_a_version_is_refused() {
    let (_, roots) = rotations();
    let mut chain = begin(&roots[0]);
    let trusted = chain.root().version();
    assert_eq!(
        chain.update_root(roots[2].clone()).unwrap_err(),
        Attack::RootOutOfTurn { trusted, offered: 3 }
    );
}

#[test]
fn root_that_skips_a_version_is_refused_even_if_the_trusted_keys_signed_it() {
    let mut mirror = Mirror::new();
    let mut chain = begin(&mirror.bytes("root"));
    mirror.repository.bump("root");
    mirror.repository.bump("root");
    let refused = chain.update_root(mirror.bytes("root")).unwrap_err();
    assert!(matches!(refused, Attack::RootOutOfTurn { offered: 3, .. }), "{refused}");
}

#[test]
fn root_that_repeats_the_trusted_version_is_refused() {
    let (_, roots) = rotations();
    let mut chain = begin(&roots[1]);
    let refused = chain.update_root(roots[1].clone()).unwrap_err();
    assert!(matches!(refused, Attack::RootOutOfTurn { offered: 2, .. }), "{refused}");
}

#[test]
fn rollback_of_the_root_is_refused() {
    let (_, roots) = rotations();
    let mut chain = begin(&roots[2]);
    let refused = chain.update_root(roots[0].clone()).unwrap_err();
    assert!(matches!(refused, Attack::RootOutOfTurn { offered: 1, .. }), "{refused}");
}

#[test]
fn root_signed_by_new_keys_only_is_refused() {
    let (mut mirror, roots) = rotations();
    let mut chain = begin(&roots[2]);
    mirror.repository.forget_former_root_keys();
    mirror.repository.sign("root");
    let refused = chain.update_root(mirror.bytes("root")).unwrap_err();
    assert_eq!(refused, forged(Reason::NotSignedByCurrentRoot));
}

#[test]
fn root_signed_by_old_keys_only_is_refused() {
    let (mut mirror, roots) = rotations();
    let mut chain = begin(&roots[2]);
    let former = mirror.repository.former_root_keys().to_vec();
    mirror.repository.damage("root", |root| root.sign(&former));
    let refused = chain.update_root(mirror.bytes("root")).unwrap_err();
    assert_eq!(refused, forged(Reason::NotSignedByItself));
}

#[test]
fn root_that_was_refused_is_not_kept() {
    let (_, roots) = rotations();
    let mut chain = begin(&roots[0]);
    for wrong in [&roots[0], &roots[2], &Bytes::from_static(b"{}")] {
        chain.update_root(wrong.clone()).unwrap_err();
        assert_eq!(chain.root().raw(), &roots[0]);
    }
    chain.update_root(roots[1].clone()).unwrap();
    assert_eq!(chain.root().raw(), &roots[1]);
}

#[test]
fn root_in_the_middle_may_have_expired() {
    let mut mirror = Mirror::new();
    let yesterday = mirror.repository.in_days(-1);
    let tomorrow = mirror.repository.in_days(1);
    mirror.repository.edit("root", |root| root["expires"] = yesterday.into());
    mirror.publish();
    let mut chain = begin(&mirror.bytes("root"));
    let refused = crate::client::refresh(&chain, &mirror.served()).unwrap_err();
    assert!(matches!(&refused, Attack::Freeze { role, .. } if role.as_str() == "root"));
    mirror.repository.edit("root", |root| root["expires"] = tomorrow.into());
    mirror.repository.bump("root");
    mirror.publish();
    chain.update_root(mirror.bytes("root")).unwrap();
    assert!(crate::client::refresh(&chain, &mirror.served()).is_ok());
}

#[test]
fn first_root_whose_certificates_name_another_gun_is_refused() {
    let root = Mirror::new().bytes("root");
    for other in ["example.com/team/other", "example.com/team", "EXAMPLE.com/team/app"] {
        let other = countersign_tuf::names::Gun::parse(other).unwrap();
        let refused = RootChain::begin(other, root.clone(), now(), Limits::default()).unwrap_err();
        assert_eq!(refused, forged(Reason::NoLeafCertificates));
    }
    assert_eq!(gun().as_str(), GUN);
}

#[test]
fn next_root_whose_certificates_name_another_gun_is_refused() {
    let mut mirror = Mirror::new();
    let mut chain = begin(&mirror.bytes("root"));
    let mut shape = countersign_forge::certificate::CertificateShape::of_client(GUN, now());
    shape.common_name = "example.com/team/other".to_owned();
    let key = mirror.repository.new_certificate_key(&shape);
    mirror.repository.rotate("root", key);
    let refused = chain.update_root(mirror.bytes("root")).unwrap_err();
    assert_eq!(refused, forged(Reason::NoLeafCertificates));
}

#[test]
fn kept_root_and_versions_are_where_a_client_goes_on() {
    let (mut mirror, roots) = rotations();
    let set = crate::client::refresh(&begin(&roots[3]), &mirror.served()).unwrap();
    let resume = |versions| {
        RootChain::resume(gun(), roots[3].clone(), versions, now(), Limits::default()).unwrap()
    };
    mirror.timestamp = Mirror::new().timestamp;
    let older = mirror.bytes("timestamp");
    let refused = resume(set.versions().clone()).update_timestamp(older.clone()).unwrap_err();
    assert!(matches!(refused, Attack::Rollback { .. }), "{refused}");
    assert!(resume(BTreeMap::new()).update_timestamp(older).is_ok());
}
