//! Tokens made here, good ones and others.

use countersign_forge::token_service::{CERTIFICATE_ENDS, TokenService};
use serde_json::{Value as Json, json};

use super::{Audiences, CertificateBundle, PublicKey, TrustedKeys, Verifier, issuer};

pub(super) fn public_key(signer: &TokenService) -> PublicKey {
    PublicKey::from_certificate(signer.certificate()).unwrap()
}

/// What libtrust calls its key.
pub(super) fn key_id(signer: &TokenService) -> String {
    public_key(signer).key_id().to_string()
}

/// Its certificate alone, by Notary's rules.
pub(super) fn trusted(signer: &TokenService) -> TrustedKeys {
    let bundle = CertificateBundle::parse_for_notary(signer.certificate_pem().as_bytes());
    TrustedKeys::notary(bundle.unwrap())
}

/// Notary's verifier with the certificate of `signer`.
pub(super) fn verifier_for(signer: &TokenService) -> Verifier {
    issuer(Audiences::Notary("trust.example.com".to_owned()), trusted(signer))
}

/// Claims that count from 2020 to 2040, with `changes`.
pub(super) fn good_claims(changes: &Json) -> Json {
    let mut claims = json!({
        "iss": "auth.example.com",
        "sub": "alice",
        "aud": "trust.example.com",
        "exp": CERTIFICATE_ENDS,
        "nbf": 1_577_836_800,
        "access": [{ "type": "repository", "name": "example.com/a", "actions": ["pull"] }],
    });
    claims.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
    claims
}
