//! Removing what is old, and vacuuming behind it.
//!
//! A plain `VACUUM` stands in nobody's way: it lets later rows use the room, and gives back what
//! is free at the end of a table. Only `VACUUM FULL`, which locks a table while it writes it anew,
//! gives back all.

use std::sync::Arc;

use async_trait::async_trait;
use chrono::{DateTime, NaiveDateTime, Utc};
use countersign_tuf::names::Gun;
use sqlx::postgres::PgConnection;

use super::heads::{heads, heads_query};
use super::locks::Lock;
use super::row::{TableRow, time_value};
use super::transaction::{Ending, Stop, to_its_end, write};
use super::{PostgresStore, errors};
use crate::contract::metadata::Heads;
use crate::contract::retention::{Forgotten, GivingBack, Removal, Retention, Space, Thinned};
use crate::contract::{StorageError, StorageResult};

const TABLE: &str = "changefeed";

pub(super) const FORGET: &str = "DELETE FROM tuf_files AS old \
    WHERE old.id = ANY($1) AND old.gun = $2 AND old.deleted_at IS NULL \
    AND EXISTS (SELECT 1 FROM tuf_files AS later WHERE later.gun = old.gun \
        AND later.role = old.role AND later.version > old.version AND later.deleted_at IS NULL)";

/// A change without a time is not known to be old.
pub(super) const CHANGES: &str = "SELECT id, coalesce(created_at < $3, false) AS is_old, \
    EXISTS (SELECT 1 FROM changefeed AS later \
        WHERE later.gun = changefeed.gun AND later.id > changefeed.id) AS is_followed \
    FROM changefeed WHERE id > $1 ORDER BY id LIMIT $2";

const REMOVE_CHANGES: &str = "DELETE FROM changefeed WHERE id = ANY($1)";

/// What others could be kept waiting for is not waited for long; the work itself may take its time.
const WITHOUT_LIMIT: &str = "SELECT set_config('statement_timeout', '0', false)";

const SIZE: &str =
    "SELECT pg_total_relation_size('tuf_files') + pg_total_relation_size('changefeed')";

/// The database skips tables of others without an error.
const OWNED: &str = "SELECT count(*) FROM pg_class \
    WHERE oid IN ('tuf_files'::regclass, 'changefeed'::regclass) \
    AND pg_has_role(relowner, 'USAGE')";

const VACUUM_FILES: &str = "VACUUM tuf_files";
const VACUUM_CHANGES: &str = "VACUUM changefeed";
const VACUUM_FILES_WHOLE: &str = "VACUUM FULL tuf_files";
const VACUUM_CHANGES_WHOLE: &str = "VACUUM FULL changefeed";

/// Every statement of this file.
#[cfg(any(test, feature = "suite"))]
pub(super) const STATEMENTS: &[&str] = &[
    FORGET,
    CHANGES,
    REMOVE_CHANGES,
    WITHOUT_LIMIT,
    SIZE,
    OWNED,
    VACUUM_FILES,
    VACUUM_CHANGES,
    VACUUM_FILES_WHOLE,
    VACUUM_CHANGES_WHOLE,
];

#[async_trait]
impl Retention for PostgresStore {
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
        vacuum(lent.connection(), how).await
    }
}

/// What is to be removed.
struct Job {
    gun: Gun,
    base: Heads,
    ids: Vec<i32>,
}

impl Job {
    async fn forget_in(&self, connection: &mut PgConnection) -> Result<Ending<Forgotten>, Stop> {
        Lock::Gun(&self.gun).take(connection).await?;
        let found = heads_query(&self.gun, self.base.keys()).fetch_all(&mut *connection).await?;
        let now = heads(self.base.keys(), &found)?;
        if now != self.base {
            return Ok(Ending::RollBack(Forgotten::Moved(now)));
        }
        let done = sqlx::query(FORGET)
            .bind(&self.ids)
            .bind(self.gun.as_str())
            .execute(&mut *connection)
            .await?;
        Ok(Ending::Commit(Forgotten::Done(done.rows_affected())))
    }
}

async fn thin_in(
    connection: &mut PgConnection,
    before: NaiveDateTime,
    after: i64,
    most: u32,
) -> Result<Thinned, Stop> {
    let rows = sqlx::query(CHANGES)
        .bind(after)
        .bind(i64::from(most))
        .bind(before)
        .fetch_all(&mut *connection)
        .await?;
    let mut upto = None;
    let mut gone = Vec::new();
    for found in &rows {
        let row = TableRow::new(found, TABLE);
        if !row.column::<bool>("is_old")? {
            continue;
        }
        let id: i32 = row.column("id")?;
        upto = Some(i64::from(id));
        if row.column("is_followed")? {
            gone.push(id);
        }
    }
    let done = sqlx::query(REMOVE_CHANGES).bind(&gone).execute(&mut *connection).await?;
    Ok(Thinned { upto, removed: done.rows_affected() })
}

async fn vacuum(connection: &mut PgConnection, how: GivingBack) -> StorageResult<Space> {
    let failed = |error: sqlx::Error| errors::of_statement(&error);
    sqlx::query(WITHOUT_LIMIT).execute(&mut *connection).await.map_err(failed)?;
    let owned: i64 = sqlx::query_scalar(OWNED).fetch_one(&mut *connection).await.map_err(failed)?;
    if owned < 2 {
        return Err(StorageError::Other(
            "this user may not vacuum tuf_files and changefeed, because others own them: let \
             their owner do that (autovacuum does it too, in time)"
                .to_owned(),
        ));
    }
    let before = size(connection).await?;
    let statements = match how {
        GivingBack::Beside => [VACUUM_FILES, VACUUM_CHANGES],
        GivingBack::Whole => [VACUUM_FILES_WHOLE, VACUUM_CHANGES_WHOLE],
    };
    for statement in statements {
        sqlx::raw_sql(statement).execute(&mut *connection).await.map_err(failed)?;
    }
    Ok(Space { before, after: size(connection).await? })
}

async fn size(connection: &mut PgConnection) -> StorageResult<u64> {
    let bytes: i64 = sqlx::query_scalar(SIZE)
        .fetch_one(connection)
        .await
        .map_err(|error| errors::of_statement(&error))?;
    Ok(bytes.unsigned_abs())
}
