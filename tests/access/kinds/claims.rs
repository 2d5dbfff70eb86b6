//! What a token says of itself: from whom, for whom, and when.

use anyhow::Result;
use serde_json::{Value, json};

use super::{EVERYTHING, InGo, Kind, Worth, bearer};
use crate::server::SERVICE;
use crate::stage::{Stage, in_seconds};

/// With one claim replaced.
fn with(stage: &Stage, gun: &str, name: &str, value: impl Into<Value>) -> Result<Vec<String>> {
    Ok(bearer(stage.good(gun).claim(name, value).sign(&stage.trusted.key)?))
}

/// With one claim removed.
fn without(stage: &Stage, gun: &str, name: &str) -> Result<Vec<String>> {
    Ok(bearer(stage.good(gun).without(name).sign(&stage.trusted.key)?))
}

/// With the text of `exp` replaced, for numbers that JSON can write in several ways.
fn with_exp(stage: &Stage, gun: &str, text: &str) -> Result<Vec<String>> {
    let token = stage.good(gun).claim("exp", "EXP");
    let claims = serde_json::to_string(&token.claims)?.replace("\"EXP\"", text);
    Ok(bearer(token.sign_claims(&claims, &stage.trusted.key)?))
}

/// With more members behind the last.
fn with_more(stage: &Stage, gun: &str, more: &str) -> Result<Vec<String>> {
    let token = stage.good(gun);
    let claims = serde_json::to_string(&token.claims)?;
    let claims = format!("{},{more}}}", claims.trim_end_matches('}'));
    Ok(bearer(token.sign_claims(&claims, &stage.trusted.key)?))
}

pub(super) fn kinds() -> Vec<Kind> {
    let mut kinds = times();
    kinds.extend(spellings_of_times());
    kinds.extend(parties());
    kinds.extend(spellings_of_names());
    kinds
}

fn times() -> Vec<Kind> {
    use Worth::Invalid;
    vec![
        Kind::new("expired", Invalid, |s, g| with(s, g, "exp", in_seconds(-3600))),
        Kind::new("expired-70-seconds-ago", Invalid, |s, g| with(s, g, "exp", in_seconds(-70))),
        Kind::new("expired-50-seconds-ago", EVERYTHING, |s, g| with(s, g, "exp", in_seconds(-50))),
        Kind::new("without-exp", Invalid, |s, g| without(s, g, "exp")),
        Kind::new("exp-null", Invalid, |s, g| with(s, g, "exp", Value::Null)),
        Kind::new("exp-zero", Invalid, |s, g| with(s, g, "exp", 0)),
        Kind::new("exp-negative", Invalid, |s, g| with(s, g, "exp", -1)),
        Kind::new("not-yet-valid", Invalid, |s, g| with(s, g, "nbf", in_seconds(3600))),
        Kind::new("valid-in-70-seconds", Invalid, |s, g| with(s, g, "nbf", in_seconds(70))),
        Kind::new("valid-in-50-seconds", EVERYTHING, |s, g| with(s, g, "nbf", in_seconds(50))),
        Kind::new("without-nbf", EVERYTHING, |s, g| without(s, g, "nbf")),
        Kind::new("nbf-null", EVERYTHING, |s, g| with(s, g, "nbf", Value::Null)),
        Kind::new("without-iat", EVERYTHING, |s, g| without(s, g, "iat")),
        Kind::new("issued-in-the-future", EVERYTHING, |s, g| with(s, g, "iat", in_seconds(3600))),
    ]
}

fn spellings_of_times() -> Vec<Kind> {
    use Worth::Invalid;
    vec![
        Kind::new("exp-with-fraction", Invalid, |s, g| {
            with_exp(s, g, &format!("{}.5", in_seconds(300)))
        }),
        Kind::new("exp-with-zero-fraction", Invalid, |s, g| {
            with_exp(s, g, &format!("{}.0", in_seconds(300)))
        }),
        Kind::new("exp-with-exponent", Invalid, |s, g| {
            with_exp(s, g, &format!("{}e0", in_seconds(300)))
        }),
        Kind::new("exp-a-string", Invalid, |s, g| with(s, g, "exp", in_seconds(300).to_string())),
        Kind::new("exp-beyond-64-bits", Invalid, |s, g| with_exp(s, g, "9223372036854775808")),
        Kind::new("nbf-with-fraction", Invalid, |s, g| with(s, g, "nbf", 1.5)),
        Kind::new("nbf-a-string", Invalid, |s, g| with(s, g, "nbf", "0")),
        Kind::new("iat-with-fraction", Invalid, |s, g| with(s, g, "iat", 1.5)),
    ]
}

fn parties() -> Vec<Kind> {
    use Worth::Invalid;
    vec![
        Kind::new("wrong-issuer", Invalid, |s, g| with(s, g, "iss", "other.test")),
        Kind::new("issuer-in-other-case", Invalid, |s, g| with(s, g, "iss", "AUTH.test")),
        Kind::new("issuer-with-slash", Invalid, |s, g| with(s, g, "iss", "auth.test/")),
        Kind::new("without-issuer", Invalid, |s, g| without(s, g, "iss")),
        Kind::new("issuer-empty", Invalid, |s, g| with(s, g, "iss", "")),
        Kind::new("issuer-a-list", Invalid, |s, g| with(s, g, "iss", json!(["auth.test"]))),
        Kind::new("wrong-audience", Invalid, |s, g| with(s, g, "aud", "registry.test")),
        Kind::new("without-audience", Invalid, |s, g| without(s, g, "aud")),
        Kind::new("audience-null", Invalid, |s, g| with(s, g, "aud", Value::Null)),
        Kind::new("audience-a-list-of-one", Invalid, |s, g| with(s, g, "aud", json!([SERVICE]))),
        Kind::new("audience-a-list-of-two", Invalid, |s, g| {
            with(s, g, "aud", json!([SERVICE, "registry.test"]))
        }),
        Kind::new("audience-an-empty-list", Invalid, |s, g| with(s, g, "aud", json!([]))),
        Kind::new("audience-with-more", Invalid, |s, g| with(s, g, "aud", "notary.test,x")),
        Kind::new("without-subject", EVERYTHING, |s, g| without(s, g, "sub")).of_nobody(),
        Kind::new("subject-empty", EVERYTHING, |s, g| with(s, g, "sub", "")).of_nobody(),
        Kind::new("subject-null", EVERYTHING, |s, g| with(s, g, "sub", Value::Null)).of_nobody(),
        Kind::new("subject-a-number", Invalid, |s, g| with(s, g, "sub", 1)),
        Kind::new("without-jti", EVERYTHING, |s, g| without(s, g, "jti")),
        Kind::new("jti-a-number", Invalid, |s, g| with(s, g, "jti", 1)),
        Kind::new("more-claims", EVERYTHING, |s, g| with(s, g, "azp", json!({"x": [1.5]}))),
    ]
}

/// Go folds the case of names and lets the last of several win; what a token says must not depend
/// on who reads it, so ours takes each name once and as it is written.
fn spellings_of_names() -> Vec<Kind> {
    use Worth::Invalid;
    vec![
        Kind::new("audience-twice-good-last", Invalid, |s, g| {
            let token = s.good(g).claim("aud", "AUD");
            let claims = serde_json::to_string(&token.claims)?;
            let claims = claims.replace("\"aud\":\"AUD\"", "\"aud\":\"x\",\"aud\":\"notary.test\"");
            Ok(bearer(token.sign_claims(&claims, &s.trusted.key)?))
        })
        .but_go(InGo::Worth(EVERYTHING)),
        Kind::new("audience-twice-good-first", Invalid, |s, g| with_more(s, g, "\"aud\":\"x\"")),
        Kind::new("issuer-in-capitals-as-well", Invalid, |s, g| with_more(s, g, "\"ISS\":\"x\"")),
        Kind::new("exp-in-capitals-only", Invalid, |s, g| {
            let token = s.good(g).without("exp").claim("EXP", in_seconds(300));
            Ok(bearer(token.sign(&s.trusted.key)?))
        })
        .but_go(InGo::Worth(EVERYTHING)),
    ]
}
