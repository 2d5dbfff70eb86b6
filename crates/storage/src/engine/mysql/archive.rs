//! Rows as another store had them.

use std::sync::Arc;

use async_trait::async_trait;
use countersign_tuf::digest::Sha256Digest;
use countersign_tuf::names::Gun;
use sqlx::mysql::{MySqlConnection, MySqlQueryResult};

use super::locks::Lock;
use super::names::{gun_is, key_id_is, or_nothing, refuse_alike};
use super::row::{TableRow, time_value};
use super::transaction::{Ending, Stop, to_its_end, write};
use super::{MySqlStore, errors};
use crate::contract::archive::{ArchivedDocument, ArchivedKey, KeyArchive, MetadataArchive};
use crate::contract::changefeed::Change;
use crate::contract::{StorageError, StorageResult};

const INSERT_DOCUMENT: &str = "INSERT INTO tuf_files \
    (created_at, updated_at, gun, role, version, sha256, data) VALUES (?, ?, ?, ?, ?, ?, ?)";

const REMOVE_DOCUMENTS: &str = concat!("DELETE FROM tuf_files WHERE ", gun_is!());

/// The next number that the database gives is above every one that is stored.
const INSERT_CHANGE: &str = "INSERT INTO changefeed (id, created_at, gun, version, sha256, category) \
    VALUES (?, ?, ?, ?, ?, ?)";

const INSERT_KEY: &str = "INSERT INTO private_keys \
    (created_at, updated_at, key_id, encryption_alg, keywrap_alg, algorithm, \
    passphrase_alias, public, private, gun, role, last_used) \
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";

const REMOVE_KEY: &str = concat!("DELETE FROM private_keys WHERE ", key_id_is!());

const IS_MARKED_DELETED: &str = concat!(
    "SELECT COUNT(*) AS found FROM private_keys WHERE ",
    key_id_is!(),
    " AND deleted_at IS NOT NULL"
);

/// Every statement of this file.
#[cfg(any(test, feature = "suite"))]
pub(super) const STATEMENTS: &[&str] =
    &[INSERT_DOCUMENT, REMOVE_DOCUMENTS, INSERT_CHANGE, INSERT_KEY, REMOVE_KEY, IS_MARKED_DELETED];

#[async_trait]
impl MetadataArchive for MySqlStore {
    async fn put_unjudged(&self, gun: &Gun, documents: &[ArchivedDocument]) -> StorageResult<()> {
        let job = Arc::new((gun.clone(), documents.to_vec()));
        let writers = self.writers.clone();
        to_its_end(async move {
            let put = write(&writers, move |connection| {
                let job = Arc::clone(&job);
                Box::pin(async move {
                    let (gun, documents) = &*job;
                    Lock::Gun(gun).take(connection).await?;
                    refuse_alike(connection, gun).await?;
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
                    sqlx::query(REMOVE_DOCUMENTS)
                        .bind(gun.as_str())
                        .bind(gun.as_str())
                        .execute(connection)
                        .await?;
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
                    Ok(Ending::Commit(()))
                })
            });
            Ok(put.await?)
        })
        .await
    }
}

#[async_trait]
impl KeyArchive for MySqlStore {
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
            let remove = sqlx::query(REMOVE_KEY).bind(&key_id).bind(&key_id);
            or_nothing(writers.list(remove).await)?;
            Ok(())
        })
        .await
    }

    async fn is_marked_deleted(&self, key_id: &str) -> StorageResult<bool> {
        let counted = or_nothing(
            self.readers.find(sqlx::query(IS_MARKED_DELETED).bind(key_id).bind(key_id)).await,
        )?;
        let Some(counted) = counted else { return Ok(false) };
        Ok(TableRow::new(&counted, "private_keys").column::<i64>("found")? > 0)
    }
}

async fn put_document(
    connection: &mut MySqlConnection,
    gun: &Gun,
    document: &ArchivedDocument,
) -> Result<(), Stop> {
    let ArchivedDocument { role, version, bytes, stored_at } = document;
    let at = time_value(*stored_at)?;
    let put = sqlx::query(INSERT_DOCUMENT)
        .bind(at)
        .bind(at)
        .bind(gun.as_str())
        .bind(role.as_str())
        .bind(version.as_i32())
        .bind(Sha256Digest::of(bytes).to_hex())
        .bind(bytes.as_ref())
        .execute(connection)
        .await;
    new(put, || format!("version {version} of {role} of {gun}"))
}

async fn put_change(connection: &mut MySqlConnection, change: &Change) -> Result<(), Stop> {
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

async fn put_key(connection: &mut MySqlConnection, archived: &ArchivedKey) -> Result<(), Stop> {
    let ArchivedKey { key, created_at } = archived;
    let made_at = created_at.map(time_value).transpose()?;
    let key_id = key.key_id.as_str();
    sqlx::query(REMOVE_KEY).bind(key_id).bind(key_id).execute(&mut *connection).await?;
    let put = sqlx::query(INSERT_KEY)
        .bind(made_at)
        .bind(made_at)
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
        .await;
    new(put, || format!("a key that the table takes for {key_id}"))
}

/// Passes a row that was new; `what` names it where it was not.
fn new(
    put: Result<MySqlQueryResult, sqlx::Error>,
    what: impl FnOnce() -> String,
) -> Result<(), Stop> {
    match put {
        Ok(_) => Ok(()),
        Err(error) if errors::is_duplicate(&error) => {
            Err(StorageError::Other(format!("{} is stored already", what())).into())
        }
        Err(error) => Err(error.into()),
    }
}
