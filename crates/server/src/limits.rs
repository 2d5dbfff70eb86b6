//! Every limit of the listener and of uploads, in one struct.
//!
//! Each is applied before the thing that it limits is read or kept.

use std::time::Duration;

/// What a client may use. The defaults are safe for a server on an open network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of one publish, all parts and their headers together. Default 100 MiB.
    pub body_bytes: u64,
    /// How long one publish may take to arrive. Default 10 minutes.
    pub body_time: Duration,
    /// How long one publish may pause between two pieces. Default 30 seconds.
    pub body_pause: Duration,
    /// Open connections, handshakes included. Default 20,000.
    pub connections: usize,
    /// How long after the handshake a first request may take to arrive. Default 10 seconds.
    pub first_request: Duration,
    /// How long a TLS handshake may take. Default 10 seconds.
    pub handshake: Duration,
    /// How long a connection may move no byte in either direction, and how long the headers of a
    /// later request may take to arrive. Default 60 seconds.
    pub idle: Duration,
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
            connections: 20_000,
            first_request: Duration::from_secs(10),
            handshake: Duration::from_secs(10),
            idle: Duration::from_secs(60),
            streams: 100,
            part_header_bytes: 8 << 10,
            part_bytes: 10 << 20,
            parts: 1_000,
        }
    }
}

impl Limits {
    /// Limits small enough to be reached in a test.
    #[must_use]
    pub fn for_tests() -> Self {
        Self {
            body_bytes: 64 << 10,
            body_time: Duration::from_secs(5),
            body_pause: Duration::from_millis(300),
            connections: 4,
            first_request: Duration::from_millis(500),
            handshake: Duration::from_millis(500),
            idle: Duration::from_secs(5),
            streams: 10,
            part_header_bytes: 1 << 10,
            part_bytes: 8 << 10,
            parts: 5,
        }
    }
}
