//! Sealing the rows of `private_keys` anew, and letting go of those that nobody needs.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use sqlx::postgres::PgRow;

use super::PostgresStore;
use super::key_catalogue::record;
use super::keys::unjudged;
use super::row::{TableRow, time_value};
use crate::contract::StorageResult;
use crate::contract::key_upkeep::{KeyUpkeep, RetiredKey, refuse_another_key};
use crate::contract::keys::{KeyRecord, SealedKey};

const TABLE: &str = "private_keys";

/// In the order of the index on key IDs, whatever language that sorts by.
pub(super) const SEALED_UNDER: &str = "SELECT id, key_id, encryption_alg, keywrap_alg, algorithm, \
    passphrase_alias, public, private, gun, role, last_used FROM private_keys \
    WHERE passphrase_alias = $1 AND keywrap_alg <> 'PKCS11' AND key_id > $2 \
    ORDER BY key_id LIMIT $3";

const IN_TOKEN: &str = "SELECT id, key_id, encryption_alg, keywrap_alg, algorithm, \
    passphrase_alias, public, private, gun, role, last_used FROM private_keys \
    WHERE keywrap_alg = 'PKCS11' AND key_id > $1 ORDER BY key_id LIMIT $2";

const RESEAL: &str = "UPDATE private_keys SET encryption_alg = $1, keywrap_alg = $2, \
    passphrase_alias = $3, private = $4, updated_at = $5 WHERE key_id = $6 AND encryption_alg = $7 \
    AND keywrap_alg = $8 AND passphrase_alias = $9 AND private = $10";

const RETIRE: &str = "UPDATE private_keys SET deleted_at = $2, updated_at = $2 \
    WHERE key_id = $1 AND deleted_at IS NULL";

const BRING_BACK: &str = "UPDATE private_keys SET deleted_at = NULL, updated_at = $2 \
    WHERE key_id = $1 AND deleted_at IS NOT NULL";

const ERASE: &str =
    "DELETE FROM private_keys WHERE key_id = $1 AND deleted_at IS NOT NULL AND deleted_at < $2";

const RETIRED: &str = "SELECT id, key_id, algorithm, passphrase_alias, keywrap_alg, gun, role, \
    created_at, last_used, deleted_at FROM private_keys \
    WHERE deleted_at < $1 AND key_id > $2 ORDER BY key_id LIMIT $3";

const PENDING_SINCE: &str = "SELECT id, key_id, algorithm, passphrase_alias, keywrap_alg, gun, role, \
    created_at, last_used FROM private_keys \
    WHERE created_at < $1 AND last_used IS NULL AND deleted_at IS NULL AND key_id > $2 \
    ORDER BY key_id LIMIT $3";

/// Every statement of this file.
#[cfg(any(test, feature = "suite"))]
pub(super) const STATEMENTS: &[&str] =
    &[SEALED_UNDER, IN_TOKEN, RESEAL, RETIRE, BRING_BACK, ERASE, RETIRED, PENDING_SINCE];

#[async_trait]
impl KeyUpkeep for PostgresStore {
    async fn sealed_under(
        &self,
        alias: &str,
        after: Option<&str>,
        most: u32,
    ) -> StorageResult<Vec<SealedKey>> {
        let query = sqlx::query(SEALED_UNDER).bind(alias).bind(after.unwrap_or_default());
        let rows = self.readers.list(query.bind(i64::from(most))).await?;
        rows.iter().map(|found| unjudged(&TableRow::new(found, TABLE))).collect()
    }

    async fn in_token(&self, after: Option<&str>, most: u32) -> StorageResult<Vec<SealedKey>> {
        let query = sqlx::query(IN_TOKEN).bind(after.unwrap_or_default()).bind(i64::from(most));
        let rows = self.readers.list(query).await?;
        rows.iter().map(|found| unjudged(&TableRow::new(found, TABLE))).collect()
    }

    async fn reseal(
        &self,
        was: &SealedKey,
        anew: &SealedKey,
        now: DateTime<Utc>,
    ) -> StorageResult<bool> {
        refuse_another_key(was, anew)?;
        let reseal = sqlx::query(RESEAL)
            .bind(anew.encryption_alg.clone())
            .bind(anew.keywrap_alg.clone())
            .bind(anew.passphrase_alias.clone())
            .bind(anew.sealed.clone())
            .bind(time_value(now)?)
            .bind(was.key_id.clone())
            .bind(was.encryption_alg.clone())
            .bind(was.keywrap_alg.clone())
            .bind(was.passphrase_alias.clone())
            .bind(was.sealed.clone());
        self.writers.changes_a_row(reseal).await
    }

    async fn retire(&self, key_id: &str, now: DateTime<Utc>) -> StorageResult<bool> {
        let retire = sqlx::query(RETIRE).bind(key_id.to_owned()).bind(time_value(now)?);
        self.writers.changes_a_row(retire).await
    }

    async fn bring_back(&self, key_id: &str, now: DateTime<Utc>) -> StorageResult<bool> {
        let bring_back = sqlx::query(BRING_BACK).bind(key_id.to_owned()).bind(time_value(now)?);
        self.writers.changes_a_row(bring_back).await
    }

    async fn erase(&self, key_id: &str, before: DateTime<Utc>) -> StorageResult<bool> {
        let erase = sqlx::query(ERASE).bind(key_id.to_owned()).bind(time_value(before)?);
        self.writers.changes_a_row(erase).await
    }

    async fn retired(
        &self,
        before: DateTime<Utc>,
        after: Option<&str>,
        most: u32,
    ) -> StorageResult<Vec<RetiredKey>> {
        let query = sqlx::query(RETIRED).bind(time_value(before)?);
        let query = query.bind(after.unwrap_or_default()).bind(i64::from(most));
        self.readers.list(query).await?.iter().map(retired_key).collect()
    }

    async fn pending_since(
        &self,
        before: DateTime<Utc>,
        after: Option<&str>,
        most: u32,
    ) -> StorageResult<Vec<KeyRecord>> {
        let query = sqlx::query(PENDING_SINCE).bind(time_value(before)?);
        let query = query.bind(after.unwrap_or_default()).bind(i64::from(most));
        self.readers.list(query).await?.iter().map(record).collect()
    }
}

fn retired_key(found: &PgRow) -> StorageResult<RetiredKey> {
    let retired_at = TableRow::new(found, TABLE).time("deleted_at")?;
    Ok(RetiredKey { record: record(found)?, retired_at })
}
