//! The table `changefeed`. Its numbers are given out under a lock that is held until the commit is
//! visible, so no reader sees a row before all with lower numbers.
//!
//! Numbers that a transaction took and did not keep are gaps.

use chrono::NaiveDateTime;
use countersign_tuf::accepted::AcceptedDocument;
use countersign_tuf::names::Gun;
use sqlx::postgres::{PgConnection, PgRow};

use super::connections::Connections;
use super::locks::Lock;
use super::row::TableRow;
use crate::contract::StorageResult;
use crate::contract::changefeed::{Change, ChangeCategory, ChangeRange};

const TABLE: &str = "changefeed";

pub(super) const AFTER: &str = "SELECT id, created_at, gun, version, sha256, category FROM changefeed \
    WHERE id > $1 ORDER BY id LIMIT $2";

pub(super) const BEFORE: &str = "SELECT id, created_at, gun, version, sha256, category FROM changefeed \
    WHERE id < $1 ORDER BY id DESC LIMIT $2";

const LATEST: &str = "SELECT id, created_at, gun, version, sha256, category FROM changefeed \
    ORDER BY id DESC LIMIT $1";

pub(super) const GUN_AFTER: &str = "SELECT id, created_at, gun, version, sha256, category FROM changefeed \
    WHERE gun = $3 AND id > $1 ORDER BY id LIMIT $2";

pub(super) const GUN_BEFORE: &str = "SELECT id, created_at, gun, version, sha256, category FROM changefeed \
    WHERE gun = $3 AND id < $1 ORDER BY id DESC LIMIT $2";

const GUN_LATEST: &str = "SELECT id, created_at, gun, version, sha256, category FROM changefeed \
    WHERE gun = $2 ORDER BY id DESC LIMIT $1";

/// The number is taken for the row that the lock brings, so not before the lock is there.
const ADD: &str = "WITH alone AS MATERIALIZED (SELECT pg_advisory_xact_lock($6)) \
    INSERT INTO changefeed (created_at, gun, version, sha256, category) \
    SELECT $1::timestamp, $2::text, $3::int4, $4::text, $5::text FROM alone";

/// Every statement of this file.
#[cfg(any(test, feature = "suite"))]
pub(super) const STATEMENTS: &[&str] =
    &[AFTER, BEFORE, LATEST, GUN_AFTER, GUN_BEFORE, GUN_LATEST, ADD];

/// The changes in `range`, oldest first.
pub(super) async fn read(
    readers: &Connections,
    gun: Option<&Gun>,
    range: ChangeRange,
) -> StorageResult<Vec<Change>> {
    let (id, limit, of_all, of_gun) = match range {
        ChangeRange::After { id, limit } => (Some(id), limit, AFTER, GUN_AFTER),
        ChangeRange::Before { id, limit } => (Some(id), limit, BEFORE, GUN_BEFORE),
        ChangeRange::Latest { limit } => (None, limit, LATEST, GUN_LATEST),
    };
    let mut query = sqlx::query(if gun.is_some() { of_gun } else { of_all });
    if let Some(id) = id {
        query = query.bind(id);
    }
    query = query.bind(i64::from(limit));
    if let Some(gun) = gun {
        query = query.bind(gun.as_str());
    }
    let rows = readers.list(query).await?;
    let mut changes = rows.iter().map(change).collect::<StorageResult<Vec<_>>>()?;
    match range {
        ChangeRange::After { .. } => {}
        ChangeRange::Before { .. } | ChangeRange::Latest { .. } => changes.reverse(),
    }
    Ok(changes)
}

/// Adds the row of a new timestamp, as the last thing of its transaction: until that ends, nobody
/// else can add one.
pub(super) async fn add_update(
    connection: &mut PgConnection,
    gun: &Gun,
    timestamp: &AcceptedDocument,
    at: NaiveDateTime,
) -> Result<(), sqlx::Error> {
    let (version, sha256) = (timestamp.version.as_i32(), timestamp.sha256.to_hex());
    add(connection, gun, version, &sha256, ChangeCategory::Update, at).await
}

/// Adds the row of a deletion, as the last thing of its transaction.
pub(super) async fn add_deletion(
    connection: &mut PgConnection,
    gun: &Gun,
    at: NaiveDateTime,
) -> Result<(), sqlx::Error> {
    add(connection, gun, 0, "", ChangeCategory::Deletion, at).await
}

async fn add(
    connection: &mut PgConnection,
    gun: &Gun,
    version: i32,
    sha256: &str,
    category: ChangeCategory,
    at: NaiveDateTime,
) -> Result<(), sqlx::Error> {
    sqlx::query(ADD)
        .bind(at)
        .bind(gun.as_str())
        .bind(version)
        .bind(sha256)
        .bind(category.as_str())
        .bind(Lock::Changefeed.number())
        .execute(connection)
        .await?;
    Ok(())
}

fn change(found: &PgRow) -> StorageResult<Change> {
    let row = TableRow::new(found, TABLE);
    let name: String = row.column("category")?;
    let category = [ChangeCategory::Deletion, ChangeCategory::Update]
        .into_iter()
        .find(|category| category.as_str() == name)
        .ok_or_else(|| row.corrupt(format!("unknown category {name:?}")))?;
    let (version, sha256) = match category {
        ChangeCategory::Deletion => (0, absent_digest(&row)?),
        ChangeCategory::Update => (row.version()?.as_i32(), row.sha256()?.to_hex()),
    };
    Ok(Change {
        id: row.id()?,
        created_at: row.time("created_at")?,
        gun: row.column("gun")?,
        version,
        sha256,
        category,
    })
}

/// A deletion names no document: version 0 and no digest, which the column pads with blanks.
fn absent_digest(row: &TableRow<'_>) -> StorageResult<String> {
    let version: i32 = row.column("version")?;
    let sha256: Option<String> = row.column("sha256")?;
    if version != 0 || sha256.is_some_and(|text| !text.trim_end_matches(' ').is_empty()) {
        return Err(row.corrupt("a deletion that names a version or a digest".to_owned()));
    }
    Ok(String::new())
}
