//! Whose certificates clients must show.
//!
//! Never in here: what a client that shows one may do. Source: server spec 7.2 (required, and
//! verified against exactly these authorities).

use std::path::{Path, PathBuf};
use std::sync::Arc;

use chrono::{DateTime, Utc};

use super::TlsError;
use super::client_verifier::ClientVerifier;
use super::identity::{bad_pem, read_chain, validity};
use super::revocation::RevocationLists;
use super::user_name::NameSource;
use super::validity::{Stage, Validity};

/// Who gets through a handshake.
#[derive(Clone, Debug)]
pub enum ClientPolicy {
    /// Every client; none is asked for a certificate.
    Anyone,
    /// Clients that show a valid certificate by one of these authorities, or one of their own that
    /// is among them; and, where none is required, clients that show none.
    Certified(ClientAuthorities),
}

/// Whether a client must show a certificate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Presence {
    /// It need not: without one it is nobody in particular. One that it shows must be valid.
    Optional,
    /// It must.
    #[default]
    Required,
}

/// How clients prove themselves: what the operator says of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientTerms {
    /// The PEM file of the authorities, and of certificates that count for themselves.
    pub ca: PathBuf,
    /// The file of revocation lists; `None` when no certificate is revoked.
    pub crl: Option<PathBuf>,
    /// Whether a certificate is required.
    pub presence: Presence,
    /// Where in a certificate the user's name is.
    pub name: NameSource,
}

impl ClientTerms {
    /// Clients must show a certificate by an authority in the file `ca`; its common name is theirs.
    #[must_use]
    pub fn required(ca: &Path) -> Self {
        let (presence, name) = (Presence::Required, NameSource::CommonName);
        Self { ca: ca.to_owned(), crl: None, presence, name }
    }
}

/// The authorities that issue the certificates of clients.
#[derive(Clone, Debug)]
pub struct ClientAuthorities {
    verifier: Arc<ClientVerifier>,
    revocation: Option<RevocationLists>,
    terms: ClientTerms,
    validity: Validity,
}

impl ClientAuthorities {
    /// Loads the certificates of a PEM file, and the revocation lists. A certificate that is not valid at `now` is left out with a word
    /// in the log: a handshake looks at the dates of the client's certificate only, so an authority
    /// that has ended would go on to let its clients in.
    ///
    /// # Errors
    /// [`TlsError`] when the file cannot be read, holds no certificate or something that is none,
    /// or when none of them is valid at `now`; and when the revocation lists cannot be used.
    pub fn load(terms: &ClientTerms, now: DateTime<Utc>) -> Result<Self, TlsError> {
        const EXPECTED: &str = "certificate";
        let path = terms.ca.as_path();
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
        let revocation = terms.crl.as_deref().map(RevocationLists::load).transpose()?;
        let verifier = ClientVerifier::new(given, revocation.as_ref(), terms.presence)
            .map_err(|error| bad_pem(path, EXPECTED, error))?;
        Ok(Self { verifier: Arc::new(verifier), revocation, terms: terms.clone(), validity })
    }

    /// The file that they are from.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.terms.ca
    }

    /// The dates of the one that ends first.
    #[must_use]
    pub fn validity(&self) -> Validity {
        self.validity
    }

    /// The revocation lists, when there is a file of them.
    #[must_use]
    pub fn revocation(&self) -> Option<&RevocationLists> {
        self.revocation.as_ref()
    }

    /// The names of those that have no revocation list although there is a file of them: their
    /// clients are refused.
    #[must_use]
    pub fn unlisted(&self) -> &[String] {
        self.verifier.unlisted()
    }

    /// What the operator says of clients.
    pub(super) fn terms(&self) -> &ClientTerms {
        &self.terms
    }

    /// What judges certificates.
    pub(super) fn verifier(&self) -> &Arc<ClientVerifier> {
        &self.verifier
    }
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;
    use tempfile::TempDir;

    use rustls::server::danger::ClientCertVerifier as _;

    use super::*;
    use crate::testing::now;
    use crate::tls::generated;

    fn load(path: &Path, now: DateTime<Utc>) -> Result<ClientAuthorities, TlsError> {
        ClientAuthorities::load(&ClientTerms::required(path), now)
    }

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
        let loaded = load(&both, now()).unwrap();
        assert_eq!(loaded.verifier.root_hint_subjects().len(), 2);
        let alone = load(&older, now()).unwrap();
        assert_eq!(loaded.validity(), alone.validity());
        let later = load(&both, now() + TimeDelta::days(3600)).unwrap();
        assert_eq!(later.verifier.root_hint_subjects().len(), 1, "one has ended by then");
    }

    #[test]
    fn an_authority_out_of_its_dates_is_refused() {
        let (_dir, path) = authority(now());
        for days in [-1, 3651] {
            let error = load(&path, now() + TimeDelta::days(days)).unwrap_err();
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
            let error = load(&path, now()).unwrap_err();
            assert!(matches!(error, TlsError::BadPem { .. }), "{error}");
        }
        let missing = dir.path().join("missing");
        let error = load(&missing, now()).unwrap_err();
        assert!(matches!(error, TlsError::Io { .. }), "{error}");
    }
}
