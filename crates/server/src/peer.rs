//! The other end of a connection, as far as it is known.

use std::net::{IpAddr, SocketAddr};

use axum::extract::{ConnectInfo, Request};

/// Who sent a request; an extension of it, made once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Peer {
    /// The address that it came from; `None` without a listener.
    pub(crate) address: Option<IpAddr>,
}

impl Peer {
    /// Whom `request` comes from.
    pub(crate) fn of(request: &Request) -> Self {
        let info = request.extensions().get::<ConnectInfo<SocketAddr>>();
        Self { address: info.map(|peer| peer.0.ip()) }
    }
}
