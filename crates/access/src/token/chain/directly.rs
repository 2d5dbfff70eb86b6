//! A leaf that a certificate of the bundle issued directly, for leaves that `webpki` takes for no
//! leaf: those of X.509 v1 (what `openssl x509 -req` makes without extensions) and those of CAs.

use spki::der::Encode as _;
use spki::der::asn1::ObjectIdentifier;
use x509_cert::Certificate;

use super::{BadChain, algorithms};
use crate::token::bundle::{TrustedCertificate, validity};

/// Key usage, alternative names, basic constraints and extended key usage: what changes nothing
/// for a leaf whose names and usages nobody asks for.
const UNDERSTOOD: [ObjectIdentifier; 4] = [
    ObjectIdentifier::new_unwrap("2.5.29.15"),
    ObjectIdentifier::new_unwrap("2.5.29.17"),
    ObjectIdentifier::new_unwrap("2.5.29.19"),
    ObjectIdentifier::new_unwrap("2.5.29.37"),
];

/// Whether one of `trusted`, which hold now, issued `leaf`.
pub(super) fn issued<'a>(
    leaf: &Certificate,
    trusted: impl Iterator<Item = &'a TrustedCertificate>,
    now: u64,
) -> Result<(), BadChain> {
    let tbs = leaf.tbs_certificate();
    if !validity(leaf).contains(&now) {
        return Err(BadChain::Dates);
    }
    let mut extensions = tbs.extensions().into_iter().flatten();
    if extensions.any(|one| one.critical && !UNDERSTOOD.contains(&one.extn_id)) {
        return Err(BadChain::Path("the leaf has an unknown critical extension".to_owned()));
    }
    let unreadable = |_| BadChain::Form(1);
    let (issuer, message) =
        (tbs.issuer().to_der().map_err(unreadable)?, tbs.to_der().map_err(unreadable)?);
    let by_issuer = |one: &&TrustedCertificate| {
        let authority = one.authority.as_ref();
        authority.is_some_and(|one| one.subject == issuer && !one.constrains_names)
    };
    let signed = |one: &TrustedCertificate| is_signed(leaf, &message, one).is_some();
    let mut candidates = trusted.filter(by_issuer);
    if candidates.any(signed) {
        return Ok(());
    }
    Err(BadChain::Path("no trusted certificate issued this leaf itself".to_owned()))
}

fn is_signed(leaf: &Certificate, message: &[u8], by: &TrustedCertificate) -> Option<()> {
    let outer = leaf.signature_algorithm();
    if outer != leaf.tbs_certificate().signature() {
        return None;
    }
    let (named, signature) = (outer.to_der().ok()?, leaf.signature().as_bytes()?);
    let named = named.get(2..)?;
    let (kind, key) = by.key.algorithm_and_bits();
    let mut fitting = algorithms::ALL.iter().filter(|one| {
        one.signature_alg_id().as_ref() == named && one.public_key_alg_id().as_ref() == kind
    });
    fitting.any(|one| one.verify_signature(key, message, signature).is_ok()).then_some(())
}
