//! Writing transactions that a caller who goes away cannot cut short.

use std::pin::Pin;

use sqlx::Connection as _;
use sqlx::sqlite::{SqliteConnection, SqlitePool};

use super::errors;
use crate::contract::StorageResult;

/// Takes the write lock at once. A transaction that reads first and asks for the lock later fails
/// without waiting when another commit came between.
pub(super) const BEGIN_WRITE: &str = "BEGIN IMMEDIATE";

/// What a transaction does, on the connection that it is given.
pub(super) type Work<'c, T> = Pin<Box<dyn Future<Output = StorageResult<T>> + Send + 'c>>;

/// How the work of a writing transaction ended.
pub(super) enum Ending<T> {
    /// Make it durable.
    Commit(T),
    /// Undo it.
    RollBack(T),
}

/// Runs `work` in one writing transaction.
///
/// It runs in a task of its own and this call joins it: a caller that is dropped stops waiting,
/// and the transaction still comes to its own end.
pub(super) async fn write<T, W>(pool: &SqlitePool, work: W) -> StorageResult<T>
where
    T: Send + 'static,
    W: for<'c> FnOnce(&'c mut SqliteConnection) -> Work<'c, Ending<T>> + Send + 'static,
{
    let pool = pool.clone();
    let task = tokio::spawn(async move { transact(&pool, work).await });
    task.await.map_err(|error| errors::of_task(&error))?
}

/// After an error SQLite may have ended the transaction by itself, which the driver does not
/// notice: it would refuse every later `BEGIN` on that connection. So the connection is replaced.
async fn transact<T, W>(pool: &SqlitePool, work: W) -> StorageResult<T>
where
    T: Send,
    W: for<'c> FnOnce(&'c mut SqliteConnection) -> Work<'c, Ending<T>> + Send,
{
    let mut connection = pool.acquire().await.map_err(|error| errors::of_statement(&error))?;
    let result = run(&mut connection, work).await;
    if result.is_err() {
        connection.close_on_drop();
    }
    result
}

async fn run<T, W>(connection: &mut SqliteConnection, work: W) -> StorageResult<T>
where
    T: Send,
    W: for<'c> FnOnce(&'c mut SqliteConnection) -> Work<'c, Ending<T>> + Send,
{
    let mut transaction =
        connection.begin_with(BEGIN_WRITE).await.map_err(|error| errors::of_statement(&error))?;
    let (result, value) = match work(&mut transaction).await? {
        Ending::Commit(value) => (transaction.commit().await, value),
        Ending::RollBack(value) => (transaction.rollback().await, value),
    };
    result.map_err(|error| errors::of_statement(&error))?;
    Ok(value)
}
