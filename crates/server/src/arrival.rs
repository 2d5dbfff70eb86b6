//! A request as it came in: what it asks for, who sent it, and what we call it. Made once, before
//! anything is done for it.

use std::io::Write as _;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};

use axum::extract::ConnectInfo;
use axum::http::{HeaderValue, Request};
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
    /// What `request` is that came just now, by a connection to `near`; where that is `None`, an
    /// extension of it may tell.
    pub(crate) fn of<B>(app: &App, near: Option<SocketAddr>, request: &Request<B>) -> Self {
        let told = || request.extensions().get::<ConnectInfo<SocketAddr>>().map(|near| near.0);
        let near = near.or_else(told);
        Self {
            at: Instant::now(),
            id: app.request_ids.next(),
            route: app.route(request.method(), request.uri().path()),
            near,
            peer: Peer::of(request, near, app.settings.trusted_hops),
        }
    }
}

/// The ID of a request: ASCII, in the place that the longest one takes.
#[derive(Clone, Debug)]
pub(crate) struct RequestId {
    bytes: [u8; RequestId::MOST],
    length: usize,
}

impl RequestId {
    /// 16 hex digits, a hyphen, and as many digits as the largest number has.
    const MOST: usize = 16 + 1 + 20;

    fn new(process: &str, number: u64) -> Self {
        let mut bytes = [0; Self::MOST];
        let mut left = bytes.as_mut_slice();
        // There is room for every one.
        write!(left, "{process}{number}").ok();
        let length = Self::MOST - left.len();
        Self { bytes, length }
    }

    pub(crate) fn as_str(&self) -> &str {
        let bytes = self.bytes.get(..self.length).unwrap_or_default();
        std::str::from_utf8(bytes).unwrap_or_default()
    }

    /// The ID as the answer's header has it.
    pub(crate) fn header(&self) -> Option<HeaderValue> {
        HeaderValue::from_str(self.as_str()).ok()
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
        RequestId::new(&self.process, self.next.fetch_add(1, Ordering::Relaxed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_id_has_room_and_ids_are_what_their_header_says() {
        let ids = RequestIds::new();
        let longest = RequestId::new(&ids.process, u64::MAX);
        assert_eq!(longest.as_str(), format!("{}{}", ids.process, u64::MAX));
        assert_eq!(longest.as_str().len(), RequestId::MOST);
        let (first, second) = (ids.next(), ids.next());
        assert_eq!(first.as_str(), format!("{}1", ids.process));
        assert_eq!(second.header().unwrap(), format!("{}2", ids.process).as_str());
    }
}
