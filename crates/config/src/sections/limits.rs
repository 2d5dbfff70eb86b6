//! `[limits]`: what a client may ask of the server.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::number::{bytes, count, in_seconds, seconds};

const GIB: u64 = 1024 * 1024 * 1024;

/// The section `[limits]`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default)]
pub struct Limits {
    /// The most requests that one client address may send at once, where
    /// `address_requests_per_minute` is set.
    ///
    /// Default: 200. Range: 1 to 1000000000.
    #[serde(deserialize_with = "count::<_, _, 1, 1_000_000_000>")]
    pub address_request_burst: u32,
    /// How many requests one client address may send per minute after the first
    /// `address_request_burst`.
    ///
    /// Default: 0. Range: 0 (any number) to 1000000000.
    #[serde(deserialize_with = "count::<_, _, 0, 1_000_000_000>")]
    pub address_requests_per_minute: u32,
    /// The largest publish, all parts and their headers together.
    ///
    /// Unit: bytes. Default: 104857600 (100 MiB). Range: 1 to 1073741824 (1 GiB).
    #[serde(deserialize_with = "bytes::<_, 1, GIB>")]
    pub body_bytes: u64,
    /// How long one publish may take to arrive.
    ///
    /// Unit: seconds. Default: 600. Range: 1 to 86400 (a day).
    #[serde(
        rename = "body_seconds",
        deserialize_with = "seconds::<_, 1, 86_400>",
        serialize_with = "in_seconds"
    )]
    pub body_time: Duration,
    /// How long one publish may pause between two pieces.
    ///
    /// Unit: seconds. Default: 30. Range: 1 to 3600.
    #[serde(
        rename = "body_pause_seconds",
        deserialize_with = "seconds::<_, 1, 3600>",
        serialize_with = "in_seconds"
    )]
    pub body_pause: Duration,
    /// The most rows in one answer of the changefeed.
    ///
    /// Default: 1000. Range: 1 to 100000.
    #[serde(deserialize_with = "count::<_, _, 1, 100_000>")]
    pub changes: u32,
    /// The most connections at once, unfinished handshakes included.
    ///
    /// Default: 20000. Range: 1 to 1000000.
    #[serde(deserialize_with = "count::<_, _, 1, 1_000_000>")]
    pub connections: usize,
    /// How long after the handshake the first request may take to arrive.
    ///
    /// Unit: seconds. Default: 10. Range: 1 to 3600.
    #[serde(
        rename = "first_request_seconds",
        deserialize_with = "seconds::<_, 1, 3600>",
        serialize_with = "in_seconds"
    )]
    pub first_request: Duration,
    /// How long a TLS handshake may take.
    ///
    /// Unit: seconds. Default: 10. Range: 1 to 3600.
    #[serde(
        rename = "handshake_seconds",
        deserialize_with = "seconds::<_, 1, 3600>",
        serialize_with = "in_seconds"
    )]
    pub handshake: Duration,
    /// The largest head of one request: path, header names and values.
    ///
    /// Unit: bytes. Default: 32768 (32 KiB). Range: 8192 (8 KiB) to 1048576 (1 MiB).
    #[serde(deserialize_with = "count::<_, _, 8192, 1_048_576>")]
    pub head_bytes: u32,
    /// How long a connection may be idle.
    ///
    /// Unit: seconds. Default: 60. Range: 1 to 3600.
    #[serde(
        rename = "idle_seconds",
        deserialize_with = "seconds::<_, 1, 3600>",
        serialize_with = "in_seconds"
    )]
    pub idle: Duration,
    /// How deep arrays and objects of a document may be nested.
    ///
    /// Default: 127, the most that is ever read. Range: 8 to 127.
    #[serde(deserialize_with = "count::<_, _, 8, 127>")]
    pub json_depth: usize,
    /// The most JSON values of all documents of one publish, those inside others included.
    ///
    /// Default: 1000000. Range: 1000 to 100000000.
    #[serde(deserialize_with = "count::<_, _, 1000, 100_000_000>")]
    pub json_values: usize,
    /// The most server keys that one client address may have made at once.
    ///
    /// Default: 20000. Range: 1 to 1000000000.
    #[serde(deserialize_with = "count::<_, _, 1, 1_000_000_000>")]
    pub key_burst: u32,
    /// The most keys that one document may list.
    ///
    /// Default: 1000. Range: 1 to 1000000.
    #[serde(deserialize_with = "count::<_, _, 1, 1_000_000>")]
    pub keys: usize,
    /// How many server keys one client address may have made per second after the first
    /// `key_burst`.
    ///
    /// Default: 100. Range: 1 to 1000000000.
    #[serde(deserialize_with = "count::<_, _, 1, 1_000_000_000>")]
    pub keys_per_second: u32,
    /// The most server keys that may wait for their first signature, over all repositories.
    ///
    /// Default: 1000000. Range: 1 to 1000000000.
    #[serde(deserialize_with = "count::<_, _, 1, 1_000_000_000>")]
    pub pending_keys: u32,
    /// The most roles that one document may list: those of a root, the delegations of targets,
    /// the entries of a snapshot that a client signs.
    ///
    /// Default: 1000. Range: 4 to 1000000.
    #[serde(deserialize_with = "count::<_, _, 4, 1_000_000>")]
    pub roles: usize,
    /// The most signatures of one document.
    ///
    /// Default: 1000. Range: 1 to 1000000.
    #[serde(deserialize_with = "count::<_, _, 1, 1_000_000>")]
    pub signatures: usize,
    /// The most requests that one HTTP/2 connection may have open at once.
    ///
    /// Default: 100. Range: 1 to 10000.
    #[serde(deserialize_with = "count::<_, _, 1, 10_000>")]
    pub streams: u32,
    /// The largest headers of one part of a publish.
    ///
    /// Unit: bytes. Default: 8192 (8 KiB). Range: 256 to 1048576 (1 MiB).
    #[serde(deserialize_with = "bytes::<_, 256, 1_048_576>")]
    pub part_header_bytes: u64,
    /// The largest document of a publish.
    ///
    /// Unit: bytes. Default: 10485760 (10 MiB). Range: 1 to 1073741824 (1 GiB).
    #[serde(deserialize_with = "bytes::<_, 1, GIB>")]
    pub part_bytes: u64,
    /// The most documents of one publish.
    ///
    /// Default: 1000. Range: 1 to 100000.
    #[serde(deserialize_with = "count::<_, _, 1, 100_000>")]
    pub parts: usize,
    /// The most requests that one user may send at once, where `user_requests_per_minute` is set.
    ///
    /// Default: 200. Range: 1 to 1000000000.
    #[serde(deserialize_with = "count::<_, _, 1, 1_000_000_000>")]
    pub user_request_burst: u32,
    /// How many requests one user may send per minute after the first `user_request_burst`.
    ///
    /// Default: 0. Range: 0 (any number) to 1000000000.
    #[serde(deserialize_with = "count::<_, _, 0, 1_000_000_000>")]
    pub user_requests_per_minute: u32,
    /// How far above the highest stored version of its role a published version may be, so that
    /// nobody can use all versions up at once.
    ///
    /// Default: 100000. Range: 0 (any distance, as Notary) to 2147483647.
    #[serde(deserialize_with = "count::<_, _, 0, 2_147_483_647>")]
    pub version_step: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            address_request_burst: 200,
            address_requests_per_minute: 0,
            body_bytes: 100 * 1024 * 1024,
            body_time: Duration::from_secs(600),
            body_pause: Duration::from_secs(30),
            changes: 1000,
            connections: 20_000,
            first_request: Duration::from_secs(10),
            handshake: Duration::from_secs(10),
            head_bytes: 32 * 1024,
            idle: Duration::from_secs(60),
            json_depth: 127,
            json_values: 1_000_000,
            key_burst: 20_000,
            keys: 1000,
            keys_per_second: 100,
            pending_keys: 1_000_000,
            roles: 1000,
            signatures: 1000,
            streams: 100,
            part_header_bytes: 8 * 1024,
            part_bytes: 10 * 1024 * 1024,
            parts: 1000,
            user_request_burst: 200,
            user_requests_per_minute: 0,
            version_step: 100_000,
        }
    }
}
