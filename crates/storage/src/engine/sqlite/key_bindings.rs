//! What each key of a remote signer is for, in `countersign_key_bindings`.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use countersign_tuf::names::Gun;
use sqlx::sqlite::{SqliteExecutor, SqliteRow};

use super::row::{TableRow, time_text};
use super::transaction::{Ending, write};
use super::{SqliteStore, errors};
use crate::contract::StorageResult;
use crate::contract::key_bindings::{KeyBinding, KeyBindings, server_role};

const TABLE: &str = "countersign_key_bindings";

pub(super) const BINDING: &str = "SELECT id, key_id, algorithm, gun, role, bound_at, last_used \
    FROM countersign_key_bindings WHERE key_id = ?1";

const BIND: &str = "INSERT INTO countersign_key_bindings \
    (key_id, algorithm, gun, role, bound_at, last_used) VALUES (?1, ?2, ?3, ?4, ?5, ?6) \
    ON CONFLICT (key_id) DO NOTHING";

const NOTE_USED: &str = "UPDATE countersign_key_bindings SET last_used = ?2 WHERE key_id = ?1";

pub(super) const BINDINGS: &str = "SELECT id, key_id, algorithm, gun, role, bound_at, last_used \
    FROM countersign_key_bindings WHERE (gun, role, key_id) > (?1, ?2, ?3) \
    ORDER BY gun, role, key_id LIMIT ?4";

pub(super) const BINDINGS_OF_GUN: &str = "SELECT id, key_id, algorithm, gun, role, bound_at, \
    last_used FROM countersign_key_bindings WHERE gun = ?1 AND (role, key_id) > (?2, ?3) \
    ORDER BY role, key_id LIMIT ?4";

const UNBIND: &str = "DELETE FROM countersign_key_bindings WHERE key_id = ?1";

/// Every statement of this file.
#[cfg(test)]
pub(super) const STATEMENTS: &[&str] =
    &[BINDING, BIND, NOTE_USED, BINDINGS, BINDINGS_OF_GUN, UNBIND];

#[async_trait]
impl KeyBindings for SqliteStore {
    async fn binding(&self, key_id: &str) -> StorageResult<Option<KeyBinding>> {
        binding_in(self.reading()?, key_id).await
    }

    async fn bind_key(&self, binding: &KeyBinding) -> StorageResult<KeyBinding> {
        let bound_at = time_text(binding.bound_at)?;
        let last_used = binding.last_used.map(time_text).transpose()?;
        let binding = binding.clone();
        write(self.writing()?, move |connection| {
            Box::pin(async move {
                sqlx::query(BIND)
                    .bind(binding.key_id.as_str())
                    .bind(binding.algorithm.as_str())
                    .bind(binding.gun.as_str())
                    .bind(binding.role.as_str())
                    .bind(bound_at)
                    .bind(last_used)
                    .execute(&mut *connection)
                    .await
                    .map_err(|error| errors::of_statement(&error))?;
                let bound = binding_in(connection, &binding.key_id).await?;
                Ok(Ending::Commit(bound.unwrap_or(binding)))
            })
        })
        .await
    }

    async fn note_binding_used(&self, key_id: &str, at: DateTime<Utc>) -> StorageResult<()> {
        let note = sqlx::query(NOTE_USED).bind(key_id.to_owned()).bind(time_text(at)?);
        self.changes_a_row(note).await?;
        Ok(())
    }

    async fn bindings(
        &self,
        gun: Option<&Gun>,
        after: Option<&KeyBinding>,
        most: u32,
    ) -> StorageResult<Vec<KeyBinding>> {
        // No key has an empty ID, so nothing is at or before three empty names.
        let (role, key_id) =
            after.map_or(("", ""), |last| (last.role.as_str(), last.key_id.as_str()));
        let query = match gun {
            Some(gun) => sqlx::query(BINDINGS_OF_GUN).bind(gun.as_str()),
            None => sqlx::query(BINDINGS).bind(after.map_or("", |last| last.gun.as_str())),
        };
        let rows = self.rows(query.bind(role).bind(key_id).bind(most)).await?;
        rows.iter().map(binding).collect()
    }

    async fn unbind_key(&self, key_id: &str) -> StorageResult<bool> {
        self.changes_a_row(sqlx::query(UNBIND).bind(key_id.to_owned())).await
    }
}

async fn binding_in(
    executor: impl SqliteExecutor<'_>,
    key_id: &str,
) -> StorageResult<Option<KeyBinding>> {
    let found = sqlx::query(BINDING)
        .bind(key_id)
        .fetch_optional(executor)
        .await
        .map_err(|error| errors::of_statement(&error))?;
    found.as_ref().map(binding).transpose()
}

fn binding(found: &SqliteRow) -> StorageResult<KeyBinding> {
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
