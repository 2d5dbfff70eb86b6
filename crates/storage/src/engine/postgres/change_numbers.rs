//! The sequence behind `changefeed.id`.

use async_trait::async_trait;

use super::PostgresStore;
use super::locks::Lock;
use super::transaction::{Ending, to_its_end, write};
use crate::contract::change_numbers::ChangeNumbers;
use crate::contract::{StorageError, StorageResult};

/// A number that a sequence gave is given, whether or not its transaction was committed.
pub(super) const RAISE: &str = "SELECT setval(pg_get_serial_sequence('changefeed', 'id'), $1) \
    WHERE coalesce(pg_sequence_last_value(\
        pg_get_serial_sequence('changefeed', 'id')::regclass), 0) < $1";

/// Every statement of this file.
#[cfg(any(test, feature = "suite"))]
pub(super) const STATEMENTS: &[&str] = &[RAISE];

/// The highest number that the column takes.
const HIGHEST: i64 = i32::MAX as i64;

#[async_trait]
impl ChangeNumbers for PostgresStore {
    async fn number_above(&self, number: i64) -> StorageResult<()> {
        if number >= HIGHEST {
            return Err(StorageError::Other(format!("{number} is too high for a change")));
        }
        if number < 1 {
            return Ok(());
        }
        let writers = self.writers.clone();
        to_its_end(async move {
            let raised = write(&writers, move |connection| {
                Box::pin(async move {
                    Lock::Changefeed.take(connection).await?;
                    sqlx::query(RAISE).bind(number).execute(&mut *connection).await?;
                    Ok(Ending::Commit(()))
                })
            });
            Ok(raised.await?)
        })
        .await
    }
}
