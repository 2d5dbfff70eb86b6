//! Tokens that registries and trust servers take.

use chrono::{DateTime, TimeDelta, Utc};
use ring::rand::{SecureRandom as _, SystemRandom};
use serde::Serialize;

use super::{Grant, TokenKey};

/// What a token says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenFacts<'a> {
    /// Who gives it out.
    pub issuer: &'a str,
    /// Whom it is for: the service that takes it.
    pub audience: &'a str,
    /// Whose it is; `None` for anybody's.
    pub user: Option<&'a str>,
    /// What it allows.
    pub grants: &'a [Grant],
    /// How long it is good; whole seconds.
    pub lifetime: TimeDelta,
}

/// A token as it is given out. Printing it gives no part of it.
pub struct AccessToken(String);

/// The claims, with the names and kinds that docker/distribution wants: times in whole seconds,
/// the audience as one text, and never `null`.
#[derive(Serialize)]
struct Claims<'a> {
    iss: &'a str,
    sub: &'a str,
    aud: &'a str,
    exp: i64,
    nbf: i64,
    iat: i64,
    jti: String,
    access: &'a [Grant],
}

impl AccessToken {
    /// A token that says `facts`, good from `now` on; `None` when the system gives no randomness.
    #[must_use]
    pub fn issue(key: &TokenKey, facts: &TokenFacts<'_>, now: DateTime<Utc>) -> Option<Self> {
        let mut id = [0; 16];
        SystemRandom::new().fill(&mut id).ok()?;
        let iat = now.timestamp();
        let claims = Claims {
            iss: facts.issuer,
            sub: facts.user.unwrap_or_default(),
            aud: facts.audience,
            exp: iat.saturating_add(facts.lifetime.num_seconds()),
            nbf: iat,
            iat,
            jti: data_encoding::HEXLOWER.encode(&id),
            access: facts.grants,
        };
        let claims = serde_json::to_vec(&claims).ok()?;
        key.sign(&claims).map(Self)
    }

    /// The token as clients send it.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for AccessToken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("AccessToken(secret)")
    }
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
    use rcgen::{CertificateParams, KeyPair, PublicKeyData as _};
    use ring::signature::{ECDSA_P256_SHA256_FIXED, UnparsedPublicKey};
    use serde_json::{Value, json};

    use super::*;

    fn decoded(part: &str) -> Value {
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap()
    }

    /// The members and their kinds are those of docker/distribution's token specification.
    #[test]
    fn a_token_has_the_claims_that_registries_want_and_a_signature_by_its_certificate() {
        let key = KeyPair::generate().unwrap();
        let certificate = CertificateParams::default().self_signed(&key).unwrap();
        let now = DateTime::from_timestamp(1_800_000_000, 999_000_000).unwrap();
        let (key_pem, cert_pem) = (key.serialize_pem(), certificate.pem());
        let token_key = TokenKey::from_pem(key_pem.as_bytes(), cert_pem.as_bytes(), now);
        let grant = Grant { kind: "repository", name: "e/a".to_owned(), actions: vec!["pull"] };
        let facts = TokenFacts {
            issuer: "countersign",
            audience: "trust",
            user: Some("alice"),
            grants: &[grant],
            lifetime: TimeDelta::seconds(300),
        };
        let token_key = token_key.unwrap();
        let token = AccessToken::issue(&token_key, &facts, now).unwrap();
        let parts: Vec<&str> = token.expose().split('.').collect();
        let [header, claims, signature] = parts.as_slice() else { panic!("{parts:?}") };
        let x5c = STANDARD.encode(certificate.der());
        assert_eq!(decoded(header), json!({ "typ": "JWT", "alg": "ES256", "x5c": [x5c] }));
        let mut claims_value = decoded(claims);
        let id = claims_value["jti"].take();
        assert_eq!(id.as_str().unwrap().len(), 32);
        assert_eq!(
            claims_value,
            json!({
                "iss": "countersign", "sub": "alice", "aud": "trust", "jti": null,
                "iat": 1_800_000_000, "nbf": 1_800_000_000, "exp": 1_800_000_300,
                "access": [{ "type": "repository", "name": "e/a", "actions": ["pull"] }],
            })
        );
        let public = UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, key.der_bytes());
        let signed = format!("{header}.{claims}");
        public.verify(signed.as_bytes(), &URL_SAFE_NO_PAD.decode(signature).unwrap()).unwrap();

        let nobody = TokenFacts { user: None, grants: &[], ..facts };
        let token = AccessToken::issue(&token_key, &nobody, now).unwrap();
        let claims = decoded(token.expose().split('.').nth(1).unwrap());
        assert_eq!((&claims["sub"], &claims["access"]), (&json!(""), &json!([])));
        assert_ne!(claims["jti"], id);
        assert_eq!(format!("{token:?}"), "AccessToken(secret)");
    }
}
