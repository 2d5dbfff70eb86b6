//! The table `changefeed`. Its numbers are given out under a lock that is held until the commit is
//! visible, so no reader sees a row before all with lower numbers.
//!
//! Numbers that a transaction took and did not keep are gaps.

use chrono::{DateTime, Utc};
use countersign_tuf::accepted::AcceptedDocument;
use countersign_tuf::names::Gun;
use sqlx::mysql::{MySqlConnection, MySqlRow};

use super::connections::Connections;
use super::locks::Lock;
use super::names::{gun_is, or_nothing};
use super::row::TableRow;
use super::transaction::Stop;
use crate::contract::StorageResult;
use crate::contract::changefeed::{Change, ChangeCategory, ChangeRange};

const TABLE: &str = "changefeed";

pub(super) const AFTER: &str = "SELECT id, created_at, gun, version, sha256, category \
    FROM changefeed WHERE id > ? ORDER BY id LIMIT ?";

pub(super) const BEFORE: &str = "SELECT id, created_at, gun, version, sha256, category \
    FROM changefeed WHERE id < ? ORDER BY id DESC LIMIT ?";

const LATEST: &str = "SELECT id, created_at, gun, version, sha256, category FROM changefeed \
    ORDER BY id DESC LIMIT ?";

pub(super) const GUN_AFTER: &str = concat!(
    "SELECT id, created_at, gun, version, sha256, category FROM changefeed WHERE ",
    gun_is!(),
    " AND id > ? ORDER BY id LIMIT ?"
);

pub(super) const GUN_BEFORE: &str = concat!(
    "SELECT id, created_at, gun, version, sha256, category FROM changefeed WHERE ",
    gun_is!(),
    " AND id < ? ORDER BY id DESC LIMIT ?"
);

const GUN_LATEST: &str = concat!(
    "SELECT id, created_at, gun, version, sha256, category FROM changefeed WHERE ",
    gun_is!(),
    " ORDER BY id DESC LIMIT ?"
);

const INSERT: &str = "INSERT INTO changefeed (created_at, gun, version, sha256, category) \
    VALUES (?, ?, ?, ?, ?)";

/// Every statement of this file.
#[cfg(any(test, feature = "suite"))]
pub(super) const STATEMENTS: &[&str] =
    &[AFTER, BEFORE, LATEST, GUN_AFTER, GUN_BEFORE, GUN_LATEST, INSERT];

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
    if let Some(gun) = gun {
        query = query.bind(gun.as_str()).bind(gun.as_str());
    }
    if let Some(id) = id {
        query = query.bind(id);
    }
    query = query.bind(i64::from(limit));
    let rows = or_nothing(readers.list(query).await)?;
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
    connection: &mut MySqlConnection,
    gun: &Gun,
    timestamp: &AcceptedDocument,
    at: DateTime<Utc>,
) -> Result<(), Stop> {
    let (version, sha256) = (timestamp.version.as_i32(), timestamp.sha256.to_hex());
    add(connection, gun, version, &sha256, ChangeCategory::Update, at).await
}

/// Adds the row of a deletion, as the last thing of its transaction.
pub(super) async fn add_deletion(
    connection: &mut MySqlConnection,
    gun: &Gun,
    at: DateTime<Utc>,
) -> Result<(), Stop> {
    add(connection, gun, 0, "", ChangeCategory::Deletion, at).await
}

async fn add(
    connection: &mut MySqlConnection,
    gun: &Gun,
    version: i32,
    sha256: &str,
    category: ChangeCategory,
    at: DateTime<Utc>,
) -> Result<(), Stop> {
    Lock::Changefeed.take(connection).await?;
    sqlx::query(INSERT)
        .bind(at)
        .bind(gun.as_str())
        .bind(version)
        .bind(sha256)
        .bind(category.as_str())
        .execute(connection)
        .await?;
    Ok(())
}

fn change(found: &MySqlRow) -> StorageResult<Change> {
    let row = TableRow::new(found, TABLE);
    let name: String = row.text("category")?;
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
        gun: row.text("gun")?,
        version,
        sha256,
        category,
    })
}

/// A deletion names no document: version 0 and no digest.
fn absent_digest(row: &TableRow<'_>) -> StorageResult<String> {
    let version: i32 = row.column("version")?;
    if version != 0 || row.optional_text("sha256")?.is_some_and(|text| !text.is_empty()) {
        return Err(row.corrupt("a deletion that names a version or a digest".to_owned()));
    }
    Ok(String::new())
}
