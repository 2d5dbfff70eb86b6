//! Bugs that systems like this one have had, one test per class: here those of keys, signatures
//! and documents. The numbers are those of `docs/security-model.md`.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::collections::BTreeMap;

use bytes::Bytes;
use chrono::DateTime;
use countersign_forge::certificate::CertificateShape;
use countersign_forge::damage::{Damage, apply, pointers};
use countersign_forge::document::Document;
use countersign_forge::key::Key;
use countersign_forge::repository::{Repository, ServerKeys, meta_entry};
use serde_json::{Value, json};

use countersign_tuf::keys::{KeyId, KeyType, PublicKey, SignatureMethod, verify_signature};
use countersign_tuf::metadata::{Root, Snapshot, Targets, Timestamp};
use countersign_tuf::names::RoleName;
use countersign_tuf::reason::{Reason, StructureFault};
use countersign_tuf::verify::{RoleKeys, Unverified};

const METHODS: [&str; 6] =
    ["ecdsa", "eddsa", "rsapkcs1v15", "rsapss", "pycrypto-pkcs#1 pss", "none"];

fn public(key: &Key) -> PublicKey {
    PublicKey::new(KeyType::parse(key.key_type()), key.public().to_vec())
}

fn role_keys<'a>(keys: impl IntoIterator<Item = &'a Key>, threshold: i64) -> RoleKeys {
    let by_id: BTreeMap<KeyId, PublicKey> =
        keys.into_iter().map(|key| (KeyId::claimed(&key.id()), public(key))).collect();
    RoleKeys { role: RoleName::Targets, keys: by_id, threshold }
}

fn now() -> DateTime<chrono::Utc> {
    DateTime::from_timestamp(1_795_478_400, 0).unwrap()
}

fn shape() -> CertificateShape {
    CertificateShape::of_client("example.com/team/app", now())
}

fn repository() -> Repository {
    let timestamp = Key::ecdsa([4; 32]).to_json();
    let server = ServerKeys { timestamp, snapshot: None };
    Repository::new("example.com/team/app", 7, now(), &server)
}

fn targets_signed_by(keys: &[&Key]) -> Document {
    let mut document = repository().document("targets").unwrap().clone();
    document.sign(keys.iter().copied());
    document
}

fn verify(document: &Document, keys: &RoleKeys) -> Result<(), Reason> {
    let raw = Bytes::from(document.to_bytes());
    Unverified::<Targets>::parse(RoleName::Targets, raw)?.verify(keys).map(|_| ())
}

/// Class 1: one key counted twice towards a threshold.
#[test]
fn one_key_counts_once_however_often_it_signs_and_is_listed() {
    let plain = Key::ecdsa([1; 32]);
    let certificate = plain.with_certificate(&shape());
    let not_met = Err(Reason::ThresholdNotMet(RoleName::Targets));

    let mut twice = targets_signed_by(&[&plain]);
    twice.signatures.push(twice.signatures[0].clone());
    assert_eq!(verify(&twice, &role_keys([&plain], 2)), not_met, "one signature twice");

    let signed_again = targets_signed_by(&[&plain, &plain]);
    assert_eq!(verify(&signed_again, &role_keys([&plain], 2)), not_met, "two signatures");

    let both = targets_signed_by(&[&plain, &certificate]);
    assert_eq!(verify(&both, &role_keys([&plain, &certificate], 2)), not_met, "two listings");

    let mut other_id = targets_signed_by(&[&plain]);
    let mut signature = other_id.signatures[0].clone();
    signature["keyid"] = json!("00");
    other_id.signatures.push(signature);
    let mut keys = role_keys([&plain], 2);
    keys.keys.insert(KeyId::claimed("00"), public(&plain));
    assert_eq!(verify(&other_id, &keys), Err(Reason::KeyIdMismatch), "an ID of its own choice");

    let second = Key::ed25519([2; 32]);
    let two = targets_signed_by(&[&plain, &second]);
    assert_eq!(verify(&two, &role_keys([&plain, &second], 2)), Ok(()));
}

/// Class 2: a threshold of 0, below 0 or above the number of keys.
#[test]
fn a_threshold_that_cannot_be_is_never_met() {
    let key = Key::ecdsa([1; 32]);
    let document = targets_signed_by(&[&key]);
    assert_eq!(verify(&document, &role_keys([&key], 1)), Ok(()));
    for threshold in [0, -1, i64::MIN, 2, i64::MAX] {
        let outcome = verify(&document, &role_keys([&key], threshold));
        assert_eq!(outcome, Err(Reason::ThresholdNotMet(RoleName::Targets)), "{threshold}");
    }
    assert!(verify(&document, &role_keys([], 0)).is_err(), "no keys at all");
}

/// Class 13: the document's `method` chooses the verifier.
#[test]
fn a_method_of_another_key_type_verifies_nothing() {
    let keys = [
        (Key::ecdsa([1; 32]), "ecdsa"),
        (Key::ecdsa_certificate([1; 32], &shape()), "ecdsa"),
        (Key::ed25519([2; 32]), "eddsa"),
        (Key::rsa(), "rsapss"),
        (Key::rsa_certificate(&shape()), "rsapss"),
    ];
    for (key, right) in &keys {
        let signature = key.sign(b"a message");
        for method in METHODS {
            let parsed = SignatureMethod::parse(method);
            let verifies = verify_signature(&public(key), &parsed, b"a message", &signature);
            assert_eq!(verifies, method == *right, "{} by {method}", key.key_type());
        }
        for (other, _) in &keys {
            let same = other.public() == key.public();
            let relisted = PublicKey::new(KeyType::parse(other.key_type()), key.public().to_vec());
            let method = SignatureMethod::parse(right);
            let verifies = verify_signature(&relisted, &method, b"a message", &signature);
            assert_eq!(verifies, same, "{} listed as {}", key.key_type(), other.key_type());
        }
    }
}

/// Class 13: a key under which one signature fits every message. Encodings of all points of small
/// order, from RFC 8032's curve.
#[test]
fn an_ed25519_key_of_small_order_verifies_nothing() {
    let order_8 = [
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
    ];
    let lower = [
        "0100000000000000000000000000000000000000000000000000000000000000",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "0000000000000000000000000000000000000000000000000000000000000000",
        "0000000000000000000000000000000000000000000000000000000000000080",
    ];
    let points: Vec<Vec<u8>> =
        lower.iter().chain(&order_8).map(|text| hex::decode(text).unwrap()).collect();
    for point in &points {
        let key = PublicKey::new(KeyType::Ed25519, point.clone());
        for r in &points {
            let signature = [r.as_slice(), &[0; 32]].concat();
            for message in [&b""[..], b"a", b"b", b"c", b"d", b"e", b"f", b"g"] {
                let method = SignatureMethod::Eddsa;
                assert!(!verify_signature(&key, &method, message, &signature), "{point:x?}");
            }
        }
    }
}

/// Class 14: one document taken for another.
#[test]
fn a_document_of_one_type_is_none_of_another() {
    let repository = repository();
    let snapshot = repository.document("snapshot").unwrap();
    let timestamp = json!({"_type": "Timestamp", "expires": repository.in_days(14),
        "meta": {"snapshot": meta_entry(&snapshot.to_bytes())}, "version": 1});
    let documents = [
        ("Root", repository.document("root").unwrap().clone()),
        ("Targets", repository.document("targets").unwrap().clone()),
        ("Snapshot", snapshot.clone()),
        ("Timestamp", Document::unsigned(&timestamp)),
    ];
    for (kind, mut document) in documents {
        let key = Key::ed25519([2; 32]);
        document.sign([&key]);
        let raw = Bytes::from(document.to_bytes());
        let keys = role_keys([&key], 1);
        let read = [
            (
                "Root",
                Unverified::<Root>::parse(RoleName::Root, raw.clone()).unwrap().verify(&keys).err(),
            ),
            (
                "Targets",
                Unverified::<Targets>::parse(RoleName::Targets, raw.clone())
                    .unwrap()
                    .verify(&keys)
                    .err(),
            ),
            (
                "Snapshot",
                Unverified::<Snapshot>::parse(RoleName::Snapshot, raw.clone())
                    .unwrap()
                    .verify(&keys)
                    .err(),
            ),
            (
                "Timestamp",
                Unverified::<Timestamp>::parse(RoleName::Timestamp, raw)
                    .unwrap()
                    .verify(&keys)
                    .err(),
            ),
        ];
        for (expected, refusal) in read {
            let wrong_type = matches!(&refusal, Some(Reason::Structure {
                fault: StructureFault::Type { expected: e, found }, .. })
                if *e == expected && found == kind);
            assert_eq!(wrong_type, expected != kind, "{kind} as {expected}: {refusal:?}");
            assert_eq!(refusal.is_none(), expected == kind, "{kind} as {expected}: {refusal:?}");
        }
    }
}

/// Class 12: a malformed document panics.
#[test]
fn no_damage_to_any_member_makes_a_document_another_one() {
    let key = Key::ed25519([2; 32]);
    let keys = role_keys([&key], 1);
    let mut tried = 0;
    let mut refused = 0;
    let mut repository = repository();
    repository.add_delegation("targets/a", key.clone());
    repository.add_target("targets", "v1", b"content");
    let value: Value = repository.document("targets").unwrap().value();
    for pointer in pointers(&value) {
        for damage in Damage::ALL {
            let Some(damaged) = apply(&value, &pointer, damage) else { continue };
            let mut document = Document::unsigned(&damaged);
            document.sign([&key]);
            tried += 1;
            refused += usize::from(verify(&document, &keys).is_err());
            let unsigned_change = Document { signed: value.to_string(), ..document };
            assert!(verify(&unsigned_change, &keys).is_err(), "{pointer} {damage:?}");
        }
    }
    assert!(tried > 60 && refused > 30 && refused < tried, "{refused} of {tried}");
}
