//! `[retention]`: how much of what no client needs any more is kept.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::number::{count, in_seconds, seconds};

/// A year.
const MAX_SECONDS: u64 = 31_536_000;

/// Ten years.
const MAX_DAYS: u64 = 3650;

/// The section `[retention]`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default)]
pub struct Retention {
    /// How often a running server clears its database.
    ///
    /// Unit: seconds. Default: 0 (never). Range: 0 to 31536000 (a year).
    #[serde(
        rename = "interval_seconds",
        deserialize_with = "seconds::<_, 0, MAX_SECONDS>",
        serialize_with = "in_seconds"
    )]
    pub interval: Duration,
    /// How many of the newest versions of every role are kept, beside all roots and what the
    /// current state consists of.
    ///
    /// Default: 2. Range: 1 to 1000000.
    #[serde(deserialize_with = "count::<_, _, 1, 1_000_000>")]
    pub keep_versions: u32,
    /// For how long a version is kept after a newer one took its place.
    ///
    /// Unit: days. Default: 30. Range: 0 to 3650 (10 years).
    #[serde(deserialize_with = "count::<_, _, 0, MAX_DAYS>")]
    pub keep_days: u32,
    /// For how long every change is kept in the changefeed; of older ones the newest of each GUN
    /// stays.
    ///
    /// Unit: days. Default: 0 (for ever). Range: 0 to 3650 (10 years).
    #[serde(deserialize_with = "count::<_, _, 0, MAX_DAYS>")]
    pub changefeed_days: u32,
}

impl Default for Retention {
    fn default() -> Self {
        Self { interval: Duration::ZERO, keep_versions: 2, keep_days: 30, changefeed_days: 0 }
    }
}
