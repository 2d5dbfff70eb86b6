//! Public keys, their IDs, and the signatures they verify.
//!
//! Source: server spec 3.4 (keys) and 3.5 (signatures).

pub mod certificate;
mod ecdsa;
mod plain_key;
mod signature;

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest as _, Sha256};

pub use plain_key::{Curve, PlainKey};
pub use signature::{SignatureMethod, verify_signature};

/// A key ID as metadata writes it: 64 lower-case hex digits when it was computed from a key, any
/// text when it was read from a document.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyId(String);

impl KeyId {
    /// An ID as a document, a database or a peer states it. Proves nothing about any key.
    #[must_use]
    pub fn claimed(text: &str) -> Self {
        Self(text.to_owned())
    }

    /// The ID as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it has the form of a computed ID: 64 lower-case hex digits.
    #[must_use]
    pub fn is_well_formed(&self) -> bool {
        self.0.len() == 64 && self.0.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A key type of Notary's dialect.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum KeyType {
    /// DER `SubjectPublicKeyInfo` of an elliptic-curve key.
    Ecdsa,
    /// PEM certificates of an elliptic-curve key, leaf first.
    EcdsaX509,
    /// 32 raw bytes.
    Ed25519,
    /// DER `SubjectPublicKeyInfo` of an RSA key.
    Rsa,
    /// PEM certificates of an RSA key, leaf first.
    RsaX509,
    /// Any other text: parses, and never verifies anything.
    Unknown(String),
}

impl KeyType {
    /// The type that `text` names.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        match text {
            "ecdsa" => Self::Ecdsa,
            "ecdsa-x509" => Self::EcdsaX509,
            "ed25519" => Self::Ed25519,
            "rsa" => Self::Rsa,
            "rsa-x509" => Self::RsaX509,
            other => Self::Unknown(other.to_owned()),
        }
    }

    /// The name in metadata.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::Ecdsa => "ecdsa",
            Self::EcdsaX509 => "ecdsa-x509",
            Self::Ed25519 => "ed25519",
            Self::Rsa => "rsa",
            Self::RsaX509 => "rsa-x509",
            Self::Unknown(other) => other,
        }
    }

    /// The method of new signatures by a server-held key of this type; `None` for types that no
    /// server holds.
    #[must_use]
    pub fn server_method(&self) -> Option<SignatureMethod> {
        match self {
            Self::Ecdsa => Some(SignatureMethod::Ecdsa),
            Self::Ed25519 => Some(SignatureMethod::Eddsa),
            Self::Rsa => Some(SignatureMethod::RsaPss),
            Self::EcdsaX509 | Self::RsaX509 | Self::Unknown(_) => None,
        }
    }

    /// Whether the key's bytes are PEM certificates.
    #[must_use]
    pub fn is_certificate(&self) -> bool {
        matches!(self, Self::EcdsaX509 | Self::RsaX509)
    }
}

/// The algorithms of keys that the server makes itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum ServerKeyAlgorithm {
    /// ECDSA on P-256 with SHA-256.
    #[default]
    Ecdsa,
    /// Ed25519.
    Ed25519,
}

impl ServerKeyAlgorithm {
    /// The algorithm that `text` names; `None` for one that the server cannot make.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "ecdsa" => Some(Self::Ecdsa),
            "ed25519" => Some(Self::Ed25519),
            _ => None,
        }
    }

    /// The name in metadata and in the key database.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ecdsa => "ecdsa",
            Self::Ed25519 => "ed25519",
        }
    }

    /// The type of its public keys.
    #[must_use]
    pub fn key_type(self) -> KeyType {
        match self {
            Self::Ecdsa => KeyType::Ecdsa,
            Self::Ed25519 => KeyType::Ed25519,
        }
    }

    /// The method of its signatures.
    #[must_use]
    pub fn signature_method(self) -> SignatureMethod {
        match self {
            Self::Ecdsa => SignatureMethod::Ecdsa,
            Self::Ed25519 => SignatureMethod::Eddsa,
        }
    }
}

impl fmt::Display for ServerKeyAlgorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A public key as metadata carries it: a type and bytes. Nothing is proved about the bytes until
/// a signature verifies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicKey {
    key_type: KeyType,
    public: Vec<u8>,
    id: KeyId,
}

impl PublicKey {
    /// A key of `key_type` whose bytes (after base64) are `public`; its ID is computed.
    #[must_use]
    pub fn new(key_type: KeyType, public: Vec<u8>) -> Self {
        let id = compute_id(&key_type, &public);
        Self { key_type, public, id }
    }

    /// The type.
    #[must_use]
    pub fn key_type(&self) -> &KeyType {
        &self.key_type
    }

    /// The bytes: DER, raw or PEM, as the type says.
    #[must_use]
    pub fn public(&self) -> &[u8] {
        &self.public
    }

    /// The bytes in padded standard base64, as documents carry them.
    #[must_use]
    pub fn public_base64(&self) -> String {
        STANDARD.encode(&self.public)
    }

    /// The ID computed from type and bytes.
    #[must_use]
    pub fn id(&self) -> &KeyId {
        &self.id
    }

    /// The ID of the plain key inside: for a certificate or a PEM block the ID that its public
    /// key has in DER, else the ID itself. All listings of one private key share it.
    #[must_use]
    pub fn canonical_id(&self) -> KeyId {
        let (plain, spki) = match self.key_type {
            KeyType::EcdsaX509 => {
                (KeyType::Ecdsa, certificate::first_public_key_info(&self.public))
            }
            KeyType::RsaX509 => (KeyType::Rsa, certificate::first_public_key_info(&self.public)),
            KeyType::Rsa => (KeyType::Rsa, signature::pem_public_key(&self.public)),
            KeyType::Ecdsa | KeyType::Ed25519 | KeyType::Unknown(_) => return self.id.clone(),
        };
        match spki {
            Some(spki) => compute_id(&plain, &spki),
            None => self.id.clone(),
        }
    }
}

/// Lower-case hex SHA-256 of the key's canonical JSON with a null private half (spec 3.4).
fn compute_id(key_type: &KeyType, public: &[u8]) -> KeyId {
    let mut canonical = br#"{"keytype":"#.to_vec();
    crate::canonical::write_string(&mut canonical, key_type.as_str());
    canonical.extend_from_slice(br#","keyval":{"private":null,"public":""#);
    canonical.extend_from_slice(STANDARD.encode(public).as_bytes());
    canonical.extend_from_slice(br#""}}"#);
    KeyId(hex::encode(Sha256::digest(&canonical)))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Checklist row C-106.
    #[test]
    fn key_id_of_the_specification_recomputes() {
        let public = STANDARD.decode("pFwVEdj9M/HEsIuqQ4gkxVcPbtgna8Fpf/Qtj2V0ir0=").unwrap();
        assert_eq!(
            PublicKey::new(KeyType::Ed25519, public).id().as_str(),
            "e3443d332a042893dc24af142e017815ffe7b7e99ec367c0475c1bce5c81f3fa"
        );
    }

    #[test]
    fn only_computed_ids_are_well_formed() {
        assert!(PublicKey::new(KeyType::Rsa, vec![1]).id().is_well_formed());
        assert!(!KeyId::claimed("").is_well_formed());
        assert!(!KeyId::claimed(&"A".repeat(64)).is_well_formed());
    }
}
