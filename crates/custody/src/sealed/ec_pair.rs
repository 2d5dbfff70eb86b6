//! An elliptic-curve key pair of any curve that Notary knows.
//!
//! New keys are on P-256; the other curves only come in rows that another program put there.
//! SHA-256 on every curve, signatures as r ‖ s (signer spec 2.3).

use p256::elliptic_curve::sec1::ToSec1Point as _;
use p256::pkcs8::EncodePublicKey as _;
use p384::ecdsa::signature::hazmat::PrehashSigner as _;
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

use super::fault::Fault;
use super::jwe::fill_random;
use countersign_tuf::keys::Curve;

const P256_SCALAR_BYTES: usize = 32;

/// How often a random scalar is tried. One is out of range once in 2^32.
const SCALAR_TRIES: usize = 8;

/// What was sealed does not fit the curve.
const MALFORMED: Fault = Fault::Plaintext { algorithm: "ecdsa" };

/// A pair whose halves belong together. Both forms of the private half wipe themselves.
pub(super) struct EcPair {
    /// The SEC 1 `ECPrivateKey` that was sealed or is to be. It is never written anew: not every
    /// crate would write the curve.
    sec1: Zeroizing<Vec<u8>>,
    signer: Signer,
}

enum Signer {
    P224(Box<p224::ecdsa::SigningKey>),
    /// With its public half, because deriving that costs more than a signature.
    P256(p256::SecretKey, Box<p256::PublicKey>),
    P384(Box<p384::ecdsa::SigningKey>),
    P521(Box<p521::ecdsa::SigningKey>),
}

impl EcPair {
    /// A new pair on P-256, and its public half as DER `SubjectPublicKeyInfo`.
    pub(super) fn generate() -> Result<(Self, Vec<u8>), Fault> {
        let mut scalar = Zeroizing::new([0; P256_SCALAR_BYTES]);
        for _ in 0..SCALAR_TRIES {
            fill_random(scalar.as_mut_slice())?;
            let Ok(secret) = p256::SecretKey::from_slice(scalar.as_slice()) else { continue };
            let public = Box::new(secret.public_key());
            let unencodable = Fault::Sealing("a new key does not encode");
            let info = public.to_public_key_der().map_err(|_| unencodable.clone())?;
            let sec1 = secret.to_sec1_der().map_err(|_| unencodable)?;
            return Ok((Self { sec1, signer: Signer::P256(secret, public) }, info.into_vec()));
        }
        Err(Fault::Sealing("the system's random bytes give no key"))
    }

    /// Loads a SEC 1 `ECPrivateKey`, and proves that it is on `curve` and belongs to `point`.
    pub(super) fn load(curve: Curve, point: &[u8], sec1: &[u8]) -> Result<Self, Fault> {
        let (signer, own_point) = match curve {
            Curve::P224 => {
                // This reader does not look at the curve that is named; the point tells.
                let secret = p224::SecretKey::from_sec1_der(sec1).map_err(|_| MALFORMED)?;
                let key = p224::ecdsa::SigningKey::from(secret);
                let own_point = key.verifying_key().to_encoded_point(false).as_bytes().to_vec();
                (Signer::P224(Box::new(key)), own_point)
            }
            Curve::P256 => {
                let secret = p256::SecretKey::from_sec1_der(sec1).map_err(|_| MALFORMED)?;
                let public = Box::new(secret.public_key());
                let own_point = public.to_sec1_point(false).as_bytes().to_vec();
                (Signer::P256(secret, public), own_point)
            }
            Curve::P384 => {
                let secret = p384::SecretKey::from_sec1_der(sec1).map_err(|_| MALFORMED)?;
                let key = p384::ecdsa::SigningKey::from(secret);
                let own_point = key.verifying_key().to_sec1_point(false).as_bytes().to_vec();
                (Signer::P384(Box::new(key)), own_point)
            }
            Curve::P521 => {
                let secret = p521::SecretKey::from_sec1_der(sec1).map_err(|_| MALFORMED)?;
                let key = p521::ecdsa::SigningKey::from(secret);
                let own_point = key.verifying_key().to_sec1_point(false).as_bytes().to_vec();
                (Signer::P521(Box::new(key)), own_point)
            }
        };
        if own_point != point {
            return Err(Fault::PublicMismatch);
        }
        Ok(Self { sec1: Zeroizing::new(sec1.to_vec()), signer })
    }

    /// The SEC 1 `ECPrivateKey` with curve and point.
    pub(super) fn to_sec1(&self) -> Zeroizing<Vec<u8>> {
        self.sec1.clone()
    }

    /// The scalar, big-endian, as long as the curve's order.
    pub(super) fn scalar(&self) -> Zeroizing<Vec<u8>> {
        match &self.signer {
            Signer::P224(key) => Zeroizing::new(Zeroizing::new(key.to_bytes()).to_vec()),
            Signer::P256(secret, _) => Zeroizing::new(Zeroizing::new(secret.to_bytes()).to_vec()),
            Signer::P384(key) => Zeroizing::new(Zeroizing::new(key.to_bytes()).to_vec()),
            Signer::P521(key) => Zeroizing::new(Zeroizing::new(key.to_bytes()).to_vec()),
        }
    }

    /// Whether it is on the curve whose arithmetic is quick.
    pub(super) fn is_quick(&self) -> bool {
        matches!(self.signer, Signer::P256(..))
    }

    /// Signs the whole `message`.
    pub(super) fn sign(&self, message: &[u8]) -> Result<Vec<u8>, Fault> {
        let hash = || Sha256::digest(message);
        match &self.signer {
            Signer::P224(key) => sign_p224(key, &hash()),
            Signer::P256(secret, public) => sign_p256(secret, public, message),
            Signer::P384(key) => sign_p384(key, &hash()),
            Signer::P521(key) => sign_p521(key, &hash()),
        }
    }
}

fn sign_p224(key: &p224::ecdsa::SigningKey, hash: &[u8]) -> Result<Vec<u8>, Fault> {
    use p224::ecdsa::signature::hazmat::PrehashSigner as _;
    let signature: p224::ecdsa::Signature =
        key.sign_prehash(hash).map_err(|_| Fault::BadSignature)?;
    Ok(signature.to_bytes().to_vec())
}

/// Signs with ring, which is four times as fast as `p256` even though it loads the key each
/// time. Ring does not wipe its keys, so none of them is kept.
fn sign_p256(
    secret: &p256::SecretKey,
    public: &p256::PublicKey,
    message: &[u8],
) -> Result<Vec<u8>, Fault> {
    let (scalar, random) = (Zeroizing::new(secret.to_bytes()), SystemRandom::new());
    EcdsaKeyPair::from_private_key_and_public_key(
        &ECDSA_P256_SHA256_FIXED_SIGNING,
        scalar.as_slice(),
        public.to_sec1_point(false).as_bytes(),
        &random,
    )
    .map_err(|_| Fault::PublicMismatch)?
    .sign(&random, message)
    .map(|signature| signature.as_ref().to_vec())
    .map_err(|_| Fault::Sealing("the system gives no random bytes"))
}

fn sign_p384(key: &p384::ecdsa::SigningKey, hash: &[u8]) -> Result<Vec<u8>, Fault> {
    let signature: p384::ecdsa::Signature =
        key.sign_prehash(hash).map_err(|_| Fault::BadSignature)?;
    Ok(signature.to_bytes().to_vec())
}

fn sign_p521(key: &p521::ecdsa::SigningKey, hash: &[u8]) -> Result<Vec<u8>, Fault> {
    let signature: p521::ecdsa::Signature =
        key.sign_prehash(hash).map_err(|_| Fault::BadSignature)?;
    Ok(signature.to_bytes().to_vec())
}
