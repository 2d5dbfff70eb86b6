//! The aliases in `private_keys`, one after the other.

use async_trait::async_trait;
use sqlx::mysql::MySqlRow;

use super::MySqlStore;
use super::names::or_nothing;
use super::row::TableRow;
use crate::contract::StorageResult;
use crate::contract::aliases::{KeyAliases, SealedSample};

const TABLE: &str = "private_keys";

/// The order of an index may be another than that of the bytes, so this goes through one.
pub(super) const NEXT_ALIAS: &str = "SELECT MIN(CAST(passphrase_alias AS BINARY)) AS alias \
    FROM private_keys WHERE deleted_at IS NULL \
    AND CAST(passphrase_alias AS BINARY) > CAST(? AS BINARY)";

pub(super) const SAMPLES: &str = "SELECT id, key_id, passphrase_alias, private FROM private_keys \
    WHERE passphrase_alias = ? AND CAST(passphrase_alias AS BINARY) = CAST(? AS BINARY) \
    AND CAST(keywrap_alg AS BINARY) <> 'PKCS11' AND deleted_at IS NULL ORDER BY id DESC LIMIT ?";

/// Every statement of this file.
#[cfg(any(test, feature = "suite"))]
pub(super) const STATEMENTS: &[&str] = &[NEXT_ALIAS, SAMPLES];

#[async_trait]
impl KeyAliases for MySqlStore {
    async fn samples_of_next_alias(
        &self,
        after: Option<&str>,
        most: u32,
    ) -> StorageResult<Vec<SealedSample>> {
        let mut last = after.unwrap_or_default().to_owned();
        loop {
            let next = sqlx::query(NEXT_ALIAS).bind(&last);
            let Some(next) = self.readers.find(next).await? else { return Ok(Vec::new()) };
            let Some(alias) = TableRow::new(&next, TABLE).optional_text("alias")? else {
                return Ok(Vec::new());
            };
            let query = sqlx::query(SAMPLES).bind(&alias).bind(&alias).bind(i64::from(most));
            let found = or_nothing(self.readers.list(query).await)?;
            // An alias that only keys in a token have is passed over, and so is one whose last key
            // has gone meanwhile.
            if !found.is_empty() || most == 0 {
                return found.iter().map(sample).collect();
            }
            last = alias;
        }
    }
}

fn sample(found: &MySqlRow) -> StorageResult<SealedSample> {
    let row = TableRow::new(found, TABLE);
    Ok(SealedSample {
        key_id: row.text("key_id")?,
        passphrase_alias: row.text("passphrase_alias")?,
        sealed: row.column("private")?,
    })
}
