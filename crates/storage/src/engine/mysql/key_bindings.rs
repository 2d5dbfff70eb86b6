//! What each key of a remote signer is for, in `countersign_key_bindings`.

use std::sync::Arc;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use countersign_tuf::names::Gun;
use sqlx::mysql::{MySqlConnection, MySqlRow};

use super::MySqlStore;
use super::row::{TableRow, time_value};
use super::transaction::{Ending, Stop, to_its_end, write};
use crate::contract::StorageResult;
use crate::contract::key_bindings::{KeyBinding, KeyBindings, server_role};

const TABLE: &str = "countersign_key_bindings";

pub(super) const BINDING: &str = "SELECT id, key_id, algorithm, gun, role, bound_at, last_used \
    FROM countersign_key_bindings WHERE key_id = ?";

/// Whichever binding the key has then is locked, and stays so until this transaction ends.
const BIND: &str = "INSERT INTO countersign_key_bindings \
    (key_id, algorithm, gun, role, bound_at, last_used) \
    VALUES (?, ?, ?, ?, ?, ?) \
    ON DUPLICATE KEY UPDATE key_id = VALUES(key_id)";

const NOTE_USED: &str = "UPDATE countersign_key_bindings SET last_used = ? WHERE key_id = ?";

/// No range of an index is found for three columns at once, so the first stands alone before them.
pub(super) const BINDINGS: &str = "SELECT id, key_id, algorithm, gun, role, bound_at, last_used \
    FROM countersign_key_bindings WHERE gun >= ? AND (gun, role, key_id) > (?, ?, ?) \
    ORDER BY gun, role, key_id LIMIT ?";

pub(super) const BINDINGS_OF_GUN: &str = "SELECT id, key_id, algorithm, gun, role, bound_at, \
    last_used FROM countersign_key_bindings WHERE gun = ? AND (role, key_id) > (?, ?) \
    ORDER BY role, key_id LIMIT ?";

const UNBIND: &str = "DELETE FROM countersign_key_bindings WHERE key_id = ?";

/// Every statement of this file.
#[cfg(any(test, feature = "suite"))]
pub(super) const STATEMENTS: &[&str] =
    &[BINDING, BIND, NOTE_USED, BINDINGS, BINDINGS_OF_GUN, UNBIND];

#[async_trait]
impl KeyBindings for MySqlStore {
    async fn binding(&self, key_id: &str) -> StorageResult<Option<KeyBinding>> {
        if !self.has_bindings().await? {
            return Ok(None);
        }
        let found = self.readers.find(sqlx::query(BINDING).bind(key_id)).await?;
        found.as_ref().map(binding).transpose()
    }

    async fn bind_key(&self, binding: &KeyBinding) -> StorageResult<KeyBinding> {
        if !self.has_bindings().await? {
            return Err(self.own.bindings.is_missing());
        }
        let (binding, writers) = (Arc::new(binding.clone()), self.writers.clone());
        to_its_end(async move {
            let bound = write(&writers, move |connection| {
                let binding = Arc::clone(&binding);
                Box::pin(async move { bind_in(connection, &binding).await })
            });
            Ok(bound.await?)
        })
        .await
    }

    async fn note_binding_used(&self, key_id: &str, at: DateTime<Utc>) -> StorageResult<()> {
        if self.has_bindings().await? {
            let note = sqlx::query(NOTE_USED).bind(time_value(at)?).bind(key_id.to_owned());
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
            None => {
                let gun = after.map_or("", |last| last.gun.as_str());
                sqlx::query(BINDINGS).bind(gun).bind(gun)
            }
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

impl MySqlStore {
    async fn has_bindings(&self) -> StorageResult<bool> {
        self.own.bindings.is_there(&self.readers).await
    }
}

async fn bind_in(
    connection: &mut MySqlConnection,
    wanted: &KeyBinding,
) -> Result<Ending<KeyBinding>, Stop> {
    sqlx::query(BIND)
        .bind(wanted.key_id.as_str())
        .bind(wanted.algorithm.as_str())
        .bind(wanted.gun.as_str())
        .bind(wanted.role.as_str())
        .bind(time_value(wanted.bound_at)?)
        .bind(wanted.last_used.map(time_value).transpose()?)
        .execute(&mut *connection)
        .await?;
    let found = sqlx::query(BINDING).bind(&wanted.key_id).fetch_optional(connection).await?;
    let bound = found.as_ref().map(binding).transpose()?;
    Ok(Ending::Commit(bound.unwrap_or_else(|| wanted.clone())))
}

fn binding(found: &MySqlRow) -> StorageResult<KeyBinding> {
    let row = TableRow::new(found, TABLE);
    let (gun, role): (String, String) = (row.text("gun")?, row.text("role")?);
    Ok(KeyBinding {
        key_id: row.text("key_id")?,
        algorithm: row.text("algorithm")?,
        gun: Gun::parse(&gun).map_err(|error| row.corrupt(format!("GUN {gun:?}: {error}")))?,
        role: server_role(&role).ok_or_else(|| row.corrupt(format!("unknown role {role:?}")))?,
        bound_at: row.time("bound_at")?,
        last_used: row.optional_time("last_used")?,
    })
}
