//! Removing what is old, and making the tables anew behind it.
//!
//! What is free inside a table is used for later rows without more ado. It goes back to the system
//! only when the table is written anew, which takes as much room once more and keeps others waiting
//! at its end; so that is done for nobody who did not ask for it.

use std::sync::Arc;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use countersign_tuf::names::Gun;
use sqlx::mysql::MySqlConnection;

use super::locks::Lock;
use super::metadata::{heads, heads_query};
use super::names::gun_is;
use super::row::{TableRow, time_value};
use super::transaction::{Ending, Stop, to_its_end, write};
use super::{MySqlStore, errors};
use crate::contract::metadata::Heads;
use crate::contract::retention::{Forgotten, GivingBack, Removal, Retention, Space, Thinned};
use crate::contract::{StorageError, StorageResult};

const TABLE: &str = "changefeed";

/// Those of the listed rows that are versions of this GUN and followed by a later one.
pub(super) const REMOVABLE: &str = concat!(
    "SELECT old.id FROM JSON_TABLE(?, '$[*]' COLUMNS (id int PATH '$')) AS listed \
    STRAIGHT_JOIN tuf_files AS old ON old.id = listed.id WHERE ",
    gun_is!(),
    " AND old.deleted_at IS NULL AND EXISTS (SELECT 1 FROM tuf_files AS later \
        WHERE later.gun = old.gun AND CAST(later.gun AS BINARY) = CAST(old.gun AS BINARY) \
        AND later.role = old.role AND later.version > old.version AND later.deleted_at IS NULL)"
);

const REMOVE_FILES: &str = "DELETE old FROM JSON_TABLE(?, '$[*]' COLUMNS (id int PATH '$')) \
    AS listed STRAIGHT_JOIN tuf_files AS old ON old.id = listed.id";

/// A change without a time is not known to be old.
pub(super) const CHANGES: &str = "SELECT id, COALESCE(created_at < ?, 0) AS is_old, \
    EXISTS (SELECT 1 FROM changefeed AS later WHERE later.gun = changefeed.gun \
        AND CAST(later.gun AS BINARY) = CAST(changefeed.gun AS BINARY) \
        AND later.id > changefeed.id) AS is_followed \
    FROM changefeed WHERE id > ? ORDER BY id LIMIT ?";

const REMOVE_CHANGES: &str = "DELETE old FROM JSON_TABLE(?, '$[*]' COLUMNS (id int PATH '$')) \
    AS listed STRAIGHT_JOIN changefeed AS old ON old.id = listed.id";

/// What others could be kept waiting for is not waited for long; the work itself may take its time.
const WITHOUT_LIMIT: &str = "SET SESSION lock_wait_timeout = @countersign_wait \
    /*M! , max_statement_time = 0 */ /*!80000 , information_schema_stats_expiry = 0 */";

const SIZE: &str = "SELECT CAST(SUM(data_length + index_length + data_free) AS SIGNED) \
    FROM information_schema.tables \
    WHERE table_schema = DATABASE() AND table_name IN ('tuf_files', 'changefeed')";

/// The sizes that the server tells are those of its last look, which may be long ago.
const LOOK_ANEW: &str = "ANALYZE NO_WRITE_TO_BINLOG TABLE tuf_files, changefeed";

const FILES_ANEW: &str = "ALTER TABLE tuf_files FORCE";
const CHANGES_ANEW: &str = "ALTER TABLE changefeed FORCE";

/// Every statement of this file.
#[cfg(any(test, feature = "suite"))]
pub(super) const STATEMENTS: &[&str] = &[
    REMOVABLE,
    REMOVE_FILES,
    CHANGES,
    REMOVE_CHANGES,
    WITHOUT_LIMIT,
    SIZE,
    LOOK_ANEW,
    FILES_ANEW,
    CHANGES_ANEW,
];

#[async_trait]
impl Retention for MySqlStore {
    async fn forget(&self, gun: &Gun, base: &Heads, ids: &[i64]) -> StorageResult<Forgotten> {
        // The column counts to 2^31; a higher number names no row.
        let ids = ids.iter().filter_map(|id| i32::try_from(*id).ok()).collect();
        let job = Arc::new(Job { gun: gun.clone(), base: base.clone(), ids });
        let writers = self.writers.clone();
        to_its_end(async move {
            let forgotten = write(&writers, move |connection| {
                let job = Arc::clone(&job);
                Box::pin(async move { job.forget_in(connection).await })
            });
            Ok(forgotten.await?)
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
        let before = time_value(before)?;
        let writers = self.writers.clone();
        to_its_end(async move {
            let thinned = write(&writers, move |connection| {
                Box::pin(async move {
                    let thinned = thin_in(connection, before, after, most).await?;
                    Ok(match removal {
                        Removal::Real => Ending::Commit(thinned),
                        Removal::Rehearsed => Ending::RollBack(thinned),
                    })
                })
            });
            Ok(thinned.await?)
        })
        .await
    }

    async fn give_back(&self, how: GivingBack) -> StorageResult<Space> {
        let mut lent = self.writers.lend().await?;
        // Dropped instead of given back: its session has no limit any more.
        write_anew(lent.connection(), how).await
    }
}

/// What is to be removed.
struct Job {
    gun: Gun,
    base: Heads,
    ids: Vec<i32>,
}

impl Job {
    async fn forget_in(&self, connection: &mut MySqlConnection) -> Result<Ending<Forgotten>, Stop> {
        Lock::Gun(&self.gun).take(connection).await?;
        let found = heads_query(&self.gun, self.base.keys()).fetch_all(&mut *connection).await?;
        let now = heads(self.base.keys(), &found)?;
        if now != self.base {
            return Ok(Ending::RollBack(Forgotten::Moved(now)));
        }
        let gone: Vec<i32> = sqlx::query_scalar(REMOVABLE)
            .bind(listed(&self.ids))
            .bind(self.gun.as_str())
            .bind(self.gun.as_str())
            .fetch_all(&mut *connection)
            .await?;
        let done = sqlx::query(REMOVE_FILES).bind(listed(&gone)).execute(connection).await?;
        Ok(Ending::Commit(Forgotten::Done(done.rows_affected())))
    }
}

async fn thin_in(
    connection: &mut MySqlConnection,
    before: DateTime<Utc>,
    after: i64,
    most: u32,
) -> Result<Thinned, Stop> {
    let rows = sqlx::query(CHANGES)
        .bind(before)
        .bind(after)
        .bind(i64::from(most))
        .fetch_all(&mut *connection)
        .await?;
    let mut upto = None;
    let mut gone = Vec::new();
    for found in &rows {
        let row = TableRow::new(found, TABLE);
        if row.column::<i64>("is_old")? == 0 {
            continue;
        }
        let id: i32 = row.column("id")?;
        upto = Some(i64::from(id));
        if row.column::<i64>("is_followed")? != 0 {
            gone.push(id);
        }
    }
    let done = sqlx::query(REMOVE_CHANGES).bind(listed(&gone)).execute(connection).await?;
    Ok(Thinned { upto, removed: done.rows_affected() })
}

/// Numbers as a list in JSON: a statement has a fixed number of parameters.
fn listed(ids: &[i32]) -> String {
    let ids: Vec<String> = ids.iter().map(ToString::to_string).collect();
    format!("[{}]", ids.join(","))
}

async fn write_anew(connection: &mut MySqlConnection, how: GivingBack) -> StorageResult<Space> {
    let failed = |error: sqlx::Error| {
        if errors::is_forbidden(&error) {
            return StorageError::Other(format!(
                "this user may not write tuf_files and changefeed anew ({error}): let their owner \
                 do it, or grant ALTER, CREATE and INSERT on the database"
            ));
        }
        errors::of_statement(&error)
    };
    sqlx::raw_sql(WITHOUT_LIMIT).execute(&mut *connection).await.map_err(failed)?;
    sqlx::raw_sql(LOOK_ANEW).execute(&mut *connection).await.map_err(failed)?;
    let before = size(connection).await?;
    match how {
        GivingBack::Beside => {}
        GivingBack::Whole => {
            for statement in [FILES_ANEW, CHANGES_ANEW] {
                sqlx::raw_sql(statement).execute(&mut *connection).await.map_err(failed)?;
            }
        }
    }
    Ok(Space { before, after: size(connection).await? })
}

async fn size(connection: &mut MySqlConnection) -> StorageResult<u64> {
    let bytes: Option<i64> = sqlx::query_scalar(SIZE)
        .fetch_one(connection)
        .await
        .map_err(|error| errors::of_statement(&error))?;
    Ok(bytes.unwrap_or_default().unsigned_abs())
}
