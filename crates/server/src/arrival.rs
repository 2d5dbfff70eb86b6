//! A request as it came in: what it asks for, who sent it, and what we call it. Made once, before
//! anything is done for it.

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};

use axum::extract::{ConnectInfo, Request};
use axum::http::HeaderValue;
use ring::rand::{SecureRandom as _, SystemRandom};
use tokio::time::Instant;

use crate::app::App;
use crate::peer::Peer;
use crate::route::Route;

/// See the module.
#[derive(Clone, Debug)]
pub(crate) struct Arrival {
    /// What is asked for.
    pub(crate) route: Route,
    /// Who sent it.
    pub(crate) peer: Peer,
    /// The other end of the connection, which may be a proxy's. `None` without a listener.
    pub(crate) near: Option<SocketAddr>,
    /// Our ID of it. One that comes in is not looked at.
    pub(crate) id: RequestId,
    /// When it came.
    pub(crate) at: Instant,
}

impl Arrival {
    /// What `request` is that came just now.
    pub(crate) fn of(app: &App, request: &Request) -> Self {
        Self {
            at: Instant::now(),
            id: app.request_ids.next(),
            route: app.route(request.method(), request.uri().path()),
            near: request.extensions().get::<ConnectInfo<SocketAddr>>().map(|near| near.0),
            peer: Peer::of(request, app.settings.trusted_hops),
        }
    }
}

/// The ID of a request: ASCII.
#[derive(Clone, Debug)]
pub(crate) struct RequestId(String);

impl RequestId {
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// The ID as the answer's header has it.
    pub(crate) fn header(&self) -> Option<HeaderValue> {
        HeaderValue::from_str(&self.0).ok()
    }
}

/// Makes IDs that differ between requests and between processes.
pub(crate) struct RequestIds {
    /// What the IDs of this process begin with.
    process: String,
    next: AtomicU64,
}

impl RequestIds {
    pub(crate) fn new() -> Self {
        let mut process = [0; 8];
        // Without randomness IDs only repeat after a restart; nothing but log search needs them.
        if SystemRandom::new().fill(&mut process).is_err() {
            process = u64::from(std::process::id()).to_be_bytes();
        }
        Self { process: format!("{:016x}-", u64::from_be_bytes(process)), next: AtomicU64::new(1) }
    }

    fn next(&self) -> RequestId {
        const MOST_DIGITS: usize = 20;
        let mut id = String::with_capacity(self.process.len() + MOST_DIGITS);
        id.push_str(&self.process);
        // Nothing can fail in a `String`.
        write!(id, "{}", self.next.fetch_add(1, Ordering::Relaxed)).ok();
        RequestId(id)
    }
}
