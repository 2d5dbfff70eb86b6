//! The databases that the settings name: opened for a server that will wait for them, or for a
//! command that only looks.
//!
//! Never in here: a URL with its password, in any message.

mod stores;

use std::fmt;
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use countersign_config::sections::database::{Database, Location};
use countersign_config::{DatabaseUrl, Settings};
use countersign_storage::engine::mysql::{MySqlAddress, MySqlStore};
use countersign_storage::engine::postgres::{PostgresAddress, PostgresStore};
use countersign_storage::engine::server::{ServerOptions, Tables};
use countersign_storage::engine::sqlite::SqliteStore;
use countersign_storage::{StorageError, StorageResult};
use secrecy::ExposeSecret as _;

use self::stores::Store;
pub(crate) use self::stores::Stores;
use crate::data_dir::DataDir;
use crate::exit::Failure;

/// How long to wait before a database that is away is tried again.
pub(crate) const TRY_AGAIN: Duration = Duration::from_secs(1);

/// Where metadata and keys are; the same, or two databases.
pub(crate) struct Databases {
    metadata: Place,
    keys: Option<Place>,
    bounds: ServerOptions,
}

/// Where one database is.
pub(crate) enum Place {
    /// A server of MySQL or MariaDB.
    MySql(MySqlAddress),
    /// A server of PostgreSQL.
    Postgres(PostgresAddress),
    /// A file.
    Sqlite(PathBuf),
}

/// What a command does with a database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Use {
    Change,
    Look,
    Serve,
}

impl Databases {
    /// Those of `settings`.
    pub(crate) fn of(settings: &Settings, dir: &DataDir) -> Result<Self, Failure> {
        let named = Self::at(settings.database.metadata()?, settings.database.keys()?, dir)?;
        Ok(Self { bounds: bounds(&settings.database), ..named })
    }

    /// That of the keys alone, for whoever needs no other.
    pub(crate) fn of_keys(settings: &Settings, dir: &DataDir) -> Result<Self, Failure> {
        let keys = settings.database.keys()?;
        let location = keys.map_or_else(|| settings.database.metadata(), Ok)?;
        let named = Self::at(location, None, dir)?;
        let bounds = ServerOptions { tables: Tables::Keys, ..bounds(&settings.database) };
        Ok(Self { bounds, ..named })
    }

    /// Those at two locations, used as without settings; the keys are with the metadata where there
    /// is only one.
    pub(crate) fn at(
        metadata: Location,
        keys: Option<Location>,
        dir: &DataDir,
    ) -> Result<Self, Failure> {
        let place = |location| match location {
            Location::DataDir => Ok(Place::Sqlite(dir.database())),
            Location::Sqlite(path) => Ok(Place::Sqlite(path)),
            Location::MySql(url) => parsed(&url, MySqlAddress::parse).map(Place::MySql),
            Location::Postgres(url) => parsed(&url, PostgresAddress::parse).map(Place::Postgres),
        };
        let (metadata, keys) = (place(metadata)?, keys.map(place).transpose()?);
        Ok(Self { metadata, keys, bounds: ServerOptions::default() })
    }

    /// Those in files.
    pub(crate) fn in_files(metadata: PathBuf, keys: Option<PathBuf>) -> Self {
        let (metadata, keys) = (Place::Sqlite(metadata), keys.map(Place::Sqlite));
        Self { metadata, keys, bounds: ServerOptions::default() }
    }

    /// Where the metadata is.
    pub(crate) fn metadata(&self) -> &Place {
        &self.metadata
    }

    /// Where the keys are, when that is another database.
    pub(crate) fn other_keys(&self) -> Option<&Place> {
        self.keys.as_ref()
    }

    /// Where the keys are.
    pub(crate) fn keys(&self) -> &Place {
        self.keys.as_ref().unwrap_or(&self.metadata)
    }

    /// Opens both for a server; a server of databases that is away is waited for, and that is said.
    pub(crate) async fn open(&self) -> Result<Stores, Failure> {
        let stores = self.open_each(Use::Serve).await?;
        for store in stores.each() {
            for finding in store.what_is_off() {
                tracing::warn!("{finding}");
            }
        }
        Ok(stores)
    }

    /// Opens both for a command that changes them: one that is away is not waited for.
    pub(crate) async fn open_to_change(&self) -> Result<Stores, Failure> {
        self.open_each(Use::Change).await
    }

    /// Opens both for reading; `None` where a file is not there yet.
    pub(crate) async fn look(&self) -> Result<Option<Stores>, Failure> {
        if self.is_absent() {
            return Ok(None);
        }
        self.open_each(Use::Look).await.map(Some)
    }

    /// Opens both for a command that changes what is stored, beside whoever serves it. What is not
    /// there is not made.
    pub(crate) async fn work(&self) -> Result<Stores, Failure> {
        if self.is_absent() {
            let reason = "it is not there; start countersign serve once, or name its --data-dir";
            let database = self.metadata.to_string();
            return Err(Failure::DatabaseUnavailable { database, reason: reason.to_owned() });
        }
        self.open_to_change().await
    }

    fn is_absent(&self) -> bool {
        let absent = |place: &Place| matches!(place, Place::Sqlite(path) if !path.exists());
        absent(&self.metadata) || absent(self.keys())
    }

    async fn open_each(&self, what_for: Use) -> Result<Stores, Failure> {
        let Some(keys) = &self.keys else {
            let metadata = self.metadata.open(self.bounds.clone(), what_for).await?;
            return Ok(Stores::new(metadata, None));
        };
        let metadata = self.metadata.open(self.options(Tables::Metadata), what_for).await?;
        let keys = Some(keys.open(self.options(Tables::Keys), what_for).await?);
        Ok(Stores::new(metadata, keys))
    }

    fn options(&self, tables: Tables) -> ServerOptions {
        ServerOptions { tables, ..self.bounds.clone() }
    }
}

impl Place {
    /// Whether whoever serves from it waits for it while it is away: a server comes back, a file
    /// does not.
    pub(crate) fn is_waited_for(&self) -> bool {
        match self {
            Self::MySql(_) | Self::Postgres(_) => true,
            Self::Sqlite(_) => false,
        }
    }

    async fn open(&self, options: ServerOptions, what_for: Use) -> Result<Arc<dyn Store>, Failure> {
        let opened: StorageResult<Arc<dyn Store>> = match self {
            Self::MySql(address) => {
                let open = || MySqlStore::open(address, &options);
                match what_for {
                    Use::Change => open().await.map(shared),
                    Use::Look => MySqlStore::open_read_only(address, &options).await.map(shared),
                    Use::Serve => once_there(address, open).await.map(shared),
                }
            }
            Self::Postgres(address) => {
                let open = || PostgresStore::open(address, &options);
                match what_for {
                    Use::Change => open().await.map(shared),
                    Use::Look => PostgresStore::open_read_only(address, &options).await.map(shared),
                    Use::Serve => once_there(address, open).await.map(shared),
                }
            }
            Self::Sqlite(path) => match what_for {
                Use::Look => SqliteStore::open_read_only(path).await.map(shared),
                Use::Change | Use::Serve => SqliteStore::open(path).await.map(shared),
            },
        };
        opened.map_err(|error| Failure::of_storage(error, self))
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::MySql(address) => write!(f, "{address}"),
            Self::Postgres(address) => write!(f, "{address}"),
            Self::Sqlite(path) => write!(f, "{}", path.display()),
        }
    }
}

fn shared(store: impl Store + 'static) -> Arc<dyn Store> {
    Arc::new(store)
}

/// A URL of the settings as the engine reads it.
fn parsed<A>(url: &DatabaseUrl, parse: fn(&str) -> StorageResult<A>) -> Result<A, Failure> {
    parse(url.secret().expose_secret()).map_err(|error| Failure::Usage(error.to_string()))
}

/// Tries until the server at `address` is there: only what trying again cannot mend ends it.
async fn once_there<S>(
    address: &impl fmt::Display,
    open: impl AsyncFn() -> StorageResult<S>,
) -> StorageResult<S> {
    loop {
        match open().await {
            Err(StorageError::Unavailable { reason }) => {
                tracing::warn!(database = %address, reason, "the database is away; trying again");
                tokio::time::sleep(TRY_AGAIN).await;
            }
            settled => return settled,
        }
    }
}

/// How the settings have a server of databases used.
fn bounds(settings: &Database) -> ServerOptions {
    let Database { connections, wait, statement, .. } = *settings;
    // The settings have none below 1.
    let connections = NonZeroU32::new(connections).unwrap_or(NonZeroU32::MIN);
    ServerOptions {
        wait,
        statement,
        readers: connections,
        writers: connections,
        tables: Tables::All,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_settings_a_server_is_used_as_the_engines_themselves_would() {
        assert_eq!(bounds(&Database::default()), ServerOptions::default());
    }

    #[test]
    fn every_bound_of_the_settings_reaches_the_engine_for_both_databases() {
        let dir = tempfile::tempdir().unwrap();
        let mut settings = Settings::default();
        settings.database.connections = 3;
        settings.database.wait = Duration::from_secs(4);
        settings.database.statement = Duration::from_secs(6);
        let databases = Databases::of(&settings, &DataDir::at(dir.path()).unwrap()).unwrap();
        let three = NonZeroU32::new(3).unwrap();
        for tables in [Tables::All, Tables::Metadata, Tables::Keys] {
            let expected = ServerOptions {
                wait: Duration::from_secs(4),
                statement: Duration::from_secs(6),
                readers: three,
                writers: three,
                tables,
            };
            assert_eq!(databases.options(tables), expected);
        }
    }
}
