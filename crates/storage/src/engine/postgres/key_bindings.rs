//! What each key of a remote signer is for, in `countersign_key_bindings`.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use countersign_tuf::names::Gun;
use sqlx::postgres::PgRow;

use super::PostgresStore;
use super::row::{TableRow, time_value};
use super::transaction::to_its_end;
use crate::contract::StorageResult;
use crate::contract::key_bindings::{KeyBinding, KeyBindings, server_role};

const TABLE: &str = "countersign_key_bindings";

pub(super) const BINDING: &str = "SELECT id, key_id, algorithm, gun, role, bound_at, last_used \
    FROM countersign_key_bindings WHERE key_id = $1";

/// Answers with whichever binding the key has then.
const BIND: &str = "INSERT INTO countersign_key_bindings \
    (key_id, algorithm, gun, role, bound_at, last_used) \
    VALUES ($1, $2, $3, $4, $5, $6) \
    ON CONFLICT (key_id) DO UPDATE SET key_id = excluded.key_id \
    RETURNING id, key_id, algorithm, gun, role, bound_at, last_used";

const NOTE_USED: &str = "UPDATE countersign_key_bindings SET last_used = $2 WHERE key_id = $1";

pub(super) const BINDINGS: &str = "SELECT id, key_id, algorithm, gun, role, bound_at, last_used \
    FROM countersign_key_bindings WHERE (gun, role, key_id) > ($1, $2, $3) \
    ORDER BY gun, role, key_id LIMIT $4";

pub(super) const BINDINGS_OF_GUN: &str = "SELECT id, key_id, algorithm, gun, role, bound_at, \
    last_used FROM countersign_key_bindings WHERE gun = $1 AND (role, key_id) > ($2, $3) \
    ORDER BY role, key_id LIMIT $4";

const UNBIND: &str = "DELETE FROM countersign_key_bindings WHERE key_id = $1";

/// Every statement of this file.
#[cfg(any(test, feature = "suite"))]
pub(super) const STATEMENTS: &[&str] =
    &[BINDING, BIND, NOTE_USED, BINDINGS, BINDINGS_OF_GUN, UNBIND];

#[async_trait]
impl KeyBindings for PostgresStore {
    async fn binding(&self, key_id: &str) -> StorageResult<Option<KeyBinding>> {
        if !self.has_bindings().await? {
            return Ok(None);
        }
        let found = self.readers.find(sqlx::query(BINDING).bind(key_id)).await?;
        found.as_ref().map(binding).transpose()
    }

    async fn bind_key(&self, wanted: &KeyBinding) -> StorageResult<KeyBinding> {
        if !self.has_bindings().await? {
            return Err(self.own.bindings.is_missing());
        }
        let (wanted, writers) = (wanted.clone(), self.writers.clone());
        to_its_end(async move {
            let bind = sqlx::query(BIND)
                .bind(wanted.key_id.as_str())
                .bind(wanted.algorithm.as_str())
                .bind(wanted.gun.as_str())
                .bind(wanted.role.as_str())
                .bind(time_value(wanted.bound_at)?)
                .bind(wanted.last_used.map(time_value).transpose()?);
            let bound = writers.find(bind).await?;
            Ok(bound.as_ref().map(binding).transpose()?.unwrap_or(wanted))
        })
        .await
    }

    async fn note_binding_used(&self, key_id: &str, at: DateTime<Utc>) -> StorageResult<()> {
        if self.has_bindings().await? {
            let note = sqlx::query(NOTE_USED).bind(key_id.to_owned()).bind(time_value(at)?);
            self.writers.changes_a_row(note).await?;
        }
        Ok(())
    }

    async fn bindings(
        &self,
        gun: Option<&Gun>,
        after: Option<&KeyBinding>,
        most: u32,
    ) -> StorageResult<Vec<KeyBinding>> {
        if !self.has_bindings().await? {
            return Ok(Vec::new());
        }
        // No key has an empty ID, so nothing is at or before three empty names.
        let (role, key_id) =
            after.map_or(("", ""), |last| (last.role.as_str(), last.key_id.as_str()));
        let query = match gun {
            Some(gun) => sqlx::query(BINDINGS_OF_GUN).bind(gun.as_str()),
            None => sqlx::query(BINDINGS).bind(after.map_or("", |last| last.gun.as_str())),
        };
        let query = query.bind(role).bind(key_id).bind(i64::from(most));
        self.readers.list(query).await?.iter().map(binding).collect()
    }

    async fn unbind_key(&self, key_id: &str) -> StorageResult<bool> {
        if !self.has_bindings().await? {
            return Ok(false);
        }
        self.writers.changes_a_row(sqlx::query(UNBIND).bind(key_id.to_owned())).await
    }
}

impl PostgresStore {
    async fn has_bindings(&self) -> StorageResult<bool> {
        self.own.bindings.is_there(&self.readers).await
    }
}

fn binding(found: &PgRow) -> StorageResult<KeyBinding> {
    let row = TableRow::new(found, TABLE);
    let (gun, role): (String, String) = (row.column("gun")?, row.column("role")?);
    Ok(KeyBinding {
        key_id: row.column("key_id")?,
        algorithm: row.column("algorithm")?,
        gun: Gun::parse(&gun).map_err(|error| row.corrupt(format!("GUN {gun:?}: {error}")))?,
        role: server_role(&role).ok_or_else(|| row.corrupt(format!("unknown role {role:?}")))?,
        bound_at: row.time("bound_at")?,
        last_used: row.optional_time("last_used")?,
    })
}
