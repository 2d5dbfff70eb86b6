//! The aliases in `private_keys`, one after the other.

use async_trait::async_trait;
use sqlx::postgres::PgRow;

use super::PostgresStore;
use super::row::TableRow;
use crate::contract::StorageResult;
use crate::contract::aliases::{KeyAliases, SealedSample};

const TABLE: &str = "private_keys";

pub(super) const SAMPLES: &str = "SELECT id, key_id, passphrase_alias, private FROM private_keys \
    WHERE deleted_at IS NULL AND keywrap_alg <> 'PKCS11' AND passphrase_alias COLLATE \"C\" = \
    (SELECT min(passphrase_alias COLLATE \"C\") FROM private_keys \
    WHERE deleted_at IS NULL AND keywrap_alg <> 'PKCS11' AND passphrase_alias COLLATE \"C\" > $1) \
    ORDER BY id DESC LIMIT $2";

/// Every statement of this file.
#[cfg(any(test, feature = "suite"))]
pub(super) const STATEMENTS: &[&str] = &[SAMPLES];

#[async_trait]
impl KeyAliases for PostgresStore {
    async fn samples_of_next_alias(
        &self,
        after: Option<&str>,
        most: u32,
    ) -> StorageResult<Vec<SealedSample>> {
        let query = sqlx::query(SAMPLES).bind(after.unwrap_or_default()).bind(i64::from(most));
        self.readers.list(query).await?.iter().map(sample).collect()
    }
}

fn sample(found: &PgRow) -> StorageResult<SealedSample> {
    let row = TableRow::new(found, TABLE);
    Ok(SealedSample {
        key_id: row.column("key_id")?,
        passphrase_alias: row.column("passphrase_alias")?,
        sealed: row.column("private")?,
    })
}
