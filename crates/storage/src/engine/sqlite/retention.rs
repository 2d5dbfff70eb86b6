//! Removing what is old, and cutting the file.
//!
//! A file that this program made keeps track of its free pages, so it is cut in slices between
//! which others write. Readers are not in the way of either.

use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use countersign_tuf::names::Gun;
use sqlx::Row as _;
use sqlx::sqlite::{SqliteConnection, SqlitePool};

use super::heads::heads;
use super::row::time_text;
use super::transaction::{Ending, write};
use super::{SqliteStore, errors};
use crate::contract::StorageResult;
use crate::contract::metadata::Heads;
use crate::contract::retention::{Forgotten, GivingBack, Removal, Retention, Space, Thinned};

const FORGET: &str = "DELETE FROM tuf_files WHERE id = ?1 AND gun = ?2 AND deleted_at IS NULL \
    AND EXISTS (SELECT 1 FROM tuf_files AS later WHERE later.gun = tuf_files.gun \
        AND later.role = tuf_files.role AND later.version > tuf_files.version \
        AND later.deleted_at IS NULL)";

const CHANGES: &str = "SELECT id, created_at < ?3 AS is_old, \
    EXISTS (SELECT 1 FROM changefeed AS later \
        WHERE later.gun = changefeed.gun AND later.id > changefeed.id) AS is_followed \
    FROM changefeed WHERE id > ?1 ORDER BY id LIMIT ?2";

const REMOVE_CHANGE: &str = "DELETE FROM changefeed WHERE id = ?1";

const SIZE: &str = "SELECT page_count * page_size FROM pragma_page_count(), pragma_page_size()";

const FREE_PAGES: &str = "SELECT freelist_count FROM pragma_freelist_count()";

/// 2: free pages can be cut off in slices.
const AUTO_VACUUM: &str = "SELECT auto_vacuum FROM pragma_auto_vacuum()";

const CUT_SLICE: &str = "PRAGMA incremental_vacuum(1000)";

/// Writes the whole file anew; other writers wait meanwhile.
const CUT_WHOLE: &str = "VACUUM";

/// The file itself gets shorter when the log is written back into it.
const WRITE_BACK: &str = "PRAGMA wal_checkpoint(PASSIVE)";
const WRITE_BACK_ALL: &str = "PRAGMA wal_checkpoint(TRUNCATE)";

/// Every statement of this file.
#[cfg(test)]
pub(super) const STATEMENTS: &[&str] = &[
    FORGET,
    CHANGES,
    REMOVE_CHANGE,
    SIZE,
    FREE_PAGES,
    AUTO_VACUUM,
    CUT_SLICE,
    CUT_WHOLE,
    WRITE_BACK,
    WRITE_BACK_ALL,
];

/// The mode in which [`CUT_SLICE`] works.
const INCREMENTAL: i64 = 2;

/// Between two slices, so that who waits for the write lock gets it.
const PAUSE: Duration = Duration::from_millis(10);

#[async_trait]
impl Retention for SqliteStore {
    async fn forget(&self, gun: &Gun, base: &Heads, ids: &[i64]) -> StorageResult<Forgotten> {
        let (gun, base, ids) = (gun.clone(), base.clone(), ids.to_vec());
        write(self.writing()?, move |connection| {
            Box::pin(async move { forget_in(connection, &gun, &base, &ids).await })
        })
        .await
    }

    async fn thin_changes(
        &self,
        before: DateTime<Utc>,
        after: i64,
        most: u32,
        removal: Removal,
    ) -> StorageResult<Thinned> {
        let before = time_text(before)?;
        write(self.writing()?, move |connection| {
            Box::pin(async move {
                thin_in(connection, &before, after, most).await.map(|thinned| match removal {
                    Removal::Real => Ending::Commit(thinned),
                    Removal::Rehearsed => Ending::RollBack(thinned),
                })
            })
        })
        .await
    }

    async fn give_back(&self, how: GivingBack) -> StorageResult<Space> {
        let writer = self.writing()?;
        let before = number(writer, SIZE).await?;
        if how == GivingBack::Whole || number(writer, AUTO_VACUUM).await? != INCREMENTAL {
            run(writer, CUT_WHOLE).await?;
        } else {
            cut_in_slices(writer).await?;
        }
        run(writer, WRITE_BACK).await?;
        run(writer, WRITE_BACK_ALL).await?;
        let after = number(writer, SIZE).await?;
        Ok(Space { before: before.unsigned_abs(), after: after.unsigned_abs() })
    }
}

async fn forget_in(
    connection: &mut SqliteConnection,
    gun: &Gun,
    base: &Heads,
    ids: &[i64],
) -> StorageResult<Ending<Forgotten>> {
    let now = heads(&mut *connection, gun, base.keys()).await?;
    if now != *base {
        return Ok(Ending::RollBack(Forgotten::Moved(now)));
    }
    let mut gone = 0_u64;
    for id in ids {
        let done = sqlx::query(FORGET)
            .bind(id)
            .bind(gun.as_str())
            .execute(&mut *connection)
            .await
            .map_err(|error| errors::of_statement(&error))?;
        gone = gone.saturating_add(done.rows_affected());
    }
    Ok(Ending::Commit(Forgotten::Done(gone)))
}

async fn thin_in(
    connection: &mut SqliteConnection,
    before: &str,
    after: i64,
    most: u32,
) -> StorageResult<Thinned> {
    let failed = |error: sqlx::Error| errors::of_statement(&error);
    let rows = sqlx::query(CHANGES)
        .bind(after)
        .bind(i64::from(most))
        .bind(before)
        .fetch_all(&mut *connection)
        .await
        .map_err(failed)?;
    let mut thinned = Thinned::default();
    for row in rows {
        let id: i64 = row.try_get("id").map_err(failed)?;
        if !row.try_get::<bool, _>("is_old").map_err(failed)? {
            continue;
        }
        thinned.upto = Some(id);
        if row.try_get::<bool, _>("is_followed").map_err(failed)? {
            sqlx::query(REMOVE_CHANGE).bind(id).execute(&mut *connection).await.map_err(failed)?;
            thinned.removed = thinned.removed.saturating_add(1);
        }
    }
    Ok(thinned)
}

async fn cut_in_slices(writer: &SqlitePool) -> StorageResult<()> {
    let mut free = number(writer, FREE_PAGES).await?;
    while free > 0 {
        run(writer, CUT_SLICE).await?;
        let left = number(writer, FREE_PAGES).await?;
        // Somebody else frees as fast as this cuts: the next time is for that.
        if left >= free {
            break;
        }
        free = left;
        tokio::time::sleep(PAUSE).await;
    }
    Ok(())
}

async fn number(pool: &SqlitePool, statement: &'static str) -> StorageResult<i64> {
    sqlx::query_scalar(statement)
        .fetch_one(pool)
        .await
        .map_err(|error| errors::of_statement(&error))
}

async fn run(pool: &SqlitePool, statement: &'static str) -> StorageResult<()> {
    sqlx::query(statement)
        .fetch_all(pool)
        .await
        .map(drop)
        .map_err(|error| errors::of_statement(&error))
}
