//! A token service: a key, its certificate, and tokens with any header and any claims.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE, URL_SAFE_NO_PAD};
use rcgen::{BasicConstraints, CertificateParams, IsCa, KeyPair, PublicKeyData as _};
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};
use serde_json::{Value, json};

/// When the certificates of token services end, in seconds since 1970: 1 January 2040.
pub const CERTIFICATE_ENDS: i64 = 2_208_988_800;

/// A token service with a P-256 key and a self-signed certificate, `CA:TRUE`, as registries have
/// them.
pub struct TokenService {
    pair: EcdsaKeyPair,
    random: SystemRandom,
    certificate: Vec<u8>,
    /// x ‖ y.
    point: Vec<u8>,
}

impl TokenService {
    /// A new one, with a key of its own.
    #[must_use]
    #[expect(clippy::missing_panics_doc, reason = "a fresh key signs")]
    #[expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a fresh key signs")]
    pub fn new() -> Self {
        let key = KeyPair::generate().unwrap();
        let random = SystemRandom::new();
        let signing = &ECDSA_P256_SHA256_FIXED_SIGNING;
        let pair = EcdsaKeyPair::from_pkcs8(signing, &key.serialize_der(), &random).unwrap();
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.not_before = rcgen::date_time_ymd(2020, 1, 1);
        params.not_after = rcgen::date_time_ymd(2040, 1, 1);
        let certificate = params.self_signed(&key).unwrap().der().to_vec();
        let point = key.der_bytes()[1..].to_vec();
        Self { pair, random, certificate, point }
    }

    /// Its certificate in DER.
    #[must_use]
    pub fn certificate(&self) -> &[u8] {
        &self.certificate
    }

    /// Its certificate as a bundle of one.
    #[must_use]
    pub fn certificate_pem(&self) -> String {
        pem::encode(&pem::Pem::new("CERTIFICATE", self.certificate.clone()))
    }

    /// Its certificate as `x5c` has it.
    #[must_use]
    pub fn certificate_base64(&self) -> String {
        STANDARD.encode(&self.certificate)
    }

    /// What its key set calls its key.
    #[must_use]
    #[expect(clippy::indexing_slicing, reason = "a point on P-256 has 64 bytes")]
    pub fn kid(&self) -> String {
        URL_SAFE_NO_PAD.encode(&self.point[..9])
    }

    /// Its public key as a JWK without a name.
    #[must_use]
    pub fn jwk(&self) -> Value {
        let (x, y) = self.point.split_at(32);
        let (x, y) = (URL_SAFE_NO_PAD.encode(x), URL_SAFE_NO_PAD.encode(y));
        json!({ "kty": "EC", "crv": "P-256", "x": x, "y": y })
    }

    /// Its public key as its key set has it.
    #[must_use]
    pub fn named_jwk(&self) -> Value {
        let mut jwk = self.jwk();
        if let Some(members) = jwk.as_object_mut() {
            members.insert("kid".to_owned(), self.kid().into());
        }
        jwk
    }

    /// A token.
    #[must_use]
    pub fn token(&self, header: &Value, claims: &Value) -> String {
        let part = |json: &Value| URL_SAFE_NO_PAD.encode(json.to_string());
        self.signed(&format!("{}.{}", part(header), part(claims)))
    }

    /// A token whose parts are padded, as far as they can be.
    #[must_use]
    pub fn padded_token(&self, header: &Value, claims: &Value) -> String {
        let part = |json: &Value| URL_SAFE.encode(json.to_string());
        self.signed(&format!("{}.{}", part(header), part(claims)))
    }

    /// `text` with a good signature over it.
    #[must_use]
    #[expect(clippy::missing_panics_doc, clippy::unwrap_used, reason = "a whole key signs")]
    pub fn signed(&self, text: &str) -> String {
        let signature = self.pair.sign(&self.random, text.as_bytes()).unwrap();
        format!("{text}.{}", URL_SAFE_NO_PAD.encode(signature))
    }
}

impl Default for TokenService {
    fn default() -> Self {
        Self::new()
    }
}
