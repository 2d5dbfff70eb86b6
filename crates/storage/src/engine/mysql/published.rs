//! The walk over what was published lately, by an index that tells the role before the row is read.

use chrono::{DateTime, Utc};
use sqlx::mysql::MySqlRow;

use super::connections::Connections;
use super::row::{TableRow, time_value};
use crate::contract::published::{Place, Published};
use crate::contract::{StorageError, StorageResult};

const TABLE: &str = "tuf_files";

/// Of the versions of a role only the highest counts, so a GUN comes at most once per role however
/// often it is published. It is asked for row by row, by an index, for as many rows as are wanted.
pub(super) const PUBLISHED: &str = "SELECT id, created_at, gun FROM tuf_files AS published \
    WHERE created_at >= ? AND (created_at > ? OR id > ?) \
    AND role NOT IN ('timestamp', 'snapshot') AND deleted_at IS NULL \
    AND version = (SELECT highest.version FROM tuf_files AS highest \
        WHERE highest.gun = published.gun \
        AND CAST(highest.gun AS BINARY) = CAST(published.gun AS BINARY) \
        AND highest.role = published.role \
        AND highest.deleted_at IS NULL ORDER BY highest.version DESC LIMIT 1) \
    AND (SELECT newest.created_at FROM tuf_files AS newest \
        WHERE newest.gun = published.gun \
        AND CAST(newest.gun AS BINARY) = CAST(published.gun AS BINARY) \
        AND newest.role = 'timestamp' AND newest.deleted_at IS NULL \
        ORDER BY newest.version DESC LIMIT 1) < ? \
    ORDER BY created_at, id LIMIT ?";

/// Every statement of this file.
#[cfg(any(test, feature = "suite"))]
pub(super) const STATEMENTS: &[&str] = &[PUBLISHED];

/// The next GUNs of the walk.
pub(super) async fn read(
    readers: &Connections,
    after: Place,
    timestamp_before: DateTime<Utc>,
    limit: u32,
) -> StorageResult<Vec<Published>> {
    let from = time_value(after.moment())?;
    let query = sqlx::query(PUBLISHED)
        .bind(from)
        .bind(from)
        .bind(after.id())
        .bind(time_value(timestamp_before)?)
        .bind(i64::from(limit));
    readers.list(query).await?.iter().filter_map(published).collect()
}

/// A row that has no time has no place to go on from, and concerns its own GUN: whoever asks for
/// that is told.
fn published(found: &MySqlRow) -> Option<StorageResult<Published>> {
    let row = TableRow::new(found, TABLE);
    let read = || {
        let place = Place::behind(row.time("created_at")?, row.id()?);
        Ok(Published { gun: row.text("gun")?, place })
    };
    Some(read()).filter(|read| !matches!(read, Err(StorageError::Corrupt { .. })))
}
