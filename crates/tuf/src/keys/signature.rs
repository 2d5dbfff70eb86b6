//! One signature, one key, one message. The key's type chooses the verifier; a document's
//! `method` can only narrow it (spec 3.5).

use ed25519_dalek::{Signature, VerifyingKey};
use ring::signature::{
    ECDSA_P256_SHA256_FIXED, RSA_PKCS1_2048_8192_SHA256, RSA_PSS_2048_8192_SHA256,
    UnparsedPublicKey, VerificationAlgorithm,
};
use spki::der::Decode as _;
use spki::der::asn1::ObjectIdentifier;
use spki::{ObjectIdentifier as Oid, SubjectPublicKeyInfoRef};

use super::{KeyType, PublicKey, certificate};

const EC_PUBLIC_KEY: Oid = ObjectIdentifier::new_unwrap("1.2.840.10045.2.1");
const RSA_ENCRYPTION: Oid = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");
const P256: Oid = ObjectIdentifier::new_unwrap("1.2.840.10045.3.1.7");

/// The `method` of a signature.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SignatureMethod {
    /// r ‖ s over SHA-256.
    Ecdsa,
    /// Ed25519 over the message itself.
    Eddsa,
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
            Self::RsaPkcs1v15 => "rsapkcs1v15",
            Self::RsaPss => "rsapss",
            Self::Unknown(other) => other,
        }
    }
}

/// Whether `signature`, said to be made by `method`, is `key`'s signature over `message`.
///
/// Anything that does not fit (a method of another key type, broken key bytes, another curve) is
/// simply no valid signature.
#[must_use]
pub fn verify_signature(
    key: &PublicKey,
    method: &SignatureMethod,
    message: &[u8],
    signature: &[u8],
) -> bool {
    match (key.key_type(), method) {
        (KeyType::Ed25519, SignatureMethod::Eddsa) => ed25519(key.public(), message, signature),
        (KeyType::Ecdsa, SignatureMethod::Ecdsa) => ecdsa(key.public(), message, signature),
        (KeyType::EcdsaX509, SignatureMethod::Ecdsa) => {
            certificate::first_public_key_info(key.public())
                .is_some_and(|spki| ecdsa(&spki, message, signature))
        }
        (KeyType::Rsa, SignatureMethod::RsaPss | SignatureMethod::RsaPkcs1v15) => {
            rsa(key.public(), method, message, signature)
        }
        (KeyType::RsaX509, SignatureMethod::RsaPss | SignatureMethod::RsaPkcs1v15) => {
            certificate::first_public_key_info(key.public())
                .is_some_and(|spki| rsa(&spki, method, message, signature))
        }
        _ => false,
    }
}

/// Strict verification: a small-order key, under which one signature fits every message, is
/// refused.
fn ed25519(public: &[u8], message: &[u8], signature: &[u8]) -> bool {
    let (Ok(public), Ok(signature)) = (public.try_into(), Signature::from_slice(signature)) else {
        return false;
    };
    VerifyingKey::from_bytes(public).is_ok_and(|key| key.verify_strict(message, &signature).is_ok())
}

fn ecdsa(spki: &[u8], message: &[u8], signature: &[u8]) -> bool {
    let Ok(info) = SubjectPublicKeyInfoRef::from_der(spki) else { return false };
    let curve = info.algorithm.parameters.and_then(|any| any.decode_as::<Oid>().ok());
    if info.algorithm.oid != EC_PUBLIC_KEY || curve != Some(P256) {
        return false;
    }
    verify_with_ring(&ECDSA_P256_SHA256_FIXED, &info, message, signature)
}

fn rsa(spki: &[u8], method: &SignatureMethod, message: &[u8], signature: &[u8]) -> bool {
    let algorithm: &dyn VerificationAlgorithm = match method {
        SignatureMethod::RsaPss => &RSA_PSS_2048_8192_SHA256,
        SignatureMethod::RsaPkcs1v15 => &RSA_PKCS1_2048_8192_SHA256,
        SignatureMethod::Ecdsa | SignatureMethod::Eddsa | SignatureMethod::Unknown(_) => {
            return false;
        }
    };
    let Ok(info) = SubjectPublicKeyInfoRef::from_der(spki) else { return false };
    info.algorithm.oid == RSA_ENCRYPTION && verify_with_ring(algorithm, &info, message, signature)
}

fn verify_with_ring(
    algorithm: &'static dyn VerificationAlgorithm,
    info: &SubjectPublicKeyInfoRef<'_>,
    message: &[u8],
    signature: &[u8],
) -> bool {
    // ring takes the content of the BIT STRING: the point, or the PKCS#1 key.
    info.subject_public_key.as_bytes().is_some_and(|public| {
        UnparsedPublicKey::new(algorithm, public).verify(message, signature).is_ok()
    })
}
