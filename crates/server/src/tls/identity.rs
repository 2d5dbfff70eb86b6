//! A certificate chain and its private key, loaded from PEM files and proved to belong together.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use chrono::{DateTime, Utc};
use rustls::server::ResolvesServerCert;
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls_pki_types::pem::{self, PemObject};
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use x509_cert::Certificate;
use x509_cert::der::Decode as _;
use zeroize::Zeroizing;

use super::TlsError;
use super::validity::{Stage, Validity};

/// What the server shows and signs with in a handshake. The key belongs to the certificate.
#[derive(Clone)]
pub struct Identity {
    certified: Arc<CertifiedKey>,
    cert_path: PathBuf,
    validity: Validity,
}

impl Identity {
    /// Loads a certificate chain (leaf first) and its key (PKCS#8, SEC1 or PKCS#1) from PEM files.
    ///
    /// The dates are not looked at: see [`Identity::valid_at`].
    ///
    /// # Errors
    /// [`TlsError`] when a file cannot be read, holds nothing of its kind, or the two do not belong
    /// together.
    pub fn load(cert: &Path, key: &Path) -> Result<Self, TlsError> {
        let chain = read_chain(cert)?;
        let private = read_key(key)?;
        let leaf = chain.first().ok_or_else(|| bad_pem(cert, CERTIFICATE, "none found"))?;
        let validity = validity(leaf, cert)?;
        let provider = rustls::crypto::ring::default_provider();
        let signing = provider.key_provider.load_private_key(private).map_err(|error| {
            TlsError::Unusable { path: key.to_owned(), reason: error.to_string() }
        })?;
        let certified = CertifiedKey::new(chain, signing);
        certified.keys_match().map_err(|error| match error {
            rustls::Error::InconsistentKeys(_) => {
                TlsError::Mismatch { cert: cert.to_owned(), key: key.to_owned() }
            }
            other => TlsError::Unusable { path: cert.to_owned(), reason: other.to_string() },
        })?;
        Ok(Self { certified: Arc::new(certified), cert_path: cert.to_owned(), validity })
    }

    /// The identity, if its certificate is valid at `now`.
    ///
    /// # Errors
    /// [`TlsError::Expired`] when `now` is outside the certificate's dates.
    pub fn valid_at(self, now: DateTime<Utc>) -> Result<Self, TlsError> {
        match self.validity.stage(now) {
            Stage::Fresh | Stage::LastThird => Ok(self),
            Stage::NotYet | Stage::Over => {
                let Validity { not_before, not_after } = self.validity;
                Err(TlsError::Expired { path: self.cert_path, not_before, not_after, now })
            }
        }
    }

    /// The file of the certificate.
    #[must_use]
    pub fn cert_path(&self) -> &Path {
        &self.cert_path
    }

    /// When the certificate is valid.
    #[must_use]
    pub fn validity(&self) -> Validity {
        self.validity
    }

    pub(super) fn into_resolver(self) -> Arc<dyn ResolvesServerCert> {
        Arc::new(SingleCertAndKey::from(self.certified))
    }
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Identity")
            .field("cert", &self.cert_path)
            .field("not_after", &self.validity.not_after)
            .finish_non_exhaustive()
    }
}

/// A certificate chain and its private key, for whoever shows them to a server.
#[derive(Debug)]
pub struct ShownPair {
    /// The leaf first.
    pub chain: Vec<CertificateDer<'static>>,
    /// The leaf's key.
    pub key: PrivateKeyDer<'static>,
}

impl ShownPair {
    /// Loads both from PEM files, proved as by [`Identity::load`] and [`Identity::valid_at`].
    ///
    /// # Errors
    /// As these.
    pub fn load(cert: &Path, key: &Path, now: DateTime<Utc>) -> Result<Self, TlsError> {
        Identity::load(cert, key)?.valid_at(now)?;
        Ok(Self { chain: read_chain(cert)?, key: read_key(key)? })
    }
}

/// Every certificate of a PEM file, at least one.
///
/// # Errors
/// [`TlsError`] when the file cannot be read or holds no certificate.
pub fn certificates_in(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let chain = read_chain(path)?;
    if chain.is_empty() {
        return Err(bad_pem(path, CERTIFICATE, "none found"));
    }
    Ok(chain)
}

const CERTIFICATE: &str = "certificate";
const PRIVATE_KEY: &str = "private key";

/// When the first certificate of a PEM file is valid.
///
/// # Errors
/// [`TlsError`] when the file cannot be read or holds no certificate.
pub fn validity_in(path: &Path) -> Result<Validity, TlsError> {
    let chain = read_chain(path)?;
    let first = chain.first().ok_or_else(|| bad_pem(path, CERTIFICATE, "none found"))?;
    validity(first, path)
}

/// Every certificate of a PEM file, in its order.
pub(super) fn read_chain(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let text = read(path)?;
    CertificateDer::pem_slice_iter(&text)
        .collect::<Result<Vec<_>, _>>()
        .map_err(|error| bad_pem(path, CERTIFICATE, error))
}

fn read_key(path: &Path) -> Result<PrivateKeyDer<'static>, TlsError> {
    let text = Zeroizing::new(read(path)?);
    PrivateKeyDer::from_pem_slice(&text).map_err(|error| match error {
        pem::Error::NoItemsFound => bad_pem(path, PRIVATE_KEY, "none found, or it is encrypted"),
        other => bad_pem(path, PRIVATE_KEY, other),
    })
}

pub(super) fn read(path: &Path) -> Result<Vec<u8>, TlsError> {
    std::fs::read(path).map_err(|source| TlsError::Io {
        action: "cannot read",
        path: path.to_owned(),
        source,
    })
}

pub(super) fn bad_pem(path: &Path, expected: &'static str, reason: impl fmt::Display) -> TlsError {
    TlsError::BadPem { path: path.to_owned(), expected, reason: reason.to_string() }
}

/// When `certificate`, which is from `path`, is valid.
pub(super) fn validity(
    certificate: &CertificateDer<'_>,
    path: &Path,
) -> Result<Validity, TlsError> {
    let parsed =
        Certificate::from_der(certificate).map_err(|error| bad_pem(path, CERTIFICATE, error))?;
    Ok(Validity::of(&parsed))
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;
    use tempfile::TempDir;

    use super::*;
    use crate::testing::now;
    use crate::tls::generated::{self, GeneratedFiles};

    fn files() -> (TempDir, GeneratedFiles) {
        let dir = tempfile::tempdir().unwrap();
        let files = generated::ensure(dir.path(), &[], now()).unwrap();
        (dir, files)
    }

    fn written(dir: &TempDir, contents: &[u8]) -> PathBuf {
        let path = dir.path().join("written");
        std::fs::write(&path, contents).unwrap();
        path
    }

    #[test]
    fn a_pair_that_belongs_together_loads() {
        let (_dir, files) = files();
        let identity = Identity::load(&files.cert, &files.key).unwrap();
        assert!(identity.validity().not_after > now() + TimeDelta::days(390));
        assert!(identity.valid_at(now()).is_ok());
    }

    /// The inner part of a PKCS#8 key for a named curve is the SEC1 form.
    #[test]
    fn a_key_in_sec1_form_loads() {
        let (dir, files) = files();
        let pkcs8 = ::pem::parse(std::fs::read(&files.key).unwrap()).unwrap().into_contents();
        let start = [0x30, 0x6b, 0x02, 0x01, 0x01, 0x04, 0x20];
        let at = pkcs8.windows(start.len()).position(|window| window == start).unwrap();
        let sec1 = ::pem::encode(&::pem::Pem::new("EC PRIVATE KEY", &pkcs8[at..]));
        Identity::load(&files.cert, &written(&dir, sec1.as_bytes())).unwrap();
    }

    #[test]
    fn a_key_of_another_certificate_is_refused() {
        let ((_one, one), (_other, other)) = (files(), files());
        let error = Identity::load(&one.cert, &other.key).unwrap_err();
        assert!(matches!(error, TlsError::Mismatch { .. }), "{error}");
    }

    #[test]
    fn a_missing_file_is_named() {
        let (dir, files) = files();
        let missing = dir.path().join("missing.pem");
        for (cert, key) in [(&missing, &files.key), (&files.cert, &missing)] {
            let error = Identity::load(cert, key).unwrap_err();
            assert!(matches!(&error, TlsError::Io { path, .. } if *path == missing), "{error}");
        }
    }

    #[test]
    fn a_file_that_holds_something_else_is_refused() {
        let (dir, files) = files();
        let cert = std::fs::read(&files.cert).unwrap();
        let key = std::fs::read(&files.key).unwrap();
        let half = &cert[..cert.len() / 2];
        let encrypted =
            b"-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n";
        let no_der = b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        for contents in [b"".as_slice(), b"hello", &key, half, no_der] {
            let error = Identity::load(&written(&dir, contents), &files.key).unwrap_err();
            assert!(matches!(error, TlsError::BadPem { .. }), "{error}");
        }
        for contents in [b"".as_slice(), b"hello", &cert, encrypted] {
            let error = Identity::load(&files.cert, &written(&dir, contents)).unwrap_err();
            assert!(matches!(error, TlsError::BadPem { .. }), "{error}");
        }
    }

    #[test]
    fn a_key_that_tls_cannot_use_is_refused() {
        let (dir, files) = files();
        let key = written(&dir, b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n");
        let error = Identity::load(&files.cert, &key).unwrap_err();
        assert!(matches!(error, TlsError::Unusable { .. }), "{error}");
    }

    #[test]
    fn a_certificate_out_of_its_dates_is_refused() {
        let (_dir, files) = files();
        let identity = Identity::load(&files.cert, &files.key).unwrap();
        for days in [-1, 398] {
            let error = identity.clone().valid_at(now() + TimeDelta::days(days)).unwrap_err();
            assert!(matches!(error, TlsError::Expired { .. }), "{error}");
        }
    }

    #[test]
    fn printing_shows_no_key() {
        let (_dir, files) = files();
        let identity = Identity::load(&files.cert, &files.key).unwrap();
        let shown = format!("{identity:?}");
        assert!(shown.contains("server.crt") && !shown.contains("certified"), "{shown}");
    }
}
