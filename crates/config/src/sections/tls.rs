//! `[tls]`: the operator's own certificate, and whose certificates clients must show.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::ConfigError;

const CERT: &str = "the certificate (--tls-cert, COUNTERSIGN_TLS_CERT or tls.cert)";
const KEY: &str = "its key (--tls-key, COUNTERSIGN_TLS_KEY or tls.key)";

/// The section `[tls]`. Without it the server makes a certificate of its own, and serves anyone.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default)]
pub struct Tls {
    /// The PEM file of the certificate chain, the server's own first.
    ///
    /// Default: none, which means a generated one. Needs `key`.
    pub(crate) cert: Option<PathBuf>,
    /// The PEM file of the certificate's private key.
    ///
    /// Default: none. Needs `cert`.
    pub(crate) key: Option<PathBuf>,
    /// The PEM file of the authorities whose certificates clients must show.
    ///
    /// Default: none, which means that clients need no certificate.
    pub(crate) client_ca: Option<PathBuf>,
    /// Serve plain HTTP, for a proxy in front that ends TLS. A certificate by flag or variable
    /// wins over it.
    ///
    /// Default: `false`. Excludes `cert`, `key` and `client_ca`.
    pub plain_http: bool,
}

/// The operator's own certificate and key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OwnIdentity<'a> {
    /// The file of the certificate chain.
    pub cert: &'a Path,
    /// The file of the private key.
    pub key: &'a Path,
}

impl Tls {
    /// The operator's own certificate; `None` when the server shall make one.
    #[must_use]
    pub fn own(&self) -> Option<OwnIdentity<'_>> {
        let (cert, key) = self.cert.as_deref().zip(self.key.as_deref())?;
        Some(OwnIdentity { cert, key })
    }

    /// The file of the authorities of clients; `None` when clients need no certificate.
    #[must_use]
    pub fn client_ca(&self) -> Option<&Path> {
        self.client_ca.as_deref()
    }

    /// Itself, when it has both files or none, and no file where nothing is encrypted.
    pub(crate) fn whole(self) -> Result<Self, ConfigError> {
        match (&self.cert, &self.key) {
            (Some(_), None) => Err(ConfigError::HalfIdentity { given: CERT, missing: KEY }),
            (None, Some(_)) => Err(ConfigError::HalfIdentity { given: KEY, missing: CERT }),
            _ if self.plain_http && (self.cert.is_some() || self.client_ca.is_some()) => {
                Err(ConfigError::PlainHttpWithTls)
            }
            _ => Ok(self),
        }
    }

    pub(crate) fn rebase(&mut self, base: &Path) {
        self.cert = self.cert.take().map(|path| base.join(path));
        self.key = self.key.take().map(|path| base.join(path));
        self.client_ca = self.client_ca.take().map(|path| base.join(path));
    }
}
