//! The stored roots by the numbers of their rows, and how far somebody came, in
//! `countersign_root_walks`.

use async_trait::async_trait;
use sqlx::sqlite::SqliteRow;

use super::SqliteStore;
use super::row::TableRow;
use crate::contract::StorageResult;
use crate::contract::root_walk::{RootRecord, RootWalk};

const FILES_TABLE: &str = "tuf_files";
const WALKS_TABLE: &str = "countersign_root_walks";

pub(super) const ROOTS: &str = "SELECT id, gun FROM tuf_files \
    WHERE id > ?1 AND id <= ?2 AND role = 'root' AND deleted_at IS NULL ORDER BY id";

const LAST_ROW: &str = "SELECT id FROM tuf_files ORDER BY id DESC LIMIT 1";

const WALKED_TO: &str = "SELECT id, row_id FROM countersign_root_walks WHERE signer = ?1";

const NOTE_WALKED: &str = "INSERT INTO countersign_root_walks (signer, row_id) VALUES (?1, ?2) \
    ON CONFLICT (signer) DO UPDATE SET row_id = max(row_id, excluded.row_id)";

/// Every statement of this file.
#[cfg(test)]
pub(super) const STATEMENTS: &[&str] = &[ROOTS, LAST_ROW, WALKED_TO, NOTE_WALKED];

#[async_trait]
impl RootWalk for SqliteStore {
    async fn roots(&self, after: i64, to: i64) -> StorageResult<Vec<RootRecord>> {
        self.rows(sqlx::query(ROOTS).bind(after).bind(to)).await?.iter().map(record).collect()
    }

    async fn last_row(&self) -> StorageResult<i64> {
        let rows = self.rows(sqlx::query(LAST_ROW)).await?;
        let number = |found: &SqliteRow| TableRow::new(found, FILES_TABLE).column("id");
        rows.first().map_or(Ok(0), number)
    }

    async fn walked_to(&self, signer: &str) -> StorageResult<i64> {
        let rows = self.rows(sqlx::query(WALKED_TO).bind(signer)).await?;
        let number = |found: &SqliteRow| TableRow::new(found, WALKS_TABLE).column("row_id");
        rows.first().map_or(Ok(0), number)
    }

    async fn note_walked(&self, signer: &str, to: i64) -> StorageResult<()> {
        self.changes_a_row(sqlx::query(NOTE_WALKED).bind(signer.to_owned()).bind(to)).await?;
        Ok(())
    }
}

fn record(found: &SqliteRow) -> StorageResult<RootRecord> {
    let row = TableRow::new(found, FILES_TABLE);
    Ok(RootRecord { id: row.column("id")?, gun: row.column("gun")? })
}
