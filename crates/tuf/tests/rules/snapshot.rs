//! The publisher's own snapshot.

use countersign_forge::repository::Repository;
use countersign_tuf::names::RoleName;
use countersign_tuf::reason::Reason;
use countersign_tuf::rules::Refusal;

use crate::model::{Model, damaged, not_met, reason, role};

#[test]
fn a_snapshot_of_the_wrong_key_is_refused() {
    let mut model = Model::new();
    let parts = damaged(&model.client_snapshot(), "signature-of-strange-key", "snapshot");
    model.refuses(&parts, &Refusal::BadSnapshot(not_met(RoleName::Snapshot)));
}

#[test]
fn a_snapshot_that_names_other_targets_is_refused() {
    let mut model = Model::new();
    let mut repository = model.client_snapshot();
    let old_snapshot = repository.parts(&["snapshot"]);
    repository.add_target("targets", "v1", b"one");
    let mut parts = repository.parts(&["root", "targets"]);
    parts.extend(old_snapshot);
    let refusal = model.publish(&parts).unwrap_err();
    let (kind, text) = reason(&refusal);
    assert_eq!(kind, "snapshot");
    assert!(text.starts_with("sha256 checksum for targets did not match: expected "), "{text}");
}

#[test]
fn a_snapshot_without_an_entry_for_targets_is_refused() {
    let mut model = Model::new();
    let mut repository = model.client_snapshot();
    repository.edit("snapshot", |signed| {
        signed["meta"].as_object_mut().unwrap().remove("targets");
    });
    let refusal = model.publish(&repository.all_parts()).unwrap_err();
    assert_eq!(
        reason(&refusal),
        (
            "snapshot",
            "snapshot type metadata invalid: missing targets sha256 checksum information"
                .to_owned()
        )
    );
}

#[test]
fn a_snapshot_without_an_entry_for_an_uploaded_delegation_is_refused() {
    let mut model = Model::new();
    let mut repository = model.client_snapshot();
    let key = repository.new_ecdsa_key();
    repository.add_delegation("targets/a", key);
    repository.edit("snapshot", |signed| {
        signed["meta"].as_object_mut().unwrap().remove("targets/a");
    });
    model.refuses(
        &repository.all_parts(),
        &Refusal::BadSnapshot(Reason::NoChecksum(role("targets/a"))),
    );
}

#[test]
fn a_snapshot_that_names_targets_which_are_nowhere_is_refused() {
    let mut model = Model::new();
    let repository = model.client_snapshot();
    model.refuses(
        &repository.parts(&["root", "snapshot"]),
        &Refusal::BadSnapshot(Reason::NotStored(RoleName::Targets)),
    );
}

#[test]
fn a_snapshot_that_names_a_listed_delegation_which_is_nowhere_is_refused() {
    let mut model = Model::new();
    let mut repository = model.client_snapshot();
    let key = repository.new_ecdsa_key();
    repository.add_delegation("targets/a", key);
    model.refuses(
        &repository.parts(&["root", "targets", "snapshot"]),
        &Refusal::BadSnapshot(Reason::NotStored(role("targets/a"))),
    );
}

/// Leaves the entry of a role with its SHA-512 only.
fn without_sha256(repository: &mut Repository, role: &str) {
    repository.edit("snapshot", |signed| {
        let entry = signed.get_mut("meta").and_then(|meta| meta.get_mut(role)).unwrap();
        entry.get_mut("hashes").unwrap().as_object_mut().unwrap().remove("sha256");
    });
}

#[test]
fn a_snapshot_that_names_an_uploaded_delegation_without_sha256_is_refused() {
    let mut model = Model::new();
    let mut repository = model.client_snapshot();
    let key = repository.new_ecdsa_key();
    repository.add_delegation("targets/a", key);
    without_sha256(&mut repository, "targets/a");
    model.refuses(
        &repository.all_parts(),
        &Refusal::BadSnapshot(Reason::NoChecksum(role("targets/a"))),
    );
}

#[test]
fn a_snapshot_that_takes_the_sha256_from_a_stored_delegation_is_refused() {
    let mut model = Model::new();
    let mut repository = model.client_snapshot();
    let key = repository.new_ecdsa_key();
    repository.add_delegation("targets/a", key);
    model.publish(&repository.all_parts()).unwrap();
    repository.bump("snapshot");
    without_sha256(&mut repository, "targets/a");
    model.refuses(
        &repository.parts(&["snapshot"]),
        &Refusal::BadSnapshot(Reason::NotStored(role("targets/a"))),
    );
}

#[test]
fn lengths_that_a_snapshot_states_are_not_compared() {
    let mut model = Model::new();
    let mut repository = model.client_snapshot();
    repository.edit("snapshot", |signed| {
        signed["meta"]["targets"]["length"] = serde_json::json!(1_000_000);
    });
    model.publish(&repository.all_parts()).unwrap();
}

#[test]
fn entries_of_delegations_that_nobody_lists_may_stay() {
    let mut model = Model::new();
    let mut repository = model.client_snapshot();
    let key = repository.new_ecdsa_key();
    repository.add_delegation("targets/a", key);
    model.publish(&repository.all_parts()).unwrap();
    repository.edit("targets", |signed| {
        signed["delegations"] = serde_json::json!({"keys": {}, "roles": []});
    });
    repository.bump("targets");
    repository.bump("snapshot");
    model.publish(&repository.parts(&["targets", "snapshot"])).unwrap();
    assert!(model.snapshot().unwrap().entry(&role("targets/a")).is_some());
}

#[test]
fn a_snapshot_that_drops_a_listed_delegation_is_accepted() {
    let mut model = Model::new();
    let mut repository = model.client_snapshot();
    let key = repository.new_ecdsa_key();
    repository.add_delegation("targets/a", key);
    model.publish(&repository.all_parts()).unwrap();
    repository.bump("snapshot");
    repository.edit("snapshot", |signed| {
        signed["meta"].as_object_mut().unwrap().remove("targets/a");
    });
    model.publish(&repository.parts(&["snapshot"])).unwrap();
}

#[test]
fn an_expired_snapshot_is_refused() {
    let mut model = Model::new();
    let mut repository = model.client_snapshot();
    let past = repository.in_days(-1);
    repository.edit("snapshot", |signed| signed["expires"] = serde_json::json!(past));
    let refusal = model.publish(&repository.all_parts()).unwrap_err();
    assert_eq!(reason(&refusal).1, "snapshot expired at Mon Nov 23 12:00:00 UTC 2026");
}

#[test]
fn a_client_snapshot_is_refused_where_the_server_holds_the_key() {
    let mut model = Model::new();
    let mut repository = model.client_snapshot();
    model.publish(&repository.all_parts()).unwrap();
    let snapshot = {
        repository.bump("snapshot");
        repository.parts(&["snapshot"])
    };
    repository.rotate_to_server("snapshot", &model.snapshot_key_json());
    model.publish(&repository.parts(&["root"])).unwrap();
    model.refuses(&snapshot, &Refusal::BadSnapshot(not_met(RoleName::Snapshot)));
}

#[test]
fn a_hash_of_the_wrong_length_for_root_or_targets_is_refused_in_notarys_words() {
    for role in ["root", "targets"] {
        let mut model = Model::new();
        let mut repository = model.client_snapshot();
        repository.edit("snapshot", |signed| {
            signed["meta"][role]["hashes"]["sha256"] = serde_json::json!("YQ==");
        });
        let refusal = model.publish(&repository.all_parts()).unwrap_err();
        let text = format!(
            "snapshot type metadata invalid: invalid {role} checksum information, sha256 \
             checksum invalid"
        );
        assert_eq!(reason(&refusal), ("snapshot", text));
    }
}
