//! Faults of thresholds and key lists, in the root's roles and in delegations.

use serde_json::{Value, json};

use super::Target::{Root, Targets};
use super::{Fault, fault};
use crate::repository::{Repository, set};

pub(super) const FAULTS: &[Fault] = &[
    fault("root-threshold-zero", Root, |r, _| threshold(r, "root", json!(0))),
    fault("root-threshold-negative", Root, |r, _| threshold(r, "root", json!(-1))),
    fault("root-threshold-above-keys", Root, |r, _| threshold(r, "root", json!(2))),
    fault("targets-threshold-zero", Root, |r, _| threshold(r, "targets", json!(0))),
    fault("targets-threshold-negative", Root, |r, _| threshold(r, "targets", json!(-1))),
    fault("targets-threshold-above-keys", Root, |r, _| threshold(r, "targets", json!(2))),
    fault("targets-threshold-fractional", Root, |r, _| threshold(r, "targets", json!(1.5))),
    fault("targets-threshold-string", Root, |r, _| threshold(r, "targets", json!("1"))),
    fault("targets-threshold-huge", Root, |r, _| threshold(r, "targets", json!(1_u64 << 63))),
    fault("snapshot-threshold-zero", Root, |r, _| threshold(r, "snapshot", json!(0))),
    fault("snapshot-threshold-above-keys", Root, |r, _| threshold(r, "snapshot", json!(2))),
    fault("timestamp-threshold-zero", Root, |r, _| threshold(r, "timestamp", json!(0))),
    fault("timestamp-threshold-above-keys", Root, |r, _| threshold(r, "timestamp", json!(2))),
    fault("root-keyid-twice", Root, |r, _| keyid_twice(r, "root")),
    fault("targets-keyid-twice", Root, |r, _| keyid_twice(r, "targets")),
    fault("targets-keyid-twice-threshold-two", Root, |r, role| {
        keyid_twice(r, "targets");
        threshold(r, "targets", json!(2));
        r.damage("targets", |document| {
            let again = document.signatures.clone();
            document.signatures.extend(again);
        });
        r.sign(role);
    }),
    fault("targets-one-key-under-two-ids", Root, one_key_under_two_ids),
    fault("targets-two-keys-one-signature", Root, |r, _| two_keys(r, Signing::First)),
    fault("targets-two-keys-two-signatures", Root, |r, _| two_keys(r, Signing::Both)),
    fault("targets-no-keys", Root, |r, _| no_keys(r, "targets")),
    fault("root-no-keys", Root, |r, _| no_keys(r, "root")),
    fault("snapshot-no-keys", Root, |r, _| no_keys(r, "snapshot")),
    fault("timestamp-no-keys", Root, |r, _| no_keys(r, "timestamp")),
    fault("delegation-threshold-zero", Targets, |r, _| delegation_threshold(r, json!(0))),
    fault("delegation-threshold-negative", Targets, |r, _| delegation_threshold(r, json!(-1))),
    fault("delegation-threshold-above-keys", Targets, |r, _| delegation_threshold(r, json!(2))),
    fault("delegation-threshold-absent", Targets, |r, _| delegation_threshold(r, Value::Null)),
];

enum Signing {
    Both,
    First,
}

fn threshold(repository: &mut Repository, role: &str, value: Value) {
    repository.edit("root", |root| {
        if let Some(listed) = root.pointer_mut(&format!("/roles/{role}")) {
            set(listed, "threshold", value);
        }
    });
}

fn delegation_threshold(repository: &mut Repository, value: Value) {
    repository.edit("targets", |targets| {
        if let Some(listed) = targets.pointer_mut("/delegations/roles/0") {
            set(listed, "threshold", value);
        }
    });
}

fn keyids(root: &mut Value, role: &str, change: impl FnOnce(&mut Vec<Value>)) {
    let list = root.pointer_mut(&format!("/roles/{role}/keyids")).and_then(Value::as_array_mut);
    if let Some(list) = list {
        change(list);
    }
}

fn keyid_twice(repository: &mut Repository, role: &str) {
    repository.edit("root", |root| {
        keyids(root, role, |list| list.extend(list.clone()));
    });
}

fn no_keys(repository: &mut Repository, role: &str) {
    repository.edit("root", |root| keyids(root, role, Vec::clear));
}

/// Lists the targets key a second time as a certificate, asks for two keys, and signs with both.
fn one_key_under_two_ids(repository: &mut Repository, _: &str) {
    let shape = crate::certificate::CertificateShape::of_client(repository.gun(), repository.now());
    let Some(plain) = repository.keys("targets").first().cloned() else { return };
    let second = plain.with_certificate(&shape);
    list_second(repository, &second);
    repository.damage("targets", |document| document.sign([&plain, &second]));
}

fn two_keys(repository: &mut Repository, signing: Signing) {
    let second = repository.new_ed25519_key();
    let Some(first) = repository.keys("targets").first().cloned() else { return };
    list_second(repository, &second);
    repository.damage("targets", |document| match signing {
        Signing::Both => document.sign([&first, &second]),
        Signing::First => document.sign([&first]),
    });
}

fn list_second(repository: &mut Repository, key: &crate::key::Key) {
    repository.edit("root", |root| {
        if let Some(keys) = root.get_mut("keys") {
            set(keys, &key.id(), key.to_json());
        }
        keyids(root, "targets", |list| list.push(json!(key.id())));
    });
    threshold(repository, "targets", json!(2));
}
