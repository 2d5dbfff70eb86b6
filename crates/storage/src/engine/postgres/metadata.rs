//! Metadata versions in `tuf_files`: reading and deleting.
//!
//! Rows whose `deleted_at` is set count as absent, but still occupy their version.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use chrono::{DateTime, NaiveDateTime, Utc};
use countersign_tuf::accepted::AcceptedUpdate;
use countersign_tuf::digest::Sha256Digest;
use countersign_tuf::names::{Gun, RoleName, Version};
use sqlx::postgres::{PgConnection, PgRow};

use super::commit::commit;
use super::heads::HeadsOf;
use super::locks::Lock;
use super::row::{TableRow, time_value};
use super::transaction::{Ending, Stop, to_its_end, write};
use super::{PostgresStore, changefeed, published};
use crate::contract::StorageResult;
use crate::contract::changefeed::{Change, ChangeRange};
use crate::contract::metadata::{Commit, Head, Heads, Mark, MetadataStore, StoredDocument};
use crate::contract::published::{Place, Published};

const TABLE: &str = "tuf_files";

pub(super) const NEWEST: &str = "SELECT id, created_at, version, sha256, data FROM tuf_files \
    WHERE gun = $1 AND role = $2 AND deleted_at IS NULL ORDER BY version DESC LIMIT 1";

/// The column pads with blanks, and compares by its index only with its own kind.
pub(super) const BY_DIGEST: &str = "SELECT id, created_at, version, sha256, data FROM tuf_files \
    WHERE sha256 = $3::char(64) AND gun = $1 AND role = $2 AND deleted_at IS NULL \
    ORDER BY version DESC LIMIT 1";

pub(super) const BY_VERSION: &str = "SELECT id, created_at, version, sha256, data FROM tuf_files \
    WHERE gun = $1 AND role = $2 AND version = $3 AND deleted_at IS NULL";

pub(super) const DELETE_VISIBLE: &str =
    "DELETE FROM tuf_files WHERE gun = $1 AND deleted_at IS NULL";

/// Rows that count as absent would keep their versions from being used again.
pub(super) const DELETE_REST: &str = "DELETE FROM tuf_files WHERE gun = $1";

const CHECK: &str = "SELECT (SELECT count(*) FROM (SELECT id FROM tuf_files LIMIT 1) AS one) \
    + (SELECT count(*) FROM (SELECT id FROM changefeed LIMIT 1) AS one)";

/// Every statement of this file.
#[cfg(any(test, feature = "suite"))]
pub(super) const STATEMENTS: &[&str] =
    &[NEWEST, BY_DIGEST, BY_VERSION, DELETE_VISIBLE, DELETE_REST, CHECK];

#[async_trait]
impl MetadataStore for PostgresStore {
    /// Other processes commit without a trace here.
    fn mark(&self) -> Option<Mark> {
        None
    }

    async fn heads(&self, gun: &Gun, roles: &[RoleName]) -> StorageResult<Heads> {
        let found = self.heads.ask(HeadsOf { gun: gun.clone(), roles: roles.to_vec() }).await?;
        Ok(roles.iter().cloned().zip(found).collect())
    }

    async fn head(&self, gun: &Gun, role: &RoleName) -> StorageResult<Option<Head>> {
        let found = self.heads.ask(HeadsOf { gun: gun.clone(), roles: vec![role.clone()] }).await?;
        Ok(found.into_iter().next().flatten())
    }

    fn asks_together(&self) -> bool {
        true
    }

    async fn newest(&self, gun: &Gun, role: &RoleName) -> StorageResult<Option<StoredDocument>> {
        let query = sqlx::query(NEWEST).bind(gun.as_str()).bind(role.as_str());
        document(self.readers.find(query).await?, role)
    }

    async fn by_digest(
        &self,
        gun: &Gun,
        role: &RoleName,
        sha256: Sha256Digest,
    ) -> StorageResult<Option<StoredDocument>> {
        let query =
            sqlx::query(BY_DIGEST).bind(gun.as_str()).bind(role.as_str()).bind(sha256.to_hex());
        document(self.readers.find(query).await?, role)
    }

    async fn by_version(
        &self,
        gun: &Gun,
        role: &RoleName,
        version: Version,
    ) -> StorageResult<Option<StoredDocument>> {
        let query =
            sqlx::query(BY_VERSION).bind(gun.as_str()).bind(role.as_str()).bind(version.as_i32());
        document(self.readers.find(query).await?, role)
    }

    async fn commit(
        &self,
        gun: &Gun,
        base: &Heads,
        update: &AcceptedUpdate,
        now: DateTime<Utc>,
    ) -> StorageResult<Commit> {
        commit(&self.writers, gun, base, update, now).await
    }

    async fn delete(&self, gun: &Gun, now: DateTime<Utc>) -> StorageResult<bool> {
        let (gun, at) = (Arc::new(gun.clone()), time_value(now)?);
        let writers = self.writers.clone();
        to_its_end(async move {
            let deleted = write(&writers, move |connection| {
                let gun = Arc::clone(&gun);
                Box::pin(async move { delete_in(connection, &gun, at).await })
            });
            Ok(deleted.await?)
        })
        .await
    }

    async fn changes(&self, gun: Option<&Gun>, range: ChangeRange) -> StorageResult<Vec<Change>> {
        changefeed::read(&self.readers, gun, range).await
    }

    async fn published(
        &self,
        after: Place,
        timestamp_before: DateTime<Utc>,
        limit: u32,
    ) -> StorageResult<Vec<Published>> {
        published::read(&self.readers, after, timestamp_before, limit).await
    }

    async fn check(&self) -> StorageResult<()> {
        self.readers.list(sqlx::query(CHECK)).await?;
        Ok(())
    }
}

/// The document in a row, when its bytes are the ones that its digest names.
fn document(found: Option<PgRow>, role: &RoleName) -> StorageResult<Option<StoredDocument>> {
    let Some(found) = found else { return Ok(None) };
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

async fn delete_in(
    connection: &mut PgConnection,
    gun: &Gun,
    at: NaiveDateTime,
) -> Result<Ending<bool>, Stop> {
    Lock::Gun(gun).take(connection).await?;
    let visible = delete_rows(connection, DELETE_VISIBLE, gun).await?;
    delete_rows(connection, DELETE_REST, gun).await?;
    if visible == 0 {
        return Ok(Ending::Commit(false));
    }
    changefeed::add_deletion(connection, gun, at).await?;
    Ok(Ending::Commit(true))
}

async fn delete_rows(
    connection: &mut PgConnection,
    statement: &'static str,
    gun: &Gun,
) -> Result<u64, sqlx::Error> {
    let done = sqlx::query(statement).bind(gun.as_str()).execute(connection).await?;
    Ok(done.rows_affected())
}
