//! Sealed keys in `private_keys`, and the passphrase check beside it.

use std::sync::Arc;

use async_trait::async_trait;
use chrono::{DateTime, NaiveDateTime, Utc};
use sqlx::postgres::{PgArguments, PgConnection, PgRow, Postgres};
use sqlx::query::Query;

use super::findings::PassphraseCheckTable;
use super::locks::Lock;
use super::row::{TableRow, time_value};
use super::transaction::{Ending, Stop, to_its_end, write};
use super::{PostgresStore, errors};
use crate::contract::keys::{KeyHome, KeyStore, SealedKey, is_known_role};
use crate::contract::{StorageError, StorageResult};

pub(super) const TABLE: &str = "private_keys";

/// Compared under the collation of the index, which changes the order and never what is equal.
pub(super) const PENDING: &str = "SELECT id, key_id, encryption_alg, keywrap_alg, algorithm, \
    passphrase_alias, public, private, gun, role, last_used FROM private_keys \
    WHERE gun COLLATE \"C\" = $1 AND role COLLATE \"C\" = $2 AND algorithm = $3 \
    AND (keywrap_alg = 'PKCS11') = $4 AND last_used IS NULL AND deleted_at IS NULL ORDER BY key_id COLLATE \"C\" LIMIT 1";

pub(super) const BY_ID: &str = "SELECT id, key_id, encryption_alg, keywrap_alg, algorithm, \
    passphrase_alias, public, private, gun, role, last_used FROM private_keys \
    WHERE key_id = $1 AND deleted_at IS NULL";

pub(super) const COUNT_PENDING: &str = "SELECT count(*) AS waiting FROM (SELECT 1 FROM private_keys \
    WHERE last_used IS NULL AND deleted_at IS NULL LIMIT $1) AS unsigned";

/// Answers with the pending key, and stores one where there is none. What others store at the same
/// time it does not see: they are kept apart by [`Lock::PendingKey`].
const INSERT_UNLESS_PENDING: &str = "WITH pending AS MATERIALIZED ( \
        SELECT id, key_id, encryption_alg, keywrap_alg, algorithm, \
        passphrase_alias, public, private, gun, role, last_used FROM private_keys \
        WHERE gun COLLATE \"C\" = $9 AND role COLLATE \"C\" = $10 AND algorithm = $5 \
        AND (keywrap_alg = 'PKCS11') = $11 AND last_used IS NULL AND deleted_at IS NULL \
        ORDER BY key_id COLLATE \"C\" LIMIT 1 \
    ), made AS ( \
        INSERT INTO private_keys \
        (created_at, updated_at, key_id, encryption_alg, keywrap_alg, algorithm, \
        passphrase_alias, public, private, gun, role) \
        SELECT $1::timestamp, $1::timestamp, $2::text, $3::text, $4::text, $5::text, $6::text, \
        $7::bytea, $8::bytea, $9::text, $10::text WHERE NOT EXISTS (SELECT 1 FROM pending) \
    ) SELECT * FROM pending";

pub(super) const BIND: &str = "UPDATE private_keys SET gun = $2, role = $3, updated_at = $4 \
    WHERE key_id = $1 AND deleted_at IS NULL \
    AND gun IN ('', $2) AND role IN ('', $3) AND (gun = '' OR role = '')";

pub(super) const MARK_USED: &str = "UPDATE private_keys SET last_used = $2, updated_at = $2 \
    WHERE key_id = $1 AND deleted_at IS NULL";

const CHECK_VALUE: &str = "SELECT id, sealed FROM countersign_passphrase_check";

const INSERT_CHECK_VALUE: &str = "INSERT INTO countersign_passphrase_check (id, sealed) \
    VALUES (1, $1) ON CONFLICT (id) DO NOTHING";

/// Every statement of this file.
#[cfg(any(test, feature = "suite"))]
pub(super) const STATEMENTS: &[&str] = &[
    PENDING,
    BY_ID,
    COUNT_PENDING,
    INSERT_UNLESS_PENDING,
    BIND,
    MARK_USED,
    CHECK_VALUE,
    INSERT_CHECK_VALUE,
];

#[async_trait]
impl KeyStore for PostgresStore {
    async fn pending(
        &self,
        gun: &str,
        role: &str,
        algorithm: &str,
        home: KeyHome,
    ) -> StorageResult<Option<SealedKey>> {
        sealed_key(self.readers.find(pending_query([gun, role, algorithm], home)).await?)
    }

    async fn insert_unless_pending(
        &self,
        key: &SealedKey,
        now: DateTime<Utc>,
    ) -> StorageResult<SealedKey> {
        key.refuse_unless_pending()?;
        let (key, at) = (Arc::new(key.clone()), time_value(now)?);
        let writers = self.writers.clone();
        to_its_end(async move {
            let inserted = write(&writers, move |connection| {
                let key = Arc::clone(&key);
                Box::pin(async move { insert_in(connection, &key, at).await })
            });
            Ok(inserted.await?)
        })
        .await
    }

    async fn count_pending(&self, most: u32) -> StorageResult<u32> {
        let counted = self.readers.find(sqlx::query(COUNT_PENDING).bind(i64::from(most))).await?;
        let Some(counted) = counted else { return Ok(0) };
        let waiting: i64 = TableRow::new(&counted, TABLE).column("waiting")?;
        Ok(u32::try_from(waiting).unwrap_or(most))
    }

    async fn by_id(&self, key_id: &str) -> StorageResult<Option<SealedKey>> {
        sealed_key(self.readers.find(sqlx::query(BY_ID).bind(key_id)).await?)
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
        let names = Arc::new((key_id.to_owned(), gun.to_owned(), role.to_owned()));
        let (writers, at) = (self.writers.clone(), time_value(now)?);
        to_its_end(async move {
            let bound = write(&writers, move |connection| {
                let names = Arc::clone(&names);
                Box::pin(async move {
                    let (key_id, gun, role) = (&names.0, &names.1, &names.2);
                    bind_in(connection, [key_id.as_str(), gun.as_str(), role.as_str()], at).await
                })
            });
            Ok(bound.await?)
        })
        .await
    }

    async fn mark_used(&self, key_id: &str, at: DateTime<Utc>) -> StorageResult<()> {
        let (key_id, at, writers) = (key_id.to_owned(), time_value(at)?, self.writers.clone());
        to_its_end(async move {
            writers.list(sqlx::query(MARK_USED).bind(key_id).bind(at)).await?;
            Ok(())
        })
        .await
    }

    async fn passphrase_check(&self) -> StorageResult<Option<Vec<u8>>> {
        match self.findings.passphrase_check_table() {
            PassphraseCheckTable::Absent => Ok(None),
            PassphraseCheckTable::There => {
                check_value(self.readers.find(sqlx::query(CHECK_VALUE)).await?)
            }
        }
    }

    async fn insert_passphrase_check(&self, sealed: &[u8]) -> StorageResult<Vec<u8>> {
        let sealed = sealed.to_vec();
        match self.findings.passphrase_check_table() {
            PassphraseCheckTable::Absent => Ok(sealed),
            PassphraseCheckTable::There => {
                let insert = sqlx::query(INSERT_CHECK_VALUE).bind(sealed.as_slice());
                self.writers.list(insert).await?;
                let stored = self.writers.find(sqlx::query(CHECK_VALUE)).await?;
                Ok(check_value(stored)?.unwrap_or(sealed))
            }
        }
    }
}

async fn insert_in(
    connection: &mut PgConnection,
    key: &SealedKey,
    at: NaiveDateTime,
) -> Result<Ending<SealedKey>, Stop> {
    Lock::PendingKey(&key.gun, &key.role, &key.algorithm).take(connection).await?;
    let pending = sqlx::query(INSERT_UNLESS_PENDING)
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
        .bind(key.home().is_token())
        .fetch_optional(connection)
        .await;
    match pending {
        Ok(None) => Ok(Ending::Commit(key.clone())),
        Ok(found) => Ok(Ending::RollBack(sealed_key(found)?.unwrap_or_else(|| key.clone()))),
        Err(error) if errors::is_duplicate(&error) => {
            Err(StorageError::Other(format!("key {} is stored already", key.key_id)).into())
        }
        Err(error) => Err(error.into()),
    }
}

async fn bind_in(
    connection: &mut PgConnection,
    [key_id, gun, role]: [&str; 3],
    at: NaiveDateTime,
) -> Result<Ending<Option<SealedKey>>, Stop> {
    sqlx::query(BIND).bind(key_id).bind(gun).bind(role).bind(at).execute(&mut *connection).await?;
    let bound = sqlx::query(BY_ID).bind(key_id).fetch_optional(connection).await?;
    Ok(Ending::Commit(sealed_key(bound)?))
}

fn pending_query(
    [gun, role, algorithm]: [&str; 3],
    home: KeyHome,
) -> Query<'_, Postgres, PgArguments> {
    sqlx::query(PENDING).bind(gun).bind(role).bind(algorithm).bind(home.is_token())
}

fn check_value(found: Option<PgRow>) -> StorageResult<Option<Vec<u8>>> {
    found
        .map(|found| TableRow::new(&found, "countersign_passphrase_check").column("sealed"))
        .transpose()
}

fn sealed_key(found: Option<PgRow>) -> StorageResult<Option<SealedKey>> {
    let Some(found) = found else { return Ok(None) };
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
