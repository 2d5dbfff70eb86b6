//! What is stored in `tuf_files`, GUN by GUN and row by row.

use async_trait::async_trait;
use bytes::Bytes;
use sqlx::postgres::PgRow;

use super::PostgresStore;
use super::row::TableRow;
use crate::contract::StorageResult;
use crate::contract::inventory::{Inventory, VersionRecord};

const TABLE: &str = "tuf_files";

/// Jumps from GUN to GUN in the index of Notary's table, however many versions each has: in the
/// order of the database's own language, which tells all names apart that differ in a byte.
pub(super) const GUNS: &str = "WITH RECURSIVE names (gun) AS ( \
    (SELECT gun FROM tuf_files WHERE gun > $1 AND deleted_at IS NULL ORDER BY gun LIMIT 1) \
    UNION ALL \
    SELECT (SELECT file.gun FROM tuf_files AS file \
        WHERE file.gun > names.gun AND file.deleted_at IS NULL ORDER BY file.gun LIMIT 1) \
    FROM names WHERE names.gun IS NOT NULL) \
    SELECT gun FROM names WHERE gun IS NOT NULL LIMIT $2";

pub(super) const VERSIONS: &str = "SELECT id, role, version, sha256, octet_length(data) AS size, \
    created_at FROM tuf_files WHERE gun = $1 AND deleted_at IS NULL ORDER BY id";

pub(super) const BYTES: &str =
    "SELECT id, data FROM tuf_files WHERE id = $1 AND deleted_at IS NULL";

/// Every statement of this file.
#[cfg(any(test, feature = "suite"))]
pub(super) const STATEMENTS: &[&str] = &[GUNS, VERSIONS, BYTES];

#[async_trait]
impl Inventory for PostgresStore {
    async fn guns(&self, after: Option<&str>, most: u32) -> StorageResult<Vec<String>> {
        let query = sqlx::query(GUNS).bind(after.unwrap_or_default()).bind(i64::from(most));
        let rows = self.readers.list(query).await?;
        rows.iter().map(|found| TableRow::new(found, TABLE).column("gun")).collect()
    }

    async fn versions(&self, gun: &str) -> StorageResult<Vec<VersionRecord>> {
        let rows = self.readers.list(sqlx::query(VERSIONS).bind(gun)).await?;
        rows.iter().map(record).collect()
    }

    async fn bytes(&self, id: i64) -> StorageResult<Option<Bytes>> {
        let Some(found) = self.readers.find(sqlx::query(BYTES).bind(id)).await? else {
            return Ok(None);
        };
        let data: Vec<u8> = TableRow::new(&found, TABLE).column("data")?;
        Ok(Some(Bytes::from(data)))
    }
}

fn record(found: &PgRow) -> StorageResult<VersionRecord> {
    let row = TableRow::new(found, TABLE);
    let size: i32 = row.column("size")?;
    Ok(VersionRecord {
        id: row.id()?,
        role: row.column("role")?,
        version: row.column("version")?,
        sha256: row.column("sha256")?,
        size_bytes: u64::try_from(size).unwrap_or_default(),
        stored_at: row.optional_time("created_at")?,
    })
}
