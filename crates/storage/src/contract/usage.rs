//! How much is stored below a prefix of GUNs: for whoever keeps it within limits.

use async_trait::async_trait;
use countersign_tuf::gun_prefix::GunPrefix;

use super::StorageResult;

/// What is stored below a prefix. Rows whose `deleted_at` is set do not count.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Used {
    /// How many GUNs have a document.
    pub guns: u64,
    /// How many bytes all versions of all their documents have together.
    pub bytes: u64,
}

/// A store that can say how much it holds.
#[async_trait]
pub trait Usage: Send + Sync {
    /// What is stored of the GUNs that begin with `prefix`, byte for byte. Takes as long as there
    /// are rows below the prefix, whatever else is stored.
    async fn used_below(&self, prefix: &GunPrefix) -> StorageResult<Used>;
}

/// The first text behind all that begin with `prefix`, in the order of bytes.
pub(crate) fn end_of(prefix: &GunPrefix) -> String {
    // A prefix ends with a slash, and behind the slash is the zero.
    format!("{}0", prefix.as_str().trim_end_matches('/'))
}
