//! Connections that are lent out one at a time and rest in between.
//!
//! The library's pool makes them, because it tries again while a server starts, but they do not go
//! back to it: it asks each whether it is well when it is lent and again when it comes back, and so
//! makes three round trips of one. Here one that was used a moment ago is taken at its word by whoever
//! can ask again elsewhere; all others ask it first.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use sqlx::Connection as _;
use sqlx::postgres::{PgConnection, PgPool};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::connect;

/// One that rested for longer is asked whether it is well before it is lent to anybody.
const TAKEN_AT_ITS_WORD: Duration = Duration::from_secs(1);

/// One that rested for longer is closed when the next one comes back.
const LONGEST_REST: Duration = Duration::from_secs(600);

/// One that is older is closed when it comes back: what it holds at the server grows.
const LONGEST_LIFE: Duration = Duration::from_secs(1800);

/// Lends a bounded number of connections.
#[derive(Clone, Debug)]
pub(super) struct Lender {
    maker: PgPool,
    wait: Duration,
    shelf: Arc<Shelf>,
}

/// Where connections rest.
#[derive(Debug)]
struct Shelf {
    most: u32,
    /// One for each that may be lent.
    places: Arc<Semaphore>,
    /// The one that came back last is the last.
    resting: Mutex<VecDeque<Resting>>,
}

#[derive(Debug)]
struct Resting {
    connection: PgConnection,
    made: Instant,
    since: Instant,
}

/// A connection that was lent. Dropped, it is closed; only giving it back keeps it.
#[derive(Debug)]
pub(super) struct Lent {
    connection: PgConnection,
    made: Instant,
    shelf: Arc<Shelf>,
    // Last, so that another is made only when this one is gone.
    place: OwnedSemaphorePermit,
}

impl Lender {
    /// Lends up to `most` at once, made by `maker`; whoever waits for longer than `wait` gets none.
    pub(super) fn new(maker: PgPool, most: u32, wait: Duration) -> Self {
        let places = Arc::new(Semaphore::new(usize::try_from(most).unwrap_or(usize::MAX >> 4)));
        let shelf = Arc::new(Shelf { most, places, resting: Mutex::default() });
        Self { maker, wait, shelf }
    }

    /// One that was used a moment ago, if it rests here. It may be lost without anybody knowing.
    pub(super) fn lend_at_its_word(&self) -> Option<Lent> {
        let place = Arc::clone(&self.shelf.places).try_acquire_owned().ok()?;
        let resting =
            self.shelf.resting().pop_back_if(|last| last.since.elapsed() < TAKEN_AT_ITS_WORD)?;
        Some(self.lent(resting, place))
    }

    /// One that has answered just now.
    ///
    /// # Errors
    /// [`sqlx::Error::PoolTimedOut`] when none is free or can be made in time,
    /// [`sqlx::Error::PoolClosed`] after [`Lender::close`], and what making one failed with.
    pub(super) async fn lend(&self) -> Result<Lent, sqlx::Error> {
        let lending = tokio::time::timeout(self.wait, self.lend_in_time());
        lending.await.map_err(|_| sqlx::Error::PoolTimedOut)?
    }

    async fn lend_in_time(&self) -> Result<Lent, sqlx::Error> {
        let place = Arc::clone(&self.shelf.places).acquire_owned().await;
        let place = place.map_err(|_| sqlx::Error::PoolClosed)?;
        while let Some(mut resting) = self.shelf.take() {
            match resting.connection.ping().await {
                Ok(()) => return Ok(self.lent(resting, place)),
                Err(error) => tracing::debug!(%error, "a connection was lost and is replaced"),
            }
        }
        let (connection, made) = (self.maker.acquire().await?.detach(), Instant::now());
        Ok(Lent { connection, made, shelf: Arc::clone(&self.shelf), place })
    }

    fn lent(&self, resting: Resting, place: OwnedSemaphorePermit) -> Lent {
        let Resting { connection, made, .. } = resting;
        Lent { connection, made, shelf: Arc::clone(&self.shelf), place }
    }

    /// Waits for what is lent, then closes all. Nothing is lent afterwards.
    pub(super) async fn close(&self) {
        if let Ok(_all) = self.shelf.places.acquire_many(self.shelf.most).await {
            self.shelf.places.close();
        }
        while let Some(resting) = self.shelf.take() {
            connect::close(resting.connection).await;
        }
        self.maker.close().await;
    }
}

impl Shelf {
    fn take(&self) -> Option<Resting> {
        self.resting().pop_back()
    }

    /// No call leaves them half changed, so a panic elsewhere does not spoil them.
    fn resting(&self) -> MutexGuard<'_, VecDeque<Resting>> {
        self.resting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Lent {
    /// The connection.
    pub(super) fn connection(&mut self) -> &mut PgConnection {
        &mut self.connection
    }

    /// Gives it back for others to use: nothing is under way on it.
    pub(super) fn give_back(self) {
        let Self { connection, made, shelf, place } = self;
        let now = Instant::now();
        let mut resting = shelf.resting();
        // The one that rests longest is the first.
        let tired = resting.pop_front_if(|first| now.duration_since(first.since) > LONGEST_REST);
        if now.duration_since(made) < LONGEST_LIFE {
            resting.push_back(Resting { connection, made, since: now });
        }
        drop(resting);
        drop((place, tired));
    }
}
