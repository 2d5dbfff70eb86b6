//! Judges what a signer answers. Nothing in an answer is believed that can be computed: a key's ID
//! is the hash of the key, and a signature verifies or does not.
//!
//! Source: signer spec 1.2, 2 and 9.3.

use countersign_tuf::keys::{
    Curve, KeyId, KeyType, PlainKey, PublicKey, ServerKeyAlgorithm, verify_signature,
};
use countersign_tuf::names::ServerRole;

use super::fault::{Fault, one_line};
use super::protocol;

/// The key that was made, if it is one of this algorithm.
pub(super) fn made_key(
    reply: protocol::PublicKey,
    algorithm: ServerKeyAlgorithm,
) -> Result<PublicKey, Fault> {
    let protocol::PublicKey { key_info, public_key } = reply;
    let (claimed, key) = key_in(key_info, public_key)?;
    if *key.key_type() != algorithm.key_type() {
        let was = key.key_type().as_str();
        return Err(dishonest(format!("asked for a key of {algorithm}, it gave one of {was}")));
    }
    if claimed != *key.id() {
        return Err(dishonest(format!(
            "it calls the key {} that is {}",
            shown(&claimed),
            key.id()
        )));
    }
    Ok(key)
}

/// The key `id`, if the answer holds it, for this role.
pub(super) fn known_key(
    reply: protocol::GetKeyInfoResponse,
    id: &KeyId,
    role: ServerRole,
) -> Result<Option<PublicKey>, Fault> {
    let protocol::GetKeyInfoResponse { key_info, public_key, role: named } = reply;
    let (_, key) = key_in(key_info, public_key)?;
    if key.id() != id {
        return Err(dishonest(format!("it gave the key {} instead", key.id())));
    }
    // Old rows name no role.
    Ok((named.is_empty() || named == role.as_str()).then_some(key))
}

/// The bytes of a signature that `key` made over `message`.
pub(super) fn signature(
    reply: protocol::Signature,
    key: &PublicKey,
    message: &[u8],
) -> Result<Vec<u8>, Fault> {
    let method = key
        .key_type()
        .server_method()
        .ok_or_else(|| dishonest("the key is of no kind that a server signs with"))?;
    let protocol::Signature { key_info, algorithm: _, content } = reply;
    if content.is_empty() {
        return Err(dishonest("there is no signature in it"));
    }
    // Go's servers read the content alone, so an older signer may leave the rest away.
    let claimed = key_info.and_then(|info| info.key_id).map(|id| KeyId::claimed(&id.id));
    if let Some(claimed) = claimed.filter(|claimed| claimed != key.id()) {
        return Err(dishonest(format!("it signed with the key {}", shown(&claimed))));
    }
    if !verify_signature(key, &method, message, &content) {
        return Err(dishonest("the signature does not verify"));
    }
    Ok(content)
}

/// The ID that an answer claims, and the key that is in it.
fn key_in(info: Option<protocol::KeyInfo>, public: Vec<u8>) -> Result<(KeyId, PublicKey), Fault> {
    let info = info.ok_or_else(|| dishonest("keyInfo is missing"))?;
    let id = info.key_id.ok_or_else(|| dishonest("keyInfo.keyID is missing"))?;
    let algorithm = info.algorithm.ok_or_else(|| dishonest("keyInfo.algorithm is missing"))?;
    if algorithm.algorithm.is_empty() && public.is_empty() {
        return Err(Fault::NoDatabase);
    }
    let kind = KeyType::parse(&algorithm.algorithm);
    if kind.server_method().is_none() {
        let named = one_line(&algorithm.algorithm);
        return Err(dishonest(format!("{named:?} is no algorithm of a server's key")));
    }
    let key = PublicKey::new(kind, public);
    if !is_of_its_kind(&key) {
        return Err(dishonest(format!("its bytes are no public key of {}", algorithm.algorithm)));
    }
    Ok((KeyId::claimed(&id.id), key))
}

/// Whether the bytes are a public key of the type that is said. A key that can sign nothing must
/// not get into a root.
fn is_of_its_kind(key: &PublicKey) -> bool {
    let plain = PlainKey::from_spki(key.public());
    match (key.key_type(), plain) {
        (KeyType::Ecdsa, Some(PlainKey::Ec { curve, point })) => match curve {
            Curve::P224 => p224::PublicKey::from_sec1_bytes(point).is_ok(),
            Curve::P256 => p256::PublicKey::from_sec1_bytes(point).is_ok(),
            Curve::P384 => p384::PublicKey::from_sec1_bytes(point).is_ok(),
            Curve::P521 => p521::PublicKey::from_sec1_bytes(point).is_ok(),
        },
        (KeyType::Rsa, Some(PlainKey::Rsa { .. })) => true,
        (KeyType::Ed25519, _) => key
            .public()
            .try_into()
            .is_ok_and(|bytes| ed25519_dalek::VerifyingKey::from_bytes(bytes).is_ok()),
        _ => false,
    }
}

fn dishonest(what: impl Into<String>) -> Fault {
    Fault::Dishonest(what.into())
}

fn shown(claimed: &KeyId) -> String {
    one_line(claimed.as_str())
}

#[cfg(test)]
mod tests {
    use ring::rand::SystemRandom;
    use ring::signature::{
        ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _,
    };

    use super::*;
    use crate::remote::protocol::{Algorithm, GetKeyInfoResponse, KeyInfo, Signature};

    const MESSAGE: &[u8] = br#"{"_type":"Timestamp"}"#;

    /// What stands before the point in the `SubjectPublicKeyInfo` of a P-256 key (RFC 5480).
    const SPKI_P256: [u8; 26] = [
        0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08,
        0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00,
    ];

    enum Pair {
        Ecdsa(EcdsaKeyPair),
        Ed25519(Ed25519KeyPair),
    }

    struct TestKey {
        public: PublicKey,
        pair: Pair,
    }

    impl TestKey {
        fn ecdsa() -> Self {
            let (random, scheme) = (SystemRandom::new(), &ECDSA_P256_SHA256_FIXED_SIGNING);
            let pkcs8 = EcdsaKeyPair::generate_pkcs8(scheme, &random).unwrap();
            let pair = EcdsaKeyPair::from_pkcs8(scheme, pkcs8.as_ref(), &random).unwrap();
            let spki = [&SPKI_P256, pair.public_key().as_ref()].concat();
            Self { public: PublicKey::new(KeyType::Ecdsa, spki), pair: Pair::Ecdsa(pair) }
        }

        fn ed25519() -> Self {
            let pkcs8 = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).unwrap();
            let pair = Ed25519KeyPair::from_pkcs8(pkcs8.as_ref()).unwrap();
            let public = PublicKey::new(KeyType::Ed25519, pair.public_key().as_ref().to_vec());
            Self { public, pair: Pair::Ed25519(pair) }
        }

        fn public(&self) -> &PublicKey {
            &self.public
        }

        fn sign(&self, message: &[u8]) -> Vec<u8> {
            match &self.pair {
                Pair::Ecdsa(pair) => {
                    pair.sign(&SystemRandom::new(), message).unwrap().as_ref().to_vec()
                }
                Pair::Ed25519(pair) => pair.sign(message).as_ref().to_vec(),
            }
        }
    }

    fn info(key: &PublicKey) -> KeyInfo {
        KeyInfo {
            key_id: Some(protocol::KeyId { id: key.id().to_string() }),
            algorithm: Some(Algorithm { algorithm: key.key_type().as_str().to_owned() }),
        }
    }

    fn made(key: &PublicKey) -> protocol::PublicKey {
        protocol::PublicKey { key_info: Some(info(key)), public_key: key.public().to_vec() }
    }

    fn known(key: &PublicKey, role: &str) -> GetKeyInfoResponse {
        let role = role.to_owned();
        let protocol::PublicKey { key_info, public_key } = made(key);
        GetKeyInfoResponse { key_info, public_key, role }
    }

    /// The reason for which a new key is refused, after `damage` was done to the answer.
    fn refusal(damage: impl FnOnce(&mut protocol::PublicKey)) -> String {
        let mut reply = made(TestKey::ecdsa().public());
        damage(&mut reply);
        made_key(reply, ServerKeyAlgorithm::Ecdsa).unwrap_err().to_string()
    }

    #[test]
    fn a_whole_answer_gives_the_key() {
        for (key, algorithm) in [
            (TestKey::ecdsa(), ServerKeyAlgorithm::Ecdsa),
            (TestKey::ed25519(), ServerKeyAlgorithm::Ed25519),
        ] {
            let key = key.public();
            assert_eq!(&made_key(made(key), algorithm).unwrap(), key);
            let role = ServerRole::Snapshot;
            for named in ["snapshot", ""] {
                let found = known_key(known(key, named), key.id(), role).unwrap();
                assert_eq!(found.as_ref(), Some(key));
            }
            assert_eq!(known_key(known(key, "timestamp"), key.id(), role).unwrap(), None);
        }
    }

    #[test]
    fn what_is_missing_in_a_key_is_named() {
        assert!(refusal(|reply| reply.key_info = None).contains("keyInfo is missing"));
        let said = refusal(|reply| reply.key_info.as_mut().unwrap().key_id = None);
        assert!(said.contains("keyInfo.keyID is missing"), "{said}");
        let said = refusal(|reply| reply.key_info.as_mut().unwrap().algorithm = None);
        assert!(said.contains("keyInfo.algorithm is missing"), "{said}");
    }

    #[test]
    fn a_key_that_is_not_what_it_is_called_is_refused() {
        let other = TestKey::ecdsa();
        let said = refusal(|reply| reply.public_key = other.public().public().to_vec());
        assert!(said.contains("it calls the key"), "{said}");
        let said = refusal(|reply| *reply = made(TestKey::ed25519().public()));
        assert!(said.contains("gave one of ed25519"), "{said}");
        for algorithm in ["", "ECDSA", "ecdsa-x509", "rsa-x509", "dsa"] {
            let named = || Some(Algorithm { algorithm: algorithm.to_owned() });
            let said = refusal(|reply| reply.key_info.as_mut().unwrap().algorithm = named());
            assert!(said.contains("is no algorithm of a server's key"), "{said}");
        }
    }

    #[test]
    fn bytes_that_are_no_public_key_are_refused() {
        let not_on_the_curve = |public: &mut Vec<u8>| *public.last_mut().unwrap() ^= 1;
        for damage in [
            not_on_the_curve,
            |public: &mut Vec<u8>| public.truncate(40),
            |public: &mut Vec<u8>| public.clear(),
            |public: &mut Vec<u8>| public.push(0),
        ] {
            let said = refusal(|reply| damage(&mut reply.public_key));
            assert!(said.contains("are no public key of ecdsa"), "{said}");
        }
    }

    #[test]
    fn the_empty_key_of_a_go_signer_without_database_is_told_apart() {
        let empty = protocol::PublicKey {
            key_info: Some(KeyInfo {
                key_id: Some(protocol::KeyId { id: "2315c1d6".to_owned() }),
                algorithm: Some(Algorithm { algorithm: String::new() }),
            }),
            public_key: Vec::new(),
        };
        assert_eq!(made_key(empty, ServerKeyAlgorithm::Ecdsa), Err(Fault::NoDatabase));
    }

    #[test]
    fn another_key_than_the_one_that_was_asked_for_is_refused() {
        let (key, other) = (TestKey::ecdsa(), TestKey::ecdsa());
        let mut reply = known(other.public(), "timestamp");
        // Whatever it calls it.
        reply.key_info.as_mut().unwrap().key_id =
            Some(protocol::KeyId { id: key.public().id().to_string() });
        let said = known_key(reply, key.public().id(), ServerRole::Timestamp).unwrap_err();
        assert!(said.to_string().contains("it gave the key"), "{said}");
    }

    #[test]
    fn a_signature_is_the_keys_over_the_message_or_refused() {
        for key in [TestKey::ecdsa(), TestKey::ed25519()] {
            let other = TestKey::ecdsa();
            let good = key.sign(MESSAGE);
            let judged = |key_info: Option<KeyInfo>, content: Vec<u8>| {
                let algorithm = None;
                signature(Signature { key_info, algorithm, content }, key.public(), MESSAGE)
            };
            assert_eq!(judged(Some(info(key.public())), good.clone()).unwrap(), good);
            assert_eq!(judged(None, good.clone()).unwrap(), good, "Go reads the content alone");

            let mut bent = good.clone();
            *bent.last_mut().unwrap() ^= 1;
            let of_another_message = key.sign(b"another message");
            for bad in [bent, of_another_message, other.sign(MESSAGE), vec![0; good.len()]] {
                let said = judged(None, bad).unwrap_err().to_string();
                assert!(said.contains("does not verify"), "{said}");
            }
            let said = judged(None, Vec::new()).unwrap_err().to_string();
            assert!(said.contains("there is no signature in it"), "{said}");
            let said = judged(Some(info(other.public())), good).unwrap_err().to_string();
            assert!(said.contains("it signed with the key"), "{said}");
        }
    }
}
