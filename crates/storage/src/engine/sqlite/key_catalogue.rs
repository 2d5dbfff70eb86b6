//! What may be told of the rows in `private_keys`, page by page.

use async_trait::async_trait;
use sqlx::sqlite::SqliteRow;

use super::row::TableRow;
use super::{SqliteStore, errors};
use crate::contract::StorageResult;
use crate::contract::keys::{KeyCatalogue, KeyHome, KeyRecord};

const TABLE: &str = "private_keys";

pub(super) const RECORDS: &str = "SELECT id, key_id, algorithm, passphrase_alias, keywrap_alg, gun, role, \
    created_at, last_used \
    FROM private_keys WHERE (gun, role, key_id) > (?1, ?2, ?3) AND deleted_at IS NULL \
    ORDER BY gun, role, key_id LIMIT ?4";

pub(super) const RECORDS_OF_GUN: &str = "SELECT id, key_id, algorithm, passphrase_alias, keywrap_alg, gun, role, \
    created_at, last_used FROM private_keys WHERE gun = ?1 AND (role, key_id) > (?2, ?3) \
    AND deleted_at IS NULL ORDER BY role, key_id LIMIT ?4";

/// Every statement of this file.
#[cfg(test)]
pub(super) const STATEMENTS: &[&str] = &[RECORDS, RECORDS_OF_GUN];

#[async_trait]
impl KeyCatalogue for SqliteStore {
    async fn records(
        &self,
        gun: Option<&str>,
        after: Option<&KeyRecord>,
        most: u32,
    ) -> StorageResult<Vec<KeyRecord>> {
        // No key has an empty ID, so nothing is at or before three empty names.
        let (role, key_id) =
            after.map_or(("", ""), |last| (last.role.as_str(), last.key_id.as_str()));
        let (statement, gun) = match (gun, after) {
            (Some(gun), _) => (RECORDS_OF_GUN, gun),
            (None, Some(last)) => (RECORDS, last.gun.as_str()),
            (None, None) => (RECORDS, ""),
        };
        let rows = sqlx::query(statement)
            .bind(gun)
            .bind(role)
            .bind(key_id)
            .bind(most)
            .fetch_all(&self.readers)
            .await
            .map_err(|error| errors::of_statement(&error))?;
        rows.iter().map(record).collect()
    }
}

pub(super) fn record(found: &SqliteRow) -> StorageResult<KeyRecord> {
    let row = TableRow::new(found, TABLE);
    Ok(KeyRecord {
        key_id: row.column("key_id")?,
        algorithm: row.column("algorithm")?,
        passphrase_alias: row.column("passphrase_alias")?,
        home: KeyHome::of(&row.column::<String>("keywrap_alg")?),
        gun: row.column("gun")?,
        role: row.column("role")?,
        created_at: row.optional_time("created_at")?,
        last_used: row.optional_time("last_used")?,
    })
}
