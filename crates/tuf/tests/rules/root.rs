//! The root: first, rotated, and in every way wrong.

use countersign_tuf::names::RoleName;
use countersign_tuf::reason::Reason;
use countersign_tuf::rules::Refusal;

use crate::model::{Model, damaged, reason};

#[test]
fn a_first_root_may_have_version_one_or_two() {
    for (version, good) in [(0, false), (1, true), (2, true), (3, false)] {
        let mut model = Model::new();
        let mut repository = model.client_snapshot();
        repository.edit("root", |signed| signed["version"] = serde_json::json!(version));
        let outcome = model.publish(&repository.all_parts());
        let refused = Refusal::BadRoot(Reason::RootVersion { current: 1, offered: version });
        match outcome {
            Ok(_) => assert!(good, "version {version}"),
            Err(refusal) => assert_eq!((refusal, good), (refused, false)),
        }
    }
}

#[test]
fn every_fault_of_a_first_root_has_its_reason() {
    let leaf = "could not validate the path to a trusted root: unable to retrieve valid leaf \
                certificates";
    let integrity =
        "could not validate the path to a trusted root: failed to validate integrity of roots";
    let cases = [
        ("signature-wrong", integrity),
        ("signature-absent", integrity),
        ("signature-of-strange-key", integrity),
        ("signature-in-other-encoding", integrity),
        ("certificate-other-name", leaf),
        ("certificate-name-other-case", leaf),
        ("certificate-expired", leaf),
        ("certificate-valid-next-month", leaf),
        ("type-lower-case", "root type metadata invalid: expected type Root, not root"),
        ("text-trailing-letter", "invalid character 'x' after top-level value"),
    ];
    for (fault, expected) in cases {
        let mut model = Model::new();
        let parts = damaged(&model.client_snapshot(), fault, "root");
        let refusal = model.publish(&parts).expect_err(fault);
        assert_eq!(reason(&refusal), ("root", expected.to_owned()), "{fault}");
    }
}

#[test]
fn harmless_oddities_of_a_root_are_accepted() {
    for fault in [
        "certificate-name-wildcard",
        "certificate-name-star",
        "method-upper-case",
        "signature-twice",
        "text-whitespace-inside",
        "certificate-valid-tomorrow",
    ] {
        let mut model = Model::new();
        let parts = damaged(&model.client_snapshot(), fault, "root");
        assert!(model.publish(&parts).is_ok(), "{fault}");
    }
}

#[test]
fn a_role_with_fewer_keys_than_its_threshold_is_refused() {
    for (fault, role) in [
        ("targets-threshold-above-keys", RoleName::Targets),
        ("snapshot-threshold-above-keys", RoleName::Snapshot),
        ("timestamp-threshold-above-keys", RoleName::Timestamp),
    ] {
        let mut model = Model::new();
        let parts = damaged(&model.client_snapshot(), fault, "root");
        let refusal = model.publish(&parts).unwrap_err();
        assert!(
            matches!(&refusal, Refusal::BadRoot(Reason::Unreachable { role: found, .. }) if *found == role),
            "{fault}: {refusal:?}"
        );
    }
}

#[test]
fn thresholds_below_one_are_refused() {
    for fault in [
        "root-threshold-zero",
        "targets-threshold-negative",
        "snapshot-threshold-zero",
        "timestamp-threshold-zero",
    ] {
        let mut model = Model::new();
        let parts = damaged(&model.client_snapshot(), fault, "root");
        let refusal = model.publish(&parts).unwrap_err();
        assert!(
            refusal.to_string().starts_with("root type metadata invalid: invalid threshold"),
            "{fault}: {refusal}"
        );
    }
}

#[test]
fn one_private_key_listed_twice_counts_once() {
    let mut model = Model::new();
    let parts = damaged(&model.client_snapshot(), "targets-one-key-under-two-ids", "root");
    let refusal = model.publish(&parts).unwrap_err();
    assert!(
        matches!(refusal, Refusal::BadRoot(Reason::Unreachable { keys: 1, threshold: 2, .. })),
        "{refusal:?}"
    );
}

#[test]
fn rotation_signed_by_old_and_new_key_is_accepted() {
    let mut model = Model::new();
    let mut repository = model.client_snapshot();
    model.publish(&repository.all_parts()).unwrap();
    let key = repository.new_root_key();
    repository.rotate("root", key);
    repository.bump("snapshot");
    model.publish(&repository.parts(&["root", "snapshot"])).unwrap();
}

#[test]
fn root_signed_by_new_key_only_is_refused() {
    let mut model = Model::new();
    let mut repository = model.client_snapshot();
    model.publish(&repository.all_parts()).unwrap();
    let key = repository.new_root_key();
    repository.rotate("root", key);
    repository.forget_former_root_keys();
    repository.sign("root");
    repository.bump("snapshot");
    model.refuses(
        &repository.parts(&["root", "snapshot"]),
        &Refusal::BadRoot(Reason::NotSignedByCurrentRoot),
    );
}

#[test]
fn root_that_skips_a_version_is_refused() {
    let mut model = Model::new();
    let mut repository = model.client_snapshot();
    model.publish(&repository.all_parts()).unwrap();
    repository.bump("root");
    repository.bump("root");
    repository.bump("snapshot");
    model.refuses(
        &repository.parts(&["root", "snapshot"]),
        &Refusal::BadRoot(Reason::RootVersion { current: 1, offered: 3 }),
    );
}

#[test]
fn expired_root_is_refused_with_its_date() {
    let mut model = Model::new();
    let mut repository = model.client_snapshot();
    let yesterday = repository.in_days(-1);
    repository.edit("root", |signed| signed["expires"] = serde_json::json!(yesterday));
    let refusal = model.publish(&repository.all_parts()).unwrap_err();
    assert_eq!(
        reason(&refusal),
        ("root", "root expired at Mon Nov 23 12:00:00 UTC 2026".to_owned())
    );
}

#[test]
fn snapshot_key_can_move_to_the_server_and_back() {
    let mut model = Model::new();
    let mut repository = model.client_snapshot();
    model.publish(&repository.all_parts()).unwrap();
    repository.rotate_to_server("snapshot", &model.snapshot_key_json());
    let accepted = model.publish(&repository.parts(&["root"])).unwrap();
    assert!(accepted.documents().any(|d| d.role == RoleName::Snapshot && d.version.get() == 2));
    let key = repository.new_ecdsa_key();
    repository.rotate_snapshot_to_client(key, 3);
    model.publish(&repository.parts(&["root", "snapshot"])).unwrap();
}
