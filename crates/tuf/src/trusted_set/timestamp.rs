//! The timestamp: which snapshot is current.
//!
//! Source: server spec 8.2 step 2; TUF specification 5.4.

use bytes::Bytes;
use chrono::{DateTime, Utc};

use super::attack::Attack;
use super::ground::{Ground, refuse_endless};
use super::roots::RootChain;
use super::snapshot::TrustedSnapshot;
use crate::metadata::{FileMeta, Timestamp};
use crate::names::RoleName;
use crate::verify::Verified;

/// A root and a timestamp under it.
#[derive(Clone, Debug)]
pub struct TrustedTimestamp {
    ground: Ground,
    timestamp: Verified<Timestamp>,
}

impl TrustedTimestamp {
    pub(super) fn judge(mut ground: Ground, raw: Bytes) -> Result<Self, Attack> {
        let raw = refuse_endless(&RoleName::Timestamp, raw, ground.limits.timestamp_bytes)?;
        let timestamp = ground.judge::<Timestamp>(&RoleName::Timestamp, raw)?;
        ground.remember(&timestamp);
        Ok(Self { ground, timestamp })
    }

    /// The timestamp.
    #[must_use]
    pub fn timestamp(&self) -> &Verified<Timestamp> {
        &self.timestamp
    }

    /// The snapshot to take next.
    #[must_use]
    pub fn wanted(&self) -> &FileMeta {
        self.timestamp.content().snapshot()
    }

    /// Takes the snapshot that the timestamp names.
    ///
    /// # Errors
    /// The [`Attack`] that believing it would allow.
    pub fn update_snapshot(&self, raw: Bytes) -> Result<TrustedSnapshot, Attack> {
        TrustedSnapshot::judge(self.ground.clone(), self.wanted(), raw)
    }

    /// Begins again, at another time or because a newer root is needed. No document may be older
    /// than those trusted so far.
    #[must_use]
    pub fn refresh(&self, now: DateTime<Utc>) -> RootChain {
        RootChain::follow(&self.ground, now)
    }
}
