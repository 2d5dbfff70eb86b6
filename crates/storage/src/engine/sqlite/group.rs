//! Group commit: writes that wait for the connection at the same time become durable together.
//!
//! What costs time is that a commit waits for the disk. Whoever gets the connection takes along
//! all that wait by then, in the order in which they came, each with a savepoint of its own: one
//! that is refused or fails undoes what is its own. All are answered after the one commit, so
//! nobody is told of what is not durable, be it his own or what a neighbour did before him.
//!
//! When the commit fails, or SQLite ends the whole transaction because of one of them (a full
//! disk), all of them are unavailable and nothing is stored.

use std::collections::VecDeque;
use std::fmt;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use sqlx::Connection as _;
use sqlx::pool::PoolConnection;
use sqlx::sqlite::{Sqlite, SqliteConnection, SqlitePool};
use tokio::sync::oneshot;

use super::errors;
use super::transaction::{BEGIN_WRITE, Ending, Work};
use crate::contract::StorageResult;

/// The most writes of one transaction. Their documents are in memory anyway; what this bounds is
/// how long the first of them waits for the last.
const MOST: usize = 64;

/// The writes that wait for the connection.
#[derive(Default)]
pub(super) struct Queue {
    waiting: Mutex<Waiting>,
}

#[derive(Default)]
struct Waiting {
    tickets: u64,
    writes: VecDeque<(u64, Box<dyn Write>)>,
}

/// One write and whoever waits for it.
trait Write: Send {
    /// Does it, on the connection that it is given. Whoever waits is not told yet.
    fn run<'c>(
        &'c mut self,
        connection: &'c mut SqliteConnection,
    ) -> Pin<Box<dyn Future<Output = Part> + Send + 'c>>;

    /// Tells whoever waits how it ended, `shared` being how the transaction did.
    fn answer(self: Box<Self>, shared: StorageResult<()>);
}

/// What becomes of one write's part of the transaction.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    Keep,
    /// It was refused.
    Undo,
    /// It failed.
    Failed,
}

/// Runs `work` in one writing transaction, with others that wait at the same time.
///
/// A caller that is dropped stops waiting, and the write still comes to its own end.
pub(super) async fn write<T, W>(pool: &SqlitePool, queue: &Arc<Queue>, work: W) -> StorageResult<T>
where
    T: Send + 'static,
    W: for<'c> FnOnce(&'c mut SqliteConnection) -> Work<'c, Ending<T>> + Send + 'static,
{
    let (answer, answered) = oneshot::channel();
    let ticket = queue.join(Box::new(Single { work: Some(work), found: None, answer }));
    let (pool, queue) = (pool.clone(), Arc::clone(queue));
    let lead = tokio::spawn(async move { lead(&pool, &queue, ticket).await });
    match answered.await {
        Ok(found) => found,
        // Its leader is gone: this one, or another one whose own caller is told.
        Err(_) => match lead.await {
            Err(error) => Err(errors::of_task(&error)),
            Ok(()) => Err(errors::abandoned()),
        },
    }
}

/// Waits for the connection, and does what waits for it by then.
async fn lead(pool: &SqlitePool, queue: &Queue, ticket: u64) {
    match pool.acquire().await {
        Ok(connection) => together(connection, queue.take()).await,
        Err(error) => {
            if let Some(write) = queue.withdraw(ticket) {
                write.answer(Err(errors::of_statement(&error)));
            }
        }
    }
}

/// After an error the connection is replaced: see [`super::transaction`].
async fn together(mut connection: PoolConnection<Sqlite>, mut writes: Vec<Box<dyn Write>>) {
    if writes.is_empty() {
        return;
    }
    let shared = match transact(&mut connection, &mut writes).await {
        Ok(Failures::None) => Ok(()),
        Ok(Failures::Some) => {
            connection.close_on_drop();
            Ok(())
        }
        Err(error) => {
            connection.close_on_drop();
            Err(error)
        }
    };
    drop(connection);
    for write in writes {
        write.answer(shared.clone());
    }
}

/// Whether some of the writes failed while the transaction went on.
enum Failures {
    None,
    Some,
}

async fn transact(
    connection: &mut SqliteConnection,
    writes: &mut [Box<dyn Write>],
) -> StorageResult<Failures> {
    let failed = |error| errors::of_statement(&error);
    let mut transaction = connection.begin_with(BEGIN_WRITE).await.map_err(failed)?;
    if let [alone] = writes {
        let ended = match alone.run(&mut transaction).await {
            Part::Keep => transaction.commit().await,
            Part::Undo => transaction.rollback().await,
            Part::Failed => return Ok(Failures::Some),
        };
        return ended.map(|()| Failures::None).map_err(failed);
    }
    let mut failures = Failures::None;
    for write in writes {
        let mut part = transaction.begin().await.map_err(failed)?;
        match write.run(&mut part).await {
            Part::Keep => part.commit().await.map_err(failed)?,
            Part::Undo => part.rollback().await.map_err(failed)?,
            Part::Failed => {
                // SQLite has ended the whole transaction where there is no savepoint any more.
                part.rollback().await.map_err(|_| errors::abandoned())?;
                failures = Failures::Some;
            }
        }
    }
    transaction.commit().await.map(|()| failures).map_err(failed)
}

impl Queue {
    /// Joins the queue; gives the ticket of who joined.
    fn join(&self, write: Box<dyn Write>) -> u64 {
        let mut waiting = self.lock();
        waiting.tickets = waiting.tickets.wrapping_add(1);
        let ticket = waiting.tickets;
        waiting.writes.push_back((ticket, write));
        ticket
    }

    /// Those who wait, first come first.
    fn take(&self) -> Vec<Box<dyn Write>> {
        let mut waiting = self.lock();
        let most = waiting.writes.len().min(MOST);
        waiting.writes.drain(..most).map(|(_, write)| write).collect()
    }

    /// The write of this ticket, unless somebody has taken it along.
    fn withdraw(&self, ticket: u64) -> Option<Box<dyn Write>> {
        let mut waiting = self.lock();
        let place = waiting.writes.iter().position(|(held, _)| *held == ticket)?;
        waiting.writes.remove(place).map(|(_, write)| write)
    }

    /// How many wait.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.lock().writes.len()
    }

    /// No call leaves the queue half changed, so a panic elsewhere does not spoil it.
    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Queue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Queue").field("waiting", &self.lock().writes.len()).finish()
    }
}

/// A write of one caller.
struct Single<T, W> {
    /// Until it runs.
    work: Option<W>,
    /// What it came to, once it has run.
    found: Option<StorageResult<T>>,
    answer: oneshot::Sender<StorageResult<T>>,
}

impl<T, W> Write for Single<T, W>
where
    T: Send + 'static,
    W: for<'c> FnOnce(&'c mut SqliteConnection) -> Work<'c, Ending<T>> + Send + 'static,
{
    fn run<'c>(
        &'c mut self,
        connection: &'c mut SqliteConnection,
    ) -> Pin<Box<dyn Future<Output = Part> + Send + 'c>> {
        Box::pin(async move {
            let Some(work) = self.work.take() else { return Part::Undo };
            let (found, part) = match work(connection).await {
                Ok(Ending::Commit(value)) => (Ok(value), Part::Keep),
                Ok(Ending::RollBack(value)) => (Ok(value), Part::Undo),
                Err(error) => (Err(error), Part::Failed),
            };
            self.found = Some(found);
            part
        })
    }

    fn answer(self: Box<Self>, shared: StorageResult<()>) {
        let found = match (self.found, shared) {
            (Some(Err(own)), _) => Err(own),
            (_, Err(error)) => Err(error),
            (Some(Ok(value)), Ok(())) => Ok(value),
            (None, Ok(())) => Err(errors::abandoned()),
        };
        // Whoever does not wait any more need not know.
        self.answer.send(found).ok();
    }
}
