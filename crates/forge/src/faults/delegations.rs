//! Faults of delegations: how targets list them, and the keys they list.

use chrono::Duration;
use serde_json::{Value, json};

use super::Target::Targets;
use super::{Fault, fault};
use crate::certificate::{CertificateShape, SignatureDigest, Standing};
use crate::key::Key;
use crate::repository::{Repository, set};

pub(super) const FAULTS: &[Fault] = &[
    fault("delegation-not-listed", Targets, |r, _| listings(r, Vec::clear)),
    fault("delegation-listed-twice", Targets, |r, _| listings(r, |l| l.extend(l.clone()))),
    fault("delegation-of-grandchild", Targets, |r, _| rename(r, "targets/a/b")),
    fault("delegation-of-other-parent", Targets, |r, _| rename(r, "targets/x/y")),
    fault("delegation-named-targets", Targets, |r, _| rename(r, "targets")),
    fault("delegation-named-root", Targets, |r, _| rename(r, "root")),
    fault("delegation-name-upper-case", Targets, |r, _| rename(r, "targets/A")),
    fault("delegation-name-with-dots", Targets, |r, _| rename(r, "targets/../a")),
    fault("delegation-name-with-trailing-slash", Targets, |r, _| rename(r, "targets/a/")),
    fault("delegation-name-with-space", Targets, |r, _| rename(r, "targets/a b")),
    fault("delegation-name-empty", Targets, |r, _| rename(r, "")),
    fault("delegation-name-too-long", Targets, |r, _| {
        rename(r, &format!("targets/{}", "a".repeat(256)));
    }),
    fault("delegation-listing-null", Targets, |r, _| listings(r, |l| l.push(Value::Null))),
    fault("delegation-listing-empty", Targets, |r, _| listings(r, |l| l.push(json!({})))),
    fault("delegation-key-unknown", Targets, |r, _| {
        listing(r, |entry| set(entry, "keyids", json!(["0".repeat(64)])));
    }),
    fault("delegation-no-keys", Targets, |r, _| {
        listing(r, |entry| set(entry, "keyids", json!([])));
    }),
    fault("delegation-paths-null", Targets, |r, _| {
        listing(r, |entry| set(entry, "paths", Value::Null));
    }),
    fault("delegation-paths-empty", Targets, |r, _| {
        listing(r, |entry| set(entry, "paths", json!([])));
    }),
    fault("delegation-folded-name", Targets, |r, _| {
        listing(r, |entry| set(entry, "Name", json!("targets/z")));
    }),
    fault("delegation-key-under-wrong-id", Targets, key_under_wrong_id),
    fault("delegation-key-rsa", Targets, |r, _| replace_key(r, Key::rsa())),
    fault("delegation-key-ed25519", Targets, |r, _| {
        let key = r.new_ed25519_key();
        replace_key(r, key);
    }),
    fault("delegation-certificate", Targets, |r, _| certificate(r, |_| ())),
    fault("delegation-certificate-other-name", Targets, |r, _| {
        certificate(r, |shape| shape.common_name = "alice".to_owned());
    }),
    fault("delegation-certificate-expired", Targets, |r, _| {
        certificate(r, |shape| shape.not_after = shape.not_before);
    }),
    fault("delegation-certificate-not-yet-valid", Targets, |r, _| {
        certificate(r, |shape| shape.not_before += Duration::days(31));
    }),
    fault("delegation-certificate-of-authority", Targets, |r, _| {
        certificate(r, |shape| shape.standing = Standing::Authority);
    }),
    fault("delegation-certificate-rsa", Targets, |r, _| rsa(r, SignatureDigest::Sha256)),
    fault("delegation-certificate-rsa-sha1", Targets, |r, _| rsa(r, SignatureDigest::Sha1)),
    fault("targets-null", Targets, |r, role| r.edit(role, |t| set(t, "targets", Value::Null))),
    fault("delegations-null", Targets, |r, role| {
        r.edit(role, |t| set(t, "delegations", Value::Null));
    }),
    fault("target-without-hashes", Targets, |r, role| target(r, role, json!({"length": 1}))),
    fault("target-null", Targets, |r, role| target(r, role, Value::Null)),
    fault("target-custom-fraction", Targets, |r, role| {
        target(r, role, json!({"hashes": {"sha256": "AAAA"}, "length": 1, "custom": {"a": 1.5}}));
    }),
    fault("target-custom", Targets, |r, role| {
        target(
            r,
            role,
            json!({"hashes": {"sha256": "AAAA"}, "length": 1, "custom": {"Version": [1]}}),
        );
    }),
    fault("target-name-with-newline", Targets, |r, role| {
        r.edit(role, |targets| {
            if let Some(targets) = targets.get_mut("targets") {
                set(targets, "a\nb", json!({"hashes": {"sha256": "AAAA"}, "length": 1}));
            }
        });
    }),
];

fn listings(repository: &mut Repository, change: impl FnOnce(&mut Vec<Value>)) {
    repository.edit("targets", |targets| {
        let list = targets.pointer_mut("/delegations/roles").and_then(Value::as_array_mut);
        if let Some(list) = list {
            change(list);
        }
    });
}

fn listing(repository: &mut Repository, change: impl FnOnce(&mut Value)) {
    repository.edit("targets", |targets| {
        if let Some(entry) = targets.pointer_mut("/delegations/roles/0") {
            change(entry);
        }
    });
}

fn rename(repository: &mut Repository, name: &str) {
    listing(repository, |entry| set(entry, "name", json!(name)));
}

fn key_under_wrong_id(repository: &mut Repository, _: &str) {
    let wrong = "0123456789abcdef".repeat(4);
    let listed = repository.keys("targets/a").first().map(Key::to_json).unwrap_or_default();
    repository.edit("targets", |targets| {
        if let Some(keys) = targets.pointer_mut("/delegations/keys") {
            set(keys, &wrong, listed);
        }
    });
    listing(repository, |entry| set(entry, "keyids", json!([wrong])));
    repository.damage("targets/a", |document| {
        for signature in &mut document.signatures {
            set(signature, "keyid", json!(wrong));
        }
    });
}

/// Lists another key for `targets/a` and lets it sign that document.
pub(super) fn replace_key(repository: &mut Repository, key: Key) {
    repository.edit("targets", |targets| {
        if let Some(keys) = targets.pointer_mut("/delegations/keys") {
            set(keys, &key.id(), key.to_json());
        }
    });
    listing(repository, |entry| set(entry, "keyids", json!([key.id()])));
    repository.damage("targets/a", |document| document.sign([&key]));
}

fn certificate(repository: &mut Repository, change: impl FnOnce(&mut CertificateShape)) {
    let mut shape = CertificateShape::of_client(repository.gun(), repository.now());
    change(&mut shape);
    let key = repository.new_certificate_key(&shape);
    replace_key(repository, key);
}

fn rsa(repository: &mut Repository, digest: SignatureDigest) {
    let mut shape = CertificateShape::of_client(repository.gun(), repository.now());
    shape.digest = digest;
    replace_key(repository, Key::rsa_certificate(&shape));
}

fn target(repository: &mut Repository, role: &str, value: Value) {
    repository.edit(role, |targets| {
        if let Some(targets) = targets.get_mut("targets") {
            set(targets, "v1", value);
        }
    });
}
