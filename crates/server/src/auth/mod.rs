//! Who may have what: every request passes here once, before its operation.
//!
//! Never in here: what a token or a rule says; that is `countersign-access`.
//! Source: contract section 5 (token and rules must both pass; a refusal is always 401).

#[cfg_attr(not(test), expect(dead_code, reason = "asked once tokens and rules are read"))]
mod demand;
#[cfg_attr(not(test), expect(dead_code, reason = "made once tokens and rules are read"))]
mod refusal;

use axum::http::HeaderMap;
use countersign_access::Caller;

use crate::peer::Peer;
use crate::route::Route;
pub(crate) use refusal::Refusal;
#[cfg(test)]
pub(crate) use refusal::{Challenge, RefusedWhy};

/// What decides over requests.
///
/// One that was made by [`Access::open`] lets everybody do everything.
#[derive(Debug, Default)]
pub struct Access {}

impl Access {
    /// Lets everybody do everything.
    #[must_use]
    pub fn open() -> Self {
        Self {}
    }

    /// Whom a request comes from, if it may have what its route demands.
    ///
    /// # Errors
    /// [`Refusal`] when it may not, or when it is not known who asks.
    #[expect(clippy::unused_async, reason = "reading the keys of tokens will wait")]
    pub(crate) async fn admit(
        &self,
        _route: &Route,
        _headers: &HeaderMap,
        peer: &Peer,
    ) -> Result<Caller, Refusal> {
        Ok(Caller { token_user: None, certificate: peer.certificate.clone() })
    }
}
