//! Tokens made here, good ones and others.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE, URL_SAFE_NO_PAD};
use rcgen::{BasicConstraints, CertificateParams, IsCa, KeyPair};
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};
use serde_json::{Value as Json, json};

use super::{Audiences, CertificateBundle, PublicKey, TrustedKeys, Verifier, issuer};

/// When the certificates of signers end, in seconds since 1970: 1 January 2030.
pub(super) const CERTIFICATE_ENDS: i64 = 1_893_456_000;

/// A token service with a P-256 key and a self-signed certificate, `CA:TRUE`.
pub(super) struct Signer {
    pair: EcdsaKeyPair,
    random: SystemRandom,
    certificate: Vec<u8>,
}

impl Signer {
    pub(super) fn new() -> Self {
        let key = KeyPair::generate().unwrap();
        let random = SystemRandom::new();
        let pair = EcdsaKeyPair::from_pkcs8(
            &ECDSA_P256_SHA256_FIXED_SIGNING,
            &key.serialize_der(),
            &random,
        );
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.not_before = rcgen::date_time_ymd(2020, 1, 1);
        params.not_after = rcgen::date_time_ymd(2030, 1, 1);
        let certificate = params.self_signed(&key).unwrap().der().to_vec();
        Self { pair: pair.unwrap(), random, certificate }
    }

    pub(super) fn public(&self) -> PublicKey {
        PublicKey::from_certificate(&self.certificate).unwrap()
    }

    pub(super) fn key_id(&self) -> String {
        self.public().key_id().to_string()
    }

    pub(super) fn certificate_base64(&self) -> String {
        STANDARD.encode(&self.certificate)
    }

    /// Its certificate alone, by Notary's rules.
    pub(super) fn trusted(&self) -> TrustedKeys {
        let text = pem::encode(&pem::Pem::new("CERTIFICATE", self.certificate.clone()));
        TrustedKeys::notary(CertificateBundle::parse_for_notary(text.as_bytes()).unwrap())
    }

    pub(super) fn token(&self, header: &Json, claims: &Json) -> String {
        let part = |json: &Json| URL_SAFE_NO_PAD.encode(json.to_string());
        self.signed(format!("{}.{}", part(header), part(claims)))
    }

    /// The same with parts that are padded, as far as they can be.
    pub(super) fn padded_token(&self, header: &Json, claims: &Json) -> String {
        let part = |json: &Json| URL_SAFE.encode(json.to_string());
        self.signed(format!("{}.{}", part(header), part(claims)))
    }

    fn signed(&self, text: String) -> String {
        let signature = self.pair.sign(&self.random, text.as_bytes()).unwrap();
        format!("{text}.{}", URL_SAFE_NO_PAD.encode(signature))
    }
}

/// Notary's verifier with the certificate of `signer`.
pub(super) fn verifier_for(signer: &Signer) -> Verifier {
    issuer(Audiences::Notary("trust.example.com".to_owned()), signer.trusted())
}

/// Claims that count from 2020 to 2030, with `changes`.
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
