//! The other end of a connection, as far as it is known.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use axum::extract::{ConnectInfo, Request};

use crate::tls::{NotLetIn, Shown};

/// Who sent a request; an extension of it, made once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Peer {
    /// The address that it came from; `None` without a listener.
    pub(crate) address: Option<IpAddr>,
    /// Whom the certificate names that was shown in the handshake and still counts.
    pub(crate) certificate: Option<String>,
    /// Why its connection is not served any more.
    pub(crate) not_let_in: Option<NotLetIn>,
}

impl Peer {
    /// Whom `request` comes from.
    pub(crate) fn of(request: &Request) -> Self {
        let extensions = request.extensions();
        let address = extensions.get::<ConnectInfo<SocketAddr>>().map(|peer| peer.0.ip());
        match extensions.get::<Arc<Shown>>().map(|shown| shown.judge()) {
            None => Self { address, ..Self::default() },
            Some(Ok(certificate)) => Self { address, certificate, not_let_in: None },
            Some(Err(why)) => Self { address, certificate: None, not_let_in: Some(why) },
        }
    }
}
