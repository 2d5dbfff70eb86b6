//! Group commit: writes that wait for the connection at the same time become durable together.
//!
//! What costs time is that a commit waits for the disk. Whoever gets the connection takes along
//! all that wait by then, in the order in which they came. All are answered after the one commit, so
//! nobody is told of what is not durable, be it his own or what a neighbour did before him.
//!
//! One that is refused has written nothing. When one fails, what it wrote stands among what its
//! neighbours did: everything is undone and done once more, each with a savepoint of its own, so
//! that only what is its own is undone. Savepoints are not there from the start because SQLite
//! copies every page before it changes it under one: twice as much is written then.
//!
//! When the commit fails, or one is unavailable (a full disk), all of them are and nothing is
//! stored.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::fmt;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use sqlx::Connection as _;
use sqlx::pool::PoolConnection;
use sqlx::sqlite::{Sqlite, SqliteConnection, SqlitePool};
use tokio::sync::oneshot::{self, Receiver, Sender};

use super::errors;
use super::transaction::{BEGIN_WRITE, Work};
use crate::contract::{StorageError, StorageResult};

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
    writes: VecDeque<Waiter>,
}

struct Waiter {
    ticket: u64,
    write: Box<dyn Write>,
    /// Goes with it, so that its leader learns that it is taken along.
    _taken: Sender<Infallible>,
}

/// One write and whoever waits for it.
trait Write: Send {
    /// Does it, on the connection that it is given; again, when that was undone. Whoever waits is not
    /// told yet.
    fn run<'c>(
        &'c mut self,
        connection: &'c mut SqliteConnection,
    ) -> Pin<Box<dyn Future<Output = Part> + Send + 'c>>;

    /// Tells whoever waits how it ended, `shared` being how the transaction did.
    fn answer(self: Box<Self>, shared: StorageResult<()>);
}

/// What becomes of one write's part of the transaction.
enum Part {
    /// It is to be made durable; of one that was refused there is nothing.
    Done,
    /// It may have written some of it.
    Failed(StorageError),
}

/// Runs `work` in one writing transaction, with others that wait at the same time. What it returns
/// without an error is made durable, so it must not refuse after it has written. It may be run again
/// when all was undone because of a neighbour.
///
/// A caller that is dropped stops waiting, and the write still comes to its own end.
pub(super) async fn write<T, W>(pool: &SqlitePool, queue: &Arc<Queue>, work: W) -> StorageResult<T>
where
    T: Send + 'static,
    W: for<'c> Fn(&'c mut SqliteConnection) -> Work<'c, T> + Send + 'static,
{
    let (answer, answered) = oneshot::channel();
    let (ticket, taken) = queue.join(Box::new(Single { work, found: None, answer }));
    let (pool, queue) = (pool.clone(), Arc::clone(queue));
    let lead = tokio::spawn(async move { lead(&pool, &queue, ticket, taken).await });
    match answered.await {
        Ok(found) => found,
        // Its leader is gone: this one, or another one whose own caller is told.
        Err(_) => match lead.await {
            Err(error) => Err(errors::of_task(&error)),
            Ok(()) => Err(errors::abandoned()),
        },
    }
}

/// Waits for the connection, and does what waits for it by then; nothing more when another leader
/// takes the write of this ticket along.
async fn lead(pool: &SqlitePool, queue: &Queue, ticket: u64, taken: Receiver<Infallible>) {
    let connection = tokio::select! {
        biased;
        _ = taken => return,
        connection = pool.acquire() => connection,
    };
    match connection {
        Ok(connection) => {
            queue.let_in().await;
            together(connection, queue.take()).await;
        }
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
    match joined(connection, writes).await? {
        Failures::None => Ok(Failures::None),
        Failures::Some if writes.len() == 1 => Ok(Failures::Some),
        Failures::Some => apart(connection, writes).await.map(|()| Failures::Some),
    }
}

/// Does all of them, or undoes all of them because of the first that fails.
async fn joined(
    connection: &mut SqliteConnection,
    writes: &mut [Box<dyn Write>],
) -> StorageResult<Failures> {
    let failed = |error| errors::of_statement(&error);
    let mut transaction = connection.begin_with(BEGIN_WRITE).await.map_err(failed)?;
    for write in writes {
        match write.run(&mut transaction).await {
            Part::Done => {}
            Part::Failed(StorageError::Unavailable { .. }) => return Err(errors::abandoned()),
            Part::Failed(_) => {
                // SQLite may have ended the transaction by itself.
                transaction.rollback().await.map_err(|_| errors::abandoned())?;
                return Ok(Failures::Some);
            }
        }
    }
    transaction.commit().await.map(|()| Failures::None).map_err(failed)
}

/// Does those that do not fail.
async fn apart(
    connection: &mut SqliteConnection,
    writes: &mut [Box<dyn Write>],
) -> StorageResult<()> {
    let failed = |error| errors::of_statement(&error);
    let mut transaction = connection.begin_with(BEGIN_WRITE).await.map_err(failed)?;
    for write in writes {
        let mut part = transaction.begin().await.map_err(failed)?;
        match write.run(&mut part).await {
            Part::Done => part.commit().await.map_err(failed)?,
            // Where there is no savepoint any more, SQLite has ended the whole transaction.
            Part::Failed(_) => part.rollback().await.map_err(|_| errors::abandoned())?,
        }
    }
    transaction.commit().await.map_err(failed)
}

impl Queue {
    /// Joins the queue; gives the ticket of who joined, and what ends when he is taken along.
    fn join(&self, write: Box<dyn Write>) -> (u64, Receiver<Infallible>) {
        let (_taken, taken) = oneshot::channel();
        let mut waiting = self.lock();
        waiting.tickets = waiting.tickets.wrapping_add(1);
        let ticket = waiting.tickets;
        waiting.writes.push_back(Waiter { ticket, write, _taken });
        (ticket, taken)
    }

    /// Lets in whoever is about to join: those of a group come back one after the other when it is
    /// done. Nobody is waited for; who has something to do has a turn as long as that brings more.
    async fn let_in(&self) {
        let mut before = 0;
        while (before + 1..MOST).contains(&self.len()) {
            before = self.len();
            tokio::task::yield_now().await;
        }
    }

    /// Those who wait, first come first.
    fn take(&self) -> Vec<Box<dyn Write>> {
        let mut waiting = self.lock();
        let most = waiting.writes.len().min(MOST);
        waiting.writes.drain(..most).map(|waiter| waiter.write).collect()
    }

    /// The write of this ticket, unless somebody has taken it along.
    fn withdraw(&self, ticket: u64) -> Option<Box<dyn Write>> {
        let mut waiting = self.lock();
        let place = waiting.writes.iter().position(|waiter| waiter.ticket == ticket)?;
        waiting.writes.remove(place).map(|waiter| waiter.write)
    }

    /// How many wait.
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
    work: W,
    /// What it came to, once it has run.
    found: Option<StorageResult<T>>,
    answer: Sender<StorageResult<T>>,
}

impl<T, W> Write for Single<T, W>
where
    T: Send + 'static,
    W: for<'c> Fn(&'c mut SqliteConnection) -> Work<'c, T> + Send + 'static,
{
    fn run<'c>(
        &'c mut self,
        connection: &'c mut SqliteConnection,
    ) -> Pin<Box<dyn Future<Output = Part> + Send + 'c>> {
        let work = (self.work)(connection);
        Box::pin(async move {
            let found = work.await;
            let part = match &found {
                Ok(_) => Part::Done,
                Err(error) => Part::Failed(error.clone()),
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
