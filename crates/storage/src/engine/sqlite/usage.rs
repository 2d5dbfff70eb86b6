//! How much is stored in `tuf_files` below a prefix.

use async_trait::async_trait;
use countersign_tuf::gun_prefix::GunPrefix;

use super::row::TableRow;
use super::{SqliteStore, errors};
use crate::contract::StorageResult;
use crate::contract::usage::{Usage, Used, end_of};

const TABLE: &str = "tuf_files";

/// The size of a document is in the head of its row.
pub(super) const USED: &str = "SELECT 0 AS id, count(DISTINCT gun) AS guns, \
    coalesce(sum(length(data)), 0) AS bytes FROM tuf_files \
    WHERE gun >= ?1 AND gun < ?2 AND deleted_at IS NULL";

/// Every statement of this file.
#[cfg(test)]
pub(super) const STATEMENTS: &[&str] = &[USED];

#[async_trait]
impl Usage for SqliteStore {
    async fn used_below(&self, prefix: &GunPrefix) -> StorageResult<Used> {
        let found = sqlx::query(USED)
            .bind(prefix.as_str())
            .bind(end_of(prefix))
            .fetch_one(self.reading()?)
            .await
            .map_err(|error| errors::of_statement(&error))?;
        let row = TableRow::new(&found, TABLE);
        let (guns, bytes): (i64, i64) = (row.column("guns")?, row.column("bytes")?);
        let positive = |number: i64| u64::try_from(number).unwrap_or_default();
        Ok(Used { guns: positive(guns), bytes: positive(bytes) })
    }
}
