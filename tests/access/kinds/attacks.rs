//! Tokens of people who hold no trusted key, and of people who hold one and bend the rules.

use anyhow::Result;
use serde_json::{Value, json};

use super::{Kind, Worth, bearer};
use crate::forge::{Hash, Jws, Key};
use crate::stage::{Stage, good_of};

/// Header and claims of the attacker's choice, signed by a stranger.
fn strange(stage: &Stage, token: &Jws) -> Result<Vec<String>> {
    Ok(bearer(token.sign(&stage.stranger.key)?))
}

/// A token of the stranger's for everything, which does not name a key.
fn nameless(stage: &Stage, gun: &str) -> Jws {
    good_of(&stage.stranger.key, gun).without_header("kid")
}

/// A good token that is said to be signed in another way, with this signature.
fn named(
    stage: &Stage,
    gun: &str,
    algorithm: impl Into<Value>,
    sign: impl FnOnce(&[u8]) -> Result<Vec<u8>>,
) -> Result<Vec<String>> {
    let token = stage.good(gun).header("alg", algorithm);
    let signature = sign(token.signed_text().as_bytes())?;
    Ok(bearer(token.with_signature(&signature)))
}

/// The same with the RSA key.
fn rsa_named(
    stage: &Stage,
    gun: &str,
    algorithm: &str,
    sign: impl FnOnce(&Key, &[u8]) -> Result<Vec<u8>>,
) -> Result<Vec<String>> {
    let token = good_of(&stage.rsa.key, gun).header("alg", algorithm);
    let signature = sign(&stage.rsa.key, token.signed_text().as_bytes())?;
    Ok(bearer(token.with_signature(&signature)))
}

/// A signature that anybody can make who knows the public key.
fn with_secret(secret: &[u8], message: &[u8]) -> Vec<u8> {
    let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, secret);
    ring::hmac::sign(&key, message).as_ref().to_vec()
}

pub(super) fn kinds() -> Vec<Kind> {
    let mut kinds = strangers();
    kinds.extend(strangers_beside_the_trusted());
    kinds.extend(no_signature());
    kinds.extend(confusions());
    kinds
}

/// The key comes with the token, and the server must not believe it.
fn strangers() -> Vec<Kind> {
    use Worth::Invalid;
    vec![
        Kind::new("strange-kid", Invalid, |s, g| {
            strange(s, &nameless(s, g).header("kid", s.stranger.key.id()))
        }),
        Kind::new("strange-signature-under-trusted-kid", Invalid, |s, g| {
            strange(s, &nameless(s, g).header("kid", s.trusted.key.id()))
        }),
        Kind::new("strange-jwk", Invalid, |s, g| {
            strange(s, &nameless(s, g).header("jwk", s.stranger.key.jwk()))
        }),
        Kind::new("strange-jwk-rsa", Invalid, |s, g| {
            let token = good_of(&s.strange_rsa.key, g).without_header("kid");
            let token = token.header("jwk", s.strange_rsa.key.jwk());
            Ok(bearer(token.sign(&s.strange_rsa.key)?))
        }),
        Kind::new("strange-jwk-ed25519", Invalid, |s, g| {
            let token = good_of(&s.strange_ed25519, g).without_header("kid");
            let token = token.header("jwk", s.strange_ed25519.jwk());
            Ok(bearer(token.sign(&s.strange_ed25519)?))
        }),
        Kind::new("strange-jwk-with-own-chain", Invalid, |s, g| {
            let mut jwk = s.stranger.key.jwk();
            jwk["x5c"] = json!([s.stranger.certificate.base64()]);
            strange(s, &nameless(s, g).header("jwk", jwk))
        }),
        Kind::new("strange-jwk-with-trusted-chain", Invalid, |s, g| {
            let mut jwk = s.stranger.key.jwk();
            jwk["x5c"] = json!([s.trusted.certificate.base64()]);
            strange(s, &nameless(s, g).header("jwk", jwk))
        }),
        Kind::new("strange-jwk-with-trusted-kid", Invalid, |s, g| {
            let mut jwk = s.stranger.key.jwk();
            jwk["kid"] = s.trusted.key.id().into();
            strange(s, &nameless(s, g).header("jwk", jwk))
        }),
        Kind::new("strange-x5c", Invalid, |s, g| {
            strange(s, &nameless(s, g).header("x5c", json!([s.stranger.certificate.base64()])))
        }),
        Kind::new("strange-x5c-then-trusted", Invalid, |s, g| {
            let chain = json!([s.stranger.certificate.base64(), s.trusted.certificate.base64()]);
            strange(s, &nameless(s, g).header("x5c", chain))
        }),
        Kind::new("trusted-x5c-then-strange", Invalid, |s, g| {
            let chain = json!([s.trusted.certificate.base64(), s.stranger.certificate.base64()]);
            strange(s, &nameless(s, g).header("x5c", chain))
        }),
        Kind::new("strange-signature-under-trusted-x5c", Invalid, |s, g| {
            strange(s, &nameless(s, g).header("x5c", json!([s.trusted.certificate.base64()])))
        }),
        Kind::new("strange-jku", Invalid, |s, g| {
            let token = nameless(s, g).header("jku", s.trap_url()?);
            strange(s, &token.header("kid", s.stranger.key.id()))
        }),
        Kind::new("strange-x5u", Invalid, |s, g| {
            strange(s, &nameless(s, g).header("x5u", s.trap_url()?))
        }),
    ]
}

/// The trusted key is named too, and a bad form does not fall back to a good one.
fn strangers_beside_the_trusted() -> Vec<Kind> {
    use Worth::Invalid;
    vec![
        Kind::new("trusted-kid-and-strange-jwk-signed-by-stranger", Invalid, |s, g| {
            let token = nameless(s, g).header("kid", s.trusted.key.id());
            strange(s, &token.header("jwk", s.stranger.key.jwk()))
        }),
        Kind::new("trusted-kid-and-strange-jwk-signed-by-trusted", Invalid, |s, g| {
            Ok(bearer(s.good(g).header("jwk", s.stranger.key.jwk()).sign(&s.trusted.key)?))
        }),
        Kind::new("trusted-kid-and-strange-x5c-signed-by-stranger", Invalid, |s, g| {
            let token = nameless(s, g).header("kid", s.trusted.key.id());
            strange(s, &token.header("x5c", json!([s.stranger.certificate.base64()])))
        }),
        Kind::new("trusted-kid-and-strange-x5c-signed-by-trusted", Invalid, |s, g| {
            let chain = json!([s.stranger.certificate.base64()]);
            Ok(bearer(s.good(g).header("x5c", chain).sign(&s.trusted.key)?))
        }),
        Kind::new("trusted-jwk-and-strange-x5c", Invalid, |s, g| {
            let token = nameless(s, g).header("jwk", s.trusted.key.jwk());
            let token = token.header("x5c", json!([s.stranger.certificate.base64()]));
            Ok(bearer(token.sign(&s.trusted.key)?))
        }),
    ]
}

fn no_signature() -> Vec<Kind> {
    use Worth::Invalid;
    vec![
        Kind::new("alg-none", Invalid, |s, g| named(s, g, "none", |_| Ok(Vec::new()))),
        Kind::new("alg-none-in-capitals", Invalid, |s, g| named(s, g, "NONE", |_| Ok(Vec::new()))),
        Kind::new("alg-none-with-signature", Invalid, |s, g| {
            named(s, g, "none", |text| s.trusted.key.sign(text))
        }),
        Kind::new("alg-none-with-one-byte", Invalid, |s, g| named(s, g, "none", |_| Ok(vec![0]))),
        Kind::new("alg-empty", Invalid, |s, g| named(s, g, "", |text| s.trusted.key.sign(text))),
        Kind::new("alg-null", Invalid, |s, g| {
            named(s, g, Value::Null, |text| s.trusted.key.sign(text))
        }),
        Kind::new("alg-a-number", Invalid, |s, g| {
            named(s, g, 256, |text| s.trusted.key.sign(text))
        }),
        Kind::new("alg-in-small-letters", Invalid, |s, g| {
            named(s, g, "es256", |text| s.trusted.key.sign(text))
        }),
        Kind::new("without-alg", Invalid, |s, g| {
            Ok(bearer(s.good(g).without_header("alg").sign(&s.trusted.key)?))
        }),
    ]
}

/// The token chooses an algorithm that does not fit the key.
fn confusions() -> Vec<Kind> {
    use Worth::Invalid;
    vec![
        Kind::new("hs256-with-public-pem", Invalid, |s, g| {
            let secret = s.trusted.key.public_pem();
            named(s, g, "HS256", |text| Ok(with_secret(secret.as_bytes(), text)))
        }),
        Kind::new("hs256-with-public-der", Invalid, |s, g| {
            named(s, g, "HS256", |text| Ok(with_secret(&s.trusted.key.public, text)))
        }),
        Kind::new("hs256-with-certificate", Invalid, |s, g| {
            let secret = s.trusted.certificate.pem();
            named(s, g, "HS256", |text| Ok(with_secret(secret.as_bytes(), text)))
        }),
        Kind::new("hs256-with-rsa-public-pem", Invalid, |s, g| {
            rsa_named(s, g, "HS256", |key, text| Ok(with_secret(key.public_pem().as_bytes(), text)))
        }),
        Kind::new("es384-on-p256", Invalid, |s, g| {
            named(s, g, "ES384", |text| s.trusted.key.sign_over(Hash::Sha384, text))
        }),
        Kind::new("es512-on-p256", Invalid, |s, g| {
            named(s, g, "ES512", |text| s.trusted.key.sign_over(Hash::Sha512, text))
        }),
        Kind::new("es256-over-sha512", Invalid, |s, g| {
            named(s, g, "ES256", |text| s.trusted.key.sign_over(Hash::Sha512, text))
        }),
        Kind::new("es256-on-p384", Invalid, |s, g| {
            let token = good_of(&s.p384.key, g).header("alg", "ES256");
            let text = token.signed_text();
            let signature = s.p384.key.sign_over(Hash::Sha256, text.as_bytes())?;
            Ok(bearer(token.with_signature(&signature)))
        }),
        Kind::new("es512-on-p384", Invalid, |s, g| {
            let token = good_of(&s.p384.key, g).header("alg", "ES512");
            let text = token.signed_text();
            let signature = s.p384.key.sign_over(Hash::Sha512, text.as_bytes())?;
            Ok(bearer(token.with_signature(&signature)))
        }),
        Kind::new("eddsa-on-p256", Invalid, |s, g| {
            named(s, g, "EdDSA", |text| s.trusted.key.sign(text))
        }),
        Kind::new("rs256-on-p256", Invalid, |s, g| {
            named(s, g, "RS256", |text| s.trusted.key.sign(text))
        }),
        Kind::new("es256-on-rsa", Invalid, |s, g| {
            rsa_named(s, g, "ES256", |key, text| key.sign(text))
        }),
        Kind::new("ps256", Invalid, |s, g| {
            rsa_named(s, g, "PS256", |key, text| key.sign_pss(text))
        }),
        Kind::new("ps256-that-says-rs256", Invalid, |s, g| {
            rsa_named(s, g, "RS256", |key, text| key.sign_pss(text))
        }),
        Kind::new("rs256-over-sha512", Invalid, |s, g| {
            rsa_named(s, g, "RS256", |key, text| key.sign_over(Hash::Sha512, text))
        }),
    ]
}
