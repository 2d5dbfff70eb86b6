//! Sealed keys in `private_keys`, and the passphrase check beside it.

use std::sync::Arc;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use sqlx::sqlite::{SqliteConnection, SqliteExecutor, SqliteRow};

use super::row::{TableRow, time_text};
use super::{SqliteStore, errors};
use crate::contract::keys::{KeyHome, KeyStore, SealedKey, is_known_role};
use crate::contract::{StorageError, StorageResult};

pub(super) const TABLE: &str = "private_keys";

pub(super) const PENDING: &str = "SELECT id, key_id, encryption_alg, keywrap_alg, algorithm, \
    passphrase_alias, public, private, gun, role, last_used FROM private_keys \
    WHERE gun = ?1 AND role = ?2 AND algorithm = ?3 \
    AND (keywrap_alg = 'PKCS11') = ?4 AND last_used IS NULL AND deleted_at IS NULL ORDER BY key_id LIMIT 1";

pub(super) const BY_ID: &str = "SELECT id, key_id, encryption_alg, keywrap_alg, algorithm, \
    passphrase_alias, public, private, gun, role, last_used FROM private_keys \
    WHERE key_id = ?1 AND deleted_at IS NULL";

pub(super) const COUNT_PENDING: &str = "SELECT count(*) AS waiting FROM (SELECT 1 FROM private_keys \
    WHERE last_used IS NULL AND deleted_at IS NULL LIMIT ?1)";

const INSERT: &str = "INSERT INTO private_keys \
    (created_at, updated_at, key_id, encryption_alg, keywrap_alg, algorithm, \
    passphrase_alias, public, private, gun, role) \
    VALUES (?1, ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)";

const BIND: &str = "UPDATE private_keys SET gun = ?2, role = ?3, updated_at = ?4 \
    WHERE key_id = ?1 AND deleted_at IS NULL \
    AND gun IN ('', ?2) AND role IN ('', ?3) AND (gun = '' OR role = '')";

const MARK_USED: &str = "UPDATE private_keys SET last_used = ?2, updated_at = ?2 \
    WHERE key_id = ?1 AND deleted_at IS NULL";

const CHECK_VALUE: &str = "SELECT id, sealed FROM countersign_passphrase_check";

const INSERT_CHECK_VALUE: &str = "INSERT INTO countersign_passphrase_check (id, sealed) \
    VALUES (1, ?1) ON CONFLICT (id) DO NOTHING";

/// Every statement of this file.
#[cfg(test)]
pub(super) const STATEMENTS: &[&str] =
    &[PENDING, BY_ID, COUNT_PENDING, INSERT, BIND, MARK_USED, CHECK_VALUE, INSERT_CHECK_VALUE];

#[async_trait]
impl KeyStore for SqliteStore {
    async fn pending(
        &self,
        gun: &str,
        role: &str,
        algorithm: &str,
        home: KeyHome,
    ) -> StorageResult<Option<SealedKey>> {
        pending_in(&self.readers, [gun, role, algorithm], home).await
    }

    async fn insert_unless_pending(
        &self,
        key: &SealedKey,
        now: DateTime<Utc>,
    ) -> StorageResult<SealedKey> {
        key.refuse_unless_pending()?;
        let new = Arc::new((key.clone(), time_text(now)?));
        self.write(move |connection| {
            let new = Arc::clone(&new);
            Box::pin(async move { insert_in(connection, &new.0, &new.1).await })
        })
        .await
    }

    async fn count_pending(&self, most: u32) -> StorageResult<u32> {
        let counted = sqlx::query(COUNT_PENDING)
            .bind(most)
            .fetch_one(self.reading()?)
            .await
            .map_err(|error| errors::of_statement(&error))?;
        TableRow::new(&counted, TABLE).column("waiting")
    }

    async fn by_id(&self, key_id: &str) -> StorageResult<Option<SealedKey>> {
        let found = sqlx::query(BY_ID).bind(key_id).fetch_optional(self.reading()?).await;
        sealed_key(found)
    }

    async fn bind(
        &self,
        key_id: &str,
        gun: &str,
        role: &str,
        now: DateTime<Utc>,
    ) -> StorageResult<Option<SealedKey>> {
        if gun.is_empty() || role.is_empty() || !is_known_role(role) {
            return Err(StorageError::Other(format!(
                "no server key can be bound to GUN {gun:?} and role {role:?}"
            )));
        }
        let names = [key_id.to_owned(), gun.to_owned(), role.to_owned(), time_text(now)?];
        let names = Arc::new(names);
        self.write(move |connection| {
            let names = Arc::clone(&names);
            Box::pin(async move {
                let [key_id, gun, role, at] = names.as_ref();
                sqlx::query(BIND)
                    .bind(key_id.as_str())
                    .bind(gun.as_str())
                    .bind(role.as_str())
                    .bind(at.as_str())
                    .execute(&mut *connection)
                    .await
                    .map_err(|error| errors::of_statement(&error))?;
                let bound =
                    sqlx::query(BY_ID).bind(key_id.as_str()).fetch_optional(connection).await;
                sealed_key(bound)
            })
        })
        .await
    }

    async fn mark_used(&self, key_id: &str, at: DateTime<Utc>) -> StorageResult<()> {
        let used = Arc::new((key_id.to_owned(), time_text(at)?));
        self.write(move |connection| {
            let used = Arc::clone(&used);
            Box::pin(async move {
                sqlx::query(MARK_USED)
                    .bind(used.0.as_str())
                    .bind(used.1.as_str())
                    .execute(connection)
                    .await
                    .map_err(|error| errors::of_statement(&error))?;
                Ok(())
            })
        })
        .await
    }

    async fn passphrase_check(&self) -> StorageResult<Option<Vec<u8>>> {
        check_value_in(self.reading()?).await
    }

    async fn insert_passphrase_check(&self, sealed: &[u8]) -> StorageResult<Vec<u8>> {
        let sealed = Arc::new(sealed.to_vec());
        self.write(move |connection| {
            let sealed = Arc::clone(&sealed);
            Box::pin(async move {
                sqlx::query(INSERT_CHECK_VALUE)
                    .bind(sealed.as_slice())
                    .execute(&mut *connection)
                    .await
                    .map_err(|error| errors::of_statement(&error))?;
                Ok(check_value_in(connection).await?.unwrap_or_else(|| sealed.to_vec()))
            })
        })
        .await
    }
}

async fn insert_in(
    connection: &mut SqliteConnection,
    key: &SealedKey,
    at: &str,
) -> StorageResult<SealedKey> {
    let names = [key.gun.as_str(), key.role.as_str(), key.algorithm.as_str()];
    let pending = pending_in(&mut *connection, names, key.home()).await?;
    if let Some(pending) = pending {
        return Ok(pending);
    }
    let inserted = sqlx::query(INSERT)
        .bind(at)
        .bind(key.key_id.as_str())
        .bind(key.encryption_alg.as_str())
        .bind(key.keywrap_alg.as_str())
        .bind(key.algorithm.as_str())
        .bind(key.passphrase_alias.as_str())
        .bind(key.public.as_slice())
        .bind(key.sealed.as_slice())
        .bind(key.gun.as_str())
        .bind(key.role.as_str())
        .execute(connection)
        .await;
    match inserted {
        Ok(_) => Ok(key.clone()),
        Err(error) if errors::is_duplicate(&error) => {
            Err(StorageError::Other(format!("key {} is stored already", key.key_id)))
        }
        Err(error) => Err(errors::of_statement(&error)),
    }
}

async fn pending_in(
    executor: impl SqliteExecutor<'_>,
    [gun, role, algorithm]: [&str; 3],
    home: KeyHome,
) -> StorageResult<Option<SealedKey>> {
    let found = sqlx::query(PENDING)
        .bind(gun)
        .bind(role)
        .bind(algorithm)
        .bind(home.is_token())
        .fetch_optional(executor)
        .await;
    sealed_key(found)
}

async fn check_value_in(executor: impl SqliteExecutor<'_>) -> StorageResult<Option<Vec<u8>>> {
    let found = sqlx::query(CHECK_VALUE)
        .fetch_optional(executor)
        .await
        .map_err(|error| errors::of_statement(&error))?;
    found
        .map(|found| TableRow::new(&found, "countersign_passphrase_check").column("sealed"))
        .transpose()
}

fn sealed_key(found: Result<Option<SqliteRow>, sqlx::Error>) -> StorageResult<Option<SealedKey>> {
    let Some(found) = found.map_err(|error| errors::of_statement(&error))? else {
        return Ok(None);
    };
    let row = TableRow::new(&found, TABLE);
    let key = unjudged(&row)?;
    if is_known_role(&key.role) {
        return Ok(Some(key));
    }
    Err(row.corrupt(format!("unknown role {:?}", key.role)))
}

/// A row as it is, whatever role it names.
pub(super) fn unjudged(row: &TableRow<'_>) -> StorageResult<SealedKey> {
    Ok(SealedKey {
        key_id: row.column("key_id")?,
        encryption_alg: row.column("encryption_alg")?,
        keywrap_alg: row.column("keywrap_alg")?,
        algorithm: row.column("algorithm")?,
        passphrase_alias: row.column("passphrase_alias")?,
        public: row.column("public")?,
        sealed: row.column("private")?,
        gun: row.column("gun")?,
        role: row.column("role")?,
        last_used: row.optional_time("last_used")?,
    })
}
