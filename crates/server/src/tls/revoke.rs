//! Revokes the certificate of a client, by the authority of a directory that issued it.
//!
//! The directory's list, `ca.crl`, is written whole before the certificate is put aside, so that a
//! run that is cut short can be done again.

use std::path::{Path, PathBuf};
use std::time::Duration;

use chrono::{DateTime, Utc};
use rcgen::{
    CertificateParams, CertificateRevocationListParams, KeyIdMethod, RevokedCertParams,
    SerialNumber, date_time_ymd,
};
use x509_cert::crl::TbsCertList;
use x509_cert::der::Decode as _;
use x509_cert::der::asn1::{ObjectIdentifier, UintRef};

use super::client_pair::ClientName;
use super::files::{self, Secrecy};
use super::issue::{Authority, Leaf, set_validity};
use super::revocation::the_only_list;
use super::{TlsError, bad_list};

/// The extension of RFC 5280, 5.2.3.
const CRL_NUMBER: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.20");

/// What [`revoke_client`] has done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RevokedClient {
    /// The list that names the certificate.
    pub list: PathBuf,
    /// Where the certificate is now.
    pub cert: PathBuf,
    /// How many certificates the list names.
    pub revoked: usize,
}

/// Puts the certificate `NAME.crt` into the list `ca.crl` of `dir`, which is made when it is not
/// there, and puts it and its key aside, so that the name is free for another pair.
///
/// The list counts as long as the authority does.
///
/// # Errors
/// [`TlsError::Incomplete`] without the authority's key, [`TlsError::Foreign`] when the certificate
/// or the list is by another authority, and what reading and writing met.
pub fn revoke_client(
    dir: &Path,
    name: &ClientName,
    now: DateTime<Utc>,
) -> Result<RevokedClient, TlsError> {
    let path = |stem: &str, ending: &str| dir.join(format!("{stem}.{ending}"));
    let authority = Authority::of_dir(dir)?;
    let (cert, key) = (path(name.as_str(), "crt"), path(name.as_str(), "key"));
    let leaf = Leaf::load(&cert)?;
    if !authority.issued(&leaf) {
        return Err(TlsError::Foreign { path: cert, reason: "is by another authority" });
    }
    let list = path("ca", "crl");
    let mut known = Known::load(&list, &authority)?;
    let serial = leaf.serial();
    if known.entries.iter().all(|(other, _)| *other != serial) {
        known.entries.push((serial.clone(), now));
    }
    let pem = known.sign(&authority, now)?;
    files::write(&list, Secrecy::Public, pem.as_bytes())?;
    let digits: String = serial.iter().map(|byte| format!("{byte:02x}")).collect();
    let aside = format!("{}-revoked-{digits}", name.as_str());
    files::rename(&cert, &path(&aside, "crt"))?;
    if files::is_there(&key)? {
        files::rename(&key, &path(&aside, "key"))?;
    }
    Ok(RevokedClient { list, cert: path(&aside, "crt"), revoked: known.entries.len() })
}

/// What a list says: its number, and the serial numbers with the time at which each was revoked.
#[derive(Default)]
struct Known {
    number: u64,
    entries: Vec<(Vec<u8>, DateTime<Utc>)>,
}

impl Known {
    fn load(path: &Path, authority: &Authority) -> Result<Self, TlsError> {
        if !files::is_there(path)? {
            return Ok(Self::default());
        }
        let list = the_only_list(path)?;
        if !authority.is_named(&list.issuer) {
            let reason = "is by another authority";
            return Err(TlsError::Foreign { path: path.to_owned(), reason });
        }
        let number =
            number(&list).ok_or_else(|| bad_list(path, "its number is not one of ours"))?;
        let revoked = list.revoked_certificates.unwrap_or_default();
        let entries = revoked.iter().map(|entry| {
            let at = entry.revocation_date.to_system_time().into();
            (entry.serial_number.as_bytes().to_vec(), at)
        });
        Ok(Self { number, entries: entries.collect() })
    }

    /// The next list, in PEM form.
    fn sign(&self, authority: &Authority, now: DateTime<Utc>) -> Result<String, TlsError> {
        let mut dates = CertificateParams::default();
        set_validity(&mut dates, now, authority.validity().not_after);
        let entry = |(serial, at): &(Vec<u8>, DateTime<Utc>)| {
            let since_epoch = Duration::from_secs(u64::try_from(at.timestamp()).unwrap_or(0));
            RevokedCertParams {
                serial_number: SerialNumber::from_slice(serial),
                revocation_time: date_time_ymd(1970, 1, 1) + since_epoch,
                reason_code: None,
                invalidity_date: None,
            }
        };
        let params = CertificateRevocationListParams {
            this_update: dates.not_before,
            next_update: dates.not_after,
            crl_number: SerialNumber::from(self.number.saturating_add(1)),
            issuing_distribution_point: None,
            revoked_certs: self.entries.iter().map(entry).collect(),
            key_identifier_method: KeyIdMethod::Sha256,
        };
        authority.sign_list(&params)
    }
}

/// The list's number, when it has one of 64 bits at most.
fn number(list: &TbsCertList) -> Option<u64> {
    let extensions = list.crl_extensions.as_ref()?;
    let found = extensions.iter().find(|one| one.extn_id == CRL_NUMBER)?;
    let number = UintRef::from_der(found.extn_value.as_bytes()).ok()?;
    let bytes = number.as_bytes();
    let fits = bytes.len() <= size_of::<u64>();
    fits.then(|| bytes.iter().fold(0, |number, byte| (number << 8) | u64::from(*byte)))
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;
    use tempfile::TempDir;

    use super::*;
    use crate::testing::now;
    use crate::tls::generated::Action;
    use crate::tls::{ClientAuthorities, ClientTerms, Presence, ensure_client, generated};
    use rustls::server::danger::ClientCertVerifier as _;
    use rustls_pki_types::pem::PemObject as _;
    use rustls_pki_types::{CertificateDer, UnixTime};

    fn directory() -> TempDir {
        let dir = tempfile::tempdir().unwrap();
        generated::ensure(dir.path(), &[], now()).unwrap();
        dir
    }

    fn name(text: &str) -> ClientName {
        text.parse().unwrap()
    }

    /// Whether a server that has the list of `dir` lets the client of `cert` in, `days` from now.
    fn lets_in(dir: &Path, cert: &Path, days: i64) -> bool {
        let terms = ClientTerms {
            crl: Some(dir.join("ca.crl")),
            presence: Presence::Required,
            ..ClientTerms::required(&dir.join("ca.crt"))
        };
        let clients = ClientAuthorities::load(&terms, now()).unwrap();
        let leaf = CertificateDer::from_pem_file(cert).unwrap();
        let at = u64::try_from((now() + TimeDelta::days(days)).timestamp()).unwrap();
        let at = UnixTime::since_unix_epoch(Duration::from_secs(at));
        clients.verifier().verify_client_cert(&leaf, &[], at).is_ok()
    }

    #[test]
    fn whom_the_list_names_is_refused_and_whom_it_does_not_is_let_in() {
        let dir = directory();
        let dir = dir.path();
        for client in ["ci", "alice", "bob"] {
            ensure_client(dir, &name(client), now()).unwrap();
        }
        for (client, count) in [("ci", 1), ("alice", 2)] {
            let revoked = revoke_client(dir, &name(client), now()).unwrap();
            assert_eq!(revoked.revoked, count);
            assert!(!lets_in(dir, &revoked.cert, 0), "{client}");
            assert!(lets_in(dir, &dir.join("bob.crt"), 396));
        }
        let list = the_only_list(&dir.join("ca.crl")).unwrap();
        assert_eq!(number(&list), Some(2));
        assert_eq!(list.revoked_certificates.unwrap().len(), 2, "each is named once");
    }

    #[test]
    fn the_name_is_free_for_another_pair_which_is_let_in() {
        let dir = directory();
        let before = ensure_client(dir.path(), &name("ci"), now()).unwrap();
        let key = std::fs::read(&before.key).unwrap();
        let revoked = revoke_client(dir.path(), &name("ci"), now()).unwrap();
        assert!(!before.cert.exists() && !before.key.exists());
        assert_eq!(std::fs::read(revoked.cert.with_extension("key")).unwrap(), key);
        let after = ensure_client(dir.path(), &name("ci"), now()).unwrap();
        assert_eq!(after.action, Action::Made);
        assert_ne!(std::fs::read(&after.key).unwrap(), key);
        assert!(lets_in(dir.path(), &after.cert, 0) && !lets_in(dir.path(), &revoked.cert, 0));
    }

    #[test]
    fn a_run_that_died_after_the_list_is_completed_and_names_nobody_twice() {
        let dir = directory();
        ensure_client(dir.path(), &name("ci"), now()).unwrap();
        let revoked = revoke_client(dir.path(), &name("ci"), now()).unwrap();
        std::fs::rename(&revoked.cert, dir.path().join("ci.crt")).unwrap();
        let again = revoke_client(dir.path(), &name("ci"), now()).unwrap();
        assert_eq!(again, revoked);
    }

    #[test]
    fn what_is_not_by_the_authority_of_the_directory_is_refused_and_nothing_changes() {
        let (dir, other) = (directory(), directory());
        let theirs = ensure_client(other.path(), &name("ci"), now()).unwrap();
        std::fs::copy(&theirs.cert, dir.path().join("ci.crt")).unwrap();
        let foreign = |dir: &Path| {
            let error = revoke_client(dir, &name("ci"), now()).unwrap_err();
            assert!(matches!(error, TlsError::Foreign { .. }), "{error}");
        };
        foreign(dir.path());
        assert!(!dir.path().join("ca.crl").exists() && dir.path().join("ci.crt").exists());
        ensure_client(dir.path(), &name("bob"), now()).unwrap();
        revoke_client(dir.path(), &name("bob"), now()).unwrap();
        std::fs::copy(dir.path().join("ca.crl"), other.path().join("ca.crl")).unwrap();
        let before = std::fs::read(other.path().join("ca.crl")).unwrap();
        foreign(other.path());
        assert_eq!(std::fs::read(other.path().join("ca.crl")).unwrap(), before);
        assert!(theirs.cert.exists());
    }

    #[test]
    fn a_client_that_is_not_there_and_a_directory_without_the_key_are_told() {
        let dir = directory();
        let missing = revoke_client(dir.path(), &name("ci"), now()).unwrap_err();
        assert!(matches!(missing, TlsError::Io { .. }), "{missing}");
        ensure_client(dir.path(), &name("ci"), now()).unwrap();
        std::fs::remove_file(dir.path().join("ca.key")).unwrap();
        let keyless = revoke_client(dir.path(), &name("ci"), now()).unwrap_err();
        assert!(matches!(keyless, TlsError::Incomplete { missing: "ca.key", .. }), "{keyless}");
        assert!(!dir.path().join("ca.crl").exists());
    }
}
