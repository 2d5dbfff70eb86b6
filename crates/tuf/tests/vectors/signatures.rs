//! Signatures that OpenSSL made, of every key type and curve: which method, which bytes and which
//! message they verify under, and under nothing else (spec 3.5).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use countersign_tuf::keys::{KeyType, PublicKey, SignatureMethod, verify_signature};
use serde_json::Value;

use crate::folder::Folder;

const METHODS: [&str; 6] =
    ["ecdsa", "eddsa", "pycrypto-pkcs#1 pss", "rsapkcs1v15", "rsapss", "none"];

fn vectors() -> Value {
    serde_json::from_slice(&Folder("keys").read("signatures.json")).unwrap()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}

fn bytes(value: &Value) -> Vec<u8> {
    STANDARD.decode(text(value)).unwrap()
}

fn key(entry: &Value) -> PublicKey {
    PublicKey::new(KeyType::parse(text(&entry["keytype"])), bytes(&entry["public"]))
}

fn verifies(key: &PublicKey, method: &str, message: &str, signature: &[u8]) -> bool {
    verify_signature(key, &SignatureMethod::parse(method), message.as_bytes(), signature)
}

/// Each key with each signature of its own under each method: right where the method is the one
/// that the signature was made by, in any case.
#[test]
fn every_key_type_takes_its_own_methods_only() {
    let vectors = vectors();
    let message = text(&vectors["message"]);
    let mut pairs = 0;
    for entry in vectors["keys"].as_array().unwrap() {
        let key = key(entry);
        for (made_by, signature) in entry["signatures"].as_object().unwrap() {
            for method in METHODS {
                let verdict = verifies(&key, method, message, &bytes(signature));
                assert_eq!(verdict, method == made_by, "{} {method} {made_by}", entry["name"]);
            }
            assert!(verifies(&key, &made_by.to_uppercase(), message, &bytes(signature)));
            pairs += 1;
        }
    }
    assert_eq!(pairs, 19);
}

#[test]
fn signature_with_any_byte_changed_is_refused() {
    let vectors = vectors();
    let message = text(&vectors["message"]);
    for entry in vectors["keys"].as_array().unwrap() {
        let key = key(entry);
        for (method, signature) in entry["signatures"].as_object().unwrap() {
            let signature = bytes(signature);
            let length = signature.len();
            for place in [0, length / 2 - 1, length / 2, length - 1] {
                let mut damaged = signature.clone();
                *damaged.get_mut(place).unwrap() ^= 1;
                assert!(!verifies(&key, method, message, &damaged), "{} {place}", entry["name"]);
            }
        }
    }
}

#[test]
fn signature_over_another_message_is_refused() {
    let vectors = vectors();
    let message = text(&vectors["message"]).replace(":1}", ":2}");
    for entry in vectors["keys"].as_array().unwrap() {
        for (method, signature) in entry["signatures"].as_object().unwrap() {
            assert!(!verifies(&key(entry), method, &message, &bytes(signature)));
        }
    }
}

/// No document can choose the verifier: not by a method, and not by another key's signature.
#[test]
fn signature_of_another_key_is_refused() {
    let vectors = vectors();
    let message = text(&vectors["message"]);
    let entries = vectors["keys"].as_array().unwrap();
    for entry in entries {
        let own = key(entry);
        for other in entries.iter().filter(|other| key(other).canonical_id() != own.canonical_id())
        {
            for (made_by, signature) in other["signatures"].as_object().unwrap() {
                for method in METHODS {
                    let verdict = verifies(&own, method, message, &bytes(signature));
                    assert!(!verdict, "{} {} {method} {made_by}", entry["name"], other["name"]);
                }
            }
        }
    }
}

#[test]
fn all_listings_of_one_key_have_one_canonical_id() {
    let vectors = vectors();
    for name in ["p224", "p256", "p384", "p521", "rsa2048", "rsa4096"] {
        let entries = vectors["keys"].as_array().unwrap().iter();
        let mut ids: Vec<_> = entries
            .filter(|entry| text(&entry["name"]).starts_with(name))
            .map(|entry| (key(entry).canonical_id(), key(entry).id().clone()))
            .collect();
        let listings = ids.len();
        ids.dedup_by(|one, two| one.0 == two.0 && one.1 != two.1);
        assert!(listings >= 2 && ids.len() == 1, "{name}: {listings} listings");
    }
}

#[test]
fn every_odd_case_gets_its_verdict() {
    let vectors = vectors();
    let message = text(&vectors["message"]);
    let cases = vectors["cases"].as_array().unwrap();
    assert_eq!(cases.len(), 88);
    for case in cases {
        let verdict =
            verifies(&key(case), text(&case["method"]), message, &bytes(&case["signature"]));
        assert_eq!(verdict, case["verifies"], "{}", case["name"]);
    }
}
