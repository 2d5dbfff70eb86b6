//! The stored roots by the numbers of their rows, and how far somebody came, in
//! `countersign_root_walks`.

use async_trait::async_trait;
use sqlx::mysql::MySqlRow;

use super::MySqlStore;
use super::row::TableRow;
use crate::contract::StorageResult;
use crate::contract::root_walk::{RootRecord, RootWalk};

const FILES_TABLE: &str = "tuf_files";
const WALKS_TABLE: &str = "countersign_root_walks";

pub(super) const ROOTS: &str = "SELECT id, gun FROM tuf_files \
    WHERE id > ? AND id <= ? AND role = 'root' AND deleted_at IS NULL ORDER BY id";

const LAST_ROW: &str = "SELECT id FROM tuf_files ORDER BY id DESC LIMIT 1";

const WALKED_TO: &str = "SELECT id, row_id FROM countersign_root_walks WHERE signer = ?";

const NOTE_WALKED: &str = "INSERT INTO countersign_root_walks (signer, row_id) VALUES (?, ?) \
    ON DUPLICATE KEY UPDATE row_id = GREATEST(row_id, VALUES(row_id))";

/// Every statement of this file.
#[cfg(any(test, feature = "suite"))]
pub(super) const STATEMENTS: &[&str] = &[ROOTS, LAST_ROW, WALKED_TO, NOTE_WALKED];

#[async_trait]
impl RootWalk for MySqlStore {
    async fn roots(&self, after: i64, to: i64) -> StorageResult<Vec<RootRecord>> {
        let query = sqlx::query(ROOTS).bind(after).bind(to);
        self.readers.list(query).await?.iter().map(record).collect()
    }

    async fn last_row(&self) -> StorageResult<i64> {
        let found = self.readers.find(sqlx::query(LAST_ROW)).await?;
        found.map_or(Ok(0), |found| TableRow::new(&found, FILES_TABLE).id())
    }

    async fn walked_to(&self, signer: &str) -> StorageResult<i64> {
        if !self.notes_walks().await? {
            return Ok(0);
        }
        let found = self.readers.find(sqlx::query(WALKED_TO).bind(signer)).await?;
        found.map_or(Ok(0), |found| TableRow::new(&found, WALKS_TABLE).column("row_id"))
    }

    async fn note_walked(&self, signer: &str, to: i64) -> StorageResult<()> {
        if self.notes_walks().await? {
            let note = sqlx::query(NOTE_WALKED).bind(signer.to_owned()).bind(to);
            self.writers.changes_a_row(note).await?;
        }
        Ok(())
    }
}

impl MySqlStore {
    /// What is found is kept only where the bindings are.
    async fn notes_walks(&self) -> StorageResult<bool> {
        let own = &self.own;
        Ok(own.bindings.is_there(&self.readers).await? && own.walks.is_there(&self.readers).await?)
    }
}

fn record(found: &MySqlRow) -> StorageResult<RootRecord> {
    let row = TableRow::new(found, FILES_TABLE);
    Ok(RootRecord { id: row.id()?, gun: row.text("gun")? })
}
