//! The walk over what was published lately, by an index that holds nothing else.

use chrono::{DateTime, Utc};
use sqlx::sqlite::{SqlitePool, SqliteRow};

use super::errors;
use super::row::{TableRow, time_text};
use crate::contract::published::{Place, Published};
use crate::contract::{StorageError, StorageResult};

const TABLE: &str = "tuf_files";

/// Of the versions of a role only the highest counts, so a GUN comes at most once per role however
/// often it is published.
pub(super) const PUBLISHED: &str = "SELECT id, created_at, gun \
    FROM tuf_files AS published INDEXED BY countersign_published_idx \
    WHERE role NOT IN ('timestamp', 'snapshot') AND deleted_at IS NULL \
    AND (created_at, id) > (?1, ?2) \
    AND NOT EXISTS (SELECT 1 FROM tuf_files AS later WHERE later.gun = published.gun \
        AND later.role = published.role AND later.version > published.version \
        AND later.deleted_at IS NULL) \
    AND (SELECT newest.created_at FROM tuf_files AS newest WHERE newest.gun = published.gun \
        AND newest.role = 'timestamp' AND newest.deleted_at IS NULL \
        ORDER BY newest.version DESC LIMIT 1) < ?3 \
    ORDER BY created_at, id LIMIT ?4";

/// Every statement of this file.
#[cfg(test)]
pub(super) const STATEMENTS: &[&str] = &[PUBLISHED];

/// The next GUNs of the walk.
pub(super) async fn read(
    pool: &SqlitePool,
    after: Place,
    timestamp_before: DateTime<Utc>,
    limit: u32,
) -> StorageResult<Vec<Published>> {
    let rows = sqlx::query(PUBLISHED)
        .bind(time_text(after.moment())?)
        .bind(after.id())
        .bind(time_text(timestamp_before)?)
        .bind(i64::from(limit))
        .fetch_all(pool)
        .await
        .map_err(|error| errors::of_statement(&error))?;
    rows.iter().filter_map(published).collect()
}

/// A row that has no time has no place to go on from, and concerns its own GUN: whoever asks for
/// that is told.
fn published(found: &SqliteRow) -> Option<StorageResult<Published>> {
    let row = TableRow::new(found, TABLE);
    let read = || {
        let place = Place::behind(row.time("created_at")?, row.column("id")?);
        Ok(Published { gun: row.column("gun")?, place })
    };
    Some(read()).filter(|read| !matches!(read, Err(StorageError::Corrupt { .. })))
}
