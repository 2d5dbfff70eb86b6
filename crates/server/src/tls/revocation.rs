//! The revocation lists of a file: which certificates of clients count no more, although nothing in
//! them says so.
//!
//! With a file, every authority must have a list in it that has not ended: one that was forgotten
//! must not let the revoked in. Of several lists of one authority the newest counts.
//! Source: RFC 5280, section 5; decision: refuse rather than guess.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use chrono::{DateTime, Utc};
use rustls::CertificateError;
use rustls_pki_types::CertificateRevocationListDer;
use rustls_pki_types::pem::PemObject as _;
use webpki::OwnedCertRevocationList;
use x509_cert::Certificate;
use x509_cert::crl::{CertificateList, TbsCertList};
use x509_cert::der::Decode as _;
use x509_cert::name::Name;

use super::identity::read;
use super::validity::Validity;
use super::{TlsError, bad_list};

/// The revocation lists of one file.
#[derive(Clone, Debug)]
pub struct RevocationLists {
    path: PathBuf,
    /// The newest first.
    lists: Vec<List>,
}

#[derive(Clone, Debug)]
struct List {
    der: CertificateRevocationListDer<'static>,
    issuer: Name,
    validity: Validity,
    serials: HashSet<Vec<u8>>,
}

impl RevocationLists {
    /// Loads the lists of a file: several in PEM form, or one in DER form.
    ///
    /// # Errors
    /// [`TlsError`] when the file cannot be read, holds no list, or one that cannot be used.
    pub(super) fn load(path: &Path) -> Result<Self, TlsError> {
        let lists = ders(path)?.into_iter().map(List::parse).collect::<Result<Vec<_>, _>>();
        let mut lists = lists.map_err(|reason| bad_list(path, reason))?;
        // rustls asks the first that fits.
        lists.sort_by_key(|list| std::cmp::Reverse(list.validity.not_before));
        Ok(Self { path: path.to_owned(), lists })
    }

    /// The file that they are from.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// From when to when the newest list of each authority counts.
    pub fn validities(&self) -> impl Iterator<Item = Validity> {
        self.lists.iter().enumerate().filter_map(|(index, list)| {
            let newer = self.lists.get(..index)?;
            let is_newest = newer.iter().all(|newer| newer.issuer != list.issuer);
            is_newest.then_some(list.validity)
        })
    }

    /// All of them, the newest first.
    pub(super) fn ders(&self) -> impl Iterator<Item = CertificateRevocationListDer<'static>> {
        self.lists.iter().map(|list| list.der.clone())
    }

    /// Whether there is one of the authority that `certificate` is.
    pub(super) fn has_one_by(&self, certificate: &Certificate) -> bool {
        let subject = certificate.tbs_certificate().subject();
        self.lists.iter().any(|list| list.issuer == *subject)
    }

    /// What they say of a certificate that counts for itself, and so needs no list.
    pub(super) fn standing(&self, certificate: &Certificate) -> Standing {
        let signed = certificate.tbs_certificate();
        match self.lists.iter().find(|list| list.issuer == *signed.issuer()) {
            None => Standing::Unlisted,
            Some(list) if list.serials.contains(signed.serial_number().as_bytes()) => {
                Standing::Revoked
            }
            Some(list) => Standing::GoodUntil(list.validity.not_after),
        }
    }
}

/// The lists of a file, not judged; one at least.
fn ders(path: &Path) -> Result<Vec<CertificateRevocationListDer<'static>>, TlsError> {
    const SEQUENCE: u8 = 0x30;
    let content = read(path)?;
    if content.starts_with(&[SEQUENCE]) {
        return Ok(vec![CertificateRevocationListDer::from(content)]);
    }
    let lists = CertificateRevocationListDer::pem_slice_iter(&content)
        .collect::<Result<Vec<_>, _>>()
        .map_err(|error| bad_list(path, error))?;
    if lists.is_empty() { Err(bad_list(path, "none found")) } else { Ok(lists) }
}

/// The list of a file that shall hold one.
///
/// # Errors
/// [`TlsError`] when the file cannot be read, or does not hold one list that can be used.
pub(super) fn the_only_list(path: &Path) -> Result<TbsCertList, TlsError> {
    let [list] = <[_; 1]>::try_from(ders(path)?)
        .map_err(|_| bad_list(path, "it holds several, and should hold one"))?;
    let list = <CertificateList>::from_der(&list).map_err(|error| bad_list(path, error))?;
    Ok(list.tbs_cert_list)
}

/// What the lists say of one certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// Not revoked by a list that ends then.
    GoodUntil(DateTime<Utc>),
    /// Revoked.
    Revoked,
    /// No list is by its issuer.
    Unlisted,
}

impl Standing {
    /// # Errors
    /// When the certificate is revoked, or the list that does not name it has ended at `now`.
    pub(super) fn judge(self, now: DateTime<Utc>) -> Result<(), CertificateError> {
        match self {
            Self::Revoked => Err(CertificateError::Revoked),
            Self::GoodUntil(end) if now > end => Err(CertificateError::ExpiredRevocationList),
            Self::GoodUntil(_) | Self::Unlisted => Ok(()),
        }
    }
}

impl List {
    /// A list that both of its readers understand.
    fn parse(der: CertificateRevocationListDer<'static>) -> Result<Self, String> {
        OwnedCertRevocationList::from_der(&der).map_err(|error| error.to_string())?;
        let list = <CertificateList>::from_der(&der).map_err(|error| error.to_string())?;
        let list = list.tbs_cert_list;
        let next_update = list.next_update.ok_or("it does not say when it ends")?;
        let validity = Validity {
            not_before: list.this_update.to_system_time().into(),
            not_after: next_update.to_system_time().into(),
        };
        let revoked = list.revoked_certificates.unwrap_or_default();
        let serials = revoked.iter().map(|one| one.serial_number.as_bytes().to_vec()).collect();
        Ok(Self { der, issuer: list.issuer, validity, serials })
    }
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;
    use rcgen::{
        BasicConstraints, CertificateParams, CertificateRevocationListParams, DnType, IsCa, Issuer,
        KeyIdMethod, KeyPair, RevokedCertParams, SerialNumber,
    };

    use super::*;
    use crate::testing::now;
    use crate::tls::issue::set_validity;

    struct Authority(Issuer<'static, KeyPair>);

    impl Authority {
        fn new(name: &str) -> Self {
            let mut params = CertificateParams::default();
            params.distinguished_name.push(DnType::CommonName, name);
            params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
            Self(Issuer::new(params, KeyPair::generate().unwrap()))
        }

        /// A list of this authority, issued `from` days from now for ten days.
        fn list(&self, from: i64, serials: &[u64]) -> rcgen::CertificateRevocationList {
            let mut dates = CertificateParams::default();
            let from = now() + TimeDelta::days(from);
            set_validity(&mut dates, from, from + TimeDelta::days(10));
            let revoked = |serial: &u64| RevokedCertParams {
                serial_number: SerialNumber::from(*serial),
                revocation_time: dates.not_before,
                reason_code: None,
                invalidity_date: None,
            };
            let params = CertificateRevocationListParams {
                this_update: dates.not_before,
                next_update: dates.not_after,
                crl_number: SerialNumber::from(1),
                issuing_distribution_point: None,
                revoked_certs: serials.iter().map(revoked).collect(),
                key_identifier_method: KeyIdMethod::Sha256,
            };
            params.signed_by(&self.0).unwrap()
        }

        fn certificate(&self, serial: u64) -> Certificate {
            let mut params = CertificateParams::default();
            params.serial_number = Some(SerialNumber::from(serial));
            let made = params.signed_by(&KeyPair::generate().unwrap(), &self.0).unwrap();
            Certificate::from_der(made.der()).unwrap()
        }
    }

    fn load(content: impl AsRef<[u8]>) -> Result<RevocationLists, TlsError> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("list");
        std::fs::write(&path, content).unwrap();
        RevocationLists::load(&path)
    }

    fn judged(lists: &RevocationLists, certificate: &Certificate) -> Result<(), CertificateError> {
        lists.standing(certificate).judge(now())
    }

    #[test]
    fn one_list_in_der_and_several_in_pem_load() {
        let (one, two) = (Authority::new("one"), Authority::new("two"));
        let der = load(one.list(-1, &[7]).der().as_ref()).unwrap();
        assert_eq!(judged(&der, &one.certificate(7)), Err(CertificateError::Revoked));
        assert_eq!(judged(&der, &one.certificate(8)), Ok(()));
        assert_eq!(der.standing(&two.certificate(7)), Standing::Unlisted);
        let both = one.list(-1, &[7]).pem().unwrap() + &two.list(-1, &[8, 0x80]).pem().unwrap();
        let pem = load(both).unwrap();
        assert_eq!(judged(&pem, &one.certificate(7)), Err(CertificateError::Revoked));
        assert_eq!(judged(&pem, &two.certificate(8)), Err(CertificateError::Revoked));
        assert_eq!(judged(&pem, &two.certificate(0x80)), Err(CertificateError::Revoked));
        assert_eq!(judged(&pem, &two.certificate(7)), Ok(()));
        assert_eq!(pem.validities().count(), 2);
    }

    #[test]
    fn of_two_lists_of_one_authority_the_newer_counts_in_any_order() {
        let one = Authority::new("one");
        let (older, newer) = (one.list(-2, &[7]).pem().unwrap(), one.list(-1, &[8]).pem().unwrap());
        for content in [older.clone() + &newer, newer + &older] {
            let lists = load(content).unwrap();
            assert_eq!(judged(&lists, &one.certificate(8)), Err(CertificateError::Revoked));
            assert_eq!(judged(&lists, &one.certificate(7)), Ok(()));
            assert_eq!(lists.validities().count(), 1);
        }
    }

    #[test]
    fn a_list_that_has_ended_says_of_nobody_that_he_is_good() {
        let one = Authority::new("one");
        let lists = load(one.list(-11, &[7]).pem().unwrap()).unwrap();
        assert_eq!(judged(&lists, &one.certificate(7)), Err(CertificateError::Revoked));
        let ended = Err(CertificateError::ExpiredRevocationList);
        assert_eq!(judged(&lists, &one.certificate(8)), ended);
    }

    #[test]
    fn a_file_without_a_list_or_with_a_broken_one_is_refused() {
        let one = Authority::new("one");
        let (pem, der) = (one.list(-1, &[7]).pem().unwrap(), one.list(-1, &[7]).der().to_vec());
        let cut = &der[..der.len() - 1];
        let long = [der.as_slice(), b"x"].concat();
        let key = one.0.key().serialize_pem();
        let wrong = pem.replace("X509 CRL", "CERTIFICATE");
        let half = pem.as_bytes()[..pem.len() / 2].to_vec();
        let broken_second =
            pem.clone() + "-----BEGIN X509 CRL-----\nAAAA\n-----END X509 CRL-----\n";
        let contents: [&[u8]; 8] = [
            b"",
            b"hello",
            cut,
            &long,
            key.as_bytes(),
            wrong.as_bytes(),
            &half,
            broken_second.as_bytes(),
        ];
        for content in contents {
            let error = load(content).unwrap_err();
            assert!(matches!(error, TlsError::BadList { .. }), "{error}");
        }
        let missing = RevocationLists::load(Path::new("/nowhere/list")).unwrap_err();
        assert!(matches!(missing, TlsError::Io { .. }), "{missing}");
    }
}
