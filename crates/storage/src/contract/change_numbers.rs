//! Leaving out numbers of the changefeed: those that were given since a backup was taken are known
//! to readers, and mean nothing any more once the backup is put back.

use async_trait::async_trait;

use super::StorageResult;

/// A store whose changefeed can be told to go on with higher numbers.
#[async_trait]
pub trait ChangeNumbers: Send + Sync {
    /// Has every change that is stored from now on get a number above `number`. Where that is so
    /// already nothing changes: numbers never go back.
    ///
    /// A number that the engine cannot give is refused as
    /// [`StorageError::Other`].
    async fn number_above(&self, number: i64) -> StorageResult<()>;
}
