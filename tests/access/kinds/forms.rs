//! The ways in which a token names its key: `kid`, `jwk` and `x5c`, and what stands beside them.

use anyhow::Result;
use serde_json::{Value, json};

use super::{EVERYTHING, InGo, Kind, Worth, bearer};
use crate::forge::{Certificate, Hash, Key};
use crate::stage::{Signer, Stage, good_of};

/// A list of certificates as `x5c` has it.
fn chain(certificates: &[&Certificate]) -> Value {
    certificates.iter().map(|certificate| certificate.base64()).collect()
}

/// A public key with one more member.
fn jwk_with(key: &Key, name: &str, value: impl Into<Value>) -> Value {
    let mut jwk = key.jwk();
    if let Some(members) = jwk.as_object_mut() {
        members.insert(name.to_owned(), value.into());
    }
    jwk
}

/// A good token of `signer` that does not name its key, but for this member.
fn by(gun: &str, signer: &Signer, name: &str, value: Value) -> Result<Vec<String>> {
    let token = good_of(&signer.key, gun).without_header("kid").header(name, value);
    Ok(bearer(token.sign(&signer.key)?))
}

/// A good token that names its key by its ID, with one more member in its header.
fn with(stage: &Stage, gun: &str, name: &str, value: impl Into<Value>) -> Result<Vec<String>> {
    Ok(bearer(stage.good(gun).header(name, value).sign(&stage.trusted.key)?))
}

pub(super) fn kinds() -> Vec<Kind> {
    let mut kinds = by_id();
    kinds.extend(by_jwk());
    kinds.extend(by_chain());
    kinds.extend(beside());
    kinds
}

fn by_id() -> Vec<Kind> {
    use Worth::Invalid;
    vec![
        Kind::new("kid", EVERYTHING, |s, g| Ok(vec![s.pass(g)?])),
        Kind::new("kid-rsa", EVERYTHING, |s, g| {
            Ok(bearer(good_of(&s.rsa.key, g).sign(&s.rsa.key)?))
        }),
        Kind::new("kid-p384", EVERYTHING, |s, g| {
            Ok(bearer(good_of(&s.p384.key, g).sign(&s.p384.key)?))
        }),
        Kind::new("kid-p521", EVERYTHING, |s, g| {
            Ok(bearer(good_of(&s.p521.key, g).sign(&s.p521.key)?))
        }),
        Kind::new("kid-in-small-letters", Invalid, |s, g| {
            with(s, g, "kid", s.trusted.key.id().to_lowercase())
        }),
        Kind::new("kid-without-colons", Invalid, |s, g| {
            with(s, g, "kid", s.trusted.key.id().replace(':', ""))
        }),
        Kind::new("kid-empty", Invalid, |s, g| with(s, g, "kid", "")),
        Kind::new("kid-null", Invalid, |s, g| with(s, g, "kid", Value::Null)),
        Kind::new("kid-a-number", Invalid, |s, g| with(s, g, "kid", 7)),
        Kind::new("kid-of-another-in-the-bundle", Invalid, |s, g| {
            with(s, g, "kid", s.rsa.key.id())
        }),
        Kind::new("no-key-named", Invalid, |s, g| {
            Ok(bearer(s.good(g).without_header("kid").sign(&s.trusted.key)?))
        }),
        Kind::new("kid-rs384", EVERYTHING, |s, g| rsa(s, g, "RS384", Hash::Sha384)),
        Kind::new("kid-rs512", EVERYTHING, |s, g| rsa(s, g, "RS512", Hash::Sha512)),
    ]
}

fn rsa(stage: &Stage, gun: &str, algorithm: &str, hash: Hash) -> Result<Vec<String>> {
    let key = &stage.rsa.key;
    let token = good_of(key, gun).header("alg", algorithm);
    let signature = key.sign_over(hash, token.signed_text().as_bytes())?;
    Ok(bearer(token.with_signature(&signature)))
}

fn by_jwk() -> Vec<Kind> {
    use Worth::Invalid;
    vec![
        Kind::new("jwk", EVERYTHING, |s, g| by(g, &s.trusted, "jwk", s.trusted.key.jwk())),
        Kind::new("jwk-rsa", EVERYTHING, |s, g| by(g, &s.rsa, "jwk", s.rsa.key.jwk())),
        Kind::new("jwk-p384", EVERYTHING, |s, g| by(g, &s.p384, "jwk", s.p384.key.jwk())),
        Kind::new("jwk-p521", EVERYTHING, |s, g| by(g, &s.p521, "jwk", s.p521.key.jwk())),
        Kind::new("jwk-with-its-kid", EVERYTHING, |s, g| {
            by(g, &s.trusted, "jwk", jwk_with(&s.trusted.key, "kid", s.trusted.key.id()))
        }),
        Kind::new("jwk-with-another-kid", Invalid, |s, g| {
            by(g, &s.trusted, "jwk", jwk_with(&s.trusted.key, "kid", s.rsa.key.id()))
        }),
        Kind::new("jwk-with-use-and-alg", EVERYTHING, |s, g| {
            let mut jwk = jwk_with(&s.trusted.key, "use", "sig");
            jwk["alg"] = "ES256".into();
            by(g, &s.trusted, "jwk", jwk)
        }),
        Kind::new("jwk-with-chain", EVERYTHING, |s, g| {
            let jwk = jwk_with(&s.trusted.key, "x5c", chain(&[&s.trusted.certificate]));
            by(g, &s.trusted, "jwk", jwk)
        }),
        Kind::new("jwk-of-leaf-with-chain", EVERYTHING, |s, g| {
            let jwk = jwk_with(&s.leaf.key, "x5c", chain(&[&s.leaf.certificate]));
            by(g, &s.leaf, "jwk", jwk)
        }),
        Kind::new("jwk-of-leaf", Invalid, |s, g| by(g, &s.leaf, "jwk", s.leaf.key.jwk())),
        Kind::new("jwk-with-empty-chain", Invalid, |s, g| {
            by(g, &s.trusted, "jwk", jwk_with(&s.trusted.key, "x5c", json!([])))
        }),
        Kind::new("jwk-with-chain-that-is-no-list", EVERYTHING, |s, g| {
            by(g, &s.trusted, "jwk", jwk_with(&s.trusted.key, "x5c", "x"))
        }),
        Kind::new("jwk-that-is-private", Invalid, |s, g| {
            by(g, &s.rsa, "jwk", jwk_with(&s.rsa.key, "d", "AQAB"))
        }),
        Kind::new("jwk-a-string", Invalid, |s, g| with(s, g, "jwk", "x")),
        Kind::new("jwk-empty", Invalid, |s, g| with(s, g, "jwk", json!({}))),
        Kind::new("jwk-symmetric", Invalid, |s, g| {
            with(s, g, "jwk", json!({"kty": "oct", "k": "c2VjcmV0"}))
        }),
        Kind::new("jwk-off-its-curve", Invalid, |s, g| {
            with(s, g, "jwk", jwk_with(&s.trusted.key, "y", s.trusted.key.jwk()["x"].clone()))
        }),
        Kind::new("jwk-null-and-kid", EVERYTHING, |s, g| with(s, g, "jwk", Value::Null)),
        Kind::new("jwk-and-unknown-kid", EVERYTHING, |s, g| {
            let token = s.good(g).header("kid", s.stranger.key.id());
            Ok(bearer(token.header("jwk", s.trusted.key.jwk()).sign(&s.trusted.key)?))
        }),
    ]
}

fn by_chain() -> Vec<Kind> {
    use Worth::Invalid;
    vec![
        Kind::new("x5c-of-the-bundle", EVERYTHING, |s, g| {
            by(g, &s.trusted, "x5c", chain(&[&s.trusted.certificate]))
        }),
        Kind::new("x5c-rsa", EVERYTHING, |s, g| by(g, &s.rsa, "x5c", chain(&[&s.rsa.certificate]))),
        Kind::new("x5c-p384", EVERYTHING, |s, g| {
            by(g, &s.p384, "x5c", chain(&[&s.p384.certificate]))
        }),
        Kind::new("x5c-p521", EVERYTHING, |s, g| {
            by(g, &s.p521, "x5c", chain(&[&s.p521.certificate]))
        }),
        Kind::new("x5c-leaf", EVERYTHING, |s, g| {
            by(g, &s.leaf, "x5c", chain(&[&s.leaf.certificate]))
        }),
        Kind::new("x5c-leaf-and-root", EVERYTHING, |s, g| {
            by(g, &s.leaf, "x5c", chain(&[&s.leaf.certificate, &s.trusted.certificate]))
        }),
        Kind::new("x5c-with-intermediate", EVERYTHING, |s, g| {
            by(g, &s.deep, "x5c", chain(&[&s.deep.certificate, &s.middle.certificate]))
        }),
        Kind::new("x5c-without-intermediate", Invalid, |s, g| {
            by(g, &s.deep, "x5c", chain(&[&s.deep.certificate]))
        }),
        Kind::new("x5c-root-first", Invalid, |s, g| {
            by(g, &s.leaf, "x5c", chain(&[&s.trusted.certificate, &s.leaf.certificate]))
        }),
        Kind::new("x5c-empty-and-kid", EVERYTHING, |s, g| with(s, g, "x5c", json!([]))),
        Kind::new("x5c-null-and-kid", EVERYTHING, |s, g| with(s, g, "x5c", Value::Null)),
        Kind::new("x5c-a-string-and-kid", Invalid, |s, g| with(s, g, "x5c", "x")),
        Kind::new("x5c-of-nothing-and-kid", Invalid, |s, g| with(s, g, "x5c", json!([""]))),
        Kind::new("x5c-of-null-and-kid", Invalid, |s, g| with(s, g, "x5c", json!([null]))),
        Kind::new("x5c-no-certificate-and-kid", Invalid, |s, g| with(s, g, "x5c", json!(["AAAA"]))),
        Kind::new("x5c-in-other-base64", Invalid, |s, g| {
            let text = s.trusted.certificate.base64();
            let text = format!("-_{text}");
            by(g, &s.trusted, "x5c", json!([text]))
        }),
        Kind::new("x5c-and-unknown-kid", EVERYTHING, |s, g| {
            let token = s.good(g).header("kid", s.stranger.key.id());
            let token = token.header("x5c", chain(&[&s.trusted.certificate]));
            Ok(bearer(token.sign(&s.trusted.key)?))
        }),
        Kind::new("x5c-and-strange-jwk", EVERYTHING, |s, g| {
            let token = s.good(g).header("jwk", s.stranger.key.jwk());
            let token = token.header("x5c", chain(&[&s.trusted.certificate]));
            Ok(bearer(token.sign(&s.trusted.key)?))
        }),
    ]
}

/// Members of the header that say nothing of the key.
fn beside() -> Vec<Kind> {
    vec![
        Kind::new("without-typ", EVERYTHING, |s, g| {
            Ok(bearer(s.good(g).without_header("typ").sign(&s.trusted.key)?))
        }),
        Kind::new("other-typ", EVERYTHING, |s, g| with(s, g, "typ", "at+jwt")),
        Kind::new("more-in-the-header", EVERYTHING, |s, g| with(s, g, "zip", json!({"x": 1.5}))),
        Kind::new("typ-a-number", Worth::Invalid, |s, g| with(s, g, "typ", 7)),
        // What must be understood is understood by neither: ours says so (RFC 7515, 4.1.11).
        Kind::new("crit", Worth::Invalid, |s, g| with(s, g, "crit", json!(["exp"])))
            .but_go(InGo::Worth(EVERYTHING)),
        Kind::new("trusted-key-and-jku", EVERYTHING, |s, g| with(s, g, "jku", s.trap_url()?)),
        Kind::new("trusted-key-and-x5u", EVERYTHING, |s, g| with(s, g, "x5u", s.trap_url()?)),
    ]
}
