//! A repository that Notary's own programs made, with everything in ECDSA and an RSA delegation:
//! every document verifies under the root in force when it was stored.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::collections::BTreeSet;
use std::path::PathBuf;

use bytes::Bytes;
use chrono::{DateTime, Utc};
use countersign_tuf::digest::{Digests, Sha256Digest};
use countersign_tuf::keys::PublicKey;
use countersign_tuf::metadata::{Document, Root, Snapshot, Targets, Timestamp};
use countersign_tuf::names::{Gun, RoleName};
use countersign_tuf::rules::stored_root;
use countersign_tuf::verify::{RoleKeys, Unverified, Verified};
use serde_json::Value;

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/vectors/client/ecdsa");

fn read(file: &str) -> Bytes {
    std::fs::read(PathBuf::from(FOLDER).join(file)).unwrap().into()
}

fn index() -> Value {
    serde_json::from_slice(&read("index.json")).unwrap()
}

fn now() -> DateTime<Utc> {
    DateTime::parse_from_rfc3339("2026-11-24T12:00:00Z").unwrap().to_utc()
}

fn verify<T: Document>(role: &RoleName, raw: Bytes, keys: &RoleKeys) -> Verified<T> {
    Unverified::<T>::parse(role.clone(), raw)
        .unwrap()
        .verify(keys)
        .unwrap()
        .unexpired(now())
        .unwrap()
}

#[test]
fn the_index_names_every_file_and_its_digest() {
    let mut named: BTreeSet<String> = BTreeSet::from(["index.json".to_owned()]);
    for entry in index()["files"].as_array().unwrap() {
        let (file, sha256) = (entry["file"].as_str().unwrap(), entry["sha256"].as_str().unwrap());
        assert_eq!(Sha256Digest::of(&read(file)).to_hex(), sha256, "{file}");
        named.insert(file.to_owned());
    }
    let found: BTreeSet<String> = std::fs::read_dir(FOLDER)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    assert_eq!(found, named);
}

#[test]
fn every_document_verifies_in_the_order_it_was_stored() {
    let gun = Gun::parse(index()["gun"].as_str().unwrap()).unwrap();
    let (mut root, mut targets): (Option<Verified<Root>>, Option<Verified<Targets>>) = (None, None);
    let mut latest: Vec<(RoleName, Digests)> = Vec::new();
    let mut snapshot: Option<Verified<Snapshot>> = None;
    for entry in index()["files"].as_array().unwrap() {
        let role = RoleName::parse(entry["role"].as_str().unwrap()).unwrap();
        let raw = read(entry["file"].as_str().unwrap());
        let keys = root.as_ref().map(|root| root.content().role_keys(&role));
        match &role {
            RoleName::Root => {
                let new = stored_root(&gun, raw.clone(), now()).unwrap();
                if let Some(old) = &root {
                    let old_keys = old.content().role_keys(&RoleName::Root);
                    let offered = Unverified::<Root>::parse(role.clone(), raw.clone()).unwrap();
                    offered.signers(&old_keys).unwrap();
                    assert_eq!(Some(new.version()), old.version().next());
                }
                root = Some(new);
            }
            RoleName::Targets => targets = Some(verify(&role, raw.clone(), &keys.unwrap())),
            RoleName::Delegation(_) => {
                let keys = targets.as_ref().unwrap().content().delegation_keys(&role).unwrap();
                verify::<Targets>(&role, raw.clone(), &keys);
            }
            RoleName::Snapshot => {
                let new: Verified<Snapshot> = verify(&role, raw.clone(), &keys.unwrap());
                for (role, digests) in &latest {
                    new.content().entry(role).unwrap().matches(role, digests).unwrap();
                }
                snapshot = Some(new);
            }
            RoleName::Timestamp => {
                let timestamp: Verified<Timestamp> = verify(&role, raw.clone(), &keys.unwrap());
                let named = timestamp.content().snapshot();
                named.matches(&RoleName::Snapshot, snapshot.as_ref().unwrap().digests()).unwrap();
            }
        }
        if !matches!(role, RoleName::Snapshot | RoleName::Timestamp) {
            latest.retain(|(known, _)| *known != role);
            latest.push((role, Digests::of(&raw)));
        }
    }
}

#[test]
fn every_key_id_recomputes() {
    for entry in index()["files"].as_array().unwrap() {
        let document: Value =
            serde_json::from_slice(&read(entry["file"].as_str().unwrap())).unwrap();
        let signed = &document["signed"];
        let listed = [&signed["keys"], &signed["delegations"]["keys"]];
        for (id, key) in listed.into_iter().filter_map(Value::as_object).flatten() {
            let public = {
                use base64::Engine as _;
                let text = key["keyval"]["public"].as_str().unwrap();
                base64::engine::general_purpose::STANDARD.decode(text).unwrap()
            };
            let key_type = countersign_tuf::keys::KeyType::parse(key["keytype"].as_str().unwrap());
            assert_eq!(PublicKey::new(key_type, public).id().as_str(), id);
        }
    }
}
