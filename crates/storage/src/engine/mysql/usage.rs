//! How much is stored in `tuf_files` below a prefix.

use async_trait::async_trait;
use countersign_tuf::gun_prefix::GunPrefix;

use super::MySqlStore;
use super::names::or_nothing;
use super::row::TableRow;
use crate::contract::StorageResult;
use crate::contract::usage::{Usage, Used, end_of};

const TABLE: &str = "tuf_files";

/// By the index, which in tables of Notary's making takes names for the same that differ in case;
/// of those the exact ones.
pub(super) const USED: &str = "SELECT COUNT(DISTINCT CAST(gun AS BINARY)) AS guns, \
    CAST(COALESCE(SUM(OCTET_LENGTH(data)), 0) AS SIGNED) AS bytes FROM tuf_files \
    WHERE gun >= ? AND gun < ? AND LOCATE(CAST(? AS BINARY), CAST(gun AS BINARY)) = 1 \
    AND deleted_at IS NULL";

/// Every statement of this file.
#[cfg(any(test, feature = "suite"))]
pub(super) const STATEMENTS: &[&str] = &[USED];

#[async_trait]
impl Usage for MySqlStore {
    async fn used_below(&self, prefix: &GunPrefix) -> StorageResult<Used> {
        let start = prefix.as_str();
        let query = sqlx::query(USED).bind(start).bind(end_of(prefix)).bind(start);
        let Some(found) = or_nothing(self.readers.find(query).await)? else {
            return Ok(Used::default());
        };
        let row = TableRow::new(&found, TABLE);
        let (guns, bytes): (i64, i64) = (row.column("guns")?, row.column("bytes")?);
        let positive = |number: i64| u64::try_from(number).unwrap_or_default();
        Ok(Used { guns: positive(guns), bytes: positive(bytes) })
    }
}
