//! Whole updates: which sets of documents may follow which.

use countersign_tuf::names::RoleName;
use countersign_tuf::reason::Reason;
use countersign_tuf::rules::Refusal;

use crate::model::{Model, read, role};

#[test]
fn first_publish_with_the_clients_snapshot_is_accepted() {
    let mut model = Model::new();
    let accepted = model.publish(&model.client_snapshot().all_parts()).unwrap();
    let roles: Vec<&str> = accepted.documents().map(|d| d.role.as_str()).collect();
    assert_eq!(roles, ["root", "targets", "snapshot", "timestamp"]);
}

#[test]
fn first_publish_without_snapshot_gets_the_servers_own() {
    let mut model = Model::new();
    let repository = model.server_snapshot();
    let parts = repository.all_parts();
    let accepted = model.publish(&parts).unwrap();
    assert_eq!(accepted.documents().count(), 4);
    let snapshot = model.snapshot().unwrap();
    for (name, bytes) in parts {
        let digests = countersign_tuf::digest::Digests::of(&bytes);
        snapshot.entry(&role(&name)).unwrap().matches(&role(&name), &digests).unwrap();
    }
}

#[test]
fn stored_bytes_are_the_uploaded_bytes() {
    let mut model = Model::new();
    let mut repository = model.server_snapshot();
    countersign_forge::faults::named("text-whitespace-inside")
        .unwrap()
        .apply(&mut repository, "targets");
    let parts = repository.all_parts();
    model.publish(&parts).unwrap();
    for (name, bytes) in parts {
        assert_eq!(model.newest(&role(&name)).unwrap().bytes, bytes);
    }
}

#[test]
fn targets_alone_for_an_unknown_gun_are_refused() {
    let mut model = Model::new();
    let parts = model.client_snapshot().parts(&["targets"]);
    model.refuses(&parts, &Refusal::Validation(Reason::NoRoot));
}

#[test]
fn nothing_at_all_for_an_unknown_gun_is_refused() {
    Model::new().refuses(&Vec::new(), &Refusal::Validation(Reason::NoRoot));
}

#[test]
fn root_alone_for_an_unknown_gun_is_refused() {
    let mut model = Model::new();
    let parts = model.server_snapshot().parts(&["root"]);
    model.refuses(&parts, &Refusal::Validation(Reason::NotLoaded(RoleName::Targets)));
}

#[test]
fn empty_update_signs_snapshot_and_timestamp_again() {
    let mut model = Model::new();
    model.publish(&model.server_snapshot().all_parts()).unwrap();
    let accepted = model.publish(&Vec::new()).unwrap();
    let versions: Vec<(String, i64)> =
        accepted.documents().map(|d| (d.role.to_string(), d.version.get())).collect();
    assert_eq!(versions, [("snapshot".to_owned(), 2), ("timestamp".to_owned(), 2)]);
}

#[test]
fn uploaded_timestamp_is_left_out() {
    let mut model = Model::new();
    let mut parts = model.client_snapshot().all_parts();
    parts.push(("timestamp".to_owned(), b"{}".to_vec()));
    assert!(read(&parts).get(&RoleName::Timestamp).is_none());
    model.publish(&parts).unwrap();
}

#[test]
fn of_several_parts_of_one_role_the_last_counts() {
    let mut model = Model::new();
    let repository = model.client_snapshot();
    let mut parts = vec![("targets".to_owned(), b"{}".to_vec())];
    parts.extend(repository.all_parts());
    model.publish(&parts).unwrap();
}

#[test]
fn server_snapshot_keeps_the_entries_of_others() {
    let mut model = Model::new();
    let mut repository = model.server_snapshot();
    let key = repository.new_ecdsa_key();
    repository.add_delegation("targets/a", key);
    model.publish(&repository.all_parts()).unwrap();
    let before = model.snapshot().unwrap().entry(&RoleName::Targets).cloned();
    repository.add_target("targets/a", "v1", b"one");
    model.publish(&repository.parts(&["targets/a"])).unwrap();
    let after = model.snapshot().unwrap();
    assert_eq!(after.entry(&RoleName::Targets).cloned(), before);
    assert_eq!(
        after.entry(&role("targets/a")).unwrap().sha256(),
        Some(model.newest(&role("targets/a")).unwrap().sha256)
    );
}

#[test]
fn a_version_far_above_the_stored_one_is_refused_and_one_within_the_step_is_not() {
    let mut model = Model::new();
    let mut repository = model.server_snapshot();
    model.publish(&repository.all_parts()).unwrap();
    let at = |version: i64| {
        move |signed: &mut serde_json::Value| signed["version"] = serde_json::json!(version)
    };
    repository.edit("targets", at(1002));
    let refusal = model.publish(&repository.parts(&["targets"])).unwrap_err();
    assert!(matches!(refusal, Refusal::BadTargets(Reason::FastForward { step: 1000, .. })));
    repository.edit("targets", at(1001));
    model.publish(&repository.parts(&["targets"])).unwrap();
}

#[test]
fn a_version_above_31_bits_is_refused() {
    let mut model = Model::new();
    let mut repository = model.server_snapshot();
    repository.edit("targets", |signed| signed["version"] = serde_json::json!(1i64 << 31));
    model.refuses(&repository.all_parts(), &Refusal::BadTargets(Reason::VersionTooHigh(1 << 31)));
}
