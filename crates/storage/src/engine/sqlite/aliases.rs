//! The aliases in `private_keys`, one after the other.

use async_trait::async_trait;
use sqlx::sqlite::SqliteRow;

use super::row::TableRow;
use super::{SqliteStore, errors};
use crate::contract::StorageResult;
use crate::contract::aliases::{KeyAliases, SealedSample};

const TABLE: &str = "private_keys";

pub(super) const SAMPLES: &str = "SELECT id, key_id, passphrase_alias, private FROM private_keys \
    WHERE deleted_at IS NULL AND keywrap_alg <> 'PKCS11' \
    AND passphrase_alias = (SELECT min(passphrase_alias) FROM private_keys \
        WHERE deleted_at IS NULL AND keywrap_alg <> 'PKCS11' AND passphrase_alias > ?1) \
    ORDER BY id DESC LIMIT ?2";

/// Every statement of this file.
#[cfg(test)]
pub(super) const STATEMENTS: &[&str] = &[SAMPLES];

#[async_trait]
impl KeyAliases for SqliteStore {
    async fn samples_of_next_alias(
        &self,
        after: Option<&str>,
        most: u32,
    ) -> StorageResult<Vec<SealedSample>> {
        let rows = sqlx::query(SAMPLES)
            .bind(after.unwrap_or_default())
            .bind(most)
            .fetch_all(&self.readers)
            .await
            .map_err(|error| errors::of_statement(&error))?;
        rows.iter().map(sample).collect()
    }
}

fn sample(found: &SqliteRow) -> StorageResult<SealedSample> {
    let row = TableRow::new(found, TABLE);
    Ok(SealedSample {
        key_id: row.column("key_id")?,
        passphrase_alias: row.column("passphrase_alias")?,
        sealed: row.column("private")?,
    })
}
