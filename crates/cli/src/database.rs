//! The databases that the settings name: opened for a server that will wait for them, or for a
//! command that only looks.
//!
//! Never in here: a URL with its password, in any message.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use countersign_config::sections::database::Location;
use countersign_config::{DatabaseUrl, Settings};
use countersign_storage::engine::postgres::{
    PostgresAddress, PostgresOptions, PostgresStore, Tables,
};
use countersign_storage::engine::sqlite::SqliteStore;
use countersign_storage::{
    ChangeNumbers, Inventory, KeyAliases, KeyArchive, KeyCatalogue, KeyStore, MetadataArchive,
    MetadataStore, Retention, StorageError,
};
use countersign_trust::operate::import::Side;
use secrecy::ExposeSecret as _;

use crate::data_dir::DataDir;
use crate::exit::Failure;

/// How long to wait before a database that is away is tried again.
pub(crate) const TRY_AGAIN: Duration = Duration::from_secs(1);

/// Where metadata and keys are; the same, or two databases.
pub(crate) struct Databases {
    metadata: Place,
    keys: Option<Place>,
}

/// Where one database is.
pub(crate) enum Place {
    /// A file.
    Sqlite(PathBuf),
    /// A server.
    Postgres(PostgresAddress),
}

/// Opened databases.
pub(crate) struct Stores {
    metadata: Store,
    keys: Option<Store>,
}

enum Store {
    Sqlite(Arc<SqliteStore>),
    Postgres(Arc<PostgresStore>),
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
        Self::at(settings.database.metadata()?, settings.database.keys()?, dir)
    }

    /// Those at two locations; the keys are with the metadata where there is only one.
    pub(crate) fn at(
        metadata: Location,
        keys: Option<Location>,
        dir: &DataDir,
    ) -> Result<Self, Failure> {
        let place = |location| match location {
            Location::DataDir => Ok(Place::Sqlite(dir.database())),
            Location::Sqlite(path) => Ok(Place::Sqlite(path)),
            Location::Postgres(url) => postgres(&url).map(Place::Postgres),
        };
        Ok(Self { metadata: place(metadata)?, keys: keys.map(place).transpose()? })
    }

    /// Those in files.
    pub(crate) fn in_files(metadata: PathBuf, keys: Option<PathBuf>) -> Self {
        Self { metadata: Place::Sqlite(metadata), keys: keys.map(Place::Sqlite) }
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
        for store in std::iter::once(&stores.metadata).chain(&stores.keys) {
            if let Store::Postgres(store) = store {
                for finding in store.what_is_off() {
                    tracing::warn!("{finding}");
                }
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
            let metadata = self.metadata.open(Tables::All, what_for).await?;
            return Ok(Stores { metadata, keys: None });
        };
        let metadata = self.metadata.open(Tables::Metadata, what_for).await?;
        let keys = Some(keys.open(Tables::Keys, what_for).await?);
        Ok(Stores { metadata, keys })
    }
}

impl Place {
    async fn open(&self, tables: Tables, what_for: Use) -> Result<Store, Failure> {
        let failed = |error| Failure::of_storage(error, self);
        match self {
            Self::Sqlite(path) => {
                let store = match what_for {
                    Use::Look => SqliteStore::open_read_only(path).await,
                    Use::Change | Use::Serve => SqliteStore::open(path).await,
                };
                store.map(|store| Store::Sqlite(Arc::new(store))).map_err(failed)
            }
            Self::Postgres(address) => {
                let options = PostgresOptions { tables, ..PostgresOptions::default() };
                let store = match what_for {
                    Use::Change => PostgresStore::open(address, &options).await,
                    Use::Look => PostgresStore::open_read_only(address, &options).await,
                    Use::Serve => once_there(address, &options).await,
                };
                store.map(|store| Store::Postgres(Arc::new(store))).map_err(failed)
            }
        }
    }
}

impl Place {
    /// Whether whoever serves from it waits for it while it is away: a server comes back, a file
    /// does not.
    pub(crate) fn is_waited_for(&self) -> bool {
        match self {
            Self::Sqlite(_) => false,
            Self::Postgres(_) => true,
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sqlite(path) => write!(f, "{}", path.display()),
            Self::Postgres(address) => write!(f, "{address}"),
        }
    }
}

/// A store with everything that an import needs.
trait Whole:
    MetadataStore + Inventory + MetadataArchive + KeyStore + KeyCatalogue + KeyArchive
{
}

impl Whole for SqliteStore {}
impl Whole for PostgresStore {}

impl Store {
    fn whole(&self) -> &dyn Whole {
        match self {
            Self::Sqlite(store) => &**store,
            Self::Postgres(store) => &**store,
        }
    }
}

impl Stores {
    /// Both, as an import sees them.
    pub(crate) fn side(&self) -> Side<'_> {
        let metadata = self.metadata.whole();
        let keys = self.keys.as_ref().unwrap_or(&self.metadata).whole();
        Side {
            metadata,
            inventory: metadata,
            archive: metadata,
            keys,
            catalogue: keys,
            key_archive: keys,
        }
    }

    /// The metadata.
    pub(crate) fn metadata(&self) -> Arc<dyn MetadataStore> {
        match &self.metadata {
            Store::Sqlite(store) => Arc::clone(store) as Arc<_>,
            Store::Postgres(store) => Arc::clone(store) as Arc<_>,
        }
    }

    /// All that is stored of the metadata.
    pub(crate) fn inventory(&self) -> Arc<dyn Inventory> {
        match &self.metadata {
            Store::Sqlite(store) => Arc::clone(store) as Arc<_>,
            Store::Postgres(store) => Arc::clone(store) as Arc<_>,
        }
    }

    /// The numbers of changes.
    pub(crate) fn change_numbers(&self) -> Arc<dyn ChangeNumbers> {
        match &self.metadata {
            Store::Sqlite(store) => Arc::clone(store) as Arc<_>,
            Store::Postgres(store) => Arc::clone(store) as Arc<_>,
        }
    }

    /// How the metadata is made smaller.
    pub(crate) fn retention(&self) -> Arc<dyn Retention> {
        match &self.metadata {
            Store::Sqlite(store) => Arc::clone(store) as Arc<_>,
            Store::Postgres(store) => Arc::clone(store) as Arc<_>,
        }
    }

    /// The sealed keys.
    pub(crate) fn keys(&self) -> Arc<dyn KeyStore> {
        match self.keys.as_ref().unwrap_or(&self.metadata) {
            Store::Sqlite(store) => Arc::clone(store) as Arc<_>,
            Store::Postgres(store) => Arc::clone(store) as Arc<_>,
        }
    }

    /// The aliases of the sealed keys.
    pub(crate) fn key_aliases(&self) -> Arc<dyn KeyAliases> {
        match self.keys.as_ref().unwrap_or(&self.metadata) {
            Store::Sqlite(store) => Arc::clone(store) as Arc<_>,
            Store::Postgres(store) => Arc::clone(store) as Arc<_>,
        }
    }

    /// The list of the sealed keys.
    pub(crate) fn key_catalogue(&self) -> Arc<dyn KeyCatalogue> {
        match self.keys.as_ref().unwrap_or(&self.metadata) {
            Store::Sqlite(store) => Arc::clone(store) as Arc<_>,
            Store::Postgres(store) => Arc::clone(store) as Arc<_>,
        }
    }

    /// Waits for what is under way, and closes both.
    pub(crate) async fn close(&self) {
        for store in std::iter::once(&self.metadata).chain(&self.keys) {
            match store {
                Store::Sqlite(store) => store.close().await,
                Store::Postgres(store) => store.close().await,
            }
        }
    }
}

fn postgres(url: &DatabaseUrl) -> Result<PostgresAddress, Failure> {
    PostgresAddress::parse(url.secret().expose_secret())
        .map_err(|error| Failure::Usage(error.to_string()))
}

/// Tries until the server is there: only what trying again cannot mend ends it.
async fn once_there(
    address: &PostgresAddress,
    options: &PostgresOptions,
) -> Result<PostgresStore, StorageError> {
    loop {
        match PostgresStore::open(address, options).await {
            Err(StorageError::Unavailable { reason }) => {
                tracing::warn!(database = %address, reason, "the database is away; trying again");
                tokio::time::sleep(TRY_AGAIN).await;
            }
            settled => return settled,
        }
    }
}
