//! Going through all that is stored, as it is stored: for whoever judges, copies or clears a store.
//!
//! Nothing in here is parsed or believed. Names may be none that a route takes, versions none that
//! a rule accepts, digests none of the bytes.

use async_trait::async_trait;
use bytes::Bytes;
use chrono::{DateTime, Utc};

use super::StorageResult;

/// One stored version of one role, without its bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VersionRecord {
    /// The row's number.
    pub id: i64,
    /// The role as stored.
    pub role: String,
    /// The version as stored.
    pub version: i32,
    /// The digest as stored; `None` where the row has none.
    pub sha256: Option<String>,
    /// How many bytes the document has.
    pub size_bytes: u64,
    /// When it was stored; `None` where the row does not say.
    pub stored_at: Option<DateTime<Utc>>,
}

/// A store whose GUNs and stored versions can be gone through. Rows whose `deleted_at` is set are
/// invisible.
#[async_trait]
pub trait Inventory: Send + Sync {
    /// The stored GUNs that follow `after` (`None`: the first), at most `most`. Their order is one
    /// that the database keeps an index in; it is the same for every call, and no two GUNs that
    /// differ in a byte share a place in it.
    async fn guns(&self, after: Option<&str>, most: u32) -> StorageResult<Vec<String>>;

    /// Every stored version of every role of exactly this GUN, in the order of the rows' numbers.
    async fn versions(&self, gun: &str) -> StorageResult<Vec<VersionRecord>>;

    /// The bytes in the row with this number.
    async fn bytes(&self, id: i64) -> StorageResult<Option<Bytes>>;
}
