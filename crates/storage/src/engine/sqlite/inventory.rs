//! What is stored in `tuf_files`, GUN by GUN and row by row.

use async_trait::async_trait;
use bytes::Bytes;
use sqlx::sqlite::SqliteRow;

use super::row::TableRow;
use super::{SqliteStore, errors};
use crate::contract::StorageResult;
use crate::contract::inventory::{Inventory, VersionRecord};

const TABLE: &str = "tuf_files";

/// Jumps from GUN to GUN in the index, however many versions each has.
pub(super) const GUNS: &str = "WITH RECURSIVE names (gun) AS ( \
    SELECT (SELECT gun FROM tuf_files WHERE gun > ?1 AND deleted_at IS NULL ORDER BY gun LIMIT 1) \
    UNION ALL \
    SELECT (SELECT file.gun FROM tuf_files AS file \
        WHERE file.gun > names.gun AND file.deleted_at IS NULL ORDER BY file.gun LIMIT 1) \
    FROM names WHERE names.gun IS NOT NULL) \
    SELECT 0 AS id, gun FROM names WHERE gun IS NOT NULL LIMIT ?2";

pub(super) const VERSIONS: &str = "SELECT id, role, version, sha256, length(data) AS size, \
    created_at FROM tuf_files WHERE gun = ?1 AND deleted_at IS NULL ORDER BY id";

pub(super) const BYTES: &str =
    "SELECT id, data FROM tuf_files WHERE id = ?1 AND deleted_at IS NULL";

/// Every statement of this file.
#[cfg(test)]
pub(super) const STATEMENTS: &[&str] = &[GUNS, VERSIONS, BYTES];

#[async_trait]
impl Inventory for SqliteStore {
    async fn guns(&self, after: Option<&str>, most: u32) -> StorageResult<Vec<String>> {
        let rows = sqlx::query(GUNS)
            .bind(after.unwrap_or_default())
            .bind(most)
            .fetch_all(self.reading()?)
            .await
            .map_err(|error| errors::of_statement(&error))?;
        rows.iter().map(|found| TableRow::new(found, TABLE).column("gun")).collect()
    }

    async fn versions(&self, gun: &str) -> StorageResult<Vec<VersionRecord>> {
        let rows = sqlx::query(VERSIONS)
            .bind(gun)
            .fetch_all(self.reading()?)
            .await
            .map_err(|error| errors::of_statement(&error))?;
        rows.iter().map(record).collect()
    }

    async fn bytes(&self, id: i64) -> StorageResult<Option<Bytes>> {
        let found = sqlx::query(BYTES)
            .bind(id)
            .fetch_optional(self.reading()?)
            .await
            .map_err(|error| errors::of_statement(&error))?;
        found
            .map(|found| TableRow::new(&found, TABLE).column::<Vec<u8>>("data").map(Bytes::from))
            .transpose()
    }
}

fn record(found: &SqliteRow) -> StorageResult<VersionRecord> {
    let row = TableRow::new(found, TABLE);
    let size: i64 = row.column("size")?;
    Ok(VersionRecord {
        id: row.column("id")?,
        role: row.column("role")?,
        version: row.column("version")?,
        sha256: row.column("sha256")?,
        size_bytes: u64::try_from(size).unwrap_or_default(),
        stored_at: row.optional_time("created_at")?,
    })
}
