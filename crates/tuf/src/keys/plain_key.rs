//! The public key inside a DER `SubjectPublicKeyInfo`, without any listing around it.
//!
//! Only the one encoding that Notary's clients write is read, so that one key has one ID: named
//! curves, uncompressed points, RSA with NULL parameters. Go's reader takes nothing else either.

use spki::SubjectPublicKeyInfoRef;
use spki::der::Decode as _;
use spki::der::asn1::{Null, ObjectIdentifier};

pub(super) const EC_PUBLIC_KEY: ObjectIdentifier =
    ObjectIdentifier::new_unwrap("1.2.840.10045.2.1");
pub(super) const RSA_ENCRYPTION: ObjectIdentifier =
    ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");

/// The first byte of a point whose two coordinates are written out.
const UNCOMPRESSED: u8 = 4;

/// An elliptic curve that `ecdsa` keys may be on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Curve {
    /// secp224r1.
    P224,
    /// secp256r1: the one that Notary makes keys on.
    P256,
    /// secp384r1.
    P384,
    /// secp521r1.
    P521,
}

impl Curve {
    fn of(oid: ObjectIdentifier) -> Option<Self> {
        const P224: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.132.0.33");
        const P256: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.3.1.7");
        const P384: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.132.0.34");
        const P521: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.132.0.35");
        match oid {
            P224 => Some(Self::P224),
            P256 => Some(Self::P256),
            P384 => Some(Self::P384),
            P521 => Some(Self::P521),
            _ => None,
        }
    }
}

/// A public key as cryptography sees it. That its numbers are a key is not proved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PlainKey<'a> {
    /// An elliptic-curve key.
    Ec {
        /// Its curve.
        curve: Curve,
        /// Its point, uncompressed: 4 ‖ x ‖ y.
        point: &'a [u8],
    },
    /// An RSA key.
    Rsa {
        /// Its DER `RSAPublicKey` (PKCS#1).
        pkcs1: &'a [u8],
    },
}

impl<'a> PlainKey<'a> {
    /// Reads a DER `SubjectPublicKeyInfo`. `None` for anything else, and for other kinds of keys.
    #[must_use]
    pub fn from_spki(der: &'a [u8]) -> Option<Self> {
        let info = SubjectPublicKeyInfoRef::from_der(der).ok()?;
        let parameters = info.algorithm.parameters?;
        let key = info.subject_public_key.as_bytes()?;
        match info.algorithm.oid {
            EC_PUBLIC_KEY => {
                let curve = Curve::of(parameters.decode_as().ok()?)?;
                (key.first() == Some(&UNCOMPRESSED)).then_some(Self::Ec { curve, point: key })
            }
            RSA_ENCRYPTION => {
                parameters.decode_as::<Null>().ok()?;
                Some(Self::Rsa { pkcs1: key })
            }
            _ => None,
        }
    }
}
