//! The table `changefeed`. Its numbers are given out under the write lock, so a row becomes
//! visible before any with a higher number exists.

use countersign_tuf::names::Gun;
use sqlx::sqlite::{SqliteConnection, SqlitePool, SqliteRow};

use super::errors;
use super::row::TableRow;
use crate::contract::StorageResult;
use crate::contract::changefeed::{Change, ChangeCategory, ChangeRange};

const TABLE: &str = "changefeed";

const AFTER: &str = "SELECT id, created_at, gun, version, sha256, category FROM changefeed \
    WHERE id > ?1 ORDER BY id LIMIT ?2";

const BEFORE: &str = "SELECT id, created_at, gun, version, sha256, category FROM changefeed \
    WHERE id < ?1 ORDER BY id DESC LIMIT ?2";

const LATEST: &str = "SELECT id, created_at, gun, version, sha256, category FROM changefeed \
    ORDER BY id DESC LIMIT ?1";

pub(super) const GUN_AFTER: &str = "SELECT id, created_at, gun, version, sha256, category FROM changefeed \
    WHERE gun = ?3 AND id > ?1 ORDER BY id LIMIT ?2";

const GUN_BEFORE: &str = "SELECT id, created_at, gun, version, sha256, category FROM changefeed \
    WHERE gun = ?3 AND id < ?1 ORDER BY id DESC LIMIT ?2";

const GUN_LATEST: &str = "SELECT id, created_at, gun, version, sha256, category FROM changefeed \
    WHERE gun = ?2 ORDER BY id DESC LIMIT ?1";

/// Adds a row: when, GUN, version, digest and category, in that order.
macro_rules! insert_change {
    () => {
        "INSERT INTO changefeed (created_at, gun, version, sha256, category) \
         VALUES (?, ?, ?, ?, ?)"
    };
}
pub(super) use insert_change;

const INSERT: &str = insert_change!();

/// Every statement of this file.
#[cfg(test)]
pub(super) const STATEMENTS: &[&str] =
    &[AFTER, BEFORE, LATEST, GUN_AFTER, GUN_BEFORE, GUN_LATEST, INSERT];

/// The changes in `range`, oldest first.
pub(super) async fn read(
    pool: &SqlitePool,
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
    let rows = query.fetch_all(pool).await.map_err(|error| errors::of_statement(&error))?;
    let mut changes = rows.iter().map(change).collect::<StorageResult<Vec<_>>>()?;
    match range {
        ChangeRange::After { .. } => {}
        ChangeRange::Before { .. } | ChangeRange::Latest { .. } => changes.reverse(),
    }
    Ok(changes)
}

/// Adds the row of a deletion.
pub(super) async fn add_deletion(
    connection: &mut SqliteConnection,
    gun: &Gun,
    at: &str,
) -> StorageResult<()> {
    sqlx::query(INSERT)
        .bind(at)
        .bind(gun.as_str())
        .bind(0)
        .bind("")
        .bind(ChangeCategory::Deletion.as_str())
        .execute(connection)
        .await
        .map_err(|error| errors::of_statement(&error))?;
    Ok(())
}

fn change(found: &SqliteRow) -> StorageResult<Change> {
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
        id: row.column("id")?,
        created_at: row.time("created_at")?,
        gun: row.column("gun")?,
        version,
        sha256,
        category,
    })
}

/// A deletion names no document: version 0 and no digest.
fn absent_digest(row: &TableRow<'_>) -> StorageResult<String> {
    let version: i64 = row.column("version")?;
    let sha256: Option<String> = row.column("sha256")?;
    if version != 0 || sha256.is_some_and(|text| !text.is_empty()) {
        return Err(row.corrupt("a deletion that names a version or a digest".to_owned()));
    }
    Ok(String::new())
}
