//! Whatever is done to a repository, its documents stay signed and the snapshot names them all.

#![cfg(test)]

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use countersign_forge::faults;
use countersign_forge::key::{Key, key_id};
use countersign_forge::repository::{Repository, ServerKeys, parent};
use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};
use ring::digest::{SHA256, SHA512, digest};
use ring::signature::{ECDSA_P256_SHA256_FIXED, ED25519, UnparsedPublicKey};
use serde_json::Value;

const RUNS: u64 = 24;

fn server_keys(snapshot: Option<Value>) -> ServerKeys {
    ServerKeys { timestamp: Key::ecdsa([7; 32]).to_json(), snapshot }
}

fn repository(seed: u64, server: &ServerKeys) -> Repository {
    let now = chrono::DateTime::from_timestamp(1_795_000_000, 0).unwrap();
    Repository::new("example.com/app", seed, now, server)
}

/// Does a few things in an order that follows from the seed.
fn lived(seed: u64) -> Repository {
    let mut repository = repository(seed, &server_keys(None));
    let mut random = StdRng::seed_from_u64(seed);
    for turn in 0..8 {
        match random.random_range(0..7) {
            0 => repository.add_target("targets", &format!("v{turn}"), b"content"),
            1 => {
                let key = repository.new_ed25519_key();
                repository.add_delegation(&format!("targets/d{turn}"), key);
            }
            2 => {
                let key = repository.new_root_key();
                repository.rotate("root", key);
            }
            3 => {
                let key = repository.new_ecdsa_key();
                repository.rotate("targets", key);
            }
            4 => {
                let key = repository.new_ecdsa_key();
                repository.rotate("snapshot", key);
            }
            5 => repository.bump_all(),
            _ => repository.forget_former_root_keys(),
        }
    }
    repository
}

/// The key IDs that the document above lists for `role`.
fn listed_ids(repository: &Repository, role: &str) -> Vec<Value> {
    let value = |of: &str| repository.document(of).unwrap().value();
    if !role.starts_with("targets/") {
        return value("root")["roles"][role]["keyids"].as_array().unwrap().clone();
    }
    let listings = value(parent(role))["delegations"]["roles"].as_array().unwrap().clone();
    let listing = listings.into_iter().find(|listing| listing["name"] == role).unwrap();
    listing["keyids"].as_array().unwrap().clone()
}

fn verifies(key: &Key, message: &[u8], signature: &Value) -> bool {
    let raw = STANDARD.decode(signature["sig"].as_str().unwrap()).unwrap();
    let public = match key.key_type() {
        "ed25519" => return ring_says(&ED25519, key.public(), message, &raw),
        "ecdsa" => key.public().to_vec(),
        _ => pem::parse(key.public()).unwrap().into_contents(),
    };
    // In a certificate the point stands behind the same bytes as in a bare public key.
    let bare = Key::ecdsa([1; 32]);
    let head = &bare.public()[2..26];
    let start = public.windows(head.len()).position(|window| window == head).unwrap() + head.len();
    ring_says(&ECDSA_P256_SHA256_FIXED, &public[start..start + 65], message, &raw)
}

fn ring_says(
    algorithm: &'static dyn ring::signature::VerificationAlgorithm,
    public: &[u8],
    message: &[u8],
    signature: &[u8],
) -> bool {
    UnparsedPublicKey::new(algorithm, public).verify(message, signature).is_ok()
}

#[test]
fn every_document_is_signed_by_the_keys_that_are_listed_for_it() {
    for seed in 0..RUNS {
        let repository = lived(seed);
        for role in repository.roles() {
            let document = repository.document(role).unwrap();
            let ids = listed_ids(&repository, role);
            for (key, id) in repository.keys(role).iter().zip(&ids) {
                assert_eq!(key.id(), *id, "seed {seed}, {role}");
                assert_eq!(key.id(), key_id(&key.to_json()));
                let signature =
                    document.signatures.iter().find(|signature| signature["keyid"] == *id).unwrap();
                assert!(verifies(key, &document.message(), signature), "seed {seed}, {role}");
            }
            assert_eq!(repository.keys(role).len(), ids.len(), "seed {seed}, {role}");
        }
    }
}

#[test]
fn the_snapshot_names_every_document_by_its_bytes() {
    for seed in 0..RUNS {
        let repository = lived(seed);
        let snapshot = repository.document("snapshot").unwrap().value();
        let others: Vec<_> = repository.roles().filter(|role| *role != "snapshot").collect();
        assert_eq!(snapshot["meta"].as_object().unwrap().len(), others.len());
        for (role, bytes) in repository.parts(&others) {
            let entry = &snapshot["meta"][&role];
            for (name, algorithm) in [("sha256", &SHA256), ("sha512", &SHA512)] {
                let expected = STANDARD.encode(digest(algorithm, &bytes));
                assert_eq!(entry["hashes"][name], expected, "seed {seed}, {role}");
            }
            assert_eq!(entry["length"], bytes.len());
        }
    }
}

#[test]
fn the_same_seed_makes_the_same_bytes() {
    assert_eq!(lived(3).all_parts(), lived(3).all_parts());
    assert_ne!(lived(3).all_parts(), lived(4).all_parts());
}

#[test]
fn a_rotated_root_is_signed_by_the_old_key_until_that_is_forgotten() {
    let mut repository = repository(1, &server_keys(None));
    let old = repository.keys("root")[0].id();
    let key = repository.new_root_key();
    repository.rotate("root", key);
    let signers = |repository: &Repository| {
        let signatures = &repository.document("root").unwrap().signatures;
        signatures.iter().map(|s| s["keyid"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(signers(&repository), [repository.keys("root")[0].id(), old]);
    repository.forget_former_root_keys();
    repository.bump("root");
    assert_eq!(signers(&repository), [repository.keys("root")[0].id()]);
}

#[test]
fn a_snapshot_held_by_the_server_has_no_document_here() {
    let listed = Key::ed25519([8; 32]).to_json();
    let mut repository = repository(1, &server_keys(Some(listed.clone())));
    assert!(!repository.holds_snapshot_key());
    assert_eq!(listed_ids(&repository, "snapshot"), [Value::from(key_id(&listed))]);
    assert_eq!(repository.roles().collect::<Vec<_>>(), ["root", "targets"]);
    let key = repository.new_ecdsa_key();
    repository.rotate_snapshot_to_client(key, 9);
    assert_eq!(repository.document("snapshot").unwrap().version(), 9);
    repository.rotate_to_server("snapshot", &listed);
    assert!(repository.document("snapshot").is_none());
}

#[test]
fn a_wrong_signature_does_not_verify() {
    let mut repository = repository(1, &server_keys(None));
    faults::named("signature-wrong").unwrap().apply(&mut repository, "targets");
    let document = repository.document("targets").unwrap();
    let key = &repository.keys("targets")[0];
    assert!(!verifies(key, &document.message(), &document.signatures[0]));
}
