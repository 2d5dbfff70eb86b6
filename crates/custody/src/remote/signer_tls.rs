//! TLS to a signer: whom to take for it, and what to show it.
//!
//! Never in here: files.
//!
//! Source: signer spec 1.5.

use std::fmt;
use std::sync::Arc;

use rustls::ClientConfig;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use thiserror::Error;

use super::server_verifier::ServerVerifier;

/// Why certificates cannot be used towards a signer.
#[derive(Debug, Error)]
pub enum BadTls {
    /// One of the certificates that the signer is known by.
    #[error("a certificate that the signer is known by is not usable: {0}")]
    Authority(String),
    /// What this server shows.
    #[error("the certificate to show to the signer is not usable with its key: {0}")]
    Identity(String),
    /// There is nothing that the signer could be known by.
    #[error("there is no certificate that the signer could be known by")]
    NoAuthority,
}

impl BadTls {
    pub(super) fn authority(reason: impl fmt::Display) -> Self {
        Self::Authority(reason.to_string())
    }
}

/// What this server shows of itself.
#[derive(Debug)]
pub struct ClientIdentity {
    /// Its certificate first, then those of its issuers.
    pub chain: Vec<CertificateDer<'static>>,
    /// The private key.
    pub key: PrivateKeyDer<'static>,
}

/// TLS towards one signer.
#[derive(Clone, Debug)]
pub struct SignerTls(Arc<ClientConfig>);

impl SignerTls {
    /// Takes a signer that shows one of `known_by`, or a certificate that an authority among them
    /// issued, for the name that is asked for; shows it `identity`.
    ///
    /// # Errors
    /// [`BadTls`] when one of the certificates cannot be used, or key and certificate do not fit.
    pub fn new(
        known_by: Vec<CertificateDer<'static>>,
        identity: Option<ClientIdentity>,
    ) -> Result<Self, BadTls> {
        if known_by.is_empty() {
            return Err(BadTls::NoAuthority);
        }
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let verifier = Arc::new(ServerVerifier::new(known_by, &provider)?);
        let refused = |error: rustls::Error| BadTls::Identity(error.to_string());
        let builder = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(refused)?
            // Stricter than rustls' own where it differs, save that a pinned certificate counts.
            .dangerous()
            .with_custom_certificate_verifier(verifier);
        let mut config = match identity {
            Some(ClientIdentity { chain, key }) => {
                builder.with_client_auth_cert(chain, key).map_err(refused)?
            }
            None => builder.with_no_client_auth(),
        };
        config.alpn_protocols = vec![b"h2".to_vec()];
        Ok(Self(Arc::new(config)))
    }

    pub(super) fn config(&self) -> Arc<ClientConfig> {
        Arc::clone(&self.0)
    }
}
