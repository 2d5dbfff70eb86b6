//! Private keys on the curves besides P-256. Notary hashes with SHA-256 on every curve.

use p224::pkcs8::EncodePublicKey as _;
use p384::ecdsa::signature::hazmat::PrehashSigner as _;
use p384::pkcs8::EncodePublicKey as _;
use ring::digest::{SHA256, digest};

/// A curve besides P-256 that clients may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Curve {
    /// NIST P-224.
    P224,
    /// NIST P-384.
    P384,
    /// NIST P-521.
    P521,
}

impl Curve {
    /// Every curve besides P-256.
    pub const ALL: [Self; 3] = [Self::P224, Self::P384, Self::P521];
}

#[derive(Clone)]
pub(crate) enum CurveKey {
    P224(p224::ecdsa::SigningKey),
    P384(p384::ecdsa::SigningKey),
    P521(p521::ecdsa::SigningKey),
}

impl CurveKey {
    /// A key whose private number is `seed` (on P-224 without its first four bytes).
    #[expect(clippy::expect_used, reason = "zero comes once in 2^224 seeds, too much in 2^112")]
    pub(crate) fn new(curve: Curve, seed: [u8; 32]) -> Self {
        let scalar = |length: usize| {
            let zeros = std::iter::repeat_n(0, length.saturating_sub(seed.len()));
            let bytes = seed.iter().copied().skip(seed.len().saturating_sub(length));
            zeros.chain(bytes).collect::<Vec<u8>>()
        };
        match curve {
            Curve::P224 => p224::ecdsa::SigningKey::from_slice(&scalar(28)).map(Self::P224).ok(),
            Curve::P384 => p384::ecdsa::SigningKey::from_slice(&scalar(48)).map(Self::P384).ok(),
            Curve::P521 => p521::ecdsa::SigningKey::from_slice(&scalar(66)).map(Self::P521).ok(),
        }
        .expect("a private key from random bytes")
    }

    /// The public key as SubjectPublicKeyInfo in DER.
    #[expect(clippy::expect_used, reason = "every point has a DER form")]
    pub(crate) fn spki(&self) -> Vec<u8> {
        match self {
            Self::P224(key) => p224::PublicKey::from(key.verifying_key())
                .to_public_key_der()
                .map(|d| d.into_vec())
                .ok(),
            Self::P384(key) => key.verifying_key().to_public_key_der().map(|d| d.into_vec()).ok(),
            Self::P521(key) => key.verifying_key().to_public_key_der().map(|d| d.into_vec()).ok(),
        }
        .expect("a public key in DER")
    }

    /// r ‖ s over the SHA-256 of `message`, each as long as the curve's numbers.
    #[expect(clippy::expect_used, reason = "a signature fails for a broken key only")]
    pub(crate) fn sign(&self, message: &[u8]) -> Vec<u8> {
        use p224::ecdsa::signature::hazmat::PrehashSigner as _;
        // The same number, long enough for P-521, which wants at least half of its length.
        let hash = [&[0], digest(&SHA256, message).as_ref()].concat();
        match self {
            Self::P224(key) => {
                let signature: Result<p224::ecdsa::Signature, _> =
                    key.sign_prehash(digest(&SHA256, message).as_ref());
                signature.map(|signature| signature.to_bytes().to_vec()).ok()
            }
            Self::P384(key) => {
                let signature: Result<p384::ecdsa::Signature, _> = key.sign_prehash(&hash);
                signature.map(|signature| signature.to_bytes().to_vec()).ok()
            }
            Self::P521(key) => {
                let signature: Result<p521::ecdsa::Signature, _> = key.sign_prehash(&hash);
                signature.map(|signature| signature.to_bytes().to_vec()).ok()
            }
        }
        .expect("a signature")
    }
}
