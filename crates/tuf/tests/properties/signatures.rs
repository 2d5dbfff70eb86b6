//! A signature covers every bit of what was signed.

use std::collections::BTreeMap;

use bytes::Bytes;
use countersign_forge::document::Document;
use countersign_forge::key::Key;
use countersign_tuf::keys::{KeyType, PublicKey};
use countersign_tuf::metadata::Targets;
use countersign_tuf::names::RoleName;
use countersign_tuf::verify::{RoleKeys, Unverified};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::text::any_json;

/// Where the signed part begins: behind `{"signed":`.
const SIGNED_AT: usize = 10;

fn key() -> Key {
    Key::ed25519([3; 32])
}

fn document(targets: &BTreeMap<String, (u64, Value)>) -> Document {
    let targets: BTreeMap<_, _> = targets
        .iter()
        .map(|(name, (length, custom))| {
            (name, json!({"custom": custom, "hashes": {"sha256": "AAAA"}, "length": length}))
        })
        .collect();
    let mut document = Document::unsigned(&json!({"_type": "Targets",
        "delegations": {"keys": {}, "roles": []}, "expires": "2029-11-23T11:02:36Z",
        "targets": targets, "version": 2}));
    document.sign([&key()]);
    document
}

fn verifies(bytes: Vec<u8>) -> bool {
    let public = PublicKey::new(KeyType::Ed25519, key().public().to_vec());
    let keys = BTreeMap::from([(public.id().clone(), public)]);
    let keys = RoleKeys { role: RoleName::Targets, keys, threshold: 1 };
    Unverified::<Targets>::parse(RoleName::Targets, Bytes::from(bytes))
        .and_then(|document| document.verify(&keys))
        .is_ok()
}

fn flip(document: &Document, bit: usize) -> Vec<u8> {
    let mut bytes = document.to_bytes();
    *bytes.get_mut(SIGNED_AT + bit / 8).unwrap() ^= 1 << (bit % 8);
    bytes
}

#[test]
fn document_with_any_one_bit_flipped_never_verifies() {
    let document = document(&BTreeMap::from([("v1".to_owned(), (6, json!({"a": [1, "b"]})))]));
    assert!(verifies(document.to_bytes()));
    for bit in 0..document.signed.len() * 8 {
        assert!(!verifies(flip(&document, bit)), "bit {bit}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_document_with_any_one_bit_flipped_never_verifies(
        targets in prop::collection::btree_map("\\PC{0,8}", (0..1_u64 << 53, any_json()), 0..4),
        bits in prop::collection::vec(any::<prop::sample::Index>(), 16),
    ) {
        let document = document(&targets);
        prop_assert!(verifies(document.to_bytes()));
        for bit in bits {
            let bit = bit.index(document.signed.len() * 8);
            prop_assert!(!verifies(flip(&document, bit)), "bit {bit} of {}", document.signed);
        }
    }
}
