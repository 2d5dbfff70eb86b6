//! ECDSA with SHA-256 on every curve, signatures as r ‖ s (spec 3.5).
//!
//! P-256 is verified with ring, which is five times as fast; ring has no other curve together
//! with SHA-256 and this encoding. The other crates choose a hash by curve unless they are handed
//! the hash itself. None of them asks for a low s.

use ring::signature::{ECDSA_P256_SHA256_FIXED, UnparsedPublicKey};
use sha2::{Digest as _, Sha256};

use super::Curve;

/// Whether `signature` is the key's over `message`. `point` is uncompressed.
pub(super) fn verify(curve: Curve, point: &[u8], message: &[u8], signature: &[u8]) -> bool {
    let verified = match curve {
        Curve::P224 => p224(point, message, signature),
        Curve::P256 => p256(point, message, signature),
        Curve::P384 => p384(point, message, signature),
        Curve::P521 => p521(point, message, signature),
    };
    verified.is_some()
}

#[cfg(feature = "p224")]
fn p224(point: &[u8], message: &[u8], signature: &[u8]) -> Option<()> {
    use p224::ecdsa::signature::hazmat::PrehashVerifier as _;
    use p224::ecdsa::{Signature, VerifyingKey};
    let key = VerifyingKey::from_sec1_bytes(point).ok()?;
    let signature = Signature::from_slice(signature).ok()?;
    key.verify_prehash(&Sha256::digest(message), &signature).ok()
}

#[cfg(not(feature = "p224"))]
fn p224(_point: &[u8], _message: &[u8], _signature: &[u8]) -> Option<()> {
    None
}

fn p256(point: &[u8], message: &[u8], signature: &[u8]) -> Option<()> {
    UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point).verify(message, signature).ok()
}

fn p384(point: &[u8], message: &[u8], signature: &[u8]) -> Option<()> {
    use p384::ecdsa::signature::hazmat::PrehashVerifier as _;
    use p384::ecdsa::{Signature, VerifyingKey};
    let key = VerifyingKey::from_sec1_bytes(point).ok()?;
    let signature = Signature::from_slice(signature).ok()?;
    key.verify_prehash(&Sha256::digest(message), &signature).ok()
}

fn p521(point: &[u8], message: &[u8], signature: &[u8]) -> Option<()> {
    use p521::ecdsa::signature::hazmat::PrehashVerifier as _;
    use p521::ecdsa::{Signature, VerifyingKey};
    let key = VerifyingKey::from_sec1_bytes(point).ok()?;
    let signature = Signature::from_slice(signature).ok()?;
    key.verify_prehash(&Sha256::digest(message), &signature).ok()
}
