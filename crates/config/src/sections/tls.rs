//! `[tls]`: the operator's own certificate, whose certificates clients must show, and whom these
//! name.

use std::path::{Path, PathBuf};

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};

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
    /// Whether a client must show a certificate.
    ///
    /// Default: `required`. One of `required`, `optional`. Needs `client_ca`.
    pub client_certificates: ClientCertificates,
    /// The file of the revocation lists of these authorities: several in PEM form, or one in DER
    /// form.
    ///
    /// Default: none, which means that no certificate is revoked. Needs `client_ca`.
    pub(crate) client_crl: Option<PathBuf>,
    /// Where in a client's certificate the user's name is.
    ///
    /// Default: `common-name`. One of `common-name`, `dns`, `email`, `uri`. Needs `client_ca`.
    pub client_name: ClientNameIn,
    /// Serve plain HTTP, for a proxy in front that ends TLS. A certificate by flag or variable
    /// wins over it.
    ///
    /// Default: `false`. Excludes `cert`, `key` and `client_ca`.
    pub plain_http: bool,
}

/// Whether a client must show a certificate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ClientCertificates {
    /// Without one it is not let in.
    #[default]
    Required,
    /// Without one it is let in as nobody in particular; one that it shows must count.
    Optional,
}

impl<'de> Deserialize<'de> for ClientCertificates {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match String::deserialize(deserializer)?.as_str() {
            "required" => Ok(Self::Required),
            "optional" => Ok(Self::Optional),
            _ => Err(D::Error::custom("write required or optional")),
        }
    }
}

/// Where in a client's certificate the user's name is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ClientNameIn {
    /// In the subject's common name.
    #[default]
    CommonName,
    /// In the DNS name among the alternative names.
    Dns,
    /// In the address of mail among them.
    Email,
    /// In the URI among them.
    Uri,
}

impl<'de> Deserialize<'de> for ClientNameIn {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match String::deserialize(deserializer)?.as_str() {
            "common-name" => Ok(Self::CommonName),
            "dns" => Ok(Self::Dns),
            "email" => Ok(Self::Email),
            "uri" => Ok(Self::Uri),
            _ => Err(D::Error::custom("write common-name, dns, email or uri")),
        }
    }
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

    /// The file of the revocation lists of these authorities.
    #[must_use]
    pub fn client_crl(&self) -> Option<&Path> {
        self.client_crl.as_deref()
    }

    /// The first key that says something of the certificates of clients, who need none.
    fn idle_key(&self) -> Option<&'static str> {
        let Self { client_ca, client_certificates, client_crl, client_name, .. } = self;
        let keys = [
            ("tls.client_certificates", *client_certificates != ClientCertificates::default()),
            ("tls.client_crl", client_crl.is_some()),
            ("tls.client_name", *client_name != ClientNameIn::default()),
        ];
        let idle = keys.into_iter().find(|(_, says)| *says && client_ca.is_none());
        idle.map(|(key, _)| key)
    }

    /// Itself, when it has both files or none, no file where nothing is encrypted, and nothing of
    /// the certificates of clients without their authority.
    pub(crate) fn whole(self) -> Result<Self, ConfigError> {
        match (&self.cert, &self.key) {
            (Some(_), None) => Err(ConfigError::HalfIdentity { given: CERT, missing: KEY }),
            (None, Some(_)) => Err(ConfigError::HalfIdentity { given: KEY, missing: CERT }),
            _ if self.plain_http && (self.cert.is_some() || self.client_ca.is_some()) => {
                Err(ConfigError::PlainHttpWithTls)
            }
            _ => match self.idle_key() {
                Some(key) => Err(ConfigError::NoClientAuthority { key }),
                None => Ok(self),
            },
        }
    }

    pub(crate) fn rebase(&mut self, base: &Path) {
        self.cert = self.cert.take().map(|path| base.join(path));
        self.key = self.key.take().map(|path| base.join(path));
        self.client_ca = self.client_ca.take().map(|path| base.join(path));
        self.client_crl = self.client_crl.take().map(|path| base.join(path));
    }
}
