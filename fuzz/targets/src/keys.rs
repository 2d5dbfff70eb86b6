//! Public keys and certificates as an attacker may list them.

use chrono::{DateTime, Utc};

use crate::documents::PUBLISHED_AT;
use countersign_tuf::keys::certificate::{Bundle, Dates};
use countersign_tuf::keys::{KeyType, PublicKey, SignatureMethod, verify_signature};
use countersign_tuf::names::Gun;

/// The key types that the first byte chooses from.
pub const KEY_TYPES: [&str; 6] = ["ecdsa", "ecdsa-x509", "ed25519", "rsa", "rsa-x509", "other"];

const METHODS: [&str; 6] =
    ["ecdsa", "eddsa", "rsapkcs1v15", "rsapss", "pycrypto-pkcs#1 pss", "other"];

/// The first byte chooses a key type, the rest is the key: DER, PEM or raw bytes.
///
/// IDs are well formed, a method of another kind of key verifies nothing, and the key that a
/// bundle of certificates carries is in a layout that stays as it is.
pub fn keys(data: &[u8]) {
    let Some((kind, public)) = data.split_first() else { return };
    let Some(kind) = KEY_TYPES.get(usize::from(*kind) % KEY_TYPES.len()) else { return };
    let key = PublicKey::new(KeyType::parse(kind), public.to_vec());
    assert!(key.id().is_well_formed());
    assert!(key.canonical_id().is_well_formed());
    assert_eq!(key.key_type().as_str(), *kind);
    let signature = public.rchunks(64).next().unwrap_or_default();
    for method in METHODS {
        let parsed = SignatureMethod::parse(method);
        let verifies = verify_signature(&key, &parsed, b"a message", signature);
        assert!(!verifies || is_method_of(kind, method), "{kind} by {method}");
    }
    certificates(public);
}

fn is_method_of(key_type: &str, method: &str) -> bool {
    match key_type {
        "ecdsa" | "ecdsa-x509" => method == "ecdsa",
        "ed25519" => method == "eddsa",
        "rsa" => matches!(method, "rsapkcs1v15" | "rsapss" | "pycrypto-pkcs#1 pss"),
        "rsa-x509" => matches!(method, "rsapkcs1v15" | "rsapss"),
        _ => false,
    }
}

fn certificates(pem_text: &[u8]) {
    let Some(bundle) = Bundle::parse(pem_text) else { return };
    let gun = Gun::parse("example.com/team/app").expect("a GUN");
    let now = DateTime::<Utc>::from_timestamp(PUBLISHED_AT, 0).expect("a time");
    if bundle.is_usable(Dates::At(now)) {
        assert!(bundle.is_usable(Dates::Ignored), "dates only narrow");
    }
    let Some(key) = bundle.to_key() else { return };
    assert!(key.key_type().is_certificate());
    let again = Bundle::parse(key.public()).expect("our own layout is read");
    assert_eq!(again.names(&gun), bundle.names(&gun), "the leaf is the same");
    assert_eq!(again.to_key(), Some(key), "our own layout stays");
}
