//! One private key: made, loaded from what was sealed, and used.
//!
//! A value of [`ServerKey`] is proof that its private half belongs to its public half. The
//! private half is wiped when it is dropped.
//!
//! Source: signer spec 2.2 (public bytes), 2.3 (signatures), 3.2 (sealed plaintext), 9 (a
//! mismatched public half must not sign).

use std::fmt;

use ed25519_dalek::{Signer as _, SigningKey as Ed25519Key, VerifyingKey as Ed25519Public};
use p256::elliptic_curve::sec1::ToSec1Point as _;
use p256::pkcs8::{DecodePublicKey as _, EncodePublicKey as _};
use p256::{PublicKey as P256Public, SecretKey as P256Secret};
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};
use zeroize::Zeroizing;

use super::fault::Fault;
use super::jwe::fill_random;
use countersign_tuf::keys::{PublicKey, ServerKeyAlgorithm, verify_signature};

/// Both P-256 scalars and Ed25519 seeds have this length.
const SECRET_BYTES: usize = 32;

/// How often a random scalar is tried. One is out of range once in 2^32.
const SCALAR_TRIES: usize = 8;

/// A private key and the public half that it belongs to.
pub(super) struct ServerKey {
    public: PublicKey,
    secret: Secret,
}

enum Secret {
    Ecdsa(P256Pair),
    Ed25519(Ed25519Key),
}

/// Both halves, because deriving the public one costs more than a signature.
struct P256Pair {
    secret: P256Secret,
    public: P256Public,
}

impl ServerKey {
    /// Makes a key from the system's randomness.
    pub(super) fn generate(algorithm: ServerKeyAlgorithm) -> Result<Self, Fault> {
        let (secret, public) = match algorithm {
            ServerKeyAlgorithm::Ecdsa => {
                let secret = random_scalar()?;
                let public = secret.public_key();
                let encoded = public
                    .to_public_key_der()
                    .map_err(|_| Fault::Sealing("the public key does not encode"))?;
                (Secret::Ecdsa(P256Pair { secret, public }), encoded.into_vec())
            }
            ServerKeyAlgorithm::Ed25519 => {
                let mut seed = Zeroizing::new([0; SECRET_BYTES]);
                fill_random(seed.as_mut_slice())?;
                let secret = Ed25519Key::from_bytes(&seed);
                let public = secret.verifying_key().to_bytes().to_vec();
                (Secret::Ed25519(secret), public)
            }
        };
        Ok(Self { public: PublicKey::new(algorithm.key_type(), public), secret })
    }

    /// Loads what was sealed, and proves that it belongs to `public`.
    pub(super) fn load(
        algorithm: ServerKeyAlgorithm,
        public: PublicKey,
        plaintext: &[u8],
    ) -> Result<Self, Fault> {
        let secret = match algorithm {
            ServerKeyAlgorithm::Ecdsa => load_ecdsa(&public, plaintext)?,
            ServerKeyAlgorithm::Ed25519 => load_ed25519(&public, plaintext)?,
        };
        Ok(Self { public, secret })
    }

    /// The public half.
    pub(super) fn public(&self) -> &PublicKey {
        &self.public
    }

    /// The algorithm.
    pub(super) fn algorithm(&self) -> ServerKeyAlgorithm {
        match self.secret {
            Secret::Ecdsa(_) => ServerKeyAlgorithm::Ecdsa,
            Secret::Ed25519(_) => ServerKeyAlgorithm::Ed25519,
        }
    }

    /// The bytes to seal: SEC 1 `ECPrivateKey` with curve and point, or public ‖ seed ‖ public.
    pub(super) fn to_plaintext(&self) -> Result<Zeroizing<Vec<u8>>, Fault> {
        match &self.secret {
            Secret::Ecdsa(pair) => pair
                .secret
                .to_sec1_der()
                .map_err(|_| Fault::Sealing("the private key does not encode")),
            Secret::Ed25519(key) => {
                let public = key.verifying_key().to_bytes();
                let mut plaintext = Zeroizing::new(Vec::with_capacity(3 * SECRET_BYTES));
                for part in [&public, key.as_bytes(), &public] {
                    plaintext.extend_from_slice(part);
                }
                Ok(plaintext)
            }
        }
    }

    /// Signs the whole `message`, 64 bytes, and verifies the result before handing it out.
    pub(super) fn sign(&self, message: &[u8]) -> Result<Vec<u8>, Fault> {
        let signature = match &self.secret {
            Secret::Ecdsa(pair) => pair.sign(message)?,
            Secret::Ed25519(key) => {
                key.try_sign(message).map_err(|_| Fault::BadSignature)?.to_bytes().to_vec()
            }
        };
        let method = self.algorithm().signature_method();
        if !verify_signature(&self.public, &method, message, &signature) {
            return Err(Fault::BadSignature);
        }
        Ok(signature)
    }
}

impl fmt::Debug for ServerKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServerKey").field("public", &self.public).finish_non_exhaustive()
    }
}

impl P256Pair {
    /// Signs with ring, which is four times as fast as `p256` even though it loads the key each
    /// time. Ring does not wipe its keys, so none of them is kept.
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, Fault> {
        let (scalar, random) = (Zeroizing::new(self.secret.to_bytes()), SystemRandom::new());
        EcdsaKeyPair::from_private_key_and_public_key(
            &ECDSA_P256_SHA256_FIXED_SIGNING,
            scalar.as_slice(),
            self.public.to_sec1_point(false).as_bytes(),
            &random,
        )
        .map_err(|_| Fault::PublicMismatch)?
        .sign(&random, message)
        .map(|signature| signature.as_ref().to_vec())
        .map_err(|_| Fault::Sealing("the system gives no random bytes"))
    }
}

fn random_scalar() -> Result<P256Secret, Fault> {
    let mut scalar = Zeroizing::new([0; SECRET_BYTES]);
    for _ in 0..SCALAR_TRIES {
        fill_random(scalar.as_mut_slice())?;
        if let Ok(secret) = P256Secret::from_slice(scalar.as_slice()) {
            return Ok(secret);
        }
    }
    Err(Fault::Sealing("the system's random bytes give no key"))
}

/// The SEC 1 reader also refuses another curve and a point that is not the scalar's.
fn load_ecdsa(public: &PublicKey, plaintext: &[u8]) -> Result<Secret, Fault> {
    let secret = P256Secret::from_sec1_der(plaintext)
        .map_err(|_| Fault::Plaintext { algorithm: "P-256 ecdsa" })?;
    let public =
        P256Public::from_public_key_der(public.public()).map_err(|_| Fault::PublicMismatch)?;
    if secret.public_key() != public {
        return Err(Fault::PublicMismatch);
    }
    Ok(Secret::Ecdsa(P256Pair { secret, public }))
}

fn load_ed25519(public: &PublicKey, plaintext: &[u8]) -> Result<Secret, Fault> {
    let malformed = Fault::Plaintext { algorithm: "ed25519" };
    let (before, rest) =
        plaintext.split_first_chunk::<SECRET_BYTES>().ok_or_else(|| malformed.clone())?;
    let (seed, after) =
        rest.split_first_chunk::<SECRET_BYTES>().ok_or_else(|| malformed.clone())?;
    if before.as_slice() != after {
        return Err(malformed);
    }
    let secret = Ed25519Key::from_bytes(seed);
    let derived: Ed25519Public = secret.verifying_key();
    if derived.as_bytes() != before || public.public() != before {
        return Err(Fault::PublicMismatch);
    }
    Ok(Secret::Ed25519(secret))
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOTH: [ServerKeyAlgorithm; 2] = [ServerKeyAlgorithm::Ecdsa, ServerKeyAlgorithm::Ed25519];

    fn load(key: &ServerKey, plaintext: &[u8]) -> Result<ServerKey, Fault> {
        ServerKey::load(key.algorithm(), key.public().clone(), plaintext)
    }

    /// Signer spec 2.2, 2.3 and 3.2: sizes of public bytes, plaintext and signature.
    #[test]
    fn new_keys_have_the_sizes_of_the_specification() {
        for (algorithm, public, plaintext) in
            [(ServerKeyAlgorithm::Ecdsa, 91, 121), (ServerKeyAlgorithm::Ed25519, 32, 96)]
        {
            let key = ServerKey::generate(algorithm).unwrap();
            assert_eq!(key.public().public().len(), public);
            assert_eq!(key.to_plaintext().unwrap().len(), plaintext);
            assert_eq!(key.sign(b"message").unwrap().len(), 64);
        }
    }

    #[test]
    fn ecdsa_plaintext_begins_as_the_go_signers() {
        let key = ServerKey::generate(ServerKeyAlgorithm::Ecdsa).unwrap();
        assert_eq!(key.to_plaintext().unwrap()[..7], [0x30, 0x77, 2, 1, 1, 4, 0x20]);
    }

    #[test]
    fn generated_key_loads_and_signs_after_a_round_trip() {
        for algorithm in BOTH {
            let key = ServerKey::generate(algorithm).unwrap();
            let loaded = load(&key, &key.to_plaintext().unwrap()).unwrap();
            let signature = loaded.sign(b"").unwrap();
            let method = algorithm.signature_method();
            assert!(verify_signature(key.public(), &method, b"", &signature));
        }
    }

    #[test]
    fn private_half_of_another_key_is_refused() {
        for algorithm in BOTH {
            let key = ServerKey::generate(algorithm).unwrap();
            let other = ServerKey::generate(algorithm).unwrap();
            let error = load(&key, &other.to_plaintext().unwrap()).unwrap_err();
            assert_eq!(error, Fault::PublicMismatch);
        }
    }

    #[test]
    fn ed25519_whose_two_public_halves_differ_is_refused() {
        let key = ServerKey::generate(ServerKeyAlgorithm::Ed25519).unwrap();
        for place in [0, 95] {
            let mut plaintext = key.to_plaintext().unwrap();
            plaintext[place] ^= 1;
            assert_eq!(
                load(&key, &plaintext).unwrap_err(),
                Fault::Plaintext { algorithm: "ed25519" }
            );
        }
    }

    #[test]
    fn ed25519_with_a_foreign_seed_between_right_public_halves_is_refused() {
        let key = ServerKey::generate(ServerKeyAlgorithm::Ed25519).unwrap();
        let mut plaintext = key.to_plaintext().unwrap();
        plaintext[40] ^= 1;
        assert_eq!(load(&key, &plaintext).unwrap_err(), Fault::PublicMismatch);
    }

    #[test]
    fn cut_and_lengthened_plaintext_is_refused() {
        for algorithm in BOTH {
            let key = ServerKey::generate(algorithm).unwrap();
            let plaintext = key.to_plaintext().unwrap();
            let longer = [plaintext.as_slice(), &[0]].concat();
            for wrong in [&[][..], &plaintext[..plaintext.len() - 1], &longer] {
                assert!(matches!(load(&key, wrong), Err(Fault::Plaintext { .. })));
            }
        }
    }

    #[test]
    fn signature_that_its_public_half_does_not_verify_is_not_handed_out() {
        for algorithm in BOTH {
            let mut key = ServerKey::generate(algorithm).unwrap();
            key.public = ServerKey::generate(algorithm).unwrap().public;
            assert_eq!(key.sign(b"message").unwrap_err(), Fault::BadSignature);
        }
    }

    #[test]
    fn debug_of_a_key_shows_no_private_half() {
        let key = ServerKey::generate(ServerKeyAlgorithm::Ed25519).unwrap();
        let Secret::Ed25519(secret) = &key.secret else { panic!("made an ed25519 key") };
        let shown = format!("{key:?}");
        assert!(!shown.contains(&hex::encode(secret.as_bytes())));
        let listed = format!("{:?}", secret.as_bytes());
        assert!(!shown.contains(listed.trim_matches(['[', ']'])));
    }
}
