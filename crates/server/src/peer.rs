//! The other end of a connection, as far as it is known.

use std::net::{IpAddr, SocketAddr};
use std::num::NonZeroUsize;
use std::sync::Arc;

use axum::http::Request;

use crate::forwarded;
use crate::tls::{NotLetIn, Shown};

/// Who sent a request; made once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Peer {
    /// The address that it came from: that of the client where trusted proxies tell it. `None`
    /// without a listener.
    pub(crate) address: Option<IpAddr>,
    /// Whether it has shown a certificate, whomever that names.
    pub(crate) handshake: Handshake,
    /// Whom the certificate names that was shown in the handshake and still counts.
    pub(crate) certificate: Option<String>,
    /// Why its connection is not served any more.
    pub(crate) not_let_in: Option<NotLetIn>,
}

/// What a client proved in its handshake.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Handshake {
    /// Nothing; or there was none.
    #[default]
    Anonymous,
    /// That it holds a certificate by an authority of clients.
    Certified,
}

impl Peer {
    /// Whom `request` comes from, by a connection to `near` and through `trusted_hops` proxies.
    pub(crate) fn of<B>(
        request: &Request<B>,
        near: Option<SocketAddr>,
        trusted_hops: usize,
    ) -> Self {
        let extensions = request.extensions();
        let told = NonZeroUsize::new(trusted_hops)
            .and_then(|hops| forwarded::client(request.headers(), hops));
        let address = told.or(near.map(|near| near.ip()));
        let Some(shown) = extensions.get::<Arc<Shown>>() else {
            return Self { address, ..Self::default() };
        };
        let handshake = shown.handshake();
        match shown.judge() {
            Ok(certificate) => Self { address, handshake, certificate, not_let_in: None },
            Err(why) => Self { address, handshake, certificate: None, not_let_in: Some(why) },
        }
    }
}
