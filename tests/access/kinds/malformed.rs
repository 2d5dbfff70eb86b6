//! What is no token, or none that can be read.

use anyhow::Result;

use super::{EVERYTHING, InGo, Kind, Worth, bearer};
use crate::forge::{base64url, cut};
use crate::stage::Stage;

fn good(stage: &Stage, gun: &str) -> Result<String> {
    stage.good(gun).sign(&stage.trusted.key)
}

pub(super) fn kinds() -> Vec<Kind> {
    let mut kinds = no_tokens();
    kinds.extend(unreadable());
    kinds.extend(damaged());
    kinds
}

fn no_tokens() -> Vec<Kind> {
    use Worth::{Invalid, NoToken};
    vec![
        Kind::new("no-token", NoToken, |_, _| Ok(Vec::new())),
        Kind::new("no-value", NoToken, |_, _| Ok(vec![String::new()])),
        Kind::new("basic", NoToken, |_, _| Ok(vec!["Basic YWxpY2U6c2VjcmV0".to_owned()])),
        Kind::new("scheme-alone", NoToken, |_, _| Ok(vec!["Bearer".to_owned()])),
        Kind::new("token-alone", NoToken, |s, g| Ok(vec![good(s, g)?])),
        Kind::new("other-scheme", NoToken, |s, g| Ok(vec![format!("Token {}", good(s, g)?)])),
        Kind::new("other-scheme-beyond-ascii", NoToken, |s, g| {
            Ok(vec![format!("Béarer {}", good(s, g)?)])
        }),
        Kind::new("two-spaces", NoToken, |s, g| Ok(vec![format!("Bearer  {}", good(s, g)?)])),
        Kind::new("tab", NoToken, |s, g| Ok(vec![format!("Bearer\t{}", good(s, g)?)])),
        Kind::new("three-words", NoToken, |s, g| Ok(vec![format!("Bearer {} x", good(s, g)?)])),
        Kind::new("scheme-in-any-case", EVERYTHING, |s, g| {
            Ok(vec![format!("bEARER {}", good(s, g)?)])
        }),
        Kind::new("first-of-two-headers", EVERYTHING, |s, g| {
            Ok(vec![s.pass(g)?, "Bearer x".to_owned()])
        }),
        Kind::new("second-of-two-headers", Invalid, |s, g| {
            Ok(vec!["Bearer x".to_owned(), s.pass(g)?])
        }),
        Kind::new("after-basic", NoToken, |s, g| {
            Ok(vec!["Basic YWxpY2U6c2VjcmV0".to_owned(), s.pass(g)?])
        }),
    ]
}

fn unreadable() -> Vec<Kind> {
    use Worth::Invalid;
    vec![
        Kind::new("one-letter", Invalid, |_, _| Ok(bearer("x"))),
        Kind::new("beyond-ascii", Invalid, |_, _| Ok(bearer("é.é.é"))),
        Kind::new("good-with-more-beyond-ascii", Invalid, |s, g| {
            Ok(bearer(format!("{}é", good(s, g)?)))
        }),
        Kind::new("three-letters", Invalid, |_, _| Ok(bearer("a.b.c"))),
        Kind::new("two-dots", Invalid, |_, _| Ok(bearer(".."))),
        Kind::new("two-parts", Invalid, |s, g| {
            let token = good(s, g)?;
            let [header, claims, _] = cut(&token);
            Ok(bearer(format!("{header}.{claims}")))
        }),
        Kind::new("four-parts", Invalid, |s, g| Ok(bearer(format!("{}.x", good(s, g)?)))),
        Kind::new("no-base64", Invalid, |s, g| Ok(bearer(good(s, g)?.replacen('J', "!", 1)))),
        Kind::new("header-is-no-json", Invalid, |s, g| {
            Ok(bearer(s.good(g).sign_header("{", &s.trusted.key)?))
        }),
        Kind::new("header-is-a-list", Invalid, |s, g| {
            Ok(bearer(s.good(g).sign_header("[]", &s.trusted.key)?))
        }),
        Kind::new("header-is-null", Invalid, |s, g| {
            Ok(bearer(s.good(g).sign_header("null", &s.trusted.key)?))
        }),
        Kind::new("claims-are-no-json", Invalid, |s, g| {
            Ok(bearer(s.good(g).sign_claims("{", &s.trusted.key)?))
        }),
        Kind::new("claims-are-a-list", Invalid, |s, g| {
            Ok(bearer(s.good(g).sign_claims("[]", &s.trusted.key)?))
        }),
        Kind::new("claims-are-null", Invalid, |s, g| {
            Ok(bearer(s.good(g).sign_claims("null", &s.trusted.key)?))
        }),
        Kind::new("claims-with-something-behind", Invalid, |s, g| {
            let claims = serde_json::to_string(&s.good(g).claims)?;
            Ok(bearer(s.good(g).sign_claims(&format!("{claims}x"), &s.trusted.key)?))
        }),
        Kind::new("nested-1000-deep", Invalid, |s, g| {
            let deep = format!("{}{}", "[".repeat(1000), "]".repeat(1000));
            let claims = serde_json::to_string(&s.good(g).claims)?;
            let claims = claims.replacen('{', &format!("{{\"x\":{deep},"), 1);
            Ok(bearer(s.good(g).sign_claims(&claims, &s.trusted.key)?))
        })
        .but_go(InGo::Worth(EVERYTHING)),
    ]
}

fn damaged() -> Vec<Kind> {
    use Worth::Invalid;
    vec![
        Kind::new("padded", EVERYTHING, |s, g| Ok(bearer(s.good(g).sign_padded(&s.trusted.key)?))),
        Kind::new("padded-afterwards", Invalid, |s, g| {
            let token = good(s, g)?;
            let [header, claims, signature] = cut(&token);
            let pad = |part: &str| format!("{part}{}", "=".repeat((4 - part.len() % 4) % 4));
            // A part whose length needs no padding would be the same afterwards.
            let spare = format!("{header}.{}.{signature}", pad(claims));
            Ok(bearer(if spare == token { format!("{token}!") } else { spare }))
        }),
        Kind::new("signature-padded-only", EVERYTHING, |s, g| {
            Ok(bearer(format!("{}==", good(s, g)?)))
        }),
        Kind::new("signature-empty", Invalid, |s, g| Ok(bearer(s.good(g).with_signature(b"")))),
        Kind::new("signature-zero", Invalid, |s, g| Ok(bearer(s.good(g).with_signature(&[0; 64])))),
        Kind::new("signature-short", Invalid, |s, g| {
            let signature = s.trusted.key.sign(s.good(g).signed_text().as_bytes())?;
            Ok(bearer(s.good(g).with_signature(signature.get(..63).unwrap_or_default())))
        }),
        Kind::new("signature-long", Invalid, |s, g| {
            let mut signature = s.trusted.key.sign(s.good(g).signed_text().as_bytes())?;
            signature.push(0);
            Ok(bearer(s.good(g).with_signature(&signature)))
        }),
        Kind::new("signature-in-der", Invalid, |s, g| {
            let token = s.good(g);
            let signature = s.trusted.key.sign_der(token.signed_text().as_bytes())?;
            Ok(bearer(token.with_signature(&signature)))
        }),
        Kind::new("claims-changed", Invalid, |s, g| {
            let (token, other) = (good(s, g)?, s.good(g).claim("sub", "mallory"));
            let [header, _, signature] = cut(&token);
            let claims = base64url(serde_json::to_string(&other.claims)?);
            Ok(bearer(format!("{header}.{claims}.{signature}")))
        }),
        Kind::new("header-changed", Invalid, |s, g| {
            let (token, other) = (good(s, g)?, s.good(g).header("typ", "JOSE"));
            let [_, claims, signature] = cut(&token);
            let header = base64url(serde_json::to_string(&other.header)?);
            Ok(bearer(format!("{header}.{claims}.{signature}")))
        }),
        Kind::new("signature-of-another", Invalid, |s, g| {
            let (token, other) = (good(s, g)?, s.good(g).claim("sub", "bob"));
            let other = other.sign(&s.trusted.key)?;
            let ([header, claims, _], [.., signature]) = (cut(&token), cut(&other));
            Ok(bearer(format!("{header}.{claims}.{signature}")))
        }),
    ]
}
