//! Rows as another store had them.

use async_trait::async_trait;
use sqlx::sqlite::{SqliteConnection, SqliteQueryResult};

use super::row::time_text;
use super::transaction::{Ending, write};
use super::{SqliteStore, errors};
use crate::contract::archive::{ArchivedDocument, ArchivedKey, KeyArchive, MetadataArchive};
use crate::contract::changefeed::Change;
use crate::contract::{StorageError, StorageResult};
use countersign_tuf::digest::Sha256Digest;
use countersign_tuf::names::Gun;

const INSERT_DOCUMENT: &str = "INSERT INTO tuf_files \
    (created_at, updated_at, gun, role, version, sha256, data) \
    VALUES (?1, ?1, ?2, ?3, ?4, ?5, ?6)";

const REMOVE_DOCUMENTS: &str = "DELETE FROM tuf_files WHERE gun = ?1";

/// A number that is given here is never given again, and neither is a lower one.
const INSERT_CHANGE: &str = "INSERT INTO changefeed (id, created_at, gun, version, sha256, category) \
    VALUES (?1, ?2, ?3, ?4, ?5, ?6)";

const PUT_KEY: &str = "INSERT INTO private_keys \
    (created_at, updated_at, key_id, encryption_alg, keywrap_alg, algorithm, \
    passphrase_alias, public, private, gun, role, last_used) \
    VALUES (?1, ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11) \
    ON CONFLICT (key_id) DO UPDATE SET created_at = excluded.created_at, \
    updated_at = excluded.updated_at, deleted_at = NULL, \
    encryption_alg = excluded.encryption_alg, keywrap_alg = excluded.keywrap_alg, \
    algorithm = excluded.algorithm, passphrase_alias = excluded.passphrase_alias, \
    public = excluded.public, private = excluded.private, gun = excluded.gun, \
    role = excluded.role, last_used = excluded.last_used";

const REMOVE_KEY: &str = "DELETE FROM private_keys WHERE key_id = ?1";

const IS_MARKED_DELETED: &str =
    "SELECT count(*) FROM private_keys WHERE key_id = ?1 AND deleted_at IS NOT NULL";

/// Every statement of this file.
#[cfg(test)]
pub(super) const STATEMENTS: &[&str] =
    &[INSERT_DOCUMENT, REMOVE_DOCUMENTS, INSERT_CHANGE, PUT_KEY, REMOVE_KEY, IS_MARKED_DELETED];

#[async_trait]
impl MetadataArchive for SqliteStore {
    async fn put_unjudged(&self, gun: &Gun, documents: &[ArchivedDocument]) -> StorageResult<()> {
        let (gun, documents) = (gun.clone(), documents.to_vec());
        write(self.writing()?, move |connection| {
            Box::pin(async move {
                for document in &documents {
                    put_document(connection, &gun, document).await?;
                }
                Ok(Ending::Commit(()))
            })
        })
        .await
    }

    async fn remove_unannounced(&self, gun: &Gun) -> StorageResult<()> {
        let gun = gun.clone();
        write(self.writing()?, move |connection| {
            Box::pin(async move {
                let removed = sqlx::query(REMOVE_DOCUMENTS).bind(gun.as_str());
                removed.execute(connection).await.map_err(|error| errors::of_statement(&error))?;
                Ok(Ending::Commit(()))
            })
        })
        .await
    }

    async fn put_changes_unannounced(&self, changes: &[Change]) -> StorageResult<()> {
        let changes = changes.to_vec();
        write(self.writing()?, move |connection| {
            Box::pin(async move {
                for change in &changes {
                    put_change(connection, change).await?;
                }
                Ok(Ending::Commit(()))
            })
        })
        .await
    }
}

#[async_trait]
impl KeyArchive for SqliteStore {
    async fn put_keys_unjudged(&self, keys: &[ArchivedKey]) -> StorageResult<()> {
        for key in keys {
            key.refuse_unknown_role()?;
        }
        let keys = keys.to_vec();
        write(self.writing()?, move |connection| {
            Box::pin(async move {
                for key in &keys {
                    put_key(connection, key).await?;
                }
                Ok(Ending::Commit(()))
            })
        })
        .await
    }

    async fn remove_key(&self, key_id: &str) -> StorageResult<()> {
        let key_id = key_id.to_owned();
        write(self.writing()?, move |connection| {
            Box::pin(async move {
                let removed = sqlx::query(REMOVE_KEY).bind(key_id);
                removed.execute(connection).await.map_err(|error| errors::of_statement(&error))?;
                Ok(Ending::Commit(()))
            })
        })
        .await
    }

    async fn is_marked_deleted(&self, key_id: &str) -> StorageResult<bool> {
        let counted: i64 = sqlx::query_scalar(IS_MARKED_DELETED)
            .bind(key_id)
            .fetch_one(self.reading()?)
            .await
            .map_err(|error| errors::of_statement(&error))?;
        Ok(counted > 0)
    }
}

async fn put_document(
    connection: &mut SqliteConnection,
    gun: &Gun,
    document: &ArchivedDocument,
) -> StorageResult<()> {
    let ArchivedDocument { role, version, bytes, stored_at } = document;
    let put = sqlx::query(INSERT_DOCUMENT)
        .bind(time_text(*stored_at)?)
        .bind(gun.as_str())
        .bind(role.as_str())
        .bind(version.as_i32())
        .bind(Sha256Digest::of(bytes).to_hex())
        .bind(bytes.as_ref())
        .execute(connection)
        .await;
    new(put, || format!("version {version} of {role} of {gun}"))
}

async fn put_change(connection: &mut SqliteConnection, change: &Change) -> StorageResult<()> {
    let put = sqlx::query(INSERT_CHANGE)
        .bind(change.id)
        .bind(time_text(change.created_at)?)
        .bind(change.gun.as_str())
        .bind(change.version)
        .bind(change.sha256.as_str())
        .bind(change.category.as_str())
        .execute(connection)
        .await;
    new(put, || format!("change {}", change.id))
}

async fn put_key(connection: &mut SqliteConnection, archived: &ArchivedKey) -> StorageResult<()> {
    let ArchivedKey { key, created_at } = archived;
    sqlx::query(PUT_KEY)
        .bind(created_at.map(time_text).transpose()?)
        .bind(key.key_id.as_str())
        .bind(key.encryption_alg.as_str())
        .bind(key.keywrap_alg.as_str())
        .bind(key.algorithm.as_str())
        .bind(key.passphrase_alias.as_str())
        .bind(key.public.as_slice())
        .bind(key.sealed.as_slice())
        .bind(key.gun.as_str())
        .bind(key.role.as_str())
        .bind(key.last_used.map(time_text).transpose()?)
        .execute(connection)
        .await
        .map_err(|error| errors::of_statement(&error))?;
    Ok(())
}

/// Passes a row that was new; `what` names it where it was not.
fn new(
    put: Result<SqliteQueryResult, sqlx::Error>,
    what: impl FnOnce() -> String,
) -> StorageResult<()> {
    match put {
        Ok(_) => Ok(()),
        Err(error) if errors::is_duplicate(&error) => {
            Err(StorageError::Other(format!("{} is stored already", what())))
        }
        Err(error) => Err(errors::of_statement(&error)),
    }
}
