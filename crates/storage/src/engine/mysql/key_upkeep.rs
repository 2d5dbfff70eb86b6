//! Sealing the rows of `private_keys` anew, and letting go of those that nobody needs.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use sqlx::mysql::MySqlRow;

use super::MySqlStore;
use super::key_catalogue::record;
use super::keys::unjudged;
use super::names::{key_id_is, or_nothing};
use super::row::{TableRow, time_value};
use crate::contract::StorageResult;
use crate::contract::key_upkeep::{KeyUpkeep, RetiredKey, refuse_another_key};
use crate::contract::keys::{KeyRecord, SealedKey};

const TABLE: &str = "private_keys";

/// In the order of the index on key IDs: where that is case-insensitive, no two of them are alike.
pub(super) const SEALED_UNDER: &str = "SELECT id, key_id, encryption_alg, keywrap_alg, algorithm, \
    passphrase_alias, public, private, gun, role, last_used FROM private_keys \
    WHERE passphrase_alias = ? AND CAST(passphrase_alias AS BINARY) = CAST(? AS BINARY) \
    AND CAST(keywrap_alg AS BINARY) <> 'PKCS11' AND key_id > ? ORDER BY key_id LIMIT ?";

const IN_TOKEN: &str = "SELECT id, key_id, encryption_alg, keywrap_alg, algorithm, \
    passphrase_alias, public, private, gun, role, last_used FROM private_keys \
    WHERE CAST(keywrap_alg AS BINARY) = 'PKCS11' AND key_id > ? ORDER BY key_id LIMIT ?";

const RESEAL: &str = concat!(
    "UPDATE private_keys SET encryption_alg = ?, keywrap_alg = ?, passphrase_alias = ?, \
    private = ?, updated_at = ? WHERE ",
    key_id_is!(),
    " AND CAST(encryption_alg AS BINARY) = CAST(? AS BINARY) \
    AND CAST(keywrap_alg AS BINARY) = CAST(? AS BINARY) \
    AND CAST(passphrase_alias AS BINARY) = CAST(? AS BINARY) AND private = ?"
);

const RETIRE: &str = concat!(
    "UPDATE private_keys SET deleted_at = ?, updated_at = ? WHERE ",
    key_id_is!(),
    " AND deleted_at IS NULL"
);

const BRING_BACK: &str = concat!(
    "UPDATE private_keys SET deleted_at = NULL, updated_at = ? WHERE ",
    key_id_is!(),
    " AND deleted_at IS NOT NULL"
);

const ERASE: &str = concat!(
    "DELETE FROM private_keys WHERE ",
    key_id_is!(),
    " AND deleted_at IS NOT NULL AND deleted_at < ?"
);

const RETIRED: &str = "SELECT id, key_id, algorithm, passphrase_alias, keywrap_alg, gun, role, \
    created_at, last_used, deleted_at FROM private_keys \
    WHERE deleted_at < ? AND key_id > ? ORDER BY key_id LIMIT ?";

/// A date of zeros does not say when a key was made.
const PENDING_SINCE: &str = "SELECT id, key_id, algorithm, passphrase_alias, keywrap_alg, gun, role, \
    created_at, last_used FROM private_keys \
    WHERE created_at < ? AND created_at >= '1000-01-01' AND last_used IS NULL \
    AND deleted_at IS NULL AND key_id > ? ORDER BY key_id LIMIT ?";

/// Every statement of this file.
#[cfg(any(test, feature = "suite"))]
pub(super) const STATEMENTS: &[&str] =
    &[SEALED_UNDER, IN_TOKEN, RESEAL, RETIRE, BRING_BACK, ERASE, RETIRED, PENDING_SINCE];

#[async_trait]
impl KeyUpkeep for MySqlStore {
    async fn sealed_under(
        &self,
        alias: &str,
        after: Option<&str>,
        most: u32,
    ) -> StorageResult<Vec<SealedKey>> {
        let query = sqlx::query(SEALED_UNDER).bind(alias).bind(alias);
        let query = query.bind(after.unwrap_or_default()).bind(i64::from(most));
        let rows = or_nothing(self.readers.list(query).await)?;
        rows.iter().map(|found| unjudged(&TableRow::new(found, TABLE))).collect()
    }

    async fn in_token(&self, after: Option<&str>, most: u32) -> StorageResult<Vec<SealedKey>> {
        let query = sqlx::query(IN_TOKEN).bind(after.unwrap_or_default()).bind(i64::from(most));
        let rows = or_nothing(self.readers.list(query).await)?;
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
            .bind(was.key_id.clone())
            .bind(was.encryption_alg.clone())
            .bind(was.keywrap_alg.clone())
            .bind(was.passphrase_alias.clone())
            .bind(was.sealed.clone());
        self.writers.changes_a_row(reseal).await
    }

    async fn retire(&self, key_id: &str, now: DateTime<Utc>) -> StorageResult<bool> {
        let (key_id, at) = (key_id.to_owned(), time_value(now)?);
        let retire = sqlx::query(RETIRE).bind(at).bind(at).bind(key_id.clone()).bind(key_id);
        or_nothing(self.writers.changes_a_row(retire).await)
    }

    async fn bring_back(&self, key_id: &str, now: DateTime<Utc>) -> StorageResult<bool> {
        let key_id = key_id.to_owned();
        let query = sqlx::query(BRING_BACK).bind(time_value(now)?);
        or_nothing(self.writers.changes_a_row(query.bind(key_id.clone()).bind(key_id)).await)
    }

    async fn erase(&self, key_id: &str, before: DateTime<Utc>) -> StorageResult<bool> {
        let key_id = key_id.to_owned();
        let erase = sqlx::query(ERASE).bind(key_id.clone()).bind(key_id);
        or_nothing(self.writers.changes_a_row(erase.bind(time_value(before)?)).await)
    }

    async fn retired(
        &self,
        before: DateTime<Utc>,
        after: Option<&str>,
        most: u32,
    ) -> StorageResult<Vec<RetiredKey>> {
        let query = sqlx::query(RETIRED).bind(time_value(before)?);
        let query = query.bind(after.unwrap_or_default()).bind(i64::from(most));
        or_nothing(self.readers.list(query).await)?.iter().map(retired_key).collect()
    }

    async fn pending_since(
        &self,
        before: DateTime<Utc>,
        after: Option<&str>,
        most: u32,
    ) -> StorageResult<Vec<KeyRecord>> {
        let query = sqlx::query(PENDING_SINCE).bind(time_value(before)?);
        let query = query.bind(after.unwrap_or_default()).bind(i64::from(most));
        or_nothing(self.readers.list(query).await)?.iter().map(record).collect()
    }
}

fn retired_key(found: &MySqlRow) -> StorageResult<RetiredKey> {
    let retired_at = TableRow::new(found, TABLE).time("deleted_at")?;
    Ok(RetiredKey { record: record(found)?, retired_at })
}
