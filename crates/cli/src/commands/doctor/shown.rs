//! The client certificate that the doctor shows where a server asks for one.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;

use super::report::Line;

const CHECK: &str = "client cert";

/// What is shown: nothing, unless files were named.
#[derive(Clone, Debug, Default)]
pub(super) struct Shown(Option<Pair>);

#[derive(Clone, Debug)]
struct Pair {
    path: PathBuf,
    certified: Arc<CertifiedKey>,
}

impl Shown {
    /// What the files of a pair hold; nothing when none is named.
    pub(super) fn load(pair: Option<(&Path, &Path)>) -> Result<Self, Line> {
        let Some((cert, key)) = pair else { return Ok(Self::default()) };
        let failed = |path: &Path, why: String, mend: &str| {
            Line::fail(CHECK, format!("{}: {why}", path.display()), mend)
        };
        let chain = CertificateDer::pem_file_iter(cert)
            .and_then(Iterator::collect::<Result<Vec<_>, _>>)
            .map_err(|error| failed(cert, error.to_string(), "name a certificate in PEM"))?;
        if chain.is_empty() {
            let why = "there is no certificate in it".to_owned();
            return Err(failed(cert, why, "name a certificate in PEM"));
        }
        let private = PrivateKeyDer::from_pem_file(key)
            .map_err(|error| failed(key, error.to_string(), "name its private key in PEM"))?;
        let provider = rustls::crypto::ring::default_provider();
        let certified = CertifiedKey::from_der(chain, private, &provider)
            .map_err(|error| failed(key, error.to_string(), "name the key of the certificate"))?;
        Ok(Self(Some(Pair { path: cert.to_owned(), certified: Arc::new(certified) })))
    }

    /// The certificate with its key, for the handshake.
    pub(super) fn certified(&self) -> Option<Arc<CertifiedKey>> {
        self.0.as_ref().map(|pair| Arc::clone(&pair.certified))
    }

    /// The server asked for one, and went on.
    pub(super) fn taken(&self) -> Line {
        match &self.0 {
            Some(Pair { path, .. }) => {
                Line::ok(CHECK, format!("the server asked for one, and took {}", path.display()))
            }
            None => Line::ok(CHECK, "the server asked for one, and does without"),
        }
    }

    /// The server asked for one, and ended the connection.
    pub(super) fn refused(&self) -> Line {
        match &self.0 {
            Some(Pair { path, .. }) => Line::fail(
                CHECK,
                format!(
                    "the server asked for one, was shown {}, and ended the connection",
                    path.display()
                ),
                "show one that is valid now, for clients, not revoked, and by an authority that \
                 the server knows; its log says why",
            ),
            None => Line::fail(
                CHECK,
                "the server asked for a client certificate, and ended the connection without one",
                "put client.cert and client.key beside docker's ca.crt, or name them in notary's \
                 config.json as tls_client_cert and tls_client_key; --client-cert and \
                 --client-key try a pair here",
            ),
        }
    }
}
