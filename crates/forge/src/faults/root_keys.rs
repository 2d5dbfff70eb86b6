//! Faults of the root's keys, certificates and roles.

use chrono::Duration;
use serde_json::{Value, json};

use super::Target::Root;
use super::{Fault, fault};
use crate::certificate::{CertificateShape, SignatureDigest, Standing};
use crate::key::Key;
use crate::repository::{Repository, set};

pub(super) const FAULTS: &[Fault] = &[
    fault("certificate-other-name", Root, |r, _| {
        certificate(r, |shape| shape.common_name = "example.com/other".to_owned());
    }),
    fault("certificate-name-is-prefix", Root, |r, _| {
        certificate(r, |shape| shape.common_name.truncate(11));
    }),
    fault("certificate-name-wildcard", Root, |r, _| {
        certificate(r, |shape| {
            shape.common_name.truncate(11);
            shape.common_name.push('*');
        });
    }),
    fault("certificate-name-star", Root, |r, _| {
        certificate(r, |shape| shape.common_name = "*".to_owned());
    }),
    fault("certificate-name-other-case", Root, |r, _| {
        certificate(r, |shape| shape.common_name = shape.common_name.to_uppercase());
    }),
    fault("certificate-name-empty", Root, |r, _| certificate(r, |shape| shape.common_name.clear())),
    fault("certificate-expired", Root, |r, _| {
        certificate(r, |shape| shape.not_after = shape.not_before);
    }),
    fault("certificate-valid-tomorrow", Root, |r, _| {
        certificate(r, |shape| shape.not_before += Duration::days(1) + Duration::hours(23));
    }),
    fault("certificate-valid-next-month", Root, |r, _| {
        certificate(r, |shape| shape.not_before += Duration::days(31));
    }),
    fault("certificate-of-authority", Root, |r, _| {
        certificate(r, |shape| shape.standing = Standing::Authority);
    }),
    fault("certificate-rsa", Root, |r, _| rsa(r, SignatureDigest::Sha256)),
    fault("certificate-rsa-sha1", Root, |r, _| rsa(r, SignatureDigest::Sha1)),
    fault("certificate-with-authority-behind", Root, |r, _| bundle(r, Order::LeafFirst)),
    fault("certificate-with-authority-in-front", Root, |r, _| bundle(r, Order::LeafLast)),
    fault("certificate-twice-in-bundle", Root, |r, _| relist(r, |pem| format!("{pem}{pem}"))),
    fault("certificate-with-text-around", Root, |r, _| {
        relist(r, |pem| format!("text\n{pem}text\n"))
    }),
    fault("certificate-with-crlf", Root, |r, _| relist(r, |pem| pem.replace('\n', "\r\n"))),
    fault("certificate-without-last-newline", Root, |r, _| relist(r, |p| p.trim_end().to_owned())),
    fault("certificate-with-other-block", Root, |r, _| {
        relist(r, |pem| {
            format!("{pem}-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n")
        });
    }),
    fault("certificate-cut", Root, |r, _| {
        relist(r, |pem| pem.chars().enumerate().filter(|(i, _)| *i != 100).map(|p| p.1).collect());
    }),
    fault("certificate-empty", Root, |r, _| relist(r, |_| String::new())),
    fault("certificate-missing-padding-key-type", Root, |r, _| retype(r, "unheard-of")),
    fault("certificate-under-plain-type", Root, |r, _| retype(r, "ecdsa")),
    fault("root-key-without-certificate", Root, |r, _| {
        let key = r.new_ecdsa_key();
        r.rotate("root", key);
        back(r);
    }),
    fault("root-key-ed25519", Root, |r, _| {
        let key = r.new_ed25519_key();
        r.rotate("root", key);
        back(r);
    }),
    fault("rotated-signed-by-both", Root, |r, _| rotated(r, Signers::Both)),
    fault("rotated-signed-by-new-only", Root, |r, _| rotated(r, Signers::New)),
    fault("rotated-signed-by-old-only", Root, |r, _| rotated(r, Signers::Old)),
    fault("timestamp-key-strange", Root, |r, _| strange_server_key(r, "timestamp")),
    fault("timestamp-key-of-targets", Root, timestamp_key_of_targets),
    fault("snapshot-key-strange", Root, |r, _| strange_server_key(r, "snapshot")),
    fault("targets-key-under-wrong-id", Root, key_under_wrong_id),
    fault("targets-key-of-unheard-of-type", Root, |r, _| {
        targets_key(r, |k| k.listed_as("x", vec![1]))
    }),
    fault("targets-key-ed25519", Root, |r, _| {
        let key = r.new_ed25519_key();
        replace_targets_key(r, key);
    }),
    fault("targets-key-rsa", Root, |r, _| replace_targets_key(r, Key::rsa())),
    fault("targets-key-broken", Root, |r, _| targets_key(r, |k| k.listed_as("ecdsa", vec![1, 2]))),
    fault("role-extra", Root, |r, _| {
        roles(r, |roles| set(roles, "mirrors", json!({"keyids": [], "threshold": 1})));
    }),
    fault("role-extra-null", Root, |r, _| roles(r, |roles| set(roles, "mirrors", Value::Null))),
    fault("role-extra-delegation", Root, |r, _| {
        roles(r, |roles| set(roles, "targets/a", json!({"keyids": [], "threshold": 1})));
    }),
    fault("role-name-upper-case", Root, |r, _| {
        roles(r, |roles| set(roles, "Targets", json!({"keyids": [], "threshold": 0})));
    }),
    fault("consistent-snapshot-true", Root, |r, _| {
        r.edit("root", |root| set(root, "consistent_snapshot", json!(true)));
    }),
    fault("folded-roles", Root, |r, _| r.edit("root", |root| set(root, "Roles", json!({})))),
    fault("folded-keys", Root, |r, _| r.edit("root", |root| set(root, "\u{212a}eys", json!({})))),
    fault("folded-threshold", Root, |r, _| {
        roles(r, |roles| {
            if let Some(targets) = roles.get_mut("targets") {
                set(targets, "Threshold", json!(0));
            }
        });
    }),
];

enum Order {
    LeafFirst,
    LeafLast,
}

enum Signers {
    Both,
    New,
    Old,
}

/// Gives the first root key a certificate of another shape. Its private half stays, so a
/// verifier that looks past the certificate would accept.
fn certificate(repository: &mut Repository, change: impl FnOnce(&mut CertificateShape)) {
    let mut shape = CertificateShape::of_client(repository.gun(), repository.now());
    change(&mut shape);
    let key = repository.new_certificate_key(&shape);
    repository.rotate("root", key);
    back(repository);
}

fn rsa(repository: &mut Repository, digest: SignatureDigest) {
    let mut shape = CertificateShape::of_client(repository.gun(), repository.now());
    shape.digest = digest;
    repository.rotate("root", Key::rsa_certificate(&shape));
    back(repository);
}

fn bundle(repository: &mut Repository, order: Order) {
    let mut shape = CertificateShape::of_client(repository.gun(), repository.now());
    shape.standing = Standing::Authority;
    let authority = repository.new_certificate_key(&shape);
    let authority = String::from_utf8_lossy(authority.public()).into_owned();
    relist(repository, |pem| match order {
        Order::LeafFirst => format!("{pem}{authority}"),
        Order::LeafLast => format!("{authority}{pem}"),
    });
}

/// Lists a fresh root key with changed PEM text.
fn relist(repository: &mut Repository, change: impl FnOnce(&str) -> String) {
    let key = repository.new_root_key();
    let pem = change(&String::from_utf8_lossy(key.public()));
    repository.rotate("root", key.listed_as("ecdsa-x509", pem.into_bytes()));
    back(repository);
}

fn retype(repository: &mut Repository, key_type: &'static str) {
    let key = repository.new_root_key();
    let public = key.public().to_vec();
    repository.rotate("root", key.listed_as(key_type, public));
    back(repository);
}

/// Takes back the version that a rotation added: the publish in hand already has its own.
pub(super) fn back(repository: &mut Repository) {
    repository.edit("root", |root| {
        let version = root.get("version").and_then(Value::as_i64).unwrap_or(1);
        set(root, "version", json!(version - 1));
    });
}

fn rotated(repository: &mut Repository, signers: Signers) {
    let key = repository.new_root_key();
    repository.rotate("root", key.clone());
    back(repository);
    let former = repository.former_root_keys().to_vec();
    repository.damage("root", |document| match signers {
        Signers::Both => document.sign(former.iter().chain([&key])),
        Signers::New => document.sign([&key]),
        Signers::Old => document.sign(&former),
    });
}

fn strange_server_key(repository: &mut Repository, role: &str) {
    let key = repository.new_ecdsa_key().to_json();
    list_only(repository, role, &key);
}

fn timestamp_key_of_targets(repository: &mut Repository, _: &str) {
    let key = repository.keys("targets").first().map(Key::to_json).unwrap_or_default();
    list_only(repository, "timestamp", &key);
}

fn list_only(repository: &mut Repository, role: &str, listed: &Value) {
    let id = crate::key::key_id(listed);
    repository.edit("root", |root| {
        if let Some(keys) = root.get_mut("keys") {
            set(keys, &id, listed.clone());
        }
        if let Some(roles) = root.get_mut("roles") {
            set(roles, role, json!({"keyids": [id], "threshold": 1}));
        }
    });
}

/// Lists the targets key under an ID that is not its own, and lets the signature name that ID.
fn key_under_wrong_id(repository: &mut Repository, _: &str) {
    let wrong = "0123456789abcdef".repeat(4);
    let listed = repository.keys("targets").first().map(Key::to_json).unwrap_or_default();
    repository.edit("root", |root| {
        if let Some(keys) = root.get_mut("keys") {
            set(keys, &wrong, listed);
        }
        if let Some(targets) = root.pointer_mut("/roles/targets") {
            set(targets, "keyids", json!([wrong]));
        }
    });
    repository.damage("targets", |document| {
        for signature in &mut document.signatures {
            set(signature, "keyid", json!(wrong));
        }
    });
}

/// Lists the targets key in another form; the private half stays.
fn targets_key(repository: &mut Repository, change: impl FnOnce(&Key) -> Key) {
    if let Some(key) = repository.keys("targets").first().map(change) {
        replace_targets_key(repository, key);
    }
}

fn replace_targets_key(repository: &mut Repository, key: Key) {
    repository.rotate("targets", key);
    back(repository);
}

fn roles(repository: &mut Repository, change: impl FnOnce(&mut Value)) {
    repository.edit("root", |root| {
        if let Some(roles) = root.get_mut("roles") {
            change(roles);
        }
    });
}
