//! When the server's own documents must be signed again, and what that takes.
//!
//! Source: server spec 5.1; quirks.

use bytes::Bytes;
use chrono::{DateTime, Duration, Utc};

use crate::metadata::{Draft, FileMeta, Root, Snapshot, Timestamp};
use crate::names::RoleName;
use crate::reason::Reason;
use crate::verify::{Unverified, Verified};

use super::decision::{NeedsSnapshot, NeedsTimestamp};
use super::publish::{Circumstances, Stored};

/// How fresh the current timestamp and snapshot are, worst first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Freshness {
    /// One has expired: it may not be served.
    Expired,
    /// One is about to expire: it may be served if signing fails.
    AboutToExpire,
    /// Both are good for a while.
    Fresh,
}

/// How fresh a stored document is that expires at `expires` and counts as about to expire for
/// `margin` before that.
#[must_use]
pub fn freshness(expires: DateTime<Utc>, margin: Duration, now: DateTime<Utc>) -> Freshness {
    if expires < now {
        Freshness::Expired
    } else if expires - margin < now {
        Freshness::AboutToExpire
    } else {
        Freshness::Fresh
    }
}

/// Begins a new snapshot for a GUN whose documents have not changed: root entry hashed anew, the
/// rest taken over.
///
/// # Errors
/// The [`Reason`] why nothing may be signed: the root no longer validates or has expired.
pub fn renew_snapshot(
    root: Verified<Root>,
    stored: &Stored,
    circumstances: Circumstances,
) -> Result<NeedsSnapshot, Reason> {
    let root = root.unexpired(circumstances.now)?;
    let version = stored.next_version(&RoleName::Snapshot)?;
    let timestamp_version = stored.next_version(&RoleName::Timestamp)?;
    let changed = [(&RoleName::Root, FileMeta::of(root.raw(), root.digests()))];
    let expires = circumstances.now + circumstances.snapshot_lifetime;
    let draft = Draft::snapshot(stored.snapshot.as_ref(), changed, version, expires)?;
    Ok(NeedsSnapshot::new(root, Vec::new(), draft, timestamp_version))
}

/// Begins a new timestamp for the stored snapshot.
///
/// # Errors
/// The [`Reason`] why nothing may be signed: root or snapshot no longer validate or have expired.
pub fn renew_timestamp(
    root: Verified<Root>,
    snapshot: Bytes,
    stored: &Stored,
    now: DateTime<Utc>,
) -> Result<NeedsTimestamp, Reason> {
    let root = root.unexpired(now)?;
    let keys = root.content().role_keys(&RoleName::Snapshot);
    let snapshot = Unverified::<Snapshot>::parse(RoleName::Snapshot, snapshot)?
        .verify(&keys)?
        .unexpired(now)?;
    let version = stored.next_version(&RoleName::Timestamp)?;
    Ok(NeedsTimestamp::new(root, Vec::new(), &snapshot, version))
}

impl Stored {
    /// Reads a stored timestamp.
    ///
    /// # Errors
    /// The [`Reason`] why it is none.
    pub fn read_timestamp(raw: Bytes) -> Result<Timestamp, Reason> {
        Unverified::<Timestamp>::parse(RoleName::Timestamp, raw)?.read_untrusted()
    }

    /// Reads a stored snapshot.
    ///
    /// # Errors
    /// The [`Reason`] why it is none.
    pub fn read_snapshot(raw: Bytes) -> Result<Snapshot, Reason> {
        Unverified::<Snapshot>::parse(RoleName::Snapshot, raw)?.read_untrusted()
    }
}
