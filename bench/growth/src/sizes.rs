//! What real collections take on disk: published, pushed to and signed again through the service,
//! and what the database is longer by.

use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context as _, Result, ensure};
use chrono::{DateTime, Duration, Utc};
use countersign_storage::{KeyStore, MetadataStore};
use countersign_tests::peers::postgres::Postgres;
use countersign_trust::{Clock, Round, SystemClock};
use countersign_tuf::names::RoleName;
use serde::Serialize;

use crate::database::Database;
use crate::place::{Collection, service};

/// How many collections are published, and how often to each.
const COLLECTIONS: u32 = 400;
const PUBLISHES: u32 = 3;

/// After how long the background signs all of them again.
const LATER: Duration = Duration::days(12);

/// Bytes on disk for one, indexes and all; an average of many.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Sizes {
    /// The name of the engine.
    pub engine: String,
    /// The lengths of root, targets, snapshot and timestamp.
    pub documents: [u32; 4],
    /// A key of the server.
    pub key: f64,
    /// The first publish of a collection: its four documents and a change.
    pub first_publish: f64,
    /// Another publish of targets: with snapshot, timestamp and a change.
    pub publish: f64,
    /// A timestamp signed again, with a change.
    pub signing: f64,
}

/// A clock that is moved.
struct MovedClock(Mutex<DateTime<Utc>>);

impl MovedClock {
    fn forward(&self, by: Duration) {
        let mut now = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *now += by;
    }
}

impl Clock for MovedClock {
    fn now(&self) -> DateTime<Utc> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Sizes {
    /// On SQLite.
    ///
    /// # Errors
    /// The database cannot be made.
    pub async fn on_sqlite() -> Result<Self> {
        let directory = tempfile::tempdir()?;
        let database = Database::sqlite(&directory.path().join("sizes.db")).await?;
        Self::of("SQLite", database).await
    }

    /// On a PostgreSQL, in a database of its own.
    ///
    /// # Errors
    /// The database exists already, or cannot be made.
    pub async fn on_postgres(server: &Postgres) -> Result<Self> {
        server.create_database("sizes", "").await?;
        let database = Database::postgres(server, "sizes").await?;
        Self::of("PostgreSQL", database).await
    }

    async fn of(engine: &str, database: Database) -> Result<Self> {
        let (metadata, keys) = database.stores();
        let sizes = grow(engine, &database, metadata, keys).await;
        database.close().await;
        sizes
    }
}

async fn grow(
    engine: &str,
    database: &Database,
    metadata: Arc<dyn MetadataStore>,
    keys: Arc<dyn KeyStore>,
) -> Result<Sizes> {
    let clock = Arc::new(MovedClock(Mutex::new(SystemClock.now())));
    let trust = service(Arc::clone(&metadata), keys, clock.clone()).await?;
    let empty = settled(database).await?;
    let mut collections = Vec::new();
    for number in 0..COLLECTIONS {
        // In no order of their names, as in life.
        let gun = format!("example.com/team-{:03}/app-{number:07}", number * 37 % 101);
        collections.push(Collection::new(&trust, &gun).await?);
    }
    let with_keys = settled(database).await?;
    for collection in &collections {
        collection.publish(&trust).await?;
    }
    let published = settled(database).await?;
    for _ in 0..PUBLISHES {
        for collection in &mut collections {
            let push = collection.next_push()?;
            trust.publish(&collection.gun, push).await?;
        }
    }
    let pushed = settled(database).await?;
    clock.forward(LATER);
    let renewal = trust.renew_due(Round::First).await?;
    ensure!(renewal.signed == collections.len(), "not all were signed again: {renewal:?}");
    let signed = settled(database).await?;
    let each = |from: f64, to: f64, of: u32| (to - from) / f64::from(COLLECTIONS * of);
    Ok(Sizes {
        engine: engine.to_owned(),
        documents: documents(&*metadata, collections.first().context("a collection")?).await?,
        key: each(empty, with_keys, 2),
        first_publish: each(with_keys, published, 1),
        publish: each(published, pushed, PUBLISHES),
        signing: each(pushed, signed, 1),
    })
}

async fn settled(database: &Database) -> Result<f64> {
    Ok(f64::from(u32::try_from(database.bytes().await?)?))
}

async fn documents(store: &dyn MetadataStore, collection: &Collection) -> Result<[u32; 4]> {
    let mut lengths = [0; 4];
    for (length, role) in lengths.iter_mut().zip(["root", "targets", "snapshot", "timestamp"]) {
        let stored = store.newest(&collection.gun, &RoleName::parse(role)?).await?;
        *length = u32::try_from(stored.context("it was published")?.bytes.len())?;
    }
    Ok(lengths)
}
