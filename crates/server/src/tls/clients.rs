//! Whose certificates clients must show.
//!
//! Never in here: what a client that shows one may do. Source: server spec 7.2 (required, and
//! verified against exactly these authorities).

use std::path::{Path, PathBuf};
use std::sync::Arc;

use chrono::{DateTime, Utc};
use rustls::server::danger::ClientCertVerifier;

use super::TlsError;
use super::client_verifier::ClientVerifier;
use super::identity::{bad_pem, read_chain, validity};
use super::validity::{Stage, Validity};

/// Who gets through a handshake.
#[derive(Clone, Debug)]
pub enum ClientPolicy {
    /// Every client; none is asked for a certificate.
    Anyone,
    /// Clients that show a valid certificate by one of these authorities, or one of their own that
    /// is among them, and no others.
    Certified(ClientAuthorities),
}

/// The authorities that issue the certificates of clients.
#[derive(Clone, Debug)]
pub struct ClientAuthorities {
    pub(super) verifier: Arc<dyn ClientCertVerifier>,
    path: PathBuf,
    validity: Validity,
}

impl ClientAuthorities {
    /// Loads the certificates of a PEM file. One that is not valid at `now` is left out with a word
    /// in the log: a handshake looks at the dates of the client's certificate only, so an authority
    /// that has ended would go on to let its clients in.
    ///
    /// # Errors
    /// [`TlsError`] when the file cannot be read, holds no certificate or something that is none,
    /// or when none of them is valid at `now`.
    pub fn load(path: &Path, now: DateTime<Utc>) -> Result<Self, TlsError> {
        const EXPECTED: &str = "certificate";
        let mut given = Vec::new();
        let mut first_to_end: Option<Validity> = None;
        let mut left_out: Option<Validity> = None;
        for certificate in read_chain(path)? {
            let validity = validity(&certificate, path)?;
            if matches!(validity.stage(now), Stage::NotYet | Stage::Over) {
                let Validity { not_before, not_after } = validity;
                tracing::warn!(
                    path = %path.display(), %not_before, %not_after,
                    mend = "replace it in the file, then send SIGHUP",
                    "a certificate for clients is left out: it is not valid now"
                );
                left_out = Some(validity);
                continue;
            }
            given.push(certificate);
            first_to_end = match first_to_end {
                Some(first) if first.not_after <= validity.not_after => Some(first),
                _ => Some(validity),
            };
        }
        let validity = first_to_end.ok_or_else(|| match left_out {
            Some(Validity { not_before, not_after }) => {
                TlsError::Expired { path: path.to_owned(), not_before, not_after, now }
            }
            None => bad_pem(path, EXPECTED, "none found"),
        })?;
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let verifier =
            ClientVerifier::new(given, provider).map_err(|error| bad_pem(path, EXPECTED, error))?;
        Ok(Self { verifier: Arc::new(verifier), path: path.to_owned(), validity })
    }

    /// The file that they are from.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The dates of the one that ends first.
    #[must_use]
    pub fn validity(&self) -> Validity {
        self.validity
    }
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;
    use tempfile::TempDir;

    use super::*;
    use crate::testing::now;
    use crate::tls::generated;

    fn authority(at: DateTime<Utc>) -> (TempDir, PathBuf) {
        let dir = tempfile::tempdir().unwrap();
        let files = generated::ensure(dir.path(), &[], at).unwrap();
        (dir, files.ca_cert)
    }

    #[test]
    fn of_several_authorities_all_count_and_the_first_to_end_is_named() {
        let (_one, older) = authority(now() - TimeDelta::days(100));
        let (dir, newer) = authority(now());
        let both = dir.path().join("both");
        let read = |path: &Path| std::fs::read_to_string(path).unwrap();
        std::fs::write(&both, read(&newer) + &read(&older)).unwrap();
        let loaded = ClientAuthorities::load(&both, now()).unwrap();
        assert_eq!(loaded.verifier.root_hint_subjects().len(), 2);
        let alone = ClientAuthorities::load(&older, now()).unwrap();
        assert_eq!(loaded.validity(), alone.validity());
        let later = ClientAuthorities::load(&both, now() + TimeDelta::days(3600)).unwrap();
        assert_eq!(later.verifier.root_hint_subjects().len(), 1, "one has ended by then");
    }

    #[test]
    fn an_authority_out_of_its_dates_is_refused() {
        let (_dir, path) = authority(now());
        for days in [-1, 3651] {
            let error = ClientAuthorities::load(&path, now() + TimeDelta::days(days)).unwrap_err();
            assert!(matches!(error, TlsError::Expired { .. }), "{error}");
        }
    }

    #[test]
    fn a_file_without_a_certificate_is_refused() {
        let (dir, _path) = authority(now());
        let path = dir.path().join("empty");
        for contents in
            ["", "hello", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----"]
        {
            std::fs::write(&path, contents).unwrap();
            let error = ClientAuthorities::load(&path, now()).unwrap_err();
            assert!(matches!(error, TlsError::BadPem { .. }), "{error}");
        }
        let missing = dir.path().join("missing");
        let error = ClientAuthorities::load(&missing, now()).unwrap_err();
        assert!(matches!(error, TlsError::Io { .. }), "{error}");
    }
}
