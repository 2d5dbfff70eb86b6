//! `[expiry]`: how long what the server signs is valid.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::number::{hours, in_hours};

/// Ten years.
const MAX_HOURS: u64 = 87_600;

/// The section `[expiry]`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default)]
pub struct Expiry {
    /// How long a new timestamp is valid.
    ///
    /// Unit: hours. Default: 336 (14 days). Range: 1 to 87600 (10 years).
    #[serde(
        rename = "timestamp_hours",
        deserialize_with = "hours::<_, 1, MAX_HOURS>",
        serialize_with = "in_hours"
    )]
    pub timestamp: Duration,
    /// How long a new snapshot is valid where the server holds the snapshot key.
    ///
    /// Unit: hours. Default: 26280 (3 years). Range: 1 to 87600 (10 years).
    #[serde(
        rename = "snapshot_hours",
        deserialize_with = "hours::<_, 1, MAX_HOURS>",
        serialize_with = "in_hours"
    )]
    pub snapshot: Duration,
}

impl Default for Expiry {
    fn default() -> Self {
        Self {
            timestamp: Duration::from_secs(336 * 3600),
            snapshot: Duration::from_secs(26_280 * 3600),
        }
    }
}
