//! Signature algorithms of tokens.
//!
//! The key decides which of them it takes: a header cannot talk a key into another use. There is
//! no PSS, no HMAC and no `none`.

use ed25519_dalek::{Signature as Ed25519Signature, VerifyingKey};
use ring::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P384_SHA384_FIXED, RSA_PKCS1_2048_8192_SHA256,
    RSA_PKCS1_2048_8192_SHA384, RSA_PKCS1_2048_8192_SHA512, UnparsedPublicKey,
    VerificationAlgorithm,
};
use sha2::{Digest as _, Sha512};

use super::public_key::{Curve, Kind, PublicKey};

/// A signature algorithm (RFC 7518 section 3.1, RFC 8037).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Algorithm {
    /// ECDSA on P-256 with SHA-256, as r ‖ s.
    Es256,
    /// ECDSA on P-384 with SHA-384, as r ‖ s.
    Es384,
    /// ECDSA on P-521 with SHA-512, as r ‖ s.
    Es512,
    /// Ed25519. Notary does not know it.
    EdDsa,
    /// RSA, PKCS#1 v1.5 with SHA-256.
    Rs256,
    /// RSA, PKCS#1 v1.5 with SHA-384.
    Rs384,
    /// RSA, PKCS#1 v1.5 with SHA-512.
    Rs512,
}

impl Algorithm {
    /// All of them.
    pub const ALL: [Self; 7] =
        [Self::Es256, Self::Es384, Self::Es512, Self::EdDsa, Self::Rs256, Self::Rs384, Self::Rs512];

    /// The name in a header.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Es256 => "ES256",
            Self::Es384 => "ES384",
            Self::Es512 => "ES512",
            Self::EdDsa => "EdDSA",
            Self::Rs256 => "RS256",
            Self::Rs384 => "RS384",
            Self::Rs512 => "RS512",
        }
    }

    /// The algorithm of this name, in exactly these letters.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|algorithm| algorithm.as_str() == name)
    }

    /// Whether `signature` by this algorithm is `key`'s over `message`. A key of another kind or
    /// curve has no such signature.
    #[must_use]
    pub fn verify(self, key: &PublicKey, message: &[u8], signature: &[u8]) -> bool {
        match (key.kind(), self) {
            (Kind::Ec { curve: Curve::P256, point }, Self::Es256) => {
                ring(&ECDSA_P256_SHA256_FIXED, point, message, signature)
            }
            (Kind::Ec { curve: Curve::P384, point }, Self::Es384) => {
                ring(&ECDSA_P384_SHA384_FIXED, point, message, signature)
            }
            (Kind::Ec { curve: Curve::P521, point }, Self::Es512) => {
                p521(point, message, signature).is_some()
            }
            (Kind::Ed25519 { point }, Self::EdDsa) => ed25519(point, message, signature).is_some(),
            (Kind::Rsa { pkcs1 }, Self::Rs256) => {
                ring(&RSA_PKCS1_2048_8192_SHA256, pkcs1, message, signature)
            }
            (Kind::Rsa { pkcs1 }, Self::Rs384) => {
                ring(&RSA_PKCS1_2048_8192_SHA384, pkcs1, message, signature)
            }
            (Kind::Rsa { pkcs1 }, Self::Rs512) => {
                ring(&RSA_PKCS1_2048_8192_SHA512, pkcs1, message, signature)
            }
            _ => false,
        }
    }
}

fn ring(
    algorithm: &'static dyn VerificationAlgorithm,
    key: &[u8],
    message: &[u8],
    signature: &[u8],
) -> bool {
    UnparsedPublicKey::new(algorithm, key).verify(message, signature).is_ok()
}

fn p521(point: &[u8], message: &[u8], signature: &[u8]) -> Option<()> {
    use p521::ecdsa::signature::hazmat::PrehashVerifier as _;
    use p521::ecdsa::{Signature, VerifyingKey};
    let key = VerifyingKey::from_sec1_bytes(point).ok()?;
    let signature = Signature::from_slice(signature).ok()?;
    key.verify_prehash(&Sha512::digest(message), &signature).ok()
}

/// Strict: a small-order key, under which one signature fits every message, has no signatures.
fn ed25519(point: &[u8; 32], message: &[u8], signature: &[u8]) -> Option<()> {
    let signature = Ed25519Signature::from_slice(signature).ok()?;
    VerifyingKey::from_bytes(point).ok()?.verify_strict(message, &signature).ok()
}
