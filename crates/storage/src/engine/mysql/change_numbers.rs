//! The counter behind `changefeed.id`.

use async_trait::async_trait;
use chrono::{DateTime, Utc};

use super::locks::Lock;
use super::transaction::{Ending, to_its_end, write};
use super::{MySqlStore, errors};
use crate::contract::change_numbers::ChangeNumbers;
use crate::contract::{StorageError, StorageResult};

/// A row under that number, which is undone: a number that was taken is not given again, whether or
/// not its transaction was committed.
const TAKE: &str = "INSERT INTO changefeed (id, created_at, gun, version, sha256, category) \
    VALUES (?, ?, '-', 0, '', 'deletion')";

/// Every statement of this file.
#[cfg(any(test, feature = "suite"))]
pub(super) const STATEMENTS: &[&str] = &[TAKE];

/// The highest number that the column takes.
const HIGHEST: i64 = i32::MAX as i64;

#[async_trait]
impl ChangeNumbers for MySqlStore {
    async fn number_above(&self, number: i64) -> StorageResult<()> {
        if number >= HIGHEST {
            return Err(StorageError::Other(format!("{number} is too high for a change")));
        }
        if number < 1 {
            return Ok(());
        }
        let writers = self.writers.clone();
        // Nobody ever sees the row, so its time means nothing.
        let at: DateTime<Utc> = DateTime::from_timestamp_nanos(1_000_000_000_000_000_000);
        to_its_end(async move {
            let raised = write(&writers, move |connection| {
                Box::pin(async move {
                    Lock::Changefeed.take(connection).await?;
                    let taken = sqlx::query(TAKE).bind(number).bind(at).execute(connection).await;
                    match taken {
                        Ok(_) => Ok(Ending::RollBack(())),
                        // Then the next one is above it already.
                        Err(error) if errors::is_duplicate(&error) => Ok(Ending::RollBack(())),
                        Err(error) => Err(error.into()),
                    }
                })
            });
            Ok(raised.await?)
        })
        .await
    }
}
