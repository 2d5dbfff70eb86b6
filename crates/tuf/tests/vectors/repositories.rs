//! Two repositories that Notary's own programs made, one with everything in ECDSA and an RSA
//! delegation, one with an RSA root and Ed25519 keys: every document verifies under the root in
//! force when it was stored.

use std::collections::BTreeSet;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use countersign_tuf::digest::{Digests, Sha256Digest};
use countersign_tuf::keys::{KeyType, PublicKey};
use countersign_tuf::metadata::{Document, Root, Snapshot, Targets, Timestamp};
use countersign_tuf::names::{Gun, RoleName};
use countersign_tuf::rules::stored_root;
use countersign_tuf::verify::{RoleKeys, Unverified, Verified};
use serde_json::Value;

use crate::folder::{Folder, now};

const REPOSITORIES: [Folder; 2] = [Folder("client/ecdsa"), Folder("client/rsaroot")];

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
    for folder in REPOSITORIES {
        let index = folder.index();
        let mut named: BTreeSet<String> = BTreeSet::from(["index.json".to_owned()]);
        for entry in index["files"].as_array().unwrap() {
            let file = entry["file"].as_str().unwrap();
            let sha256 = entry["sha256"].as_str().unwrap();
            assert_eq!(Sha256Digest::of(&folder.read(file)).to_hex(), sha256, "{file}");
            named.insert(file.to_owned());
        }
        assert_eq!(folder.files(), named);
    }
}

#[test]
fn every_document_verifies_in_the_order_it_was_stored() {
    for (folder, documents) in REPOSITORIES.into_iter().zip([26, 17]) {
        let index = folder.index();
        let mut walk = Walk::new(Gun::parse(index["gun"].as_str().unwrap()).unwrap());
        let files = index["files"].as_array().unwrap();
        for entry in files {
            let role = RoleName::parse(entry["role"].as_str().unwrap()).unwrap();
            walk.step(&role, &folder.read(entry["file"].as_str().unwrap()));
        }
        assert_eq!(files.len(), documents, "{folder:?}");
    }
}

/// What has been verified so far.
struct Walk {
    gun: Gun,
    root: Option<Verified<Root>>,
    targets: Option<Verified<Targets>>,
    snapshot: Option<Verified<Snapshot>>,
    latest: Vec<(RoleName, Digests)>,
}

impl Walk {
    fn new(gun: Gun) -> Self {
        Self { gun, root: None, targets: None, snapshot: None, latest: Vec::new() }
    }

    fn step(&mut self, role: &RoleName, raw: &Bytes) {
        let keys = self.root.as_ref().map(|root| root.content().role_keys(role));
        match role {
            RoleName::Root => {
                let new = stored_root(&self.gun, raw.clone(), now()).unwrap();
                if let Some(old) = &self.root {
                    let old_keys = old.content().role_keys(&RoleName::Root);
                    let offered = Unverified::<Root>::parse(role.clone(), raw.clone()).unwrap();
                    offered.signers(&old_keys).unwrap();
                    assert_eq!(Some(new.version()), old.version().next());
                }
                self.root = Some(new);
            }
            RoleName::Targets => self.targets = Some(verify(role, raw.clone(), &keys.unwrap())),
            RoleName::Delegation(_) => {
                let keys = self.targets.as_ref().unwrap().content().delegation_keys(role).unwrap();
                verify::<Targets>(role, raw.clone(), &keys);
            }
            RoleName::Snapshot => {
                let new: Verified<Snapshot> = verify(role, raw.clone(), &keys.unwrap());
                for (role, digests) in &self.latest {
                    new.content().entry(role).unwrap().matches(role, digests).unwrap();
                }
                self.snapshot = Some(new);
            }
            RoleName::Timestamp => {
                let timestamp: Verified<Timestamp> = verify(role, raw.clone(), &keys.unwrap());
                let named = timestamp.content().snapshot();
                let snapshot = self.snapshot.as_ref().unwrap().digests();
                named.matches(&RoleName::Snapshot, snapshot).unwrap();
            }
        }
        if !matches!(role, RoleName::Snapshot | RoleName::Timestamp) {
            self.latest.retain(|(known, _)| known != role);
            self.latest.push((role.clone(), Digests::of(raw)));
        }
    }
}

#[test]
fn every_key_id_recomputes() {
    for folder in REPOSITORIES {
        for entry in folder.index()["files"].as_array().unwrap() {
            let document: Value =
                serde_json::from_slice(&folder.read(entry["file"].as_str().unwrap())).unwrap();
            let signed = &document["signed"];
            let listed = [&signed["keys"], &signed["delegations"]["keys"]];
            for (id, key) in listed.into_iter().filter_map(Value::as_object).flatten() {
                let public = STANDARD.decode(key["keyval"]["public"].as_str().unwrap()).unwrap();
                let key_type = KeyType::parse(key["keytype"].as_str().unwrap());
                assert_eq!(PublicKey::new(key_type, public).id().as_str(), id);
            }
        }
    }
}

/// What the second repository is there for.
#[test]
fn signatures_of_three_methods_are_met_in_the_repository_with_an_rsa_root() {
    let folder = Folder("client/rsaroot");
    let mut met = BTreeSet::new();
    for file in folder.files() {
        let document: Value = serde_json::from_slice(&folder.read(&file)).unwrap();
        for signature in document["signatures"].as_array().into_iter().flatten() {
            met.insert(signature["method"].as_str().unwrap().to_owned());
        }
    }
    assert_eq!(met, BTreeSet::from(["ecdsa", "eddsa", "rsapss"].map(str::to_owned)));
}
