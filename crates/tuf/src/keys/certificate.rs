//! X.509 certificates as carriers of public keys.
//!
//! Notary looks at subject, dates, strength and the CA flag; it never checks who signed a
//! certificate. Source: server spec 4, step 2.3 and step 3.2.

use chrono::{DateTime, Duration, Utc};
use der::asn1::{ObjectIdentifier, UintRef};
use der::{Decode as _, Encode as _};
use thiserror::Error;
use x509_cert::Certificate;
use x509_cert::ext::pkix::BasicConstraints;

use super::plain_key::{EC_PUBLIC_KEY, RSA_ENCRYPTION};
use super::{KeyType, PublicKey};
use crate::names::Gun;

const SHA1_SIGNATURES: [ObjectIdentifier; 3] = [
    ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.5"),
    ObjectIdentifier::new_unwrap("1.2.840.10045.4.1"),
    ObjectIdentifier::new_unwrap("1.2.840.10040.4.3"),
];

/// The shortest RSA key that counts, in bits.
const RSA_MIN_BITS: usize = 2048;

/// How far in the future a certificate's validity may begin.
const NOT_BEFORE_SLACK: Duration = Duration::days(1);

/// The certificates of one key: a leaf, then its intermediates.
#[derive(Clone, Debug)]
pub struct Bundle {
    leaf: Certificate,
    intermediates: Vec<Certificate>,
}

/// Whether a certificate's dates count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dates {
    /// They must fit this time.
    At(DateTime<Utc>),
    /// They do not matter: the key was trusted before.
    Ignored,
}

impl Bundle {
    /// Reads a key's PEM text: certificates only, the first one no CA, all others CAs. `None` for
    /// everything else; Notary skips such a key without a word.
    #[must_use]
    pub fn parse(pem_text: &[u8]) -> Option<Self> {
        let mut certificates = certificates(pem_text)?;
        if certificates.is_empty() {
            return None;
        }
        let intermediates = certificates.split_off(1);
        let leaf = certificates.pop().filter(|leaf| !is_ca(leaf))?;
        intermediates.iter().all(is_ca).then_some(Self { leaf, intermediates })
    }

    /// Whether the leaf's common name is this GUN, or a prefix of it followed by `*`.
    #[must_use]
    pub fn names(&self, gun: &Gun) -> bool {
        let Some(name) = common_name(&self.leaf) else { return false };
        name == gun.as_str()
            || (name.ends_with('*') && gun.as_str().starts_with(name.trim_end_matches('*')))
    }

    /// Whether the leaf is strong enough and, if asked, valid at the given time.
    #[must_use]
    pub fn is_usable(&self, dates: Dates) -> bool {
        check_strength(&self.leaf).is_ok()
            && match dates {
                Dates::Ignored => true,
                Dates::At(now) => is_valid_at(&self.leaf, now),
            }
    }

    /// The key that these certificates carry, in the layout that key IDs are computed from: PEM
    /// of 64 columns with line feeds, leaf first. A key stored in another layout thereby gets
    /// another ID and never verifies, as in Notary.
    #[must_use]
    pub fn to_key(&self) -> Option<PublicKey> {
        let algorithm = self.leaf.tbs_certificate().subject_public_key_info().algorithm.oid;
        let key_type = match algorithm {
            EC_PUBLIC_KEY => KeyType::EcdsaX509,
            RSA_ENCRYPTION => KeyType::RsaX509,
            _ => return None,
        };
        let mut text = String::new();
        for certificate in std::iter::once(&self.leaf).chain(&self.intermediates) {
            let block = pem::Pem::new("CERTIFICATE", certificate.to_der().ok()?);
            let layout = pem::EncodeConfig::new().set_line_ending(pem::LineEnding::LF);
            text.push_str(&pem::encode_config(&block, layout));
        }
        Some(PublicKey::new(key_type, text.into_bytes()))
    }
}

/// A certificate is too weak to count.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum WeakCertificate {
    /// It is signed with SHA-1.
    #[error("certificate with CN {0} uses invalid SHA1 signature algorithm")]
    Sha1(String),
    /// It holds an RSA key below 2048 bits.
    #[error("certificate with CN {0} holds an RSA key below {RSA_MIN_BITS} bits")]
    ShortRsa(String),
}

/// Whether the first certificate in `pem_text` is strong enough for a delegation's key. One that
/// cannot be read is let through: it verifies nothing.
///
/// # Errors
/// [`WeakCertificate`] when it is not.
pub(crate) fn refuse_weak(pem_text: &[u8]) -> Result<(), WeakCertificate> {
    match first(pem_text) {
        Some(certificate) => check_strength(&certificate),
        None => Ok(()),
    }
}

/// The DER `SubjectPublicKeyInfo` of the first certificate in `pem_text`.
pub(crate) fn first_public_key_info(pem_text: &[u8]) -> Option<Vec<u8>> {
    first(pem_text)?.tbs_certificate().subject_public_key_info().to_der().ok()
}

fn first(pem_text: &[u8]) -> Option<Certificate> {
    certificates(pem_text)?.into_iter().next()
}

fn certificates(pem_text: &[u8]) -> Option<Vec<Certificate>> {
    let blocks = pem::parse_many(pem_text).ok()?;
    blocks
        .iter()
        .map(|block| {
            (block.tag() == "CERTIFICATE").then(|| Certificate::from_der(block.contents()).ok())?
        })
        .collect()
}

fn is_ca(certificate: &Certificate) -> bool {
    certificate
        .tbs_certificate()
        .get_extension::<BasicConstraints>()
        .ok()
        .flatten()
        .is_some_and(|(_, constraints)| constraints.ca)
}

fn common_name(certificate: &Certificate) -> Option<String> {
    certificate
        .tbs_certificate()
        .subject()
        .common_name()
        .ok()
        .flatten()
        .map(|name| name.value().into_owned())
}

fn check_strength(certificate: &Certificate) -> Result<(), WeakCertificate> {
    let name = || common_name(certificate).unwrap_or_default();
    if SHA1_SIGNATURES.contains(&certificate.signature_algorithm().oid) {
        return Err(WeakCertificate::Sha1(name()));
    }
    let info = certificate.tbs_certificate().subject_public_key_info();
    let long_enough = info.algorithm.oid != RSA_ENCRYPTION
        || info
            .subject_public_key
            .as_bytes()
            .and_then(rsa_modulus_bits)
            .is_some_and(|bits| bits >= RSA_MIN_BITS);
    if long_enough { Ok(()) } else { Err(WeakCertificate::ShortRsa(name())) }
}

fn is_valid_at(certificate: &Certificate, now: DateTime<Utc>) -> bool {
    let validity = certificate.tbs_certificate().validity();
    let at = |time: &x509_cert::time::Time| DateTime::<Utc>::from(time.to_system_time());
    let latest_start = now.checked_add_signed(NOT_BEFORE_SLACK).unwrap_or(DateTime::<Utc>::MAX_UTC);
    at(&validity.not_before) <= latest_start && at(&validity.not_after) >= now
}

/// The two numbers of a PKCS#1 RSA public key.
#[derive(der::Sequence)]
struct RsaPublicKey<'a> {
    modulus: UintRef<'a>,
    exponent: UintRef<'a>,
}

fn rsa_modulus_bits(pkcs1: &[u8]) -> Option<usize> {
    let key = RsaPublicKey::from_der(pkcs1).ok()?;
    let bytes = key.modulus.as_bytes();
    let leading = usize::try_from(bytes.first()?.leading_zeros()).ok()?;
    bytes.len().checked_mul(8)?.checked_sub(leading)
}
