//! Each fault changes what it says, in the document it names.

use serde_json::{Value, json};

use super::*;
use crate::repository::{Repository, ServerKeys, meta_entry};

fn repository() -> Repository {
    let now = chrono::DateTime::from_timestamp(1_795_000_000, 0).unwrap();
    let timestamp = crate::key::Key::ed25519([9; 32]).to_json();
    let server = ServerKeys { timestamp, snapshot: None };
    let mut repository = Repository::new("example.com/app", 7, now, &server);
    let key = repository.new_ecdsa_key();
    repository.add_delegation("targets/a", key);
    repository.bump_all();
    repository
}

#[test]
fn names_of_faults_are_unique() {
    let mut names: Vec<_> = all().map(|fault| fault.name).collect();
    names.sort_unstable();
    let count = names.len();
    names.dedup();
    assert_eq!(names.len(), count);
    assert!(count > 200, "{count} faults");
}

#[test]
fn every_fault_changes_a_document_of_every_role_it_fits() {
    let before = repository();
    for fault in all() {
        for role in ["root", "targets", "snapshot", "targets/a"] {
            let mut after = before.clone();
            fault.apply(&mut after, role);
            let changed = after.all_parts() != before.all_parts();
            assert!(changed || !fault.fits(role), "{} on {role} changes nothing", fault.name);
        }
    }
}

#[test]
fn faults_of_other_documents_leave_the_snapshot_true() {
    let before = repository();
    for fault in all() {
        for role in ["root", "targets", "targets/a"].into_iter().filter(|role| fault.fits(role)) {
            let mut damaged = before.clone();
            fault.apply(&mut damaged, role);
            let meta = damaged.document("snapshot").unwrap().value()["meta"].clone();
            for (name, bytes) in damaged.parts(&["root", "targets", "targets/a"]) {
                assert_eq!(meta[&name], meta_entry(&bytes), "{} on {role}: {name}", fault.name);
            }
        }
    }
}

#[test]
fn expired_fault_changes_expires_only() {
    let before = repository();
    let mut after = before.clone();
    named("expires-past").unwrap().apply(&mut after, "targets");
    let [mut old, mut new] = [&before, &after].map(|r| r.document("targets").unwrap().value());
    assert!(new["expires"].as_str() < Some("2026-11-24"));
    old["expires"] = Value::Null;
    new["expires"] = Value::Null;
    assert_eq!(old, new);
}

#[test]
fn version_faults_write_what_they_say() {
    for (name, text) in [
        ("version-fractional", r#""version":1.5}"#),
        ("version-string", r#""version":"2"}"#),
        ("version-63-bits", r#""version":9223372036854775807}"#),
        ("version-twice-good-last", r#"{"version":77,"#),
        ("version-twice-good-first", r#","version":77}"#),
    ] {
        for role in ["root", "targets", "snapshot", "targets/a"] {
            let mut damaged = repository();
            named(name).unwrap().apply(&mut damaged, role);
            let signed = damaged.document(role).unwrap().signed.clone();
            assert!(signed.contains(text), "{name} on {role}: {signed}");
        }
    }
}

#[test]
fn threshold_fault_changes_one_threshold() {
    let before = repository();
    let mut after = before.clone();
    named("targets-threshold-zero").unwrap().apply(&mut after, "root");
    let mut expected = before.document("root").unwrap().value();
    expected["roles"]["targets"]["threshold"] = json!(0);
    assert_eq!(after.document("root").unwrap().value(), expected);
}
