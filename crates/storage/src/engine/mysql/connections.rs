//! A bounded number of connections that are lent out, and taken back only when they are sound.
//!
//! A connection on which an answer is still awaited, or was broken off, is closed instead: on a
//! link that stalls it would never become free.

use std::time::Duration;

use sqlx::mysql::{MySql, MySqlArguments, MySqlConnection, MySqlPool, MySqlRow};
use sqlx::pool::PoolConnection;
use sqlx::query::Query;

use super::transaction::to_its_end;
use super::{MySqlOptions, errors};
use crate::contract::{StorageError, StorageResult};

/// Connections of one kind.
#[derive(Clone, Debug)]
pub(super) struct Connections {
    pool: MySqlPool,
    limit: Duration,
}

impl Connections {
    /// Lends what `pool` has, under the time-outs of `options`.
    pub(super) fn new(pool: MySqlPool, options: &MySqlOptions) -> Self {
        // The database ends what takes too long; this is for a database that is not heard any more.
        Self { pool, limit: options.statement.saturating_add(options.wait) }
    }

    /// One connection, for as long as the result lives.
    pub(super) async fn lend(&self) -> StorageResult<Lent> {
        let connection = self.pool.acquire().await.map_err(|error| errors::of_statement(&error))?;
        Ok(Lent { connection, sound: false })
    }

    /// The row of a query that finds at most one.
    pub(super) async fn find(
        &self,
        query: Query<'_, MySql, MySqlArguments>,
    ) -> StorageResult<Option<MySqlRow>> {
        let mut lent = self.lend().await?;
        let found = self.within_limit(query.fetch_optional(lent.connection())).await?;
        lent.answered(found)
    }

    /// All rows of a query.
    pub(super) async fn list(
        &self,
        query: Query<'_, MySql, MySqlArguments>,
    ) -> StorageResult<Vec<MySqlRow>> {
        let mut lent = self.lend().await?;
        let found = self.within_limit(query.fetch_all(lent.connection())).await?;
        lent.answered(found)
    }

    /// Runs one statement that writes, to its end whether or not somebody waits for it. Whether it
    /// changed a row.
    pub(super) async fn changes_a_row(
        &self,
        statement: Query<'static, MySql, MySqlArguments>,
    ) -> StorageResult<bool> {
        let writers = self.clone();
        to_its_end(async move {
            let mut lent = writers.lend().await?;
            let done = writers.within_limit(statement.execute(lent.connection())).await?;
            Ok(lent.answered(done)?.rows_affected() > 0)
        })
        .await
    }

    /// Ends what takes longer than a statement and its locks may.
    pub(super) async fn within_limit<T>(
        &self,
        work: impl Future<Output = T> + Send,
    ) -> Result<T, StorageError> {
        tokio::time::timeout(self.limit, work).await.map_err(|_| StorageError::Unavailable {
            reason: format!("no answer within {} s", self.limit.as_secs_f32()),
        })
    }

    /// Waits for what is lent, then closes all.
    pub(super) async fn close(&self) {
        self.pool.close().await;
    }
}

/// A connection that was lent.
pub(super) struct Lent {
    connection: PoolConnection<MySql>,
    sound: bool,
}

impl Lent {
    /// The connection.
    pub(super) fn connection(&mut self) -> &mut MySqlConnection {
        &mut self.connection
    }

    /// Gives it back after its last answer, where there was one, and tells what that was.
    pub(super) fn answered<T>(self, answer: Result<T, sqlx::Error>) -> StorageResult<T> {
        if answer.as_ref().err().is_none_or(errors::is_answer) {
            self.give_back();
        }
        answer.map_err(|error| errors::of_statement(&error))
    }

    /// Gives it back for others to use: nothing is under way on it.
    pub(super) fn give_back(mut self) {
        self.sound = true;
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        if !self.sound {
            self.connection.close_on_drop();
        }
    }
}
