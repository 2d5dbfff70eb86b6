//! Every limit of the listener and of uploads, in one struct.
//!
//! Each is applied before the thing that it limits is read or kept.

use std::num::NonZeroU32;
use std::time::Duration;

use countersign_tuf::metadata::DocumentLimits;

/// How many of something there may be over time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// How many in a minute, evenly.
    pub per_minute: NonZeroU32,
    /// How many at once, by whoever had none for a while.
    pub burst: NonZeroU32,
}

/// What a client may use. The defaults are safe for a server on an open network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of one publish, all parts and their headers together. Default 100 MiB.
    pub body_bytes: u64,
    /// How long one publish may take to arrive. Default 10 minutes.
    pub body_time: Duration,
    /// How long one publish may pause between two pieces. Default 30 seconds.
    pub body_pause: Duration,
    /// Rows in one answer of the changefeed. Default 1,000.
    pub changes: u32,
    /// Open connections, handshakes included. Default 20,000.
    pub connections: usize,
    /// What one document may hold; its values are counted over all documents of one publish.
    pub document: DocumentLimits,
    /// How long after the handshake a first request may take to arrive. Default 10 seconds.
    pub first_request: Duration,
    /// How long a TLS handshake may take. Default 10 seconds.
    pub handshake: Duration,
    /// Bytes of the head of one request: path, header names and values. Default 32 KiB, at least
    /// [`Limits::LEAST_HEAD_BYTES`].
    pub head_bytes: u32,
    /// How long a connection may move no byte in either direction, and how long the headers of a
    /// later request may take to arrive. Default 60 seconds.
    pub idle: Duration,
    /// Server keys that one client may have made at once. Default 20,000.
    pub key_burst: NonZeroU32,
    /// Server keys that it may have made per second after that. Default 100.
    pub keys_per_second: NonZeroU32,
    /// Requests that one client address may send, those that only ask whether the server is there
    /// left out; an IPv6 network of 64 bits counts as one. `None`: any number. Default `None`.
    pub requests_per_address: Option<Rate>,
    /// Requests that one user may send, likewise. Default `None`.
    pub requests_per_user: Option<Rate>,
    /// Requests that one HTTP/2 connection may have open at a time. Default 100.
    pub streams: u32,
    /// Bytes of one part's headers. Default 8 KiB.
    pub part_header_bytes: u64,
    /// Bytes of one part's content. Default 10 MiB.
    pub part_bytes: u64,
    /// Parts of one publish. Default 1,000.
    pub parts: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            body_bytes: 100 << 20,
            body_time: Duration::from_secs(600),
            body_pause: Duration::from_secs(30),
            changes: 1_000,
            connections: 20_000,
            document: DocumentLimits::default(),
            first_request: Duration::from_secs(10),
            handshake: Duration::from_secs(10),
            head_bytes: 32 << 10,
            idle: Duration::from_secs(60),
            key_burst: at_least_one(20_000),
            keys_per_second: at_least_one(100),
            requests_per_address: None,
            requests_per_user: None,
            streams: 100,
            part_header_bytes: 8 << 10,
            part_bytes: 10 << 20,
            parts: 1_000,
        }
    }
}

impl Limits {
    /// The HTTP/1 parser's buffer is never smaller.
    pub const LEAST_HEAD_BYTES: u32 = 8 << 10;

    /// Limits small enough to be reached in a test.
    #[must_use]
    pub fn for_tests() -> Self {
        Self {
            body_bytes: 64 << 10,
            body_time: Duration::from_secs(5),
            body_pause: Duration::from_millis(300),
            changes: 3,
            connections: 4,
            document: DocumentLimits { depth: 10, keys: 5, roles: 6, signatures: 7, values: 500 },
            first_request: Duration::from_millis(500),
            handshake: Duration::from_millis(500),
            head_bytes: Self::LEAST_HEAD_BYTES,
            idle: Duration::from_secs(5),
            key_burst: at_least_one(3),
            keys_per_second: at_least_one(1),
            requests_per_address: None,
            requests_per_user: None,
            streams: 10,
            part_header_bytes: 1 << 10,
            part_bytes: 8 << 10,
            parts: 5,
        }
    }
}

/// `number`; 1 for 0.
const fn at_least_one(number: u32) -> NonZeroU32 {
    match NonZeroU32::new(number) {
        Some(number) => number,
        None => NonZeroU32::MIN,
    }
}
