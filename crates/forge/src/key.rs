//! Keys of every type that Notary's clients use, with their private halves.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ed25519_dalek::Signer as _;
use p256::ecdsa::Signature;
use p256::pkcs8::EncodePublicKey as _;
use ring::rsa::KeyPair as RsaKeyPair;
use ring::signature::KeyPair as _;
use serde_json::{Value, json};

use crate::canonical;
use crate::certificate::CertificateShape;
use crate::curve::{Curve, CurveKey};
use crate::issuer::{EcdsaIssuer, P384Issuer, RsaIssuer, RsaPublic};

/// The one RSA key: making one takes too long in a test, so all RSA keys here share it.
const RSA_PRIVATE: &[u8] = include_bytes!("../keys/rsa-2048-for-tests.pkcs1.der");

/// A key pair as a client holds it, listed in metadata as one of Notary's key types.
#[derive(Clone, Debug)]
pub struct Key {
    private: Private,
    key_type: &'static str,
    public: Vec<u8>,
    method: &'static str,
}

#[derive(Clone)]
enum Private {
    Curve(Box<CurveKey>),
    Ecdsa(p256::ecdsa::SigningKey),
    Ed25519(Box<ed25519_dalek::SigningKey>),
    Rsa(Arc<RsaKeyPair>),
}

impl std::fmt::Debug for Private {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Curve(_) => "Curve",
            Self::Ecdsa(_) => "Ecdsa",
            Self::Ed25519(_) => "Ed25519",
            Self::Rsa(_) => "Rsa",
        })
    }
}

impl Key {
    /// A P-256 key listed as `ecdsa`, from 32 random bytes.
    #[must_use]
    pub fn ecdsa(seed: [u8; 32]) -> Self {
        let private = p256_key(seed);
        let public = spki(&private);
        Self { private: Private::Ecdsa(private), key_type: "ecdsa", public, method: "ecdsa" }
    }

    /// A key on another curve listed as `ecdsa`, from 32 random bytes.
    #[must_use]
    pub fn ecdsa_on(curve: Curve, seed: [u8; 32]) -> Self {
        let private = CurveKey::new(curve, seed);
        let public = private.spki();
        Self {
            private: Private::Curve(Box::new(private)),
            key_type: "ecdsa",
            public,
            method: "ecdsa",
        }
    }

    /// An Ed25519 key, from 32 random bytes.
    #[must_use]
    pub fn ed25519(seed: [u8; 32]) -> Self {
        let private = ed25519_dalek::SigningKey::from_bytes(&seed);
        let public = private.verifying_key().to_bytes().to_vec();
        let private = Private::Ed25519(Box::new(private));
        Self { private, key_type: "ed25519", public, method: "eddsa" }
    }

    /// A P-256 key listed as `ecdsa-x509` with a certificate of its own.
    #[must_use]
    pub fn ecdsa_certificate(seed: [u8; 32], shape: &CertificateShape) -> Self {
        Self::ecdsa(seed).with_certificate(shape)
    }

    /// The shared RSA key of 2048 bits, listed as `rsa`.
    #[must_use]
    pub fn rsa() -> Self {
        #[expect(clippy::expect_used, reason = "the key file is part of this crate")]
        let private = RsaKeyPair::from_der(RSA_PRIVATE).expect("the RSA test key");
        let pkcs1 = private.public_key().as_ref().to_vec();
        let public = rcgen::PublicKeyData::subject_public_key_info(&RsaPublic(&pkcs1));
        Self { private: Private::Rsa(Arc::new(private)), key_type: "rsa", public, method: "rsapss" }
    }

    /// The shared RSA key, listed as `rsa-x509` with a certificate of its own.
    #[must_use]
    pub fn rsa_certificate(shape: &CertificateShape) -> Self {
        Self::rsa().with_certificate(shape)
    }

    /// The same private key, listed with a certificate (`…-x509`). Keys of which this crate makes
    /// no certificates stay as they are: Ed25519, P-224 and P-521.
    #[must_use]
    pub fn with_certificate(&self, shape: &CertificateShape) -> Self {
        let (key_type, pem) = match &self.private {
            Private::Ecdsa(private) => ("ecdsa-x509", shape.issue(&EcdsaIssuer::new(private))),
            Private::Rsa(private) => ("rsa-x509", shape.issue(&RsaIssuer(private))),
            Private::Curve(private) => match private.as_ref() {
                CurveKey::P384(private) => ("ecdsa-x509", shape.issue(&P384Issuer::new(private))),
                CurveKey::P224(_) | CurveKey::P521(_) => return self.clone(),
            },
            Private::Ed25519(_) => return self.clone(),
        };
        self.listed_as(key_type, pem.into_bytes())
    }

    /// The same private key under another type and other public bytes, fitting or not.
    #[must_use]
    pub fn listed_as(&self, key_type: &'static str, public: Vec<u8>) -> Self {
        Self { private: self.private.clone(), key_type, public, method: self.method }
    }

    /// The same key whose signatures name another method. RSA signatures take the padding that
    /// the name asks for.
    #[must_use]
    pub fn signing_as(&self, method: &'static str) -> Self {
        Self { method, ..self.clone() }
    }

    /// The key's ID: SHA-256, in hex, of [`Key::to_json`] in canonical form.
    #[must_use]
    pub fn id(&self) -> String {
        key_id(&self.to_json())
    }

    /// The type under which it is listed.
    #[must_use]
    pub fn key_type(&self) -> &'static str {
        self.key_type
    }

    /// The public bytes: DER, raw or PEM, as the type says.
    #[must_use]
    pub fn public(&self) -> &[u8] {
        &self.public
    }

    /// The public key as a document lists it.
    #[must_use]
    pub fn to_json(&self) -> Value {
        json!({"keytype": self.key_type,
               "keyval": {"private": null, "public": STANDARD.encode(&self.public)}})
    }

    /// The `method` that its signatures name.
    #[must_use]
    pub fn method(&self) -> &'static str {
        self.method
    }

    /// A raw signature over `message`: r ‖ s for ECDSA; for RSA PSS with a salt of 32 bytes, or
    /// PKCS#1 v1.5 if the method says so.
    #[must_use]
    pub fn sign(&self, message: &[u8]) -> Vec<u8> {
        match &self.private {
            Private::Curve(private) => private.sign(message),
            Private::Ecdsa(private) => {
                let signature: Signature = private.sign(message);
                signature.to_bytes().to_vec()
            }
            Private::Ed25519(private) => private.sign(message).to_bytes().to_vec(),
            Private::Rsa(private) if self.method == "rsapkcs1v15" => {
                rsa_sign(private, &ring::signature::RSA_PKCS1_SHA256, message)
            }
            Private::Rsa(private) => rsa_sign(private, &ring::signature::RSA_PSS_SHA256, message),
        }
    }

    /// A signature as a document carries it.
    #[must_use]
    pub fn signature(&self, message: &[u8]) -> Value {
        json!({"keyid": self.id(), "method": self.method(),
               "sig": STANDARD.encode(self.sign(message))})
    }

    /// The signature with r and s in DER for P-256, or PKCS#1 v1.5 for RSA; as [`Key::sign`] for
    /// other keys.
    #[must_use]
    pub fn sign_in_other_encoding(&self, message: &[u8]) -> Vec<u8> {
        match &self.private {
            Private::Ecdsa(private) => {
                let signature: Signature = private.sign(message);
                signature.to_der().as_bytes().to_vec()
            }
            Private::Curve(_) | Private::Ed25519(_) => self.sign(message),
            Private::Rsa(private) => rsa_sign(private, &ring::signature::RSA_PKCS1_SHA256, message),
        }
    }
}

/// The ID of a public key in the form of [`Key::to_json`]: 64 lower-case hex digits.
#[must_use]
pub fn key_id(listed: &Value) -> String {
    let digest = ring::digest::digest(&ring::digest::SHA256, &canonical::to_bytes(listed));
    digest.as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// `seed` as a private scalar. Zero and numbers above the group's order are no keys (about one
/// seed in 2^32); the next number is taken then.
fn p256_key(mut seed: [u8; 32]) -> p256::ecdsa::SigningKey {
    loop {
        if let Ok(key) = p256::ecdsa::SigningKey::from_slice(&seed) {
            return key;
        }
        seed = std::array::from_fn(|index| seed.get(index).map_or(1, |b| b.wrapping_add(1)));
    }
}

fn spki(private: &p256::ecdsa::SigningKey) -> Vec<u8> {
    #[expect(clippy::expect_used, reason = "every P-256 point has a DER form")]
    let der = private.verifying_key().to_public_key_der().expect("a public key in DER");
    der.as_bytes().to_vec()
}

pub(crate) fn rsa_sign(
    key: &RsaKeyPair,
    padding: &'static dyn ring::signature::RsaEncoding,
    message: &[u8],
) -> Vec<u8> {
    let mut signature = vec![0; key.public().modulus_len()];
    #[expect(clippy::expect_used, reason = "the buffer has the modulus' length")]
    key.sign(padding, &ring::rand::SystemRandom::new(), message, &mut signature)
        .expect("an RSA signature");
    signature
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Checklist row C-106.
    #[test]
    fn key_id_of_the_specification_recomputes() {
        let listed = json!({"keytype": "ed25519", "keyval": {"private": null,
            "public": "pFwVEdj9M/HEsIuqQ4gkxVcPbtgna8Fpf/Qtj2V0ir0="}});
        assert_eq!(
            key_id(&listed),
            "e3443d332a042893dc24af142e017815ffe7b7e99ec367c0475c1bce5c81f3fa"
        );
    }

    #[test]
    fn same_seed_makes_same_certificate() {
        let now = chrono::DateTime::from_timestamp(1_795_000_000, 0).unwrap();
        let shape = CertificateShape::of_client("example.com/app", now);
        let [one, two] = [1, 1].map(|byte| Key::ecdsa_certificate([byte; 32], &shape));
        assert_eq!(one.id(), two.id());
        assert_ne!(one.id(), Key::ecdsa([1; 32]).id());
    }

    #[test]
    fn sha1_certificate_names_sha1_only() {
        let now = chrono::DateTime::from_timestamp(1_795_000_000, 0).unwrap();
        let mut shape = CertificateShape::of_client("example.com/app", now);
        let strong = Key::rsa_certificate(&shape);
        shape.digest = crate::certificate::SignatureDigest::Sha1;
        let weak = Key::rsa_certificate(&shape);
        let der = |key: &Key| pem::parse(key.public()).unwrap().into_contents();
        let differing = der(&strong).iter().zip(der(&weak)).filter(|(a, b)| *a != b).count();
        assert_eq!(differing, 2, "the algorithm stands in a certificate twice");
    }
}
