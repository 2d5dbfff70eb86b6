//! Metadata versions in `tuf_files`.
//!
//! Rows whose `deleted_at` is set count as absent, but still occupy their version.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use chrono::{DateTime, Utc};
use countersign_tuf::accepted::AcceptedUpdate;
use countersign_tuf::digest::Sha256Digest;
use countersign_tuf::names::{Gun, RoleName, Version};
use sqlx::sqlite::{SqliteConnection, SqliteRow};

use super::commit::Job;
use super::row::{TableRow, time_text};
use super::{SqliteStore, changefeed, errors, heads, published};
use crate::contract::StorageResult;
use crate::contract::changefeed::{Change, ChangeRange};
use crate::contract::metadata::{Commit, Heads, Mark, MetadataStore, StoredDocument};
use crate::contract::published::{Place, Published};

const TABLE: &str = "tuf_files";

pub(super) const NEWEST: &str = "SELECT id, created_at, version, sha256, data FROM tuf_files \
    WHERE gun = ?1 AND role = ?2 AND deleted_at IS NULL ORDER BY version DESC LIMIT 1";

/// The planner would rather walk all versions of the role, so the index is named.
pub(super) const BY_DIGEST: &str = "SELECT id, created_at, version, sha256, data \
    FROM tuf_files INDEXED BY countersign_digest_idx \
    WHERE sha256 = ?3 AND gun = ?1 AND role = ?2 AND deleted_at IS NULL \
    ORDER BY version DESC LIMIT 1";

pub(super) const BY_VERSION: &str = "SELECT id, created_at, version, sha256, data FROM tuf_files \
    WHERE gun = ?1 AND role = ?2 AND version = ?3 AND deleted_at IS NULL";

const DELETE_VISIBLE: &str = "DELETE FROM tuf_files WHERE gun = ?1 AND deleted_at IS NULL";

/// Rows that count as absent would keep their versions from being used again.
const DELETE_REST: &str = "DELETE FROM tuf_files WHERE gun = ?1";

const CHECK: &str = "SELECT (SELECT count(*) FROM (SELECT id FROM tuf_files LIMIT 1)) \
    + (SELECT count(*) FROM (SELECT id FROM changefeed LIMIT 1)) \
    + (SELECT count(*) FROM change_category)";

/// Every statement of this file.
#[cfg(test)]
pub(super) const STATEMENTS: &[&str] =
    &[NEWEST, BY_DIGEST, BY_VERSION, DELETE_VISIBLE, DELETE_REST, CHECK];

#[async_trait]
impl MetadataStore for SqliteStore {
    fn mark(&self) -> Option<Mark> {
        self.wal_index.as_ref()?.mark()
    }

    async fn heads(&self, gun: &Gun, roles: &[RoleName]) -> StorageResult<Heads> {
        match roles {
            [role] => {
                let head = heads::head(self.reading()?, gun, role).await?;
                Ok(Heads::from([(role.clone(), head)]))
            }
            roles => heads::heads(self.reading()?, gun, roles.iter()).await,
        }
    }

    async fn newest(&self, gun: &Gun, role: &RoleName) -> StorageResult<Option<StoredDocument>> {
        let found = sqlx::query(NEWEST)
            .bind(gun.as_str())
            .bind(role.as_str())
            .fetch_optional(self.reading()?)
            .await;
        document(found, role)
    }

    async fn by_digest(
        &self,
        gun: &Gun,
        role: &RoleName,
        sha256: Sha256Digest,
    ) -> StorageResult<Option<StoredDocument>> {
        let found = sqlx::query(BY_DIGEST)
            .bind(gun.as_str())
            .bind(role.as_str())
            .bind(sha256.to_hex())
            .fetch_optional(self.reading()?)
            .await;
        document(found, role)
    }

    async fn by_version(
        &self,
        gun: &Gun,
        role: &RoleName,
        version: Version,
    ) -> StorageResult<Option<StoredDocument>> {
        let found = sqlx::query(BY_VERSION)
            .bind(gun.as_str())
            .bind(role.as_str())
            .bind(version.as_i32())
            .fetch_optional(self.reading()?)
            .await;
        document(found, role)
    }

    async fn commit(
        &self,
        gun: &Gun,
        base: &Heads,
        update: &AcceptedUpdate,
        now: DateTime<Utc>,
    ) -> StorageResult<Commit> {
        let (gun, base, update, at) = (gun.clone(), base.clone(), update.clone(), time_text(now)?);
        let job = Arc::new(Job { gun, base, update, at });
        self.write(move |connection| {
            let job = Arc::clone(&job);
            Box::pin(async move { job.commit_in(connection).await })
        })
        .await
    }

    async fn delete(&self, gun: &Gun, now: DateTime<Utc>) -> StorageResult<bool> {
        let (gun, at) = (Arc::new(gun.clone()), Arc::new(time_text(now)?));
        self.write(move |connection| {
            let (gun, at) = (Arc::clone(&gun), Arc::clone(&at));
            Box::pin(async move { delete_in(connection, &gun, &at).await })
        })
        .await
    }

    async fn changes(&self, gun: Option<&Gun>, range: ChangeRange) -> StorageResult<Vec<Change>> {
        changefeed::read(self.reading()?, gun, range).await
    }

    async fn published(
        &self,
        after: Place,
        timestamp_before: DateTime<Utc>,
        limit: u32,
    ) -> StorageResult<Vec<Published>> {
        published::read(self.reading()?, after, timestamp_before, limit).await
    }

    async fn check(&self) -> StorageResult<()> {
        sqlx::query(CHECK)
            .fetch_one(self.reading()?)
            .await
            .map_err(|error| errors::of_statement(&error))?;
        Ok(())
    }
}

async fn delete_in(connection: &mut SqliteConnection, gun: &Gun, at: &str) -> StorageResult<bool> {
    let visible = delete_rows(connection, DELETE_VISIBLE, gun).await?;
    delete_rows(connection, DELETE_REST, gun).await?;
    if visible == 0 {
        return Ok(false);
    }
    changefeed::add_deletion(connection, gun, at).await?;
    Ok(true)
}

async fn delete_rows(
    connection: &mut SqliteConnection,
    statement: &'static str,
    gun: &Gun,
) -> StorageResult<u64> {
    sqlx::query(statement)
        .bind(gun.as_str())
        .execute(connection)
        .await
        .map(|done| done.rows_affected())
        .map_err(|error| errors::of_statement(&error))
}

/// The document in a row, when its bytes are the ones that its digest names.
fn document(
    found: Result<Option<SqliteRow>, sqlx::Error>,
    role: &RoleName,
) -> StorageResult<Option<StoredDocument>> {
    let Some(found) = found.map_err(|error| errors::of_statement(&error))? else {
        return Ok(None);
    };
    let row = TableRow::new(&found, TABLE);
    let (sha256, bytes) = (row.sha256()?, Bytes::from(row.column::<Vec<u8>>("data")?));
    if Sha256Digest::of(&bytes) != sha256 {
        return Err(row.corrupt("sha256 is not the digest of data".to_owned()));
    }
    Ok(Some(StoredDocument {
        role: role.clone(),
        version: row.version()?,
        sha256,
        bytes,
        stored_at: row.time("created_at")?,
    }))
}
