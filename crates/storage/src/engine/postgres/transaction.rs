//! Writing transactions: tried again when others stood in the way, and honest about their end.

use std::pin::Pin;

use sqlx::postgres::{PgConnection, Postgres};
use sqlx::{Connection as _, Transaction};

use super::connections::Connections;
use super::errors;
use super::lending::Lent;
use crate::contract::{StorageError, StorageResult};

/// How often a transaction that stood in another's way is tried.
const TRIES: u32 = 5;

/// What a transaction does, on the connection that it is given. It may be asked to do it again.
pub(super) type Work<'c, T> = Pin<Box<dyn Future<Output = Result<Ending<T>, Stop>> + Send + 'c>>;

/// How the work of a transaction ended.
pub(super) enum Ending<T> {
    /// Make it durable.
    Commit(T),
    /// Undo it.
    RollBack(T),
}

/// Why the work of a transaction did not come to its end; all of it is undone.
pub(super) enum Stop {
    /// A statement failed.
    Sql(sqlx::Error),
    /// What was found there, or asked for, cannot be.
    Store(StorageError),
}

/// Why a transaction failed.
pub(super) enum Failed {
    /// Nothing of it is stored.
    NotDone(StorageError),
    /// Nobody heard whether it is stored.
    Unknown(StorageError),
}

impl Stop {
    fn leaves_the_connection_sound(&self) -> bool {
        match self {
            Self::Sql(error) => errors::is_answer(error),
            Self::Store(_) => true,
        }
    }
}

impl From<sqlx::Error> for Stop {
    fn from(error: sqlx::Error) -> Self {
        Self::Sql(error)
    }
}

impl From<StorageError> for Stop {
    fn from(error: StorageError) -> Self {
        Self::Store(error)
    }
}

impl From<Failed> for StorageError {
    fn from(failed: Failed) -> Self {
        match failed {
            Failed::NotDone(error) | Failed::Unknown(error) => error,
        }
    }
}

/// Runs `work` in a task of its own and joins it: a caller that is dropped stops waiting, and the
/// work still comes to its own end.
pub(super) async fn to_its_end<T: Send + 'static>(
    work: impl Future<Output = StorageResult<T>> + Send + 'static,
) -> StorageResult<T> {
    tokio::spawn(work).await.map_err(|error| errors::of_task(&error))?
}

/// Runs `work` in one transaction.
pub(super) async fn write<T, W>(writers: &Connections, work: W) -> Result<T, Failed>
where
    T: Send,
    W: for<'c> Fn(&'c mut PgConnection) -> Work<'c, T> + Send + Sync,
{
    let mut tries = 1;
    loop {
        let lent = writers.lend().await.map_err(Failed::NotDone)?;
        match attempt(writers, lent, &work).await {
            Ok(value) => return Ok(value),
            Err(Broken::Work(Stop::Sql(error))) if errors::is_conflict(&error) && tries < TRIES => {
                tracing::debug!(%error, tries, "a transaction is tried again");
                tries += 1;
            }
            Err(Broken::Work(Stop::Sql(error))) => {
                return Err(Failed::NotDone(errors::of_statement(&error)));
            }
            Err(Broken::Work(Stop::Store(error)) | Broken::Late(error)) => {
                return Err(Failed::NotDone(error));
            }
            Err(Broken::Commit(error)) => return Err(Failed::Unknown(error)),
        }
    }
}

/// Where one attempt broke.
enum Broken {
    /// Before its end: nothing is stored.
    Work(Stop),
    /// Before its end, without an answer.
    Late(StorageError),
    /// At its end.
    Commit(StorageError),
}

async fn attempt<T, W>(writers: &Connections, mut lent: Lent, work: &W) -> Result<T, Broken>
where
    T: Send,
    W: for<'c> Fn(&'c mut PgConnection) -> Work<'c, T> + Send + Sync,
{
    let ended = transact(writers, lent.connection(), work).await;
    match &ended {
        Ok(_) => lent.give_back(),
        Err(Broken::Work(stop)) if stop.leaves_the_connection_sound() => lent.give_back(),
        // The connection is closed, and the database undoes then what was not committed.
        Err(_) => {}
    }
    ended
}

async fn transact<T, W>(
    writers: &Connections,
    connection: &mut PgConnection,
    work: &W,
) -> Result<T, Broken>
where
    T: Send,
    W: for<'c> Fn(&'c mut PgConnection) -> Work<'c, T> + Send + Sync,
{
    let reached = writers.within_limit(until_the_end(connection, work)).await;
    let (transaction, value) = reached.map_err(Broken::Late)?.map_err(Broken::Work)?;
    if let Some(transaction) = transaction {
        let committed = writers.within_limit(transaction.commit()).await;
        committed
            .and_then(|committed| committed.map_err(|error| errors::of_statement(&error)))
            .map_err(Broken::Commit)?;
    }
    Ok(value)
}

/// The transaction with all its work done; none when that is undone already.
async fn until_the_end<'c, T, W>(
    connection: &'c mut PgConnection,
    work: &W,
) -> Result<(Option<Transaction<'c, Postgres>>, T), Stop>
where
    T: Send,
    W: for<'w> Fn(&'w mut PgConnection) -> Work<'w, T> + Send + Sync,
{
    let mut transaction = connection.begin().await?;
    match work(&mut transaction).await {
        Ok(Ending::Commit(value)) => Ok((Some(transaction), value)),
        Ok(Ending::RollBack(value)) => {
            transaction.rollback().await?;
            Ok((None, value))
        }
        Err(stop) => {
            if stop.leaves_the_connection_sound() {
                transaction.rollback().await?;
            }
            Err(stop)
        }
    }
}
