//! Keys and signatures against what OpenSSL and Python made
//! (`tests/vectors/make_tokens.py`).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use super::*;

/// One key of the vectors.
pub(super) struct KeyVector(Value);

impl KeyVector {
    pub(super) fn all() -> Vec<Self> {
        let text = include_str!("../../tests/vectors/tokens.json");
        let all: Value = serde_json::from_str(text).unwrap();
        all["keys"].as_array().unwrap().iter().cloned().map(Self).collect()
    }

    pub(super) fn text(&self, name: &str) -> &str {
        self.0[name].as_str().unwrap()
    }

    pub(super) fn bytes(&self, name: &str) -> Vec<u8> {
        STANDARD.decode(self.text(name)).unwrap()
    }

    pub(super) fn key(&self) -> PublicKey {
        PublicKey::from_spki(&self.bytes("spki")).unwrap()
    }

    pub(super) fn algorithm(&self) -> Algorithm {
        Algorithm::parse(self.text("algorithm")).unwrap()
    }

    pub(super) fn jwk(&self) -> Value {
        self.0["jwk"].clone()
    }
}

/// One chain of the vectors.
pub(super) struct ChainVector(Value);

impl ChainVector {
    pub(super) fn all() -> Vec<Self> {
        let text = include_str!("../../tests/vectors/tokens.json");
        let all: Value = serde_json::from_str(text).unwrap();
        all["chains"].as_array().unwrap().iter().cloned().map(Self).collect()
    }

    pub(super) fn text(&self, name: &str) -> &str {
        self.0[name].as_str().unwrap()
    }

    /// The certificates that are trusted, in DER.
    pub(super) fn bundle(&self) -> Vec<Vec<u8>> {
        let decode = |one: &Value| STANDARD.decode(one.as_str().unwrap()).unwrap();
        self.0["bundle"].as_array().unwrap().iter().map(decode).collect()
    }
}

#[test]
fn a_key_is_the_same_from_its_certificate_its_spki_and_its_jwk() {
    for vector in KeyVector::all() {
        let key = vector.key();
        assert_eq!(key.spki(), vector.bytes("spki"));
        assert_eq!(PublicKey::from_certificate(&vector.bytes("certificate")), Ok(key.clone()));
        let jwk = Jwk::parse(vector.jwk().to_string().as_bytes()).unwrap();
        assert_eq!(jwk.key, key);
        assert_eq!(key.to_jwk(), vector.jwk().to_string());
        assert!(jwk.checks_signatures && !jwk.has_private_half && jwk.certificates.is_none());
    }
}

#[test]
fn a_key_has_the_ids_that_libtrust_and_rfc_7638_give_it() {
    for vector in KeyVector::all() {
        let key = vector.key();
        assert_eq!(key.key_id().as_str(), vector.text("libtrust"));
        assert_eq!(key.thumbprint().as_str(), vector.text("thumbprint"));
    }
}

#[test]
fn a_signature_counts_by_its_own_key_and_algorithm_only() {
    let vectors = KeyVector::all();
    for vector in &vectors {
        let jws = CompactJws::parse(vector.text("by_kid")).unwrap();
        for other in &vectors {
            for algorithm in Algorithm::ALL {
                let good = other.key() == vector.key() && algorithm == vector.algorithm();
                let verdict = algorithm.verify(&other.key(), jws.signed_bytes(), jws.signature());
                assert_eq!(verdict, good, "{} {algorithm:?}", other.text("name"));
            }
        }
    }
}

#[test]
fn a_signature_that_is_cut_lengthened_or_changed_is_none() {
    for vector in KeyVector::all() {
        let jws = CompactJws::parse(vector.text("by_kid")).unwrap();
        let (key, algorithm) = (vector.key(), vector.algorithm());
        let refused = |message: &[u8], signature: &[u8]| {
            assert!(!algorithm.verify(&key, message, signature), "{algorithm:?}");
        };
        let (message, signature) = (jws.signed_bytes(), jws.signature());
        refused(message, &[]);
        refused(message, &signature[1..]);
        refused(message, &[signature, &[0]].concat());
        refused(message, &[&[0], signature].concat());
        refused(&message[1..], signature);
        refused(message, &vec![0; signature.len()]);
        for place in 0..signature.len() {
            let mut changed = signature.to_vec();
            changed[place] ^= 1;
            refused(message, &changed);
        }
    }
}

#[test]
fn names_of_algorithms_that_nobody_may_use_are_unknown() {
    for name in ["none", "None", "HS256", "PS256", "ES256K", "es256", "RS1", "", "ES256 "] {
        assert_eq!(Algorithm::parse(name), None, "{name}");
    }
}

#[test]
fn jwks_that_are_no_key_for_tokens_are_refused() {
    let point = "a".repeat(43);
    let cases = [
        r#"{"kty":"oct","k":"c2VjcmV0"}"#.to_owned(),
        r#"{"kty":"RSA","n":"AQ","e":"AQAB"}"#.to_owned(),
        r#"{"kty":"RSA","e":"AQAB"}"#.to_owned(),
        format!(r#"{{"kty":"EC","crv":"P-256","x":"{point}","y":"{point}"}}"#),
        r#"{"kty":"EC","crv":"P-256","x":"AQ","y":"AQ"}"#.to_owned(),
        format!(r#"{{"kty":"EC","crv":"secp256k1","x":"{point}","y":"{point}"}}"#),
        r#"{"kty":"OKP","crv":"Ed25519","x":"AQ"}"#.to_owned(),
        r#"{"kty":"OKP","crv":"X25519","x":"AQ"}"#.to_owned(),
        r#"{"KTY":"RSA"}"#.to_owned(),
        "[]".to_owned(),
        "null".to_owned(),
    ];
    for text in cases {
        assert!(Jwk::parse(text.as_bytes()).is_err(), "{text}");
    }
}

#[test]
fn what_a_jwk_says_of_its_use_is_read() {
    let mut jwk = KeyVector::all()[0].jwk();
    let read = |jwk: &Value| Jwk::parse(jwk.to_string().as_bytes()).unwrap();
    jwk["use"] = "enc".into();
    assert!(!read(&jwk).checks_signatures);
    jwk["use"] = "sig".into();
    jwk["alg"] = "ES256".into();
    jwk["kid"] = "first".into();
    jwk["d"] = "AQ".into();
    let found = read(&jwk);
    assert!(found.checks_signatures && found.has_private_half);
    assert_eq!(found.algorithm, Some(Algorithm::Es256));
    assert_eq!(found.kid.as_deref(), Some("first"));
    jwk["key_ops"] = Value::Array(vec!["sign".into()]);
    assert!(!read(&jwk).checks_signatures);
    jwk["x5c"] = Value::Array(vec!["AQ".into()]);
    assert_eq!(read(&jwk).certificates, Some(vec!["AQ".to_owned()]));
    jwk["x5c"] = "AQ".into();
    assert_eq!(read(&jwk).certificates, None);
}
