//! The certificates that an operator trusts: each is a root and a key of its own.

use std::ops::RangeInclusive;

use rustls_pki_types::{CertificateDer, TrustAnchor};
use spki::der::{Decode as _, Encode as _};
use thiserror::Error;
use x509_cert::Certificate;
use x509_cert::certificate::Version;
use x509_cert::ext::pkix::{BasicConstraints, KeyUsage, NameConstraints};

use super::public_key::{BadPublicKey, PublicKey};

/// The most certificates that one file may have.
const MAX_CERTIFICATES: usize = 1000;

/// Certificates of token services, as Notary's `rootcertbundle` has them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CertificateBundle {
    certificates: Vec<TrustedCertificate>,
}

/// One certificate of a bundle.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct TrustedCertificate {
    pub(super) der: Vec<u8>,
    pub(super) key: PublicKey,
    /// When it holds, in seconds since 1970.
    pub(super) validity: RangeInclusive<u64>,
    /// What it issues with; `None` for one that may not issue.
    pub(super) authority: Option<Authority>,
}

/// A certificate in so far as it may issue others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Authority {
    pub(super) anchor: TrustAnchor<'static>,
    /// DER of its name.
    pub(super) subject: Vec<u8>,
    /// How many intermediates may stand between it and a leaf.
    pub(super) path_length: Option<u8>,
    /// Whether it may issue for some names only.
    pub(super) constrains_names: bool,
}

/// A file is no bundle of certificates.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum BadBundle {
    /// Broken PEM.
    #[error("it is not PEM: {0}")]
    Pem(String),
    /// No certificate at all.
    #[error("it has no certificate")]
    Empty,
    /// More certificates than anybody needs.
    #[error("it has more than {MAX_CERTIFICATES} certificates")]
    Many,
    /// A certificate that cannot be used.
    #[error("certificate {number}: {cause}")]
    Certificate {
        /// Which one, counted from 1.
        number: usize,
        /// What is wrong with it.
        cause: BadPublicKey,
    },
    /// A key that Notary does not know either.
    #[error(
        "certificate {number} has an Ed25519 key, which Notary does not take; name it in an \
         issuer of Countersign's own configuration"
    )]
    Ed25519 {
        /// Which one, counted from 1.
        number: usize,
    },
}

impl CertificateBundle {
    /// Reads every `CERTIFICATE` block of a PEM file; other blocks are passed over.
    ///
    /// # Errors
    /// [`BadBundle`] when there is none, or one that cannot be used.
    pub fn parse(pem_text: &[u8]) -> Result<Self, BadBundle> {
        let blocks = pem::parse_many(pem_text).map_err(|bad| BadBundle::Pem(bad.to_string()))?;
        let certificates: Vec<_> =
            blocks.into_iter().filter(|block| block.tag() == "CERTIFICATE").collect();
        match certificates.len() {
            0 => return Err(BadBundle::Empty),
            1..=MAX_CERTIFICATES => {}
            _ => return Err(BadBundle::Many),
        }
        let read = |(index, block): (usize, pem::Pem)| {
            TrustedCertificate::read(block.into_contents())
                .map_err(|cause| BadBundle::Certificate { number: index.saturating_add(1), cause })
        };
        let certificates = certificates.into_iter().enumerate().map(read).collect::<Result<_, _>>();
        Ok(Self { certificates: certificates? })
    }

    /// The same for Notary, which knows no Ed25519.
    ///
    /// # Errors
    /// [`BadBundle`] as [`CertificateBundle::parse`], and for Ed25519.
    pub fn parse_for_notary(pem_text: &[u8]) -> Result<Self, BadBundle> {
        let bundle = Self::parse(pem_text)?;
        match bundle.certificates.iter().position(|one| one.key.is_ed25519()) {
            Some(index) => Err(BadBundle::Ed25519 { number: index.saturating_add(1) }),
            None => Ok(bundle),
        }
    }

    /// The key of each certificate, whether or not the certificate holds now.
    pub fn keys(&self) -> impl Iterator<Item = &PublicKey> {
        self.certificates.iter().map(|one| &one.key)
    }

    pub(super) fn certificates(&self) -> &[TrustedCertificate] {
        &self.certificates
    }
}

impl TrustedCertificate {
    fn read(der: Vec<u8>) -> Result<Self, BadPublicKey> {
        let certificate = Certificate::from_der(&der).map_err(|_| BadPublicKey::Certificate)?;
        let key = PublicKey::of_certificate(&certificate)?;
        let authority = Authority::of(&certificate, &der);
        Ok(Self { validity: validity(&certificate), key, authority, der })
    }

    /// Whether it holds at `now`, in seconds since 1970.
    pub(super) fn holds_at(&self, now: u64) -> bool {
        self.validity.contains(&now)
    }
}

impl Authority {
    /// A certificate may issue when it says so, and when it is of a version that could not say.
    fn of(certificate: &Certificate, der: &[u8]) -> Option<Self> {
        let tbs = certificate.tbs_certificate();
        let constraints = tbs.get_extension::<BasicConstraints>().ok()?;
        let path_length = match (tbs.version(), constraints) {
            (_, Some((_, constraints))) if constraints.ca => constraints.path_len_constraint,
            (Version::V1 | Version::V2, None) => None,
            (Version::V1 | Version::V2 | Version::V3, _) => return None,
        };
        if tbs.get_extension::<KeyUsage>().ok()?.is_some_and(|(_, usage)| !usage.key_cert_sign()) {
            return None;
        }
        let anchor = webpki::anchor_from_trusted_cert(&CertificateDer::from(der)).ok()?.to_owned();
        Some(Self {
            anchor,
            subject: tbs.subject().to_der().ok()?,
            path_length,
            constrains_names: !matches!(tbs.get_extension::<NameConstraints>(), Ok(None)),
        })
    }
}

/// When a certificate holds, in seconds since 1970.
pub(super) fn validity(certificate: &Certificate) -> RangeInclusive<u64> {
    let validity = certificate.tbs_certificate().validity();
    let seconds = |time: &x509_cert::time::Time| time.to_unix_duration().as_secs();
    seconds(&validity.not_before)..=seconds(&validity.not_after)
}
