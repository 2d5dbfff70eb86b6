//! Tokens as a stranger sends them, or as somebody with a trusted key may bend them.

use std::sync::LazyLock;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use chrono::{DateTime, Utc};
use countersign_access::token::{
    Audiences, CertificateBundle, Issuer, Jwk, Jwks, TrustedKeys, Verifier,
};
use countersign_forge::certificate::{CertificateShape, Standing};
use countersign_forge::key::Key;
use serde_json::{Value, json};

use crate::documents::PUBLISHED_AT;

const ISSUER: &str = "auth.test";
const SERVICE: &str = "notary.test";

/// What the first byte chooses: how the rest is taken.
pub const TOKEN_PARTS: [&str; 5] = ["token", "header", "claims", "keys", "bundle"];

static TRUSTED: LazyLock<[Key; 2]> = LazyLock::new(|| {
    let shape = authority();
    [Key::ecdsa_certificate([21; 32], &shape), rsa().with_certificate(&shape)]
});

static STRANGER: LazyLock<Key> = LazyLock::new(|| Key::ecdsa([22; 32]));

static VERIFIER: LazyLock<Verifier> = LazyLock::new(|| {
    let pem: Vec<u8> = TRUSTED.iter().flat_map(|key| key.public().to_vec()).collect();
    let bundle = CertificateBundle::parse_for_notary(&pem).expect("a bundle");
    Verifier::new(vec![Issuer {
        name: ISSUER.to_owned(),
        audiences: Audiences::Notary(SERVICE.to_owned()),
        keys: TrustedKeys::notary(bundle),
    }])
});

static GOOD: LazyLock<Vec<String>> =
    LazyLock::new(|| good_tokens().into_iter().map(|(_, token)| token).collect());

fn authority() -> CertificateShape {
    let now = DateTime::from_timestamp(PUBLISHED_AT, 0).expect("a time");
    CertificateShape { standing: Standing::Authority, ..CertificateShape::of_client("auth", now) }
}

fn rsa() -> Key {
    Key::rsa().signing_as("rsapkcs1v15")
}

fn now() -> DateTime<Utc> {
    DateTime::from_timestamp(PUBLISHED_AT, 0).expect("a time")
}

/// The first byte chooses from [`TOKEN_PARTS`] what the rest is.
///
/// No token counts but those that a trusted key signed; whatever header a stranger writes, his
/// token does not count; and of what a trusted key signed only that counts which another reader of
/// JSON finds to be from the issuer, for the service and within its time.
pub fn tokens(data: &[u8]) {
    let Some((part, rest)) = data.split_first() else { return };
    match TOKEN_PARTS.get(usize::from(*part) % TOKEN_PARTS.len()).copied() {
        Some("token") => whole(rest),
        Some("header") => header(rest),
        Some("claims") => claims(rest),
        Some("keys") => keys(rest),
        _ => bundle(rest),
    }
}

fn whole(text: &[u8]) {
    let Ok(text) = std::str::from_utf8(text) else { return };
    if VERIFIER.verify(text, now()).is_ok() {
        let signed = |token: &str| token.rsplit_once('.').map(|(signed, _)| signed.to_owned());
        assert!(GOOD.iter().any(|good| signed(good) == signed(text)), "nobody signed {text}");
    }
}

fn header(text: &[u8]) {
    let token = sign(text, good_claims().to_string().as_bytes(), &STRANGER);
    let verdict = VERIFIER.verify(&token, now());
    assert!(verdict.is_err(), "a stranger's token counts: {token}");
}

fn claims(text: &[u8]) {
    let [trusted, _] = &*TRUSTED;
    let header = json!({"alg": "ES256", "x5c": [der(trusted)]}).to_string();
    let token = sign(header.as_bytes(), text, trusted);
    let Ok(verified) = VERIFIER.verify(&token, now()) else { return };
    let read: Value = serde_json::from_slice(text).expect("claims that count are JSON");
    let said = |name: &str| read.get(name).cloned().unwrap_or_default();
    assert_eq!(said("iss"), ISSUER);
    assert_eq!(said("aud"), SERVICE);
    let expires = said("exp").as_i64().expect("a time");
    assert!(expires >= PUBLISHED_AT - 60, "{expires} is over");
    assert!(said("nbf").as_i64().unwrap_or_default() <= PUBLISHED_AT + 60, "its time comes");
    let entries = said("access").as_array().cloned().unwrap_or_default();
    assert!(entries.iter().all(Value::is_object), "every entry is one");
    assert_eq!(verified.subject().unwrap_or_default(), said("sub").as_str().unwrap_or_default());
}

/// What is read as a key says the same of itself when it is written and read again.
fn keys(text: &[u8]) {
    if let Ok(read) = Jwk::parse(text) {
        let again = Jwk::parse(read.key.to_jwk().as_bytes()).expect("our own form is read");
        assert_eq!(again.key.key_id(), read.key.key_id());
        assert_eq!(again.key.spki(), read.key.spki());
    }
    if let Ok(read) = Jwks::parse(text) {
        let all: Value = serde_json::from_slice(text).expect("a set that counts is JSON");
        let listed = all.get("keys").and_then(Value::as_array).expect("it lists keys").len();
        assert_eq!(read.keys().len() + read.passed_over(), listed, "no key is made up");
    }
}

/// Notary takes no bundle that we do not take.
fn bundle(text: &[u8]) {
    let ours = CertificateBundle::parse(text);
    let Ok(notarys) = CertificateBundle::parse_for_notary(text) else { return };
    let ours = ours.expect("what Notary takes is a bundle");
    let ids = |bundle: &CertificateBundle| -> Vec<String> {
        bundle.keys().map(|key| key.key_id().as_str().to_owned()).collect()
    };
    assert_eq!(ids(&ours), ids(&notarys));
    assert!(!ids(&ours).is_empty(), "a bundle trusts somebody");
}

/// Tokens that count, by a name for each, for corpora.
#[must_use]
pub fn good_tokens() -> Vec<(&'static str, String)> {
    let [curve, rsa] = &*TRUSTED;
    let claims = good_claims().to_string();
    let signed =
        |header: &Value, key: &Key| sign(header.to_string().as_bytes(), claims.as_bytes(), key);
    let token = |header: &Value, key: &Key| {
        let token = signed(header, key);
        assert!(VERIFIER.verify(&token, now()).is_ok(), "a good token counts: {header}");
        token
    };
    vec![
        ("x5c-es256", token(&json!({"alg": "ES256", "x5c": [der(curve)]}), curve)),
        ("x5c-rs256", token(&json!({"alg": "RS256", "typ": "JWT", "x5c": [der(rsa)]}), rsa)),
        ("jwk-es256", token(&json!({"alg": "ES256", "jwk": jwk()}), curve)),
        ("kid-es256", token(&json!({"alg": "ES256", "kid": kid()}), curve)),
    ]
}

/// Claims that nothing is wrong with.
#[must_use]
pub fn good_claims() -> Value {
    json!({
        "iss": ISSUER, "sub": "alice", "aud": SERVICE, "jti": "1",
        "exp": PUBLISHED_AT + 300, "nbf": PUBLISHED_AT - 10, "iat": PUBLISHED_AT - 10,
        "access": [{"type": "repository", "name": "e/a", "actions": ["pull", "push"]}],
    })
}

/// The trusted key on a curve, as a member `jwk`.
#[must_use]
pub fn jwk() -> Value {
    let public = Key::ecdsa([21; 32]).public().to_vec();
    let point: Vec<u8> = public.iter().rev().take(64).rev().copied().collect();
    let (x, y) = point.split_at(32);
    json!({"kty": "EC", "crv": "P-256", "x": text(x), "y": text(y)})
}

/// The ID of that key.
fn kid() -> String {
    let public = Key::ecdsa([21; 32]).public().to_vec();
    countersign_access::token::PublicKey::from_spki(&public)
        .expect("a public key")
        .key_id()
        .as_str()
        .to_owned()
}

/// The trusted certificates, in PEM.
#[must_use]
pub fn trusted_bundle() -> Vec<u8> {
    TRUSTED.iter().flat_map(|key| key.public().to_vec()).collect()
}

/// The certificate of a key, as an element of `x5c`.
fn der(key: &Key) -> String {
    let pem = String::from_utf8_lossy(key.public()).into_owned();
    let body: String = pem.lines().filter(|line| !line.starts_with("-----")).collect();
    assert!(STANDARD.decode(&body).is_ok(), "a certificate");
    body
}

fn sign(header: &[u8], claims: &[u8], key: &Key) -> String {
    let signed = format!("{}.{}", text(header), text(claims));
    format!("{signed}.{}", text(&key.sign(signed.as_bytes())))
}

fn text(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}
