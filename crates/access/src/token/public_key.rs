//! Public keys that tokens are signed with.

use countersign_tuf::keys::{Curve as TufCurve, PlainKey};
use spki::SubjectPublicKeyInfoRef;
use spki::der::asn1::{ObjectIdentifier, UintRef};
use spki::der::{Decode as _, Encode as _, Reader as _, SliceReader};
use thiserror::Error;
use x509_cert::Certificate;

use super::base64url;
use super::key_id::{KeyId, Thumbprint};

const ED25519: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.101.112");
/// How long RSA keys may be, in bits.
const RSA_BITS: std::ops::RangeInclusive<usize> = 2048..=8192;

/// A public key that may sign tokens. One key has one form here, wherever it was read.
#[derive(Clone, PartialEq, Eq)]
pub struct PublicKey {
    kind: Kind,
    /// DER `SubjectPublicKeyInfo`, in the one encoding that Go writes.
    spki: Vec<u8>,
}

/// What signatures are checked with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// The point is uncompressed: 4 ‖ x ‖ y.
    Ec {
        curve: Curve,
        point: Vec<u8>,
    },
    Ed25519 {
        point: [u8; 32],
    },
    /// PKCS#1 `RSAPublicKey`.
    Rsa {
        pkcs1: Vec<u8>,
    },
}

/// The curves that tokens may be signed on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Curve {
    P256,
    P384,
    P521,
}

impl Curve {
    /// How long a coordinate is, in bytes.
    pub(super) const fn coordinate(self) -> usize {
        match self {
            Self::P256 => 32,
            Self::P384 => 48,
            Self::P521 => 66,
        }
    }

    /// The name in a JWK.
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::P256 => "P-256",
            Self::P384 => "P-384",
            Self::P521 => "P-521",
        }
    }

    /// `AlgorithmIdentifier`: id-ecPublicKey with the curve's name.
    const fn algorithm(self) -> &'static [u8] {
        match self {
            Self::P256 => {
                b"\x30\x13\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07"
            }
            Self::P384 => {
                b"\x30\x10\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\x06\x05\x2b\x81\x04\x00\x22"
            }
            Self::P521 => {
                b"\x30\x10\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\x06\x05\x2b\x81\x04\x00\x23"
            }
        }
    }
}

/// `AlgorithmIdentifier`: rsaEncryption with NULL.
const RSA_ALGORITHM: &[u8] = b"\x30\x0d\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01\x05\x00";
/// `AlgorithmIdentifier`: id-Ed25519.
const ED25519_ALGORITHM: &[u8] = b"\x30\x05\x06\x03\x2b\x65\x70";

/// Bytes are no key that may sign tokens.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum BadPublicKey {
    /// No certificate.
    #[error("it is no X.509 certificate in DER")]
    Certificate,
    /// Of another kind, or broken.
    #[error("its key is none of P-256, P-384, P-521, RSA and Ed25519")]
    Kind,
    /// An RSA key that is too short or too long.
    #[error("its RSA key has {0} bits; make one of 2048 to 8192 bits")]
    RsaBits(usize),
    /// A point that is not on its curve.
    #[error("its point is not on its curve")]
    Point,
}

impl PublicKey {
    /// The key in a DER `SubjectPublicKeyInfo`.
    ///
    /// # Errors
    /// [`BadPublicKey`] for anything else, and for keys that may sign no token.
    pub fn from_spki(der: &[u8]) -> Result<Self, BadPublicKey> {
        if let Some(point) = ed25519_point(der) {
            return Self::ed25519(point);
        }
        match PlainKey::from_spki(der) {
            Some(PlainKey::Ec { curve, point }) => {
                let curve = match curve {
                    TufCurve::P224 => return Err(BadPublicKey::Kind),
                    TufCurve::P256 => Curve::P256,
                    TufCurve::P384 => Curve::P384,
                    TufCurve::P521 => Curve::P521,
                };
                Self::ec(curve, point.to_vec())
            }
            Some(PlainKey::Rsa { pkcs1 }) => Self::rsa(pkcs1.to_vec()),
            None => Err(BadPublicKey::Kind),
        }
    }

    /// The key in a DER certificate. Nothing else of the certificate is looked at.
    ///
    /// # Errors
    /// [`BadPublicKey`] for anything else, and for keys that may sign no token.
    pub fn from_certificate(der: &[u8]) -> Result<Self, BadPublicKey> {
        let certificate = Certificate::from_der(der).map_err(|_| BadPublicKey::Certificate)?;
        Self::of_certificate(&certificate)
    }

    pub(super) fn of_certificate(certificate: &Certificate) -> Result<Self, BadPublicKey> {
        let info = certificate.tbs_certificate().subject_public_key_info();
        Self::from_spki(&info.to_der().map_err(|_| BadPublicKey::Certificate)?)
    }

    /// The key of this uncompressed point on `curve`.
    pub(super) fn ec(curve: Curve, point: Vec<u8>) -> Result<Self, BadPublicKey> {
        let spki = spki(curve.algorithm(), &point);
        let on_curve = match curve {
            Curve::P256 => p256::PublicKey::from_sec1_bytes(&point).is_ok(),
            Curve::P384 => p384::PublicKey::from_sec1_bytes(&point).is_ok(),
            Curve::P521 => p521::PublicKey::from_sec1_bytes(&point).is_ok(),
        };
        if !on_curve {
            return Err(BadPublicKey::Point);
        }
        Ok(Self { kind: Kind::Ec { curve, point }, spki })
    }

    /// The key with this PKCS#1 `RSAPublicKey`.
    pub(super) fn rsa(pkcs1: Vec<u8>) -> Result<Self, BadPublicKey> {
        let (modulus, _) = rsa_numbers(&pkcs1).ok_or(BadPublicKey::Kind)?;
        let zeros = modulus.first().map_or(0, |byte| byte.leading_zeros());
        let zeros = usize::try_from(zeros).unwrap_or_default();
        let bits = modulus.len().saturating_mul(8).saturating_sub(zeros);
        if !RSA_BITS.contains(&bits) {
            return Err(BadPublicKey::RsaBits(bits));
        }
        let spki = spki(RSA_ALGORITHM, &pkcs1);
        Ok(Self { kind: Kind::Rsa { pkcs1 }, spki })
    }

    /// The key with this point, as it is written.
    pub(super) fn ed25519(point: [u8; 32]) -> Result<Self, BadPublicKey> {
        ed25519_dalek::VerifyingKey::from_bytes(&point).map_err(|_| BadPublicKey::Point)?;
        Ok(Self { spki: spki(ED25519_ALGORITHM, &point), kind: Kind::Ed25519 { point } })
    }

    /// DER `SubjectPublicKeyInfo`.
    #[must_use]
    pub fn spki(&self) -> &[u8] {
        &self.spki
    }

    /// The ID by which docker's libtrust knows the key.
    #[must_use]
    pub fn key_id(&self) -> KeyId {
        KeyId::of_spki(&self.spki)
    }

    /// Whether it is an Ed25519 key, which Notary and docker's libtrust do not know.
    #[must_use]
    pub fn is_ed25519(&self) -> bool {
        matches!(self.kind, Kind::Ed25519 { .. })
    }

    /// Whether it is an RSA key.
    pub(super) fn is_rsa(&self) -> bool {
        matches!(self.kind, Kind::Rsa { .. })
    }

    /// The content of its `AlgorithmIdentifier`, and the key as that algorithm writes it.
    pub(super) fn algorithm_and_bits(&self) -> (&'static [u8], &[u8]) {
        let (algorithm, bits) = match &self.kind {
            Kind::Ec { curve, point } => (curve.algorithm(), point.as_slice()),
            Kind::Ed25519 { point } => (ED25519_ALGORITHM, point.as_slice()),
            Kind::Rsa { pkcs1 } => (RSA_ALGORITHM, pkcs1.as_slice()),
        };
        (algorithm.get(2..).unwrap_or_default(), bits)
    }

    pub(super) fn kind(&self) -> &Kind {
        &self.kind
    }

    /// The thumbprint of the key (RFC 7638).
    #[must_use]
    pub fn thumbprint(&self) -> Thumbprint {
        Thumbprint::of_canonical_jwk(&self.to_jwk())
    }

    /// The key as a JWK with the members that it must have, in the order of their names and
    /// without blanks.
    #[must_use]
    pub fn to_jwk(&self) -> String {
        match &self.kind {
            Kind::Ec { curve, point } => {
                let (x, y) = point
                    .get(1..)
                    .and_then(|xy| xy.split_at_checked(curve.coordinate()))
                    .unwrap_or_default();
                let (x, y) = (base64url::encode(x), base64url::encode(y));
                format!(r#"{{"crv":"{}","kty":"EC","x":"{x}","y":"{y}"}}"#, curve.as_str())
            }
            Kind::Ed25519 { point } => {
                format!(r#"{{"crv":"Ed25519","kty":"OKP","x":"{}"}}"#, base64url::encode(point))
            }
            Kind::Rsa { pkcs1 } => {
                let (n, e) = rsa_numbers(pkcs1).unwrap_or_default();
                let (n, e) = (base64url::encode(n), base64url::encode(e));
                format!(r#"{{"e":"{e}","kty":"RSA","n":"{n}"}}"#)
            }
        }
    }
}

impl std::fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "PublicKey({})", self.key_id())
    }
}

fn ed25519_point(der: &[u8]) -> Option<[u8; 32]> {
    let info = SubjectPublicKeyInfoRef::from_der(der).ok()?;
    let is_one = info.algorithm.oid == ED25519 && info.algorithm.parameters.is_none();
    is_one.then(|| info.subject_public_key.as_bytes()?.try_into().ok())?
}

/// Modulus and exponent of a PKCS#1 `RSAPublicKey`, without leading zeros.
fn rsa_numbers(pkcs1: &[u8]) -> Option<(&[u8], &[u8])> {
    let mut reader = SliceReader::new(pkcs1).ok()?;
    let numbers = reader.sequence(|inside| {
        Ok::<_, spki::der::Error>((UintRef::decode(inside)?, UintRef::decode(inside)?))
    });
    let (modulus, exponent) = numbers.ok()?;
    reader.is_finished().then_some((modulus.as_bytes(), exponent.as_bytes()))
}

/// The PKCS#1 `RSAPublicKey` of these two numbers, most significant byte first.
pub(super) fn rsa_public_key(modulus: &[u8], exponent: &[u8]) -> Option<Vec<u8>> {
    let mut numbers = UintRef::new(modulus).ok()?.to_der().ok()?;
    numbers.extend(UintRef::new(exponent).ok()?.to_der().ok()?);
    Some(wrapped(0x30, &numbers))
}

/// DER `SubjectPublicKeyInfo` of this `AlgorithmIdentifier` and key.
fn spki(algorithm: &[u8], key: &[u8]) -> Vec<u8> {
    const UNUSED_BITS: &[u8] = &[0];
    let bits = wrapped(0x03, &[UNUSED_BITS, key].concat());
    wrapped(0x30, &[algorithm, &bits].concat())
}

/// DER: `content` with its tag and length.
fn wrapped(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = content.len().to_be_bytes();
    let significant = length.iter().skip_while(|byte| **byte == 0).copied();
    let mut der = vec![tag];
    match u8::try_from(content.len()) {
        Ok(short @ 0..=0x7f) => der.push(short),
        _ => {
            let bytes: Vec<u8> = significant.collect();
            der.push(0x80 | u8::try_from(bytes.len()).unwrap_or_default());
            der.extend(bytes);
        }
    }
    der.extend(content);
    der
}
