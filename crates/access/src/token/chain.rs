//! Chains of certificates in a token's header, from the leaf that signed to the bundle.
//!
//! `webpki` builds the paths, except where it is stricter than what registries use: a leaf that is
//! itself in the bundle needs no path, and a leaf that is of X.509 v1 or a CA is checked here, as
//! far as a certificate of the bundle issued it directly.

mod algorithms;
mod directly;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rustls_pki_types::{CertificateDer, TrustAnchor, UnixTime};
use spki::der::Decode as _;
use thiserror::Error;
use webpki::{EndEntityCert, ExtendedKeyUsageValidator, KeyPurposeIdIter, VerifiedPath};
use x509_cert::Certificate;
use x509_cert::certificate::Version;
use x509_cert::ext::pkix::BasicConstraints;

use super::bundle::{Authority, CertificateBundle, TrustedCertificate};
use super::public_key::{BadPublicKey, PublicKey};

/// The most certificates that a token may bring.
pub const MAX_CHAIN: usize = 8;

/// A chain does not reach the bundle.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum BadChain {
    /// No certificate in it.
    #[error("it is empty")]
    Empty,
    /// More certificates than any chain has.
    #[error("it has more than {MAX_CHAIN} certificates")]
    Long,
    /// A member that is no certificate.
    #[error("certificate {0} is no base64 of a DER certificate")]
    Form(usize),
    /// The leaf's key cannot sign tokens.
    #[error("the leaf: {0}")]
    Key(#[from] BadPublicKey),
    /// The leaf is trusted, but does not hold now.
    #[error("the leaf has expired or does not hold yet")]
    Dates,
    /// There is no path.
    #[error("no path leads to a trusted certificate that holds now: {0}")]
    Path(String),
}

/// A chain as a token brings it, its leaf first. Nothing is proved.
#[derive(Debug)]
pub(super) struct Chain {
    certificates: Vec<Vec<u8>>,
    leaf: Certificate,
    /// The key in its leaf.
    pub(super) key: PublicKey,
}

impl Chain {
    /// Reads the texts of an `x5c`.
    pub(super) fn read<'a>(texts: &[&'a str]) -> Result<Self, BadChain> {
        if texts.len() > MAX_CHAIN {
            return Err(BadChain::Long);
        }
        let decode = |(index, text): (usize, &&'a str)| {
            STANDARD.decode(text).map_err(|_| BadChain::Form(index.saturating_add(1)))
        };
        let certificates: Vec<_> =
            texts.iter().enumerate().map(decode).collect::<Result<_, _>>()?;
        let leaf = certificates.first().ok_or(BadChain::Empty)?;
        let leaf = Certificate::from_der(leaf).map_err(|_| BadChain::Form(1))?;
        Ok(Self { key: PublicKey::of_certificate(&leaf)?, leaf, certificates })
    }

    /// Whether the chain leads to `bundle` at `now`, in seconds since 1970.
    pub(super) fn verify(&self, bundle: &CertificateBundle, now: u64) -> Result<(), BadChain> {
        let (leaf, intermediates) = self.certificates.split_first().ok_or(BadChain::Empty)?;
        let trusted = bundle.certificates();
        if let Some(same) = trusted.iter().find(|one| one.der == *leaf) {
            return if same.holds_at(now) { Ok(()) } else { Err(BadChain::Dates) };
        }
        let holding = trusted.iter().filter(|one| one.holds_at(now));
        if is_plain_leaf(&self.leaf) {
            return path(leaf, intermediates, holding, now);
        }
        directly::issued(&self.leaf, holding, now)
    }
}

/// Whether `webpki` takes it as the end of a path.
fn is_plain_leaf(leaf: &Certificate) -> bool {
    let tbs = leaf.tbs_certificate();
    let constraints = tbs.get_extension::<BasicConstraints>();
    tbs.version() == Version::V3
        && !constraints.ok().flatten().is_some_and(|(_, constraints)| constraints.ca)
}

fn path<'a>(
    leaf: &[u8],
    intermediates: &[Vec<u8>],
    trusted: impl Iterator<Item = &'a TrustedCertificate>,
    now: u64,
) -> Result<(), BadChain> {
    let refused = |cause: webpki::Error| BadChain::Path(cause.to_string());
    let authorities: Vec<&Authority> = trusted.filter_map(|one| one.authority.as_ref()).collect();
    let anchors: Vec<TrustAnchor<'_>> = authorities.iter().map(|one| one.anchor.clone()).collect();
    let intermediates: Vec<CertificateDer<'_>> =
        intermediates.iter().map(|der| CertificateDer::from(der.as_slice())).collect();
    let leaf = CertificateDer::from(leaf);
    let leaf = EndEntityCert::try_from(&leaf).map_err(refused)?;
    // An anchor in webpki has forgotten how long its paths may be.
    let short_enough = |path: &VerifiedPath<'_>| {
        let length = path.intermediate_certificates().count();
        let allows = |one: &&&Authority| {
            one.anchor == *path.anchor()
                && one.path_length.is_none_or(|most| length <= usize::from(most))
        };
        match authorities.iter().find(allows) {
            Some(_) => Ok(()),
            None => Err(webpki::Error::PathLenConstraintViolated),
        }
    };
    let time = UnixTime::since_unix_epoch(std::time::Duration::from_secs(now));
    leaf.verify_for_usage(
        algorithms::ALL,
        &anchors,
        &intermediates,
        time,
        AnyUsage,
        None,
        Some(&short_enough),
    )
    .map_err(refused)?;
    Ok(())
}

/// Certificates of token services are made for all sorts of uses; Notary takes them all.
struct AnyUsage;

impl ExtendedKeyUsageValidator for AnyUsage {
    fn validate(&self, _: KeyPurposeIdIter<'_, '_>) -> Result<(), webpki::Error> {
        Ok(())
    }
}
