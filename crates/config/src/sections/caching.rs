//! `[caching]`: how long clients and proxies may keep what they were given, and how much of it the
//! server keeps in memory.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::number::{bytes, in_seconds, seconds};

/// A year, the longest that HTTP caches honour.
const MAX_SECONDS: u64 = 31_536_000;

/// A tebibyte.
const MAX_BYTES: u64 = 1 << 40;

/// The section `[caching]`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default)]
pub struct Caching {
    /// How long a current document may be kept.
    ///
    /// Unit: seconds. Default: 300. Range: 0 (not at all) to 31536000.
    #[serde(
        rename = "current_max_age_seconds",
        deserialize_with = "seconds::<_, 0, MAX_SECONDS>",
        serialize_with = "in_seconds"
    )]
    pub current_max_age: Duration,
    /// How long a document that was asked for by its hash or version may be kept.
    ///
    /// Unit: seconds. Default: 2592000 (30 days). Range: 0 (not at all) to 31536000.
    #[serde(
        rename = "consistent_max_age_seconds",
        deserialize_with = "seconds::<_, 0, MAX_SECONDS>",
        serialize_with = "in_seconds"
    )]
    pub consistent_max_age: Duration,
    /// How much memory the server may use for documents that were read lately.
    ///
    /// Unit: bytes. Default: 67108864 (64 MiB). Range: 0 (none are kept) to 1099511627776.
    #[serde(deserialize_with = "bytes::<_, 0, MAX_BYTES>")]
    pub body_bytes: u64,
}

impl Default for Caching {
    fn default() -> Self {
        Self {
            current_max_age: Duration::from_secs(300),
            consistent_max_age: Duration::from_secs(2_592_000),
            body_bytes: 64 * 1024 * 1024,
        }
    }
}
