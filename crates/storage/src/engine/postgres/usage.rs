//! How much is stored in `tuf_files` below a prefix.

use async_trait::async_trait;
use countersign_tuf::gun_prefix::GunPrefix;

use super::PostgresStore;
use super::row::TableRow;
use crate::contract::StorageResult;
use crate::contract::usage::{Usage, Used, end_of};

const TABLE: &str = "tuf_files";

/// In the order of bytes, whatever the language of the database. The size of a document is in its
/// row, wherever its bytes are.
pub(super) const USED: &str = "SELECT count(DISTINCT gun) AS guns, \
    coalesce(sum(octet_length(data)), 0)::bigint AS bytes FROM tuf_files \
    WHERE gun COLLATE \"C\" >= $1 AND gun COLLATE \"C\" < $2 AND deleted_at IS NULL";

/// Every statement of this file.
#[cfg(any(test, feature = "suite"))]
pub(super) const STATEMENTS: &[&str] = &[USED];

#[async_trait]
impl Usage for PostgresStore {
    async fn used_below(&self, prefix: &GunPrefix) -> StorageResult<Used> {
        let query = sqlx::query(USED).bind(prefix.as_str()).bind(end_of(prefix));
        let Some(found) = self.readers.find(query).await? else { return Ok(Used::default()) };
        let row = TableRow::new(&found, TABLE);
        let (guns, bytes): (i64, i64) = (row.column("guns")?, row.column("bytes")?);
        let positive = |number: i64| u64::try_from(number).unwrap_or_default();
        Ok(Used { guns: positive(guns), bytes: positive(bytes) })
    }
}
