//! Going through the stored roots in the order in which they were stored, and how far somebody came:
//! for whoever looks for the first root that names a key.

use async_trait::async_trait;

use super::StorageResult;

/// A stored root, without its bytes. The name of its GUN may be none that a route takes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RootRecord {
    /// The row's number.
    pub id: i64,
    /// The GUN as stored.
    pub gun: String,
}

/// A store whose roots can be gone through by the numbers of their rows, which only grow. Rows whose
/// `deleted_at` is set are invisible.
#[async_trait]
pub trait RootWalk: Send + Sync {
    /// The roots in rows with numbers above `after` and up to `to`, in the order of the numbers.
    /// Takes as long as there are rows of any role between the two.
    async fn roots(&self, after: i64, to: i64) -> StorageResult<Vec<RootRecord>>;

    /// The number of the last row of any role; 0 where there is none.
    async fn last_row(&self) -> StorageResult<i64>;

    /// How far the roots were gone through for the signer of this name: the number of the last row;
    /// 0 where they never were.
    ///
    /// Where this user could not make the tables for that or for
    /// [`KeyBindings`](super::key_bindings::KeyBindings), they never were.
    async fn walked_to(&self, signer: &str) -> StorageResult<i64>;

    /// Notes how far that is now. Where there is no table for it, nothing is noted.
    async fn note_walked(&self, signer: &str, to: i64) -> StorageResult<()>;
}
