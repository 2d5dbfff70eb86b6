//! The TLS configuration of a listener, replaced whole while the listener goes on.
//!
//! A handshake uses the configuration that is in place when it begins. Connections that are open
//! keep theirs, but what their clients have shown is judged by the one in place. Never in here:
//! files, and plain text.

use std::fmt;
use std::sync::Arc;

use arc_swap::ArcSwap;
use rustls::ServerConfig;
use rustls::server::NoServerSessionStorage;
use rustls::server::danger::ClientCertVerifier;

use super::{ClientPolicy, Identity, TlsError};

/// What a listener shows and asks for in handshakes. Clones share the one configuration.
#[derive(Clone)]
pub struct LiveTls(Arc<ArcSwap<Setup>>);

/// What is in place at one time.
pub(super) struct Setup {
    pub(super) config: Arc<ServerConfig>,
    pub(super) clients: ClientPolicy,
    pub(super) identity: Identity,
}

impl LiveTls {
    /// Shows `identity`, and lets through whom `clients` says.
    ///
    /// # Errors
    /// [`TlsError::Issue`] when provider and protocol versions do not go together.
    pub fn new(identity: Identity, clients: &ClientPolicy) -> Result<Self, TlsError> {
        Ok(Self::of(Setup::new(identity, clients)?))
    }

    pub(super) fn of(setup: Setup) -> Self {
        Self(Arc::new(ArcSwap::from_pointee(setup)))
    }

    /// Puts another identity and other clients in place of the present ones, for handshakes from
    /// now on. Clients of open connections are judged again at their next request.
    ///
    /// # Errors
    /// As [`LiveTls::new`]; the present configuration then stays.
    pub fn replace(&self, identity: Identity, clients: &ClientPolicy) -> Result<(), TlsError> {
        self.0.store(Arc::new(Setup::new(identity, clients)?));
        Ok(())
    }

    /// Puts other clients in place of the present ones, and goes on to show the same identity.
    ///
    /// # Errors
    /// As [`LiveTls::new`]; the present configuration then stays.
    pub fn replace_clients(&self, clients: &ClientPolicy) -> Result<(), TlsError> {
        self.replace(self.setup().identity.clone(), clients)
    }

    /// What handshakes that begin now use, for a listener that does not follow replacements.
    #[must_use]
    pub fn configuration(&self) -> Arc<ServerConfig> {
        Arc::clone(&self.setup().config)
    }

    /// What is in place now.
    pub(super) fn setup(&self) -> Arc<Setup> {
        self.0.load_full()
    }
}

impl Setup {
    fn new(identity: Identity, clients: &ClientPolicy) -> Result<Self, TlsError> {
        let config = Arc::new(server_config(identity.clone(), clients)?);
        Ok(Self { config, clients: clients.clone(), identity })
    }
}

impl fmt::Debug for LiveTls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LiveTls").finish_non_exhaustive()
    }
}

/// TLS 1.2 and 1.3 with forward secrecy and authenticated encryption only (all that ring has),
/// HTTP/2 before HTTP/1.1.
fn server_config(identity: Identity, clients: &ClientPolicy) -> Result<ServerConfig, TlsError> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| TlsError::Issue { reason: error.to_string() })?;
    let resolver = identity.into_resolver();
    let mut config = match clients {
        ClientPolicy::Anyone => builder.with_no_client_auth().with_cert_resolver(resolver),
        ClientPolicy::Certified(authorities) => {
            let verifier: Arc<dyn ClientCertVerifier> = Arc::clone(authorities.verifier()) as _;
            builder.with_client_cert_verifier(verifier).with_cert_resolver(resolver)
        }
    };
    // A session that is taken up again is not verified again; the client's certificate may have
    // ended since. And neither docker nor notary takes one up, so tickets would only cost.
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.send_tls13_tickets = 0;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(config)
}
