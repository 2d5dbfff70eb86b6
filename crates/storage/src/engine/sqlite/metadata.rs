//! Metadata versions in `tuf_files`.
//!
//! Rows whose `deleted_at` is set count as absent, but still occupy their version.

use async_trait::async_trait;
use bytes::Bytes;
use chrono::{DateTime, Utc};
use countersign_tuf::accepted::{AcceptedDocument, AcceptedUpdate};
use countersign_tuf::digest::Sha256Digest;
use countersign_tuf::names::{Gun, RoleName, Version};
use sqlx::sqlite::{SqliteConnection, SqliteExecutor, SqliteRow};

use super::row::{TableRow, time_text};
use super::transaction::{Ending, read};
use super::{SqliteStore, changefeed, errors, published};
use crate::contract::StorageResult;
use crate::contract::changefeed::{Change, ChangeRange};
use crate::contract::metadata::{Commit, Head, Heads, Mark, MetadataStore, StoredDocument};
use crate::contract::published::{Place, Published};

const TABLE: &str = "tuf_files";

pub(super) const HEAD: &str = "SELECT id, version, sha256 FROM tuf_files \
    WHERE gun = ?1 AND role = ?2 AND deleted_at IS NULL ORDER BY version DESC LIMIT 1";

pub(super) const NEWEST: &str = "SELECT id, created_at, version, sha256, data FROM tuf_files \
    WHERE gun = ?1 AND role = ?2 AND deleted_at IS NULL ORDER BY version DESC LIMIT 1";

/// The planner would rather walk all versions of the role, so the index is named.
pub(super) const BY_DIGEST: &str = "SELECT id, created_at, version, sha256, data \
    FROM tuf_files INDEXED BY countersign_digest_idx \
    WHERE sha256 = ?3 AND gun = ?1 AND role = ?2 AND deleted_at IS NULL \
    ORDER BY version DESC LIMIT 1";

pub(super) const BY_VERSION: &str = "SELECT id, created_at, version, sha256, data FROM tuf_files \
    WHERE gun = ?1 AND role = ?2 AND version = ?3 AND deleted_at IS NULL";

pub(super) const HOLDS: &str = "SELECT count(*) \
    FROM tuf_files INDEXED BY countersign_digest_idx \
    WHERE sha256 = ?3 AND gun = ?1 AND role = ?2 AND deleted_at IS NULL";

const INSERT: &str = "INSERT INTO tuf_files \
    (created_at, updated_at, gun, role, version, sha256, data) \
    VALUES (?1, ?1, ?2, ?3, ?4, ?5, ?6)";

const DELETE_VISIBLE: &str = "DELETE FROM tuf_files WHERE gun = ?1 AND deleted_at IS NULL";

/// Rows that count as absent would keep their versions from being used again.
const DELETE_REST: &str = "DELETE FROM tuf_files WHERE gun = ?1";

const CHECK: &str = "SELECT (SELECT count(*) FROM (SELECT id FROM tuf_files LIMIT 1)) \
    + (SELECT count(*) FROM (SELECT id FROM changefeed LIMIT 1)) \
    + (SELECT count(*) FROM change_category)";

/// Every statement of this file.
#[cfg(test)]
pub(super) const STATEMENTS: &[&str] =
    &[HEAD, NEWEST, BY_DIGEST, BY_VERSION, HOLDS, INSERT, DELETE_VISIBLE, DELETE_REST, CHECK];

#[async_trait]
impl MetadataStore for SqliteStore {
    fn mark(&self) -> Option<Mark> {
        self.wal_index.as_ref()?.mark()
    }

    async fn heads(&self, gun: &Gun, roles: &[RoleName]) -> StorageResult<Heads> {
        // One statement is of one moment by itself.
        if let [role] = roles {
            let head = head_in(self.reading()?, gun, role).await?;
            return Ok(Heads::from([(role.clone(), head)]));
        }
        let (gun, roles) = (gun.clone(), roles.to_vec());
        read(self.reading()?, move |connection| {
            Box::pin(async move {
                Ok(Ending::RollBack(heads_in(connection, &gun, roles.iter()).await?))
            })
        })
        .await
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
        self.write(move |connection| {
            Box::pin(async move { commit_in(connection, &gun, &base, &update, &at).await })
        })
        .await
    }

    async fn delete(&self, gun: &Gun, now: DateTime<Utc>) -> StorageResult<bool> {
        let (gun, at) = (gun.clone(), time_text(now)?);
        self.write(move |connection| {
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

/// The write lock is held, so no head can move between the look and the inserts. A version that
/// is occupied all the same belongs to a row that counts as absent, or twice to this update.
async fn commit_in(
    connection: &mut SqliteConnection,
    gun: &Gun,
    base: &Heads,
    update: &AcceptedUpdate,
    at: &str,
) -> StorageResult<Ending<Commit>> {
    let heads = heads_in(connection, gun, base.keys()).await?;
    if heads != *base {
        return Ok(Ending::RollBack(Commit::Moved(heads)));
    }
    for (role, sha256) in update.relied_on() {
        let rows: i64 = sqlx::query_scalar(HOLDS)
            .bind(gun.as_str())
            .bind(role.as_str())
            .bind(sha256.to_hex())
            .fetch_one(&mut *connection)
            .await
            .map_err(|error| errors::of_statement(&error))?;
        if rows == 0 {
            return Ok(Ending::RollBack(Commit::Moved(heads)));
        }
    }
    for document in update.documents() {
        let head = match heads.get(&document.role) {
            Some(head) => *head,
            None => head_in(&mut *connection, gun, &document.role).await?,
        };
        if head.is_some_and(|head| head.version >= document.version) {
            return Ok(Ending::RollBack(Commit::OldVersion(document.role.clone())));
        }
    }
    for document in update.documents() {
        match insert(connection, gun, document, at).await {
            Ok(()) => {}
            Err(error) if errors::is_duplicate(&error) => {
                return Ok(Ending::RollBack(Commit::OldVersion(document.role.clone())));
            }
            Err(error) => return Err(errors::of_statement(&error)),
        }
    }
    changefeed::add_update(connection, gun, update.timestamp(), at).await?;
    Ok(Ending::Commit(Commit::Done))
}

async fn delete_in(
    connection: &mut SqliteConnection,
    gun: &Gun,
    at: &str,
) -> StorageResult<Ending<bool>> {
    let visible = delete_rows(connection, DELETE_VISIBLE, gun).await?;
    delete_rows(connection, DELETE_REST, gun).await?;
    if visible == 0 {
        return Ok(Ending::Commit(false));
    }
    changefeed::add_deletion(connection, gun, at).await?;
    Ok(Ending::Commit(true))
}

pub(super) async fn heads_in(
    connection: &mut SqliteConnection,
    gun: &Gun,
    roles: impl Iterator<Item = &RoleName> + Send,
) -> StorageResult<Heads> {
    let mut heads = Heads::new();
    for role in roles {
        heads.insert(role.clone(), head_in(&mut *connection, gun, role).await?);
    }
    Ok(heads)
}

async fn head_in(
    connection: impl SqliteExecutor<'_>,
    gun: &Gun,
    role: &RoleName,
) -> StorageResult<Option<Head>> {
    let found = sqlx::query(HEAD)
        .bind(gun.as_str())
        .bind(role.as_str())
        .fetch_optional(connection)
        .await
        .map_err(|error| errors::of_statement(&error))?;
    let Some(found) = found else { return Ok(None) };
    let row = TableRow::new(&found, TABLE);
    Ok(Some(Head { version: row.version()?, sha256: row.sha256()? }))
}

async fn insert(
    connection: &mut SqliteConnection,
    gun: &Gun,
    document: &AcceptedDocument,
    at: &str,
) -> Result<(), sqlx::Error> {
    sqlx::query(INSERT)
        .bind(at)
        .bind(gun.as_str())
        .bind(document.role.as_str())
        .bind(document.version.as_i32())
        .bind(document.sha256.to_hex())
        .bind(document.bytes.as_ref())
        .execute(connection)
        .await?;
    Ok(())
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
