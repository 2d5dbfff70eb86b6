//! One private key: made, loaded from what was sealed, and used.
//!
//! A value of [`ServerKey`] is proof that its private half belongs to its public half. The
//! private half is wiped when it is dropped.
//!
//! Source: signer spec 2.2 (public bytes), 2.3 (signatures), 3.2 (sealed plaintext), 9 (a
//! mismatched public half must not sign).

use std::fmt;

use ed25519_dalek::{Signer as _, SigningKey as Ed25519Key, VerifyingKey as Ed25519Public};
use zeroize::Zeroizing;

use super::ec_pair::EcPair;
use super::fault::Fault;
use super::jwe::fill_random;
use super::rsa_pair::RsaPair;
use countersign_tuf::keys::{
    KeyType, PlainKey, PublicKey, ServerKeyAlgorithm, SignatureMethod, verify_signature,
};

/// The length of seeds and public halves of Ed25519.
const ED25519_BYTES: usize = 32;

/// A private key and the public half that it belongs to.
pub(super) struct ServerKey {
    public: PublicKey,
    secret: Secret,
}

enum Secret {
    Ec(EcPair),
    Ed25519(Ed25519Key),
    Rsa(RsaPair),
}

impl ServerKey {
    /// Makes a key from the system's randomness.
    pub(super) fn generate(algorithm: ServerKeyAlgorithm) -> Result<Self, Fault> {
        let (secret, public) = match algorithm {
            ServerKeyAlgorithm::Ecdsa => {
                let (pair, public) = EcPair::generate()?;
                (Secret::Ec(pair), public)
            }
            ServerKeyAlgorithm::Ed25519 => {
                let mut seed = Zeroizing::new([0; ED25519_BYTES]);
                fill_random(seed.as_mut_slice())?;
                let secret = Ed25519Key::from_bytes(&seed);
                let public = secret.verifying_key().to_bytes().to_vec();
                (Secret::Ed25519(secret), public)
            }
        };
        Ok(Self { public: PublicKey::new(algorithm.key_type(), public), secret })
    }

    /// Loads what was sealed, and proves that it belongs to `public`.
    pub(super) fn load(public: PublicKey, plaintext: &[u8]) -> Result<Self, Fault> {
        let secret = match public.key_type() {
            KeyType::Ecdsa | KeyType::Rsa => load_plain(&public, plaintext)?,
            KeyType::Ed25519 => load_ed25519(&public, plaintext)?,
            other @ (KeyType::EcdsaX509 | KeyType::RsaX509 | KeyType::Unknown(_)) => {
                return Err(Fault::Algorithm(other.as_str().to_owned()));
            }
        };
        Ok(Self { public, secret })
    }

    /// The public half.
    pub(super) fn public(&self) -> &PublicKey {
        &self.public
    }

    /// The bytes to seal: SEC 1 `ECPrivateKey` with curve and point, public ‖ seed ‖ public, or
    /// PKCS#1 `RSAPrivateKey`.
    pub(super) fn to_plaintext(&self) -> Zeroizing<Vec<u8>> {
        match &self.secret {
            Secret::Ec(pair) => pair.to_sec1(),
            Secret::Ed25519(key) => {
                let public = key.verifying_key().to_bytes();
                let mut plaintext = Zeroizing::new(Vec::with_capacity(3 * ED25519_BYTES));
                for part in [&public, key.as_bytes(), &public] {
                    plaintext.extend_from_slice(part);
                }
                plaintext
            }
            Secret::Rsa(pair) => pair.to_pkcs1(),
        }
    }

    /// The bare private half of a key on a curve: the scalar, big-endian, or the seed of Ed25519.
    /// `None` for RSA.
    pub(super) fn curve_value(&self) -> Option<Zeroizing<Vec<u8>>> {
        match &self.secret {
            Secret::Ec(pair) => Some(pair.scalar()),
            Secret::Ed25519(key) => Some(Zeroizing::new(key.as_bytes().to_vec())),
            Secret::Rsa(_) => None,
        }
    }

    /// Whether a signature and its verification take about a tenth of a millisecond at most.
    pub(super) fn is_quick(&self) -> bool {
        match &self.secret {
            Secret::Ec(pair) => pair.is_quick(),
            Secret::Ed25519(_) => true,
            Secret::Rsa(_) => false,
        }
    }

    /// Signs the whole `message`, and verifies the result before handing it out.
    pub(super) fn sign(&self, message: &[u8]) -> Result<Vec<u8>, Fault> {
        let (method, signature) = match &self.secret {
            Secret::Ec(pair) => (SignatureMethod::Ecdsa, pair.sign(message)?),
            Secret::Ed25519(key) => {
                let signature = key.try_sign(message).map_err(|_| Fault::BadSignature)?;
                (SignatureMethod::Eddsa, signature.to_bytes().to_vec())
            }
            Secret::Rsa(pair) => (SignatureMethod::RsaPss, pair.sign(message)?),
        };
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

/// A key whose public half is a DER `SubjectPublicKeyInfo`.
fn load_plain(public: &PublicKey, plaintext: &[u8]) -> Result<Secret, Fault> {
    match (public.key_type(), PlainKey::from_spki(public.public())) {
        (KeyType::Ecdsa, Some(PlainKey::Ec { curve, point })) => {
            Ok(Secret::Ec(EcPair::load(curve, point, plaintext)?))
        }
        (KeyType::Rsa, Some(PlainKey::Rsa { pkcs1 })) => {
            Ok(Secret::Rsa(RsaPair::load(pkcs1, plaintext)?))
        }
        _ => Err(Fault::PublicMismatch),
    }
}

fn load_ed25519(public: &PublicKey, plaintext: &[u8]) -> Result<Secret, Fault> {
    let malformed = Fault::Plaintext { algorithm: "ed25519" };
    let (before, rest) =
        plaintext.split_first_chunk::<ED25519_BYTES>().ok_or_else(|| malformed.clone())?;
    let (seed, after) =
        rest.split_first_chunk::<ED25519_BYTES>().ok_or_else(|| malformed.clone())?;
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
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;

    use super::*;

    const BOTH: [ServerKeyAlgorithm; 2] = [ServerKeyAlgorithm::Ecdsa, ServerKeyAlgorithm::Ed25519];

    fn load(key: &ServerKey, plaintext: &[u8]) -> Result<ServerKey, Fault> {
        ServerKey::load(key.public().clone(), plaintext)
    }

    /// Signer spec 2.2, 2.3 and 3.2: sizes of public bytes, plaintext and signature.
    #[test]
    fn new_keys_have_the_sizes_of_the_specification() {
        for (algorithm, public, plaintext) in
            [(ServerKeyAlgorithm::Ecdsa, 91, 121), (ServerKeyAlgorithm::Ed25519, 32, 96)]
        {
            let key = ServerKey::generate(algorithm).unwrap();
            assert_eq!(key.public().public().len(), public);
            assert_eq!(key.to_plaintext().len(), plaintext);
            assert_eq!(key.sign(b"message").unwrap().len(), 64);
        }
    }

    #[test]
    fn ecdsa_plaintext_begins_as_the_go_signers() {
        let key = ServerKey::generate(ServerKeyAlgorithm::Ecdsa).unwrap();
        assert_eq!(key.to_plaintext()[..7], [0x30, 0x77, 2, 1, 1, 4, 0x20]);
    }

    #[test]
    fn generated_key_loads_and_signs_after_a_round_trip() {
        for algorithm in BOTH {
            let key = ServerKey::generate(algorithm).unwrap();
            let loaded = load(&key, &key.to_plaintext()).unwrap();
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
            let error = load(&key, &other.to_plaintext()).unwrap_err();
            assert_eq!(error, Fault::PublicMismatch);
        }
    }

    #[test]
    fn ed25519_whose_two_public_halves_differ_is_refused() {
        let key = ServerKey::generate(ServerKeyAlgorithm::Ed25519).unwrap();
        for place in [0, 95] {
            let mut plaintext = key.to_plaintext();
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
        let mut plaintext = key.to_plaintext();
        plaintext[40] ^= 1;
        assert_eq!(load(&key, &plaintext).unwrap_err(), Fault::PublicMismatch);
    }

    #[test]
    fn cut_and_lengthened_plaintext_is_refused() {
        for algorithm in BOTH {
            let key = ServerKey::generate(algorithm).unwrap();
            let plaintext = key.to_plaintext();
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

    /// Keys that OpenSSL made, in the forms that the signer seals.
    fn foreign_pairs() -> Vec<(String, PublicKey, Vec<u8>, u64)> {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/vectors/keys/pairs.json");
        let file: serde_json::Value =
            serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
        let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
        let bytes = |value: &serde_json::Value| STANDARD.decode(value.as_str().unwrap()).unwrap();
        let pairs = file["pairs"].as_array().unwrap().iter();
        pairs
            .map(|pair| {
                let key_type = KeyType::parse(&text(&pair["keytype"]));
                let public = PublicKey::new(key_type, bytes(&pair["public"]));
                let length = pair["signature_bytes"].as_u64().unwrap();
                (text(&pair["name"]), public, bytes(&pair["private"]), length)
            })
            .collect()
    }

    /// Signer spec 2.1 and 2.3.
    #[test]
    fn foreign_key_of_every_kind_loads_signs_and_comes_back_as_it_was() {
        let pairs = foreign_pairs();
        let names: Vec<_> = pairs.iter().map(|(name, ..)| name.as_str()).collect();
        assert_eq!(names, ["p224", "p256", "p384", "p521", "rsa2048", "rsa4096"]);
        for (name, public, private, length) in pairs {
            let method = public.key_type().server_method().unwrap();
            let key = ServerKey::load(public, &private).unwrap();
            assert_eq!(key.to_plaintext().as_slice(), private, "{name}");
            for message in [&b""[..], b"message"] {
                let signature = key.sign(message).unwrap();
                assert_eq!(u64::try_from(signature.len()).unwrap(), length, "{name}");
                assert!(verify_signature(key.public(), &method, message, &signature), "{name}");
            }
        }
    }

    #[test]
    fn foreign_key_beside_the_public_half_of_another_is_refused() {
        let pairs = foreign_pairs();
        for (name, public, _, _) in &pairs {
            for (other, _, private, _) in pairs.iter().filter(|(other, ..)| other != name) {
                let refused = ServerKey::load(public.clone(), private);
                assert!(
                    matches!(refused, Err(Fault::Plaintext { .. } | Fault::PublicMismatch)),
                    "{name} {other}"
                );
            }
        }
    }

    #[test]
    fn foreign_key_under_another_type_is_refused() {
        for (name, public, private, _) in foreign_pairs() {
            for key_type in ["ecdsa", "ecdsa-x509", "ed25519", "rsa", "rsa-x509", "ECDSA"] {
                let key_type = KeyType::parse(key_type);
                if key_type == *public.key_type() {
                    continue;
                }
                let listed = PublicKey::new(key_type, public.public().to_vec());
                assert!(ServerKey::load(listed, &private).is_err(), "{name}");
            }
        }
    }
}
