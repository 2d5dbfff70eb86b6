//! What may be told of the rows in `private_keys`, page by page.

use async_trait::async_trait;
use sqlx::mysql::MySqlRow;

use super::MySqlStore;
use super::names::{gun_is, or_nothing};
use super::row::TableRow;
use crate::contract::StorageResult;
use crate::contract::keys::{KeyCatalogue, KeyHome, KeyRecord};

const TABLE: &str = "private_keys";

/// No index has this order where the columns are case-insensitive, so each page goes through all.
const RECORDS: &str = "SELECT id, key_id, algorithm, passphrase_alias, keywrap_alg, gun, role, created_at, \
    last_used \
    FROM private_keys WHERE deleted_at IS NULL \
    AND (CAST(gun AS BINARY), CAST(role AS BINARY), CAST(key_id AS BINARY)) > \
        (CAST(? AS BINARY), CAST(? AS BINARY), CAST(? AS BINARY)) \
    ORDER BY CAST(gun AS BINARY), CAST(role AS BINARY), CAST(key_id AS BINARY) LIMIT ?";

pub(super) const RECORDS_OF_GUN: &str = concat!(
    "SELECT id, key_id, algorithm, passphrase_alias, keywrap_alg, gun, role, created_at, last_used \
    FROM private_keys WHERE ",
    gun_is!(),
    " AND deleted_at IS NULL AND (CAST(role AS BINARY), CAST(key_id AS BINARY)) > \
        (CAST(? AS BINARY), CAST(? AS BINARY)) \
    ORDER BY CAST(role AS BINARY), CAST(key_id AS BINARY) LIMIT ?"
);

/// Every statement of this file.
#[cfg(any(test, feature = "suite"))]
pub(super) const STATEMENTS: &[&str] = &[RECORDS, RECORDS_OF_GUN];

#[async_trait]
impl KeyCatalogue for MySqlStore {
    async fn records(
        &self,
        gun: Option<&str>,
        after: Option<&KeyRecord>,
        most: u32,
    ) -> StorageResult<Vec<KeyRecord>> {
        // No key has an empty ID, so nothing is at or before three empty names.
        let (role, key_id) =
            after.map_or(("", ""), |last| (last.role.as_str(), last.key_id.as_str()));
        let query = match gun {
            Some(gun) => sqlx::query(RECORDS_OF_GUN).bind(gun).bind(gun),
            None => sqlx::query(RECORDS).bind(after.map_or("", |last| last.gun.as_str())),
        };
        let query = query.bind(role).bind(key_id).bind(i64::from(most));
        or_nothing(self.readers.list(query).await)?.iter().map(record).collect()
    }
}

pub(super) fn record(found: &MySqlRow) -> StorageResult<KeyRecord> {
    let row = TableRow::new(found, TABLE);
    Ok(KeyRecord {
        key_id: row.text("key_id")?,
        algorithm: row.text("algorithm")?,
        passphrase_alias: row.text("passphrase_alias")?,
        home: KeyHome::of(&row.text("keywrap_alg")?),
        gun: row.text("gun")?,
        role: row.text("role")?,
        created_at: row.optional_time("created_at")?,
        last_used: row.optional_time("last_used")?,
    })
}
