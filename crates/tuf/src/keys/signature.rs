//! One signature, one key, one message. The key's type chooses the verifier; a document's
//! `method` can only narrow it (spec 3.5).

use ed25519_dalek::{Signature, VerifyingKey};
use ring::signature::{
    RSA_PKCS1_2048_8192_SHA256, RSA_PSS_2048_8192_SHA256, RsaParameters, UnparsedPublicKey,
};

use super::{KeyType, PlainKey, PublicKey, certificate, ecdsa};

const PSS: &RsaParameters = &RSA_PSS_2048_8192_SHA256;
const PKCS1_V15: &RsaParameters = &RSA_PKCS1_2048_8192_SHA256;

/// The `method` of a signature.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SignatureMethod {
    /// r ‖ s over SHA-256.
    Ecdsa,
    /// Ed25519 over the message itself.
    Eddsa,
    /// PSS as [`SignatureMethod::RsaPss`], by an `rsa` key whose bytes are PEM: what one early
    /// Python client wrote.
    PyCryptoPss,
    /// PKCS#1 v1.5 over SHA-256.
    RsaPkcs1v15,
    /// PSS with SHA-256 and a salt of 32 bytes.
    RsaPss,
    /// Any other text: never verifies.
    Unknown(String),
}

impl SignatureMethod {
    /// The method that `text` names; case does not matter (C-080).
    #[must_use]
    pub fn parse(text: &str) -> Self {
        match text.to_lowercase().as_str() {
            "ecdsa" => Self::Ecdsa,
            "eddsa" => Self::Eddsa,
            "pycrypto-pkcs#1 pss" => Self::PyCryptoPss,
            "rsapkcs1v15" => Self::RsaPkcs1v15,
            "rsapss" => Self::RsaPss,
            other => Self::Unknown(other.to_owned()),
        }
    }

    /// The name in metadata.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::Ecdsa => "ecdsa",
            Self::Eddsa => "eddsa",
            Self::PyCryptoPss => "pycrypto-pkcs#1 pss",
            Self::RsaPkcs1v15 => "rsapkcs1v15",
            Self::RsaPss => "rsapss",
            Self::Unknown(other) => other,
        }
    }
}

/// Whether `signature`, said to be made by `method`, is `key`'s signature over `message`.
///
/// Anything that does not fit (a method of another key type, broken key bytes, an RSA key outside
/// 2048 to 8192 bits) is simply no valid signature.
#[must_use]
pub fn verify_signature(
    key: &PublicKey,
    method: &SignatureMethod,
    message: &[u8],
    signature: &[u8],
) -> bool {
    match (key.key_type(), method) {
        (KeyType::Ed25519, SignatureMethod::Eddsa) => ed25519(key.public(), message, signature),
        (KeyType::Ecdsa, SignatureMethod::Ecdsa) => ec(key.public(), message, signature),
        (KeyType::EcdsaX509, SignatureMethod::Ecdsa) => {
            certificate::first_public_key_info(key.public())
                .is_some_and(|spki| ec(&spki, message, signature))
        }
        (KeyType::Rsa, SignatureMethod::RsaPss) => rsa(PSS, key.public(), message, signature),
        (KeyType::Rsa, SignatureMethod::RsaPkcs1v15) => {
            rsa(PKCS1_V15, key.public(), message, signature)
        }
        (KeyType::Rsa, SignatureMethod::PyCryptoPss) => {
            pem_public_key(key.public()).is_some_and(|spki| rsa(PSS, &spki, message, signature))
        }
        (KeyType::RsaX509, SignatureMethod::RsaPss) => {
            certificate::first_public_key_info(key.public())
                .is_some_and(|spki| rsa(PSS, &spki, message, signature))
        }
        (KeyType::RsaX509, SignatureMethod::RsaPkcs1v15) => {
            certificate::first_public_key_info(key.public())
                .is_some_and(|spki| rsa(PKCS1_V15, &spki, message, signature))
        }
        _ => false,
    }
}

/// The DER `SubjectPublicKeyInfo` in a PEM `PUBLIC KEY` block.
pub(super) fn pem_public_key(pem_text: &[u8]) -> Option<Vec<u8>> {
    let block = pem::parse(pem_text).ok()?;
    (block.tag() == "PUBLIC KEY").then(|| block.into_contents())
}

/// Strict verification: a small-order key, under which one signature fits every message, is
/// refused.
fn ed25519(public: &[u8], message: &[u8], signature: &[u8]) -> bool {
    let (Ok(public), Ok(signature)) = (public.try_into(), Signature::from_slice(signature)) else {
        return false;
    };
    VerifyingKey::from_bytes(public).is_ok_and(|key| key.verify_strict(message, &signature).is_ok())
}

fn ec(spki: &[u8], message: &[u8], signature: &[u8]) -> bool {
    match PlainKey::from_spki(spki) {
        Some(PlainKey::Ec { curve, point }) => ecdsa::verify(curve, point, message, signature),
        Some(PlainKey::Rsa { .. }) | None => false,
    }
}

fn rsa(padding: &'static RsaParameters, spki: &[u8], message: &[u8], signature: &[u8]) -> bool {
    match PlainKey::from_spki(spki) {
        Some(PlainKey::Rsa { pkcs1 }) => {
            UnparsedPublicKey::new(padding, pkcs1).verify(message, signature).is_ok()
        }
        Some(PlainKey::Ec { .. }) | None => false,
    }
}
