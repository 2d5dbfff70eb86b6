//! A bounded number of connections that are lent out, and taken back only when they are sound.
//!
//! A connection on which an answer is still awaited, or was broken off, is closed instead: on a
//! link that stalls it would never become free.

use std::num::NonZeroU32;
use std::time::Duration;

use sqlx::Execute as _;
use sqlx::postgres::{PgArguments, PgPool, PgRow, Postgres};
use sqlx::query::Query;

use super::lending::{Lender, Lent};
use super::transaction::to_its_end;
use super::{PostgresOptions, errors};
use crate::contract::{StorageError, StorageResult};

/// Connections of one kind.
#[derive(Clone, Debug)]
pub(super) struct Connections {
    lender: Lender,
    limit: Duration,
}

impl Connections {
    /// Lends up to `most` that `maker` makes, under the time-outs of `options`.
    pub(super) fn new(maker: PgPool, options: &PostgresOptions, most: NonZeroU32) -> Self {
        let lender = Lender::new(maker, most.get(), options.wait);
        // The database ends what takes too long; this is for a database that is not heard any more.
        Self { lender, limit: options.statement.saturating_add(options.wait) }
    }

    /// One connection that has answered just now, for as long as the result lives.
    pub(super) async fn lend(&self) -> StorageResult<Lent> {
        self.lender.lend().await.map_err(|error| errors::of_statement(&error))
    }

    /// The row of a query that finds at most one.
    pub(super) async fn find(
        &self,
        query: Query<'_, Postgres, PgArguments>,
    ) -> StorageResult<Option<PgRow>> {
        Ok(self.list(query).await?.into_iter().next())
    }

    /// All rows of a query that changes nothing. On a connection that turns out to be lost it is
    /// asked again, on one that is not.
    pub(super) async fn list(
        &self,
        mut query: Query<'_, Postgres, PgArguments>,
    ) -> StorageResult<Vec<PgRow>> {
        let encoded = query.take_arguments().map_err(sqlx::Error::Encode);
        let arguments = encoded.map_err(|error| errors::of_statement(&error))?.unwrap_or_default();
        let text = query.sql();
        if let Some(mut lent) = self.lender.lend_at_its_word() {
            let query = sqlx::query_with(text.clone(), arguments.clone());
            let found = self.within_limit(query.fetch_all(lent.connection())).await?;
            match found {
                Err(error) if !errors::is_answer(&error) => {
                    tracing::debug!(%error, "a connection was lost, its question is asked again");
                }
                found => return answered(lent, found),
            }
        }
        let mut lent = self.lend().await?;
        let query = sqlx::query_with(text, arguments);
        let found = self.within_limit(query.fetch_all(lent.connection())).await?;
        answered(lent, found)
    }

    /// Runs one statement that writes, to its end whether or not somebody waits for it. Whether it
    /// changed a row.
    pub(super) async fn changes_a_row(
        &self,
        statement: Query<'static, Postgres, PgArguments>,
    ) -> StorageResult<bool> {
        let writers = self.clone();
        to_its_end(async move {
            let mut lent = writers.lend().await?;
            let done = writers.within_limit(statement.execute(lent.connection())).await?;
            Ok(answered(lent, done)?.rows_affected() > 0)
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
        self.lender.close().await;
    }
}

/// Gives a connection back after its last answer, where there was one, and tells what that was.
fn answered<T>(lent: Lent, answer: Result<T, sqlx::Error>) -> StorageResult<T> {
    if answer.as_ref().err().is_none_or(errors::is_answer) {
        lent.give_back();
    }
    answer.map_err(|error| errors::of_statement(&error))
}
