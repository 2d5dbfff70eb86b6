//! The counter behind `changefeed.id`.

use async_trait::async_trait;
use sqlx::sqlite::SqliteConnection;

use super::transaction::{Ending, write};
use super::{SqliteStore, errors};
use crate::contract::change_numbers::ChangeNumbers;
use crate::contract::{StorageError, StorageResult};

/// The table of SQLite's that remembers the highest number it ever gave.
pub(super) const RAISE: &str =
    "UPDATE sqlite_sequence SET seq = max(seq, ?1) WHERE name = 'changefeed'";

/// Before the first change there is no row.
const BEGIN: &str = "INSERT INTO sqlite_sequence (name, seq) VALUES ('changefeed', ?1)";

/// Every statement of this file.
#[cfg(test)]
pub(super) const STATEMENTS: &[&str] = &[RAISE, BEGIN];

/// The highest number that a request for later changes can name.
const HIGHEST: i64 = i32::MAX as i64;

#[async_trait]
impl ChangeNumbers for SqliteStore {
    async fn number_above(&self, number: i64) -> StorageResult<()> {
        if number >= HIGHEST {
            return Err(StorageError::Other(format!("{number} is too high for a change")));
        }
        write(self.writing()?, move |connection| {
            Box::pin(async move { raise(connection, number).await })
        })
        .await
    }
}

async fn raise(connection: &mut SqliteConnection, number: i64) -> StorageResult<Ending<()>> {
    let failed = |error: sqlx::Error| errors::of_statement(&error);
    let raised = sqlx::query(RAISE).bind(number).execute(&mut *connection).await.map_err(failed)?;
    if raised.rows_affected() == 0 {
        sqlx::query(BEGIN).bind(number.max(0)).execute(connection).await.map_err(failed)?;
    }
    Ok(Ending::Commit(()))
}
