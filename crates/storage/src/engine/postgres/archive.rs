//! Rows as another store had them.

use std::sync::Arc;

use async_trait::async_trait;
use countersign_tuf::digest::Sha256Digest;
use countersign_tuf::names::Gun;
use sqlx::postgres::{PgConnection, PgQueryResult};

use super::locks::Lock;
use super::row::{TableRow, time_value};
use super::transaction::{Ending, Stop, to_its_end, write};
use super::{PostgresStore, errors};
use crate::contract::archive::{ArchivedDocument, ArchivedKey, KeyArchive, MetadataArchive};
use crate::contract::changefeed::Change;
use crate::contract::{StorageError, StorageResult};

const INSERT_DOCUMENT: &str = "INSERT INTO tuf_files \
    (created_at, updated_at, gun, role, version, sha256, data) \
    VALUES ($1, $1, $2, $3, $4, $5, $6)";

const REMOVE_DOCUMENTS: &str = "DELETE FROM tuf_files WHERE gun = $1";

const INSERT_CHANGE: &str = "INSERT INTO changefeed (id, created_at, gun, version, sha256, category) \
    VALUES ($1, $2, $3, $4, $5, $6)";

/// The next number is above every one that is stored, and never below one that was given.
const ADVANCE_CHANGES: &str = "SELECT setval(pg_get_serial_sequence('changefeed', 'id'), \
    greatest((SELECT max(id) FROM changefeed), \
        nextval(pg_get_serial_sequence('changefeed', 'id'))))";

const PUT_KEY: &str = "INSERT INTO private_keys \
    (created_at, updated_at, key_id, encryption_alg, keywrap_alg, algorithm, \
    passphrase_alias, public, private, gun, role, last_used) \
    VALUES ($1, $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) \
    ON CONFLICT (key_id) DO UPDATE SET created_at = excluded.created_at, \
    updated_at = excluded.updated_at, deleted_at = NULL, \
    encryption_alg = excluded.encryption_alg, keywrap_alg = excluded.keywrap_alg, \
    algorithm = excluded.algorithm, passphrase_alias = excluded.passphrase_alias, \
    public = excluded.public, private = excluded.private, gun = excluded.gun, \
    role = excluded.role, last_used = excluded.last_used";

const REMOVE_KEY: &str = "DELETE FROM private_keys WHERE key_id = $1";

const IS_MARKED_DELETED: &str = "SELECT count(*) AS found FROM private_keys \
    WHERE key_id = $1 AND deleted_at IS NOT NULL";

/// Every statement of this file.
#[cfg(any(test, feature = "suite"))]
pub(super) const STATEMENTS: &[&str] = &[
    INSERT_DOCUMENT,
    REMOVE_DOCUMENTS,
    INSERT_CHANGE,
    ADVANCE_CHANGES,
    PUT_KEY,
    REMOVE_KEY,
    IS_MARKED_DELETED,
];

#[async_trait]
impl MetadataArchive for PostgresStore {
    async fn put_unjudged(&self, gun: &Gun, documents: &[ArchivedDocument]) -> StorageResult<()> {
        let job = Arc::new((gun.clone(), documents.to_vec()));
        let writers = self.writers.clone();
        to_its_end(async move {
            let put = write(&writers, move |connection| {
                let job = Arc::clone(&job);
                Box::pin(async move {
                    let (gun, documents) = &*job;
                    Lock::Gun(gun).take(connection).await?;
                    for document in documents {
                        put_document(connection, gun, document).await?;
                    }
                    Ok(Ending::Commit(()))
                })
            });
            Ok(put.await?)
        })
        .await
    }

    async fn remove_unannounced(&self, gun: &Gun) -> StorageResult<()> {
        let (gun, writers) = (Arc::new(gun.clone()), self.writers.clone());
        to_its_end(async move {
            let removed = write(&writers, move |connection| {
                let gun = Arc::clone(&gun);
                Box::pin(async move {
                    Lock::Gun(&gun).take(connection).await?;
                    sqlx::query(REMOVE_DOCUMENTS).bind(gun.as_str()).execute(connection).await?;
                    Ok(Ending::Commit(()))
                })
            });
            Ok(removed.await?)
        })
        .await
    }

    async fn put_changes_unannounced(&self, changes: &[Change]) -> StorageResult<()> {
        let (changes, writers) = (Arc::new(changes.to_vec()), self.writers.clone());
        to_its_end(async move {
            let put = write(&writers, move |connection| {
                let changes = Arc::clone(&changes);
                Box::pin(async move {
                    Lock::Changefeed.take(connection).await?;
                    for change in changes.iter() {
                        put_change(connection, change).await?;
                    }
                    sqlx::query(ADVANCE_CHANGES).execute(connection).await?;
                    Ok(Ending::Commit(()))
                })
            });
            Ok(put.await?)
        })
        .await
    }
}

#[async_trait]
impl KeyArchive for PostgresStore {
    async fn put_keys_unjudged(&self, keys: &[ArchivedKey]) -> StorageResult<()> {
        for key in keys {
            key.refuse_unknown_role()?;
        }
        let (keys, writers) = (Arc::new(keys.to_vec()), self.writers.clone());
        to_its_end(async move {
            let put = write(&writers, move |connection| {
                let keys = Arc::clone(&keys);
                Box::pin(async move {
                    for key in keys.iter() {
                        put_key(connection, key).await?;
                    }
                    Ok(Ending::Commit(()))
                })
            });
            Ok(put.await?)
        })
        .await
    }

    async fn remove_key(&self, key_id: &str) -> StorageResult<()> {
        let (key_id, writers) = (key_id.to_owned(), self.writers.clone());
        to_its_end(async move {
            writers.list(sqlx::query(REMOVE_KEY).bind(key_id)).await?;
            Ok(())
        })
        .await
    }

    async fn is_marked_deleted(&self, key_id: &str) -> StorageResult<bool> {
        let counted = self.readers.find(sqlx::query(IS_MARKED_DELETED).bind(key_id)).await?;
        let Some(counted) = counted else { return Ok(false) };
        Ok(TableRow::new(&counted, "private_keys").column::<i64>("found")? > 0)
    }
}

async fn put_document(
    connection: &mut PgConnection,
    gun: &Gun,
    document: &ArchivedDocument,
) -> Result<(), Stop> {
    let ArchivedDocument { role, version, bytes, stored_at } = document;
    let put = sqlx::query(INSERT_DOCUMENT)
        .bind(time_value(*stored_at)?)
        .bind(gun.as_str())
        .bind(role.as_str())
        .bind(version.as_i32())
        .bind(Sha256Digest::of(bytes).to_hex())
        .bind(bytes.as_ref())
        .execute(connection)
        .await;
    new(put, || format!("version {version} of {role} of {gun}"))
}

async fn put_change(connection: &mut PgConnection, change: &Change) -> Result<(), Stop> {
    let id = i32::try_from(change.id)
        .map_err(|_| StorageError::Other(format!("the number {} is too high", change.id)))?;
    let put = sqlx::query(INSERT_CHANGE)
        .bind(id)
        .bind(time_value(change.created_at)?)
        .bind(change.gun.as_str())
        .bind(change.version)
        .bind(change.sha256.as_str())
        .bind(change.category.as_str())
        .execute(connection)
        .await;
    new(put, || format!("change {id}"))
}

async fn put_key(connection: &mut PgConnection, archived: &ArchivedKey) -> Result<(), Stop> {
    let ArchivedKey { key, created_at } = archived;
    sqlx::query(PUT_KEY)
        .bind(created_at.map(time_value).transpose()?)
        .bind(key.key_id.as_str())
        .bind(key.encryption_alg.as_str())
        .bind(key.keywrap_alg.as_str())
        .bind(key.algorithm.as_str())
        .bind(key.passphrase_alias.as_str())
        .bind(key.public.as_slice())
        .bind(key.sealed.as_slice())
        .bind(key.gun.as_str())
        .bind(key.role.as_str())
        .bind(key.last_used.map(time_value).transpose()?)
        .execute(connection)
        .await?;
    Ok(())
}

/// Passes a row that was new; `what` names it where it was not.
fn new(put: Result<PgQueryResult, sqlx::Error>, what: impl FnOnce() -> String) -> Result<(), Stop> {
    match put {
        Ok(_) => Ok(()),
        Err(error) if errors::is_duplicate(&error) => {
            Err(StorageError::Other(format!("{} is stored already", what())).into())
        }
        Err(error) => Err(error.into()),
    }
}
