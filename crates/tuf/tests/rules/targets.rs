//! Targets and delegations.

use countersign_forge::repository::Repository;
use countersign_tuf::names::RoleName;
use countersign_tuf::reason::Reason;
use countersign_tuf::rules::Refusal;

use crate::model::{Model, damaged, not_met, reason, role};

fn with_delegations(model: &Model) -> Repository {
    let mut repository = model.server_snapshot();
    for name in ["targets/a", "targets/a/b", "targets/a/b/c"] {
        let key = repository.new_ecdsa_key();
        repository.add_delegation(name, key);
    }
    repository
}

#[test]
fn every_fault_of_targets_has_its_reason() {
    let not_met = "valid signatures did not meet threshold for targets";
    let cases = [
        ("signature-wrong", not_met),
        ("signature-absent", "tuf: data has no signatures"),
        ("signature-of-strange-key", not_met),
        ("signature-of-strange-key-under-right-id", not_met),
        ("signature-in-other-encoding", not_met),
        ("method-rsapss", not_met),
        ("method-unheard-of", not_met),
        ("version-zero", "targets type metadata invalid: version cannot be less than one"),
        ("type-lower-case", "targets type metadata invalid: expected type Targets, not targets"),
        ("text-trailing-letter", "invalid character 'x' after top-level value"),
    ];
    for (fault, expected) in cases {
        let mut model = Model::new();
        let parts = damaged(&model.server_snapshot(), fault, "targets");
        let refusal = model.publish(&parts).expect_err(fault);
        assert_eq!(reason(&refusal), ("targets", expected.to_owned()), "{fault}");
    }
}

#[test]
fn delegations_at_any_depth_are_accepted_with_their_parents() {
    let mut model = Model::new();
    model.publish(&with_delegations(&model).all_parts()).unwrap();
    assert!(model.newest(&role("targets/a/b/c")).is_some());
}

#[test]
fn a_delegation_alone_is_judged_under_its_stored_parents() {
    let mut model = Model::new();
    let mut repository = with_delegations(&model);
    model.publish(&repository.all_parts()).unwrap();
    repository.add_target("targets/a/b/c", "v1", b"one");
    model.publish(&repository.parts(&["targets/a/b/c"])).unwrap();
}

#[test]
fn a_delegation_that_its_parent_does_not_list_is_refused() {
    let mut model = Model::new();
    let mut repository = model.server_snapshot();
    let plain = repository.clone();
    let key = repository.new_ecdsa_key();
    repository.add_delegation("targets/a", key);
    let mut parts = plain.all_parts();
    parts.extend(repository.parts(&["targets/a"]));
    model.refuses(&parts, &Refusal::BadTargets(Reason::NotDelegated(role("targets/a"))));
}

#[test]
fn a_delegation_without_any_targets_is_refused() {
    let mut model = Model::new();
    let repository = with_delegations(&model);
    model.refuses(
        &repository.parts(&["root", "targets/a"]),
        &Refusal::BadTargets(Reason::NotLoaded(RoleName::Targets)),
    );
}

#[test]
fn a_delegation_signed_by_a_removed_key_is_refused() {
    let mut model = Model::new();
    let mut repository = with_delegations(&model);
    model.publish(&repository.all_parts()).unwrap();
    let old = repository.clone();
    let key = repository.new_ecdsa_key();
    let id = key.id();
    repository.edit("targets", |signed| {
        signed["delegations"]["keys"] = serde_json::json!({ id.clone(): key.to_json() });
        signed["delegations"]["roles"][0]["keyids"] = serde_json::json!([id]);
    });
    repository.bump("targets");
    model.publish(&repository.parts(&["targets"])).unwrap();
    let mut old = old;
    old.bump("targets/a");
    model.refuses(&old.parts(&["targets/a"]), &Refusal::BadTargets(not_met(role("targets/a"))));
}

#[test]
fn the_same_delegation_twice_is_refused() {
    let mut model = Model::new();
    let parts = damaged(&with_delegations(&model), "delegation-listed-twice", "targets");
    let refusal = model.publish(&parts).unwrap_err();
    assert_eq!(
        reason(&refusal),
        (
            "targets",
            "targets type metadata invalid: delegation role targets/a is listed twice".to_owned()
        )
    );
}

#[test]
fn a_delegation_list_with_a_null_in_it_is_refused() {
    let mut model = Model::new();
    let parts = damaged(&with_delegations(&model), "delegation-listing-null", "targets");
    let refusal = model.publish(&parts).unwrap_err();
    let text = "targets type metadata invalid: delegation role  invalid";
    assert_eq!(reason(&refusal), ("targets", text.to_owned()));
}

#[test]
fn a_delegation_whose_certificate_is_signed_with_sha1_is_refused() {
    let mut model = Model::new();
    let parts = damaged(&with_delegations(&model), "delegation-certificate-rsa-sha1", "targets");
    let (kind, text) = reason(&model.publish(&parts).unwrap_err());
    assert_eq!(kind, "targets");
    assert!(text.ends_with(" uses invalid SHA1 signature algorithm"), "{text}");
}

#[test]
fn a_delegation_may_lose_its_last_signer() {
    let mut model = Model::new();
    let mut repository = with_delegations(&model);
    model.publish(&repository.all_parts()).unwrap();
    repository.edit("targets", |signed| {
        signed["delegations"]["keys"] = serde_json::json!({});
        signed["delegations"]["roles"][0]["keyids"] = serde_json::json!([]);
    });
    repository.bump("targets");
    model.publish(&repository.parts(&["targets"])).unwrap();
    repository.bump("targets/a");
    model.refuses(
        &repository.parts(&["targets/a"]),
        &Refusal::BadTargets(not_met(role("targets/a"))),
    );
}

#[test]
fn a_fraction_in_custom_data_is_refused_in_notarys_words() {
    let mut model = Model::new();
    let mut repository = model.server_snapshot();
    repository.add_target("targets", "v1", b"one");
    repository.edit("targets", |signed| {
        signed["targets"]["v1"]["custom"] = serde_json::json!({"price": 1.5});
    });
    let refusal = model.publish(&repository.all_parts()).unwrap_err();
    assert_eq!(reason(&refusal), ("targets", "json: unsupported value: 1.5".to_owned()));
}

#[test]
fn expired_targets_are_refused() {
    let mut model = Model::new();
    let mut repository = model.server_snapshot();
    let past = repository.in_days(-1);
    repository.edit("targets", |signed| signed["expires"] = serde_json::json!(past));
    let refusal = model.publish(&repository.all_parts()).unwrap_err();
    assert_eq!(
        reason(&refusal),
        ("targets", "targets expired at Mon Nov 23 12:00:00 UTC 2026".to_owned())
    );
}
