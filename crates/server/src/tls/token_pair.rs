//! The key that signs tokens, and the certificate by which registries know it.
//!
//! Made on the first start, self-signed. In the last third of its life another certificate for the
//! same key is put behind it in the file; tokens go on carrying the first one until shortly before
//! its end. So registries with the old file and those with the new one take them alike.

use std::path::{Path, PathBuf};

use chrono::{DateTime, TimeDelta, Utc};
use countersign_access::issue::TokenKey;
use rcgen::PublicKeyData as _;
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, KeyPair, KeyUsagePurpose};
use zeroize::Zeroizing;

use super::TlsError;
use super::files::{self, Secrecy};
use super::generated::{Action, is_due, new_key};
use super::issue::{self, Leaf, random_serial, set_validity};

/// How long the certificate lives; a registry needs the next one by then.
const LIFETIME: TimeDelta = TimeDelta::days(3650);
/// How far back the validity starts, for registries whose clock is behind.
const CLOCK_SLACK: TimeDelta = TimeDelta::hours(1);

/// The files of the key that signs tokens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenPair {
    /// The certificate, which registries trust.
    pub cert: PathBuf,
    /// The private key.
    pub key: PathBuf,
    /// What was done.
    pub action: Action,
}

impl TokenPair {
    /// Sees to it that `certs_dir` holds `token.crt` and `token.key`. A certificate that was not
    /// made here is used as it is.
    ///
    /// # Errors
    /// [`TlsError`] when a file cannot be read or written, or the key is missing.
    pub fn ensure(certs_dir: &Path, now: DateTime<Utc>) -> Result<Self, TlsError> {
        files::make_dir(certs_dir)?;
        let (cert, key) = (certs_dir.join("token.crt"), certs_dir.join("token.key"));
        let action = match (files::is_there(&cert)?, files::is_there(&key)?) {
            (false, false) => {
                files::write(&cert, Secrecy::Public, issue(&new_key(&key)?, now)?.as_bytes())?;
                Action::Made
            }
            (false, true) => {
                let pem = issue(&issue::load_key(&key)?, now)?;
                files::write(&cert, Secrecy::Public, pem.as_bytes())?;
                Action::Made
            }
            (true, false) => {
                return Err(TlsError::Incomplete { dir: certs_dir.into(), missing: "token.key" });
            }
            (true, true) => renew(&cert, &key, now)?,
        };
        Ok(Self { cert, key, action })
    }

    /// The pair of files that the operator names.
    #[must_use]
    pub fn given(cert: &Path, key: &Path) -> Self {
        Self { cert: cert.into(), key: key.into(), action: Action::Kept }
    }

    /// The key, ready to sign.
    ///
    /// # Errors
    /// [`TlsError`] when the files cannot be read or do not go together, or when the certificate is
    /// not valid at `now`, so that registries would take no token.
    pub fn load(&self, now: DateTime<Utc>) -> Result<TokenKey, TlsError> {
        let key_pem = Zeroizing::new(super::identity::read(&self.key)?);
        let cert_pem = super::identity::read(&self.cert)?;
        let key = TokenKey::from_pem(&key_pem, &cert_pem, now).map_err(|reason| {
            let (cert, key) = (self.cert.clone(), self.key.clone());
            TlsError::TokenKey { cert, key, reason }
        })?;
        if !key.is_valid_at(now) {
            let validity = Leaf::load(&self.cert)?.validity();
            return Err(TlsError::Expired {
                path: self.cert.clone(),
                not_before: validity.not_before,
                not_after: validity.not_after,
                now,
            });
        }
        Ok(key)
    }
}

fn renew(cert: &Path, key: &Path, now: DateTime<Utc>) -> Result<Action, TlsError> {
    let mut all = Leaf::load_all(cert)?;
    if !all.iter().all(|(leaf, _)| is_due(leaf, now)) {
        return Ok(Action::Kept);
    }
    let key = issue::load_key(key)?;
    let name = name_of(&key);
    if all.iter().any(|(leaf, _)| leaf.common_name().as_deref() != Some(&name)) {
        return Ok(Action::Kept);
    }
    all.retain(|(leaf, _)| leaf.validity().not_after > now);
    let mut pem: String = all.into_iter().map(|(_, pem)| pem).collect();
    pem.push_str(&issue(&key, now)?);
    files::write(cert, Secrecy::Public, pem.as_bytes())?;
    Ok(Action::Reissued)
}

/// A certificate for `key`, in PEM form.
fn issue(key: &KeyPair, now: DateTime<Utc>) -> Result<String, TlsError> {
    let mut params = CertificateParams::default();
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name_of(key));
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature, KeyUsagePurpose::KeyCertSign];
    let not_before = now - CLOCK_SLACK;
    set_validity(&mut params, not_before, not_before + LIFETIME);
    params.serial_number = Some(random_serial()?);
    let certificate =
        params.self_signed(key).map_err(|error| TlsError::Issue { reason: error.to_string() })?;
    Ok(certificate.pem())
}

/// Comes from the key, so that it stays when the certificate is issued again.
fn name_of(key: &KeyPair) -> String {
    let digest = ring::digest::digest(&ring::digest::SHA256, &key.subject_public_key_info());
    let short: String = digest.as_ref().iter().take(4).map(|byte| format!("{byte:02x}")).collect();
    format!("Countersign tokens {short}")
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;
    use crate::testing::now;

    fn ensured(dir: &Path, at: DateTime<Utc>) -> (Action, Vec<u8>, Vec<u8>) {
        let pair = TokenPair::ensure(dir, at).unwrap();
        pair.load(at).unwrap();
        (pair.action, fs::read(&pair.cert).unwrap(), fs::read(&pair.key).unwrap())
    }

    #[test]
    fn the_pair_is_made_once_and_private() {
        let dir = tempfile::tempdir().unwrap();
        let (action, cert, key) = ensured(dir.path(), now());
        assert_eq!(action, Action::Made);
        let mode = fs::metadata(dir.path().join("token.key")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert_eq!(ensured(dir.path(), now()), (Action::Kept, cert, key));
    }

    #[test]
    fn in_the_last_third_another_one_for_the_same_key_follows_it_in_the_file() {
        let dir = tempfile::tempdir().unwrap();
        let (_, cert, key) = ensured(dir.path(), now());
        let name = Leaf::load(&dir.path().join("token.crt")).unwrap().common_name();
        let (action, kept, _) = ensured(dir.path(), now() + TimeDelta::days(2400));
        assert_eq!((action, &kept), (Action::Kept, &cert));
        let (action, renewed, same_key) = ensured(dir.path(), now() + TimeDelta::days(2500));
        assert_eq!((action, &same_key), (Action::Reissued, &key));
        assert!(renewed.starts_with(&cert) && renewed.len() > cert.len());
        let at = now() + TimeDelta::days(2500);
        assert_eq!(ensured(dir.path(), at), (Action::Kept, renewed.clone(), same_key.clone()));
        let later = now() + TimeDelta::days(5500);
        let (action, third, _) = ensured(dir.path(), later);
        assert_eq!(action, Action::Reissued);
        assert!(!third.starts_with(&cert), "what is over is taken out");
        assert_eq!(Leaf::load(&dir.path().join("token.crt")).unwrap().common_name(), name);
        assert!(name.unwrap().starts_with("Countersign tokens "));
    }

    #[test]
    fn a_missing_certificate_is_made_of_the_key_and_a_missing_key_is_not_replaced() {
        let dir = tempfile::tempdir().unwrap();
        let (_, _, key) = ensured(dir.path(), now());
        fs::remove_file(dir.path().join("token.crt")).unwrap();
        let (action, _, same_key) = ensured(dir.path(), now());
        assert_eq!((action, same_key), (Action::Made, key));
        fs::remove_file(dir.path().join("token.key")).unwrap();
        let said = TokenPair::ensure(dir.path(), now()).unwrap_err().to_string();
        assert!(said.contains("lacks token.key"), "{said}");
        assert!(!dir.path().join("token.key").exists());
    }

    #[test]
    fn what_was_not_made_here_is_never_overwritten() {
        let dir = tempfile::tempdir().unwrap();
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::default();
        set_validity(&mut params, now() - TimeDelta::days(9), now() + TimeDelta::days(1));
        let foreign = params.self_signed(&key).unwrap().pem();
        fs::write(dir.path().join("token.crt"), &foreign).unwrap();
        fs::write(dir.path().join("token.key"), key.serialize_pem()).unwrap();
        assert_eq!(ensured(dir.path(), now()).0, Action::Kept);
        assert_eq!(fs::read_to_string(dir.path().join("token.crt")).unwrap(), foreign);
        let pair = TokenPair::ensure(dir.path(), now() + TimeDelta::days(2)).unwrap();
        let said = pair.load(now() + TimeDelta::days(2)).unwrap_err().to_string();
        assert!(said.contains("token.crt is valid from"), "{said}");
    }

    #[test]
    fn files_that_do_not_go_together_are_named() {
        let (one, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        ensured(one.path(), now());
        ensured(other.path(), now());
        let (cert, key) = (one.path().join("token.crt"), other.path().join("token.key"));
        let said = TokenPair::given(&cert, &key).load(now()).unwrap_err().to_string();
        assert!(said.contains("not that of the token key") && said.contains("token.crt"), "{said}");
    }
}
