//! The rows and tokens in `tests/vectors/signer`: made by the Go signer and by another JOSE
//! library, and judged by the Go signer. Each is named here with its verdict, so that none is
//! passed over.

use std::collections::BTreeMap;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use countersign_storage::SealedKey;
use countersign_tuf::keys::{KeyType, PublicKey, SignatureMethod, verify_signature};

use super::fault::Fault;
use super::jwe;
use super::key_wrap::Rounds;
use super::passphrase::Passphrase;
use super::passphrases::Passphrases;
use super::resealing::sealed_anew;
use super::row;

/// What must come of a row.
enum Verdict {
    /// Opens, and makes signatures of this many bytes, which its public half verifies.
    Signs(usize),
    /// Is no key of ours.
    Refused(Fault),
}

fn read(file: &str) -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/vectors/signer").join(file);
    let text = std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_json::from_slice(&text).unwrap()
}

/// The members of `list` by their name.
fn by_name(list: &Value) -> BTreeMap<String, &Value> {
    let entries = list.as_array().unwrap().iter();
    entries.map(|entry| (text(&entry["name"]).to_owned(), entry)).collect()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}

fn sealed_key(row: &Value) -> SealedKey {
    let column = |name: &str| text(&row[name]).to_owned();
    SealedKey {
        key_id: column("key_id"),
        encryption_alg: column("encryption_alg"),
        keywrap_alg: column("keywrap_alg"),
        algorithm: column("algorithm"),
        passphrase_alias: column("passphrase_alias"),
        public: hex::decode(column("public_hex")).unwrap(),
        sealed: column("private").into_bytes(),
        gun: column("gun"),
        role: column("role"),
        last_used: None,
    }
}

/// The passphrases of the signer that made the rows, under the names of its environment.
fn passphrases(file: &Value) -> Passphrases {
    let of = |alias: &str| {
        let secret = text(&file["environment"][format!("NOTARY_SIGNER_{alias}")]);
        Passphrase::new(secret.into()).unwrap()
    };
    Passphrases::new(text(&file["default_alias"]), of("TIMESTAMP_1"))
        .with("TIMESTAMP_2", of("TIMESTAMP_2"))
}

fn expected_rows() -> BTreeMap<&'static str, Verdict> {
    BTreeMap::from([
        ("ecdsa-active", Verdict::Signs(64)),
        ("ed25519-active", Verdict::Signs(64)),
        ("ecdsa-pending", Verdict::Signs(64)),
        ("ed25519-pending", Verdict::Signs(64)),
        ("ecdsa-second-alias", Verdict::Signs(64)),
        // That it is deleted is for the store to see; the row itself is whole.
        ("ecdsa-soft-deleted", Verdict::Signs(64)),
        ("foreign-std", Verdict::Signs(64)),
        ("foreign-p2c-310000", Verdict::Signs(64)),
        ("foreign-hs512-a256kw", Verdict::Signs(64)),
        ("foreign-cbc-hs512", Verdict::Signs(64)),
        ("foreign-p384", Verdict::Signs(96)),
        ("foreign-rsa2048", Verdict::Signs(256)),
        ("bad-pkcs8-payload", Verdict::Refused(Fault::Plaintext { algorithm: "ecdsa" })),
        ("bad-wrong-passphrase", Verdict::Refused(Fault::DoesNotOpen)),
        (
            "bad-unknown-alias",
            Verdict::Refused(Fault::NoPassphrase { variable: "NOTARY_SIGNER_NOSUCH".to_owned() }),
        ),
        ("bad-public-private-mismatch", Verdict::Refused(Fault::PublicMismatch)),
    ])
}

#[test]
fn every_row_gets_its_verdict() {
    let file = read("private_keys.json");
    let (rows, expected) = (by_name(&file["rows"]), expected_rows());
    assert_eq!(rows.len(), file["rows"].as_array().unwrap().len(), "a name is there twice");
    assert!(rows.keys().map(String::as_str).eq(expected.keys().copied()), "the names differ");
    for (name, verdict) in expected {
        let row = sealed_key(&rows[name]["row"]);
        match (row::open(&row, &passphrases(&file)), verdict) {
            (Ok(key), Verdict::Signs(bytes)) => {
                assert_eq!(key.public().id().as_str(), row.key_id, "{name}");
                assert_eq!(key.sign(b"a message").unwrap().len(), bytes, "{name}");
            }
            (Err(fault), Verdict::Refused(expected)) => assert_eq!(fault, expected, "{name}"),
            (Ok(_), Verdict::Refused(expected)) => panic!("{name} opened, expected {expected:?}"),
            (Err(fault), Verdict::Signs(_)) => panic!("{name}: {fault}"),
        }
    }
}

#[test]
fn every_row_that_signs_can_be_sealed_anew_and_signs_then() {
    let file = read("private_keys.json");
    let rows = by_name(&file["rows"]);
    let next = Passphrases::new("next", Passphrase::new("throwaway next".into()).unwrap());
    let rounds = Rounds::new(1_000).unwrap();
    for (name, verdict) in expected_rows() {
        let row = sealed_key(&rows[name]["row"]);
        let anew = sealed_anew(&row, &passphrases(&file), &next.sealing(), rounds);
        let Verdict::Signs(bytes) = verdict else {
            assert!(anew.is_err(), "{name}");
            continue;
        };
        let anew = anew.unwrap();
        assert_eq!(
            (anew.key_id.as_str(), anew.passphrase_alias.as_str()),
            (row.key_id.as_str(), "next")
        );
        assert_eq!((&anew.gun, &anew.role, &anew.public), (&row.gun, &row.role, &row.public));
        let key = row::open(&anew, &next).unwrap();
        assert_eq!(key.sign(b"a message").unwrap().len(), bytes, "{name}");
        assert!(row::open(&anew, &passphrases(&file)).is_err(), "{name}");
    }
}

#[test]
fn every_row_opens_to_the_bytes_that_were_sealed() {
    let file = read("private_keys.json");
    for (name, entry) in by_name(&file["rows"]) {
        let secret = entry["passphrase"].as_str().unwrap_or("not known");
        let secret = Passphrase::new(secret.into()).unwrap();
        let opened = jwe::open(text(&entry["row"]["private"]).as_bytes(), &secret);
        match entry["plaintext_hex"].as_str() {
            Some(plaintext) => assert_eq!(hex::encode(opened.unwrap()), plaintext, "{name}"),
            None => assert_eq!(opened.unwrap_err(), Fault::DoesNotOpen, "{name}"),
        }
    }
}

/// Signer spec 3.3, and the other rows that come with a signature.
#[test]
fn signatures_of_the_go_signer_verify_except_of_the_mismatched_key() {
    let file = read("private_keys.json");
    let (mut verified, mut refused) = (Vec::new(), Vec::new());
    for (name, entry) in by_name(&file["rows"]) {
        let (row, signature) = (sealed_key(&entry["row"]), &entry["signature"]);
        if signature.is_null() {
            continue;
        }
        let bytes = STANDARD.decode(text(&signature["signature_b64"]));
        if verify_signature(
            &PublicKey::new(KeyType::parse(&row.algorithm), row.public),
            &SignatureMethod::parse(text(&signature["method"])),
            text(&signature["message_utf8"]).as_bytes(),
            &bytes.unwrap(),
        ) {
            verified.push(name);
        } else {
            refused.push(name);
        }
    }
    let expected = [
        "ecdsa-active",
        "ed25519-active",
        "foreign-cbc-hs512",
        "foreign-hs512-a256kw",
        "foreign-p2c-310000",
        "foreign-p384",
        "foreign-rsa2048",
        "foreign-std",
    ];
    assert_eq!(verified, expected);
    assert_eq!(refused, ["bad-public-private-mismatch"]);
}

#[test]
fn tokens_in_the_forms_that_are_only_read_open() {
    let file = read("jwe_read_only_forms.json");
    let cases = by_name(&file["cases"]);
    assert_eq!(cases.len(), 4);
    for (name, case) in cases {
        let secret = Passphrase::new(text(&case["passphrase"]).into()).unwrap();
        let opened = jwe::open(text(&case["token"]).as_bytes(), &secret).unwrap();
        assert_eq!(hex::encode(opened), text(&case["plaintext_hex"]), "{name}");
    }
}

#[test]
fn every_damaged_token_is_refused() {
    let file = read("jwe_negative.json");
    let cases = by_name(&file["cases"]);
    assert_eq!(cases.len(), 14);
    for (name, case) in cases {
        assert_eq!(case["expected"], "reject", "{name}");
        let secret = Passphrase::new(text(&case["passphrase"]).into()).unwrap();
        let fault = jwe::open(text(&case["token"]).as_bytes(), &secret).unwrap_err();
        let expected = match name.as_str() {
            "tag-bitflip"
            | "ciphertext-bitflip"
            | "wrapped-key-bitflip"
            | "iv-bitflip"
            | "header-reencoded"
            | "p2c-changed"
            | "wrong-passphrase" => fault == Fault::DoesNotOpen,
            // Four billion rounds take half an hour: this test would not end if they were done.
            "p2c-huge" => fault == Fault::TooManyRounds(4_294_967_295),
            "p2c-negative" | "p2s-missing" | "alg-dir" => matches!(fault, Fault::Header(_)),
            "jws-none" | "four-parts" | "empty" => matches!(fault, Fault::Token(_)),
            unknown => panic!("{unknown} has no verdict here"),
        };
        assert!(expected, "{name}: {fault}");
    }
}
