//! `[caching]`: how long clients and proxies may keep what they were given.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::number::{in_seconds, seconds};

/// A year, the longest that HTTP caches honour.
const MAX_SECONDS: u64 = 31_536_000;

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
}

impl Default for Caching {
    fn default() -> Self {
        Self {
            current_max_age: Duration::from_secs(300),
            consistent_max_age: Duration::from_secs(2_592_000),
        }
    }
}
