//! `[signer]`: the signer that holds the server's keys, and how the two know each other.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use thiserror::Error;

use crate::number::{in_seconds, seconds};
use crate::{ConfigError, HostName};

const CERT: &str =
    "the certificate for the signer (--signer-cert, COUNTERSIGN_SIGNER_CERT or signer.cert)";
const KEY: &str = "its key (--signer-key, COUNTERSIGN_SIGNER_KEY or signer.key)";

/// The section `[signer]`. Without `address` the server holds its keys itself.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default)]
pub struct Signer {
    /// Where the signer listens: a name that its certificate is for, and a port.
    ///
    /// Default: none, which means that no signer is asked.
    pub address: Option<SignerAddress>,
    /// The PEM file of the signer's certificate, or of the authorities that issued it.
    ///
    /// Default: none, which means the system's authorities. Needs `address`.
    pub(crate) ca: Option<PathBuf>,
    /// The PEM file of the certificate chain that the signer is shown.
    ///
    /// Default: none, which means that it is shown none. Needs `address` and `key`.
    pub(crate) cert: Option<PathBuf>,
    /// The PEM file of that certificate's private key.
    ///
    /// Default: none. Needs `cert`.
    pub(crate) key: Option<PathBuf>,
    /// The longest time that the signer may take for one answer.
    ///
    /// Unit: seconds. Default: 10. Range: 1 to 60.
    #[serde(
        rename = "deadline_seconds",
        deserialize_with = "seconds::<_, 1, 60>",
        serialize_with = "in_seconds"
    )]
    pub deadline: Duration,
}

impl Default for Signer {
    fn default() -> Self {
        let deadline = Duration::from_secs(10);
        Self { address: None, ca: None, cert: None, key: None, deadline }
    }
}

/// What the server shows the signer of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ShownToSigner<'a> {
    /// The file of the certificate chain.
    pub cert: &'a Path,
    /// The file of the private key.
    pub key: &'a Path,
}

impl Signer {
    /// The file of the certificates that the signer is known by; `None`: the system's authorities.
    #[must_use]
    pub fn ca(&self) -> Option<&Path> {
        self.ca.as_deref()
    }

    /// What the signer is shown; `None`: nothing.
    #[must_use]
    pub fn shown(&self) -> Option<ShownToSigner<'_>> {
        let (cert, key) = self.cert.as_deref().zip(self.key.as_deref())?;
        Some(ShownToSigner { cert, key })
    }

    /// Itself, when it has both files of what is shown or none, and says nothing of a signer that
    /// there is none of.
    pub(crate) fn whole(self) -> Result<Self, ConfigError> {
        if self.address.is_none() {
            let keys = [
                ("signer.ca", self.ca.is_some()),
                ("signer.cert", self.cert.is_some()),
                ("signer.key", self.key.is_some()),
                ("signer.deadline_seconds", self.deadline != Self::default().deadline),
            ];
            if let Some((key, _)) = keys.into_iter().find(|(_, says)| *says) {
                return Err(ConfigError::NoSigner { key });
            }
        }
        match (&self.cert, &self.key) {
            (Some(_), None) => Err(ConfigError::HalfShown { given: CERT, missing: KEY }),
            (None, Some(_)) => Err(ConfigError::HalfShown { given: KEY, missing: CERT }),
            _ => Ok(self),
        }
    }

    pub(crate) fn rebase(&mut self, base: &Path) {
        for path in [&mut self.ca, &mut self.cert, &mut self.key] {
            *path = path.take().map(|path| base.join(path));
        }
    }
}

/// Where a signer listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignerAddress {
    /// A DNS name or an IP address.
    pub host: HostName,
    /// The port.
    pub port: u16,
}

/// A text that says no such place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("write HOST:PORT, such as signer.internal:7899 or [2001:db8::7]:7899")]
pub struct NotASignersAddress;

impl FromStr for SignerAddress {
    type Err = NotASignersAddress;

    fn from_str(text: &str) -> Result<Self, NotASignersAddress> {
        let (host, port) = text.rsplit_once(':').ok_or(NotASignersAddress)?;
        let port = port.parse().map_err(|_| NotASignersAddress)?;
        let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
        // An IPv6 address without brackets leaves open where it ends.
        let fits = port != 0 && bare.is_some() == host.contains(':') && !host.starts_with('*');
        let host: HostName = bare.unwrap_or(host).parse().map_err(|_| NotASignersAddress)?;
        if fits { Ok(Self { host, port }) } else { Err(NotASignersAddress) }
    }
}

impl fmt::Display for SignerAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { host, port } = self;
        if host.as_str().contains(':') {
            write!(f, "[{host}]:{port}")
        } else {
            write!(f, "{host}:{port}")
        }
    }
}

impl<'de> Deserialize<'de> for SignerAddress {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

impl Serialize for SignerAddress {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_written_as_they_are_read() {
        for text in ["signer.internal:7899", "127.0.0.1:1", "[2001:db8::7]:7899", "signer_1:7899"] {
            assert_eq!(text.parse::<SignerAddress>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn what_leaves_host_or_port_open_is_no_address() {
        for text in [
            "",
            ":7899",
            "signer",
            "signer:",
            "signer:0",
            "signer:70000",
            "signer:x",
            "::1:7899",
            "[::1]",
            "[signer]:7899",
            "https://signer:7899",
            "*.internal:7899",
            "a b:7899",
        ] {
            assert_eq!(text.parse::<SignerAddress>(), Err(NotASignersAddress), "{text}");
        }
    }
}
