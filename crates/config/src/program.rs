//! The two programs that settings are for.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};

use crate::sections::access::Access;
use crate::sections::tls::ClientCertificates;
use crate::{ConfigError, Origin, Settings};

/// Where a signer listens unless it is told.
const SIGNERS_PORT: u16 = 7899;

/// Which of the two programs settings are for: `countersign serve`, or `countersign signer`, which
/// has the place of Notary's `notary-signer`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Program {
    /// The server.
    Server,
    /// The signer.
    Signer,
}

impl Program {
    /// Puts what this program has as its own defaults into `settings`, where nothing sets it, and
    /// refuses what would be less safe than it reads.
    pub(crate) fn complete(
        self,
        settings: &mut Settings,
        origins: &BTreeMap<String, Origin>,
    ) -> Result<(), ConfigError> {
        if self == Self::Server {
            return Ok(());
        }
        if !origins.contains_key("server.listen") {
            settings.server.listen = SocketAddr::from((Ipv4Addr::LOCALHOST, SIGNERS_PORT));
        }
        judge(settings)
    }
}

/// A signer signs for whoever gets to it, so nothing that keeps others away may be missing, or
/// written where it does not look.
fn judge(settings: &Settings) -> Result<(), ConfigError> {
    let refused = |key, mend| Err(ConfigError::NotForSigner { key, mend });
    if settings.tls.plain_http {
        return refused("plain HTTP", "a signer speaks TLS only: set certificate and key");
    }
    if settings.tls.own().is_none() {
        return Err(ConfigError::SignerNeeds {
            missing: "a certificate and its key (--tls-cert and --tls-key, COUNTERSIGN_TLS_CERT and \
                      COUNTERSIGN_TLS_KEY, tls.cert and tls.key; in Notary's file \
                      server.tls_cert_file and server.tls_key_file)",
        });
    }
    if settings.tls.client_ca().is_none() {
        return Err(ConfigError::SignerNeeds {
            missing: "the authority of its clients (--client-ca, COUNTERSIGN_CLIENT_CA or \
                      tls.client_ca; in Notary's file server.client_ca_file), since without it \
                      anyone could have anything signed",
        });
    }
    if settings.tls.client_certificates == ClientCertificates::Optional {
        return refused(
            "tls.client_certificates = \"optional\"",
            "without a certificate nobody gets anything signed: take it out",
        );
    }
    if settings.access != Access::default() {
        return refused("[access]", "take it out, and name the clients in signing.clients");
    }
    if settings.server.read_only {
        return refused("read_only", "a signer would sign all the same: take it out, or stop it");
    }
    Ok(())
}
