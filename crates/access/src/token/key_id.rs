//! The names of keys in tokens.

use std::fmt;

use data_encoding::BASE32_NOPAD;
use sha2::{Digest as _, Sha256};

use super::base64url;

/// How many bytes of the digest a libtrust ID shows.
const SHOWN_BYTES: usize = 30;

/// The ID of a key as docker's libtrust makes it: twelve groups of four letters and digits, such
/// as `PYYO:TEWU:…`, out of the SHA-256 of the key's DER `SubjectPublicKeyInfo`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct KeyId(String);

impl KeyId {
    /// The ID of the key with this DER `SubjectPublicKeyInfo`.
    pub(super) fn of_spki(spki: &[u8]) -> Self {
        let digest = Sha256::digest(spki);
        let base32 = BASE32_NOPAD.encode(digest.get(..SHOWN_BYTES).unwrap_or_default());
        let mut id = String::new();
        for (place, letter) in base32.chars().enumerate() {
            if place > 0 && place % 4 == 0 {
                id.push(':');
            }
            id.push(letter);
        }
        Self(id)
    }

    /// The ID as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The SHA-256 thumbprint of a JWK in base64url (RFC 7638): how newer registries name keys.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Thumbprint(String);

impl Thumbprint {
    /// The thumbprint of the key with this canonical JWK.
    pub(super) fn of_canonical_jwk(jwk: &str) -> Self {
        Self(base64url::encode(&Sha256::digest(jwk)))
    }

    /// The thumbprint as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Thumbprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
