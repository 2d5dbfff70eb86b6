//! Sealed keys in `private_keys`, and the passphrase check beside it.

use std::sync::Arc;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use sqlx::mysql::{MySql, MySqlArguments, MySqlConnection, MySqlRow};
use sqlx::query::Query;

use super::findings::PassphraseCheckTable;
use super::locks::Lock;
use super::names::{gun_is, key_id_is, or_nothing};
use super::row::{TableRow, time_value};
use super::transaction::{Ending, Stop, to_its_end, write};
use super::{MySqlStore, errors};
use crate::contract::keys::{KeyHome, KeyStore, SealedKey, is_known_role};
use crate::contract::{StorageError, StorageResult};

pub(super) const TABLE: &str = "private_keys";

pub(super) const PENDING: &str = concat!(
    "SELECT id, key_id, encryption_alg, keywrap_alg, algorithm, passphrase_alias, public, private, \
    gun, role, last_used FROM private_keys WHERE ",
    gun_is!(),
    " AND role = ? AND algorithm = ? AND (CAST(keywrap_alg AS BINARY) = 'PKCS11') = ? \
    AND last_used IS NULL AND deleted_at IS NULL \
    ORDER BY CAST(key_id AS BINARY) LIMIT 1"
);

pub(super) const BY_ID: &str = concat!(
    "SELECT id, key_id, encryption_alg, keywrap_alg, algorithm, passphrase_alias, public, private, \
    gun, role, last_used FROM private_keys WHERE ",
    key_id_is!(),
    " AND deleted_at IS NULL"
);

pub(super) const COUNT_PENDING: &str = "SELECT COUNT(*) AS waiting FROM (SELECT 1 FROM private_keys \
    WHERE last_used IS NULL AND deleted_at IS NULL LIMIT ?) AS unsigned_keys";

const INSERT: &str = "INSERT INTO private_keys \
    (created_at, updated_at, key_id, encryption_alg, keywrap_alg, algorithm, \
    passphrase_alias, public, private, gun, role) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";

/// Columns are set from left to right: the condition is judged before.
pub(super) const BIND: &str = concat!(
    "UPDATE private_keys SET gun = ?, role = ?, updated_at = ? WHERE ",
    key_id_is!(),
    " AND deleted_at IS NULL AND CAST(gun AS BINARY) IN ('', CAST(? AS BINARY)) \
    AND role IN ('', ?) AND (gun = '' OR role = '')"
);

pub(super) const MARK_USED: &str = concat!(
    "UPDATE private_keys SET last_used = ?, updated_at = ? WHERE ",
    key_id_is!(),
    " AND deleted_at IS NULL"
);

const CHECK_VALUE: &str = "SELECT id, sealed FROM countersign_passphrase_check";

const INSERT_CHECK_VALUE: &str = "INSERT INTO countersign_passphrase_check (id, sealed) \
    VALUES (1, ?) ON DUPLICATE KEY UPDATE id = id";

/// Every statement of this file.
#[cfg(any(test, feature = "suite"))]
pub(super) const STATEMENTS: &[&str] =
    &[PENDING, BY_ID, COUNT_PENDING, INSERT, BIND, MARK_USED, CHECK_VALUE, INSERT_CHECK_VALUE];

#[async_trait]
impl KeyStore for MySqlStore {
    async fn pending(
        &self,
        gun: &str,
        role: &str,
        algorithm: &str,
        home: KeyHome,
    ) -> StorageResult<Option<SealedKey>> {
        let query = pending_query([gun, role, algorithm], home);
        sealed_key(or_nothing(self.readers.find(query).await)?)
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
        sealed_key(or_nothing(self.readers.find(by_id_query(key_id)).await)?)
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
            let mark = sqlx::query(MARK_USED).bind(at).bind(at).bind(&key_id).bind(&key_id);
            or_nothing(writers.list(mark).await)?;
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
    connection: &mut MySqlConnection,
    key: &SealedKey,
    at: DateTime<Utc>,
) -> Result<Ending<SealedKey>, Stop> {
    Lock::PendingKey(&key.gun, &key.role, &key.algorithm).take(connection).await?;
    let pending = pending_query([&key.gun, &key.role, &key.algorithm], key.home());
    if let Some(pending) = sealed_key(pending.fetch_optional(&mut *connection).await?)? {
        return Ok(Ending::RollBack(pending));
    }
    let inserted = sqlx::query(INSERT)
        .bind(at)
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
        Ok(_) => Ok(Ending::Commit(key.clone())),
        Err(error) if errors::is_duplicate(&error) => {
            Err(StorageError::Other(format!("key {} is stored already", key.key_id)).into())
        }
        Err(error) => Err(error.into()),
    }
}

async fn bind_in(
    connection: &mut MySqlConnection,
    [key_id, gun, role]: [&str; 3],
    at: DateTime<Utc>,
) -> Result<Ending<Option<SealedKey>>, Stop> {
    sqlx::query(BIND)
        .bind(gun)
        .bind(role)
        .bind(at)
        .bind(key_id)
        .bind(key_id)
        .bind(gun)
        .bind(role)
        .execute(&mut *connection)
        .await?;
    let bound = by_id_query(key_id).fetch_optional(connection).await?;
    Ok(Ending::Commit(sealed_key(bound)?))
}

fn pending_query(
    [gun, role, algorithm]: [&str; 3],
    home: KeyHome,
) -> Query<'_, MySql, MySqlArguments> {
    sqlx::query(PENDING).bind(gun).bind(gun).bind(role).bind(algorithm).bind(home.is_token())
}

fn by_id_query(key_id: &str) -> Query<'_, MySql, MySqlArguments> {
    sqlx::query(BY_ID).bind(key_id).bind(key_id)
}

fn check_value(found: Option<MySqlRow>) -> StorageResult<Option<Vec<u8>>> {
    found
        .map(|found| TableRow::new(&found, "countersign_passphrase_check").column("sealed"))
        .transpose()
}

fn sealed_key(found: Option<MySqlRow>) -> StorageResult<Option<SealedKey>> {
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
        key_id: row.text("key_id")?,
        encryption_alg: row.text("encryption_alg")?,
        keywrap_alg: row.text("keywrap_alg")?,
        algorithm: row.text("algorithm")?,
        passphrase_alias: row.text("passphrase_alias")?,
        public: row.column("public")?,
        sealed: row.column("private")?,
        gun: row.text("gun")?,
        role: row.text("role")?,
        last_used: row.optional_time("last_used")?,
    })
}
