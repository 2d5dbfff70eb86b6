//! Metadata versions in `tuf_files`: reading and deleting.
//!
//! Rows whose `deleted_at` is set count as absent, but still occupy their version.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use chrono::{DateTime, Utc};
use countersign_tuf::accepted::AcceptedUpdate;
use countersign_tuf::digest::Sha256Digest;
use countersign_tuf::names::{Gun, RoleName, Version};
use sqlx::mysql::{MySql, MySqlArguments, MySqlConnection, MySqlRow};
use sqlx::query::Query;

use super::commit::commit;
use super::locks::Lock;
use super::names::{gun_is, or_nothing};
use super::row::{TableRow, time_value};
use super::transaction::{Ending, Stop, to_its_end, write};
use super::{MySqlStore, changefeed, published};
use crate::contract::changefeed::{Change, ChangeRange};
use crate::contract::metadata::{Commit, Head, Heads, Mark, MetadataStore, StoredDocument};
use crate::contract::published::{Place, Published};
use crate::contract::{StorageError, StorageResult};

const TABLE: &str = "tuf_files";

/// One statement, so all heads are of one moment; each is one step into the index. Names of roles
/// are plain ASCII, so that the column's own way to compare is used.
pub(super) const HEADS: &str = concat!(
    "SELECT wanted.role, head.id, head.version, head.sha256 FROM JSON_TABLE(?, '$[*]' COLUMNS \
        (role varchar(255) CHARACTER SET ascii PATH '$')) AS wanted \
    STRAIGHT_JOIN tuf_files AS head ON head.id = \
    (SELECT id FROM tuf_files AS newest WHERE ",
    gun_is!(),
    " AND newest.role = wanted.role AND deleted_at IS NULL ORDER BY version DESC LIMIT 1)"
);

pub(super) const NEWEST: &str = concat!(
    "SELECT id, created_at, version, sha256, data FROM tuf_files WHERE ",
    gun_is!(),
    " AND role = ? AND deleted_at IS NULL ORDER BY version DESC LIMIT 1"
);

pub(super) const BY_DIGEST: &str = concat!(
    "SELECT id, created_at, version, sha256, data FROM tuf_files WHERE ",
    gun_is!(),
    " AND role = ? AND sha256 = ? AND deleted_at IS NULL ORDER BY version DESC LIMIT 1"
);

pub(super) const BY_VERSION: &str = concat!(
    "SELECT id, created_at, version, sha256, data FROM tuf_files WHERE ",
    gun_is!(),
    " AND role = ? AND version = ? AND deleted_at IS NULL"
);

pub(super) const DELETE_VISIBLE: &str =
    concat!("DELETE FROM tuf_files WHERE ", gun_is!(), " AND deleted_at IS NULL");

/// Rows that count as absent would keep their versions from being used again.
pub(super) const DELETE_REST: &str = concat!("DELETE FROM tuf_files WHERE ", gun_is!());

const CHECK: &str = "SELECT (SELECT count(*) FROM (SELECT id FROM tuf_files LIMIT 1) AS one) \
    + (SELECT count(*) FROM (SELECT id FROM changefeed LIMIT 1) AS one)";

/// Every statement of this file.
#[cfg(any(test, feature = "suite"))]
pub(super) const STATEMENTS: &[&str] =
    &[HEADS, NEWEST, BY_DIGEST, BY_VERSION, DELETE_VISIBLE, DELETE_REST, CHECK];

#[async_trait]
impl MetadataStore for MySqlStore {
    /// Other processes commit without a trace here.
    fn mark(&self) -> Option<Mark> {
        None
    }

    async fn heads(&self, gun: &Gun, roles: &[RoleName]) -> StorageResult<Heads> {
        let found = or_nothing(self.readers.list(heads_query(gun, roles.iter())).await)?;
        heads(roles.iter(), &found)
    }

    async fn newest(&self, gun: &Gun, role: &RoleName) -> StorageResult<Option<StoredDocument>> {
        let query = named(NEWEST, gun).bind(role.as_str());
        document(or_nothing(self.readers.find(query).await)?, role)
    }

    async fn by_digest(
        &self,
        gun: &Gun,
        role: &RoleName,
        sha256: Sha256Digest,
    ) -> StorageResult<Option<StoredDocument>> {
        let query = named(BY_DIGEST, gun).bind(role.as_str()).bind(sha256.to_hex());
        document(or_nothing(self.readers.find(query).await)?, role)
    }

    async fn by_version(
        &self,
        gun: &Gun,
        role: &RoleName,
        version: Version,
    ) -> StorageResult<Option<StoredDocument>> {
        let query = named(BY_VERSION, gun).bind(role.as_str()).bind(version.as_i32());
        document(or_nothing(self.readers.find(query).await)?, role)
    }

    async fn commit(
        &self,
        gun: &Gun,
        base: &Heads,
        update: &AcceptedUpdate,
        now: DateTime<Utc>,
    ) -> StorageResult<Commit> {
        commit(&self.writers, self.findings.most_bytes(), gun, base, update, now).await
    }

    async fn delete(&self, gun: &Gun, now: DateTime<Utc>) -> StorageResult<bool> {
        let (gun, at) = (Arc::new(gun.clone()), time_value(now)?);
        let writers = self.writers.clone();
        to_its_end(async move {
            let deleted = write(&writers, move |connection| {
                let gun = Arc::clone(&gun);
                Box::pin(async move { delete_in(connection, &gun, at).await })
            });
            or_nothing(deleted.await.map_err(StorageError::from))
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

/// The query for the heads of `roles`.
pub(super) fn heads_query<'q>(
    gun: &'q Gun,
    roles: impl Iterator<Item = &'q RoleName>,
) -> Query<'q, MySql, MySqlArguments> {
    // No name of a role has a character that JSON would escape.
    let roles: Vec<String> = roles.map(|role| format!("\"{role}\"")).collect();
    sqlx::query(HEADS).bind(format!("[{}]", roles.join(","))).bind(gun.as_str()).bind(gun.as_str())
}

/// A statement that begins with the condition on its GUN.
fn named<'q>(statement: &'static str, gun: &'q Gun) -> Query<'q, MySql, MySqlArguments> {
    sqlx::query(statement).bind(gun.as_str()).bind(gun.as_str())
}

/// The heads of `roles` in what [`heads_query`] found.
pub(super) fn heads<'r>(
    roles: impl Iterator<Item = &'r RoleName>,
    found: &[MySqlRow],
) -> StorageResult<Heads> {
    let mut heads: Heads = roles.map(|role| (role.clone(), None)).collect();
    for found in found {
        let row = TableRow::new(found, TABLE);
        let name = row.text("role")?;
        let head = Head { version: row.version()?, sha256: row.sha256()? };
        let role = heads.iter_mut().find(|(role, _)| role.as_str() == name);
        match role {
            Some((_, place)) => *place = Some(head),
            None => return Err(StorageError::Other(format!("a head of {name:?}, not asked for"))),
        }
    }
    Ok(heads)
}

/// The document in a row, when its bytes are the ones that its digest names.
fn document(found: Option<MySqlRow>, role: &RoleName) -> StorageResult<Option<StoredDocument>> {
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
    connection: &mut MySqlConnection,
    gun: &Gun,
    at: DateTime<Utc>,
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
    connection: &mut MySqlConnection,
    statement: &'static str,
    gun: &Gun,
) -> Result<u64, sqlx::Error> {
    let done = named(statement, gun).execute(connection).await?;
    Ok(done.rows_affected())
}
