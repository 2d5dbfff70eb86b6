//! A database of either engine: opened, measured, opened once more, closed.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Result;
use countersign_storage::engine::postgres::{PostgresAddress, PostgresOptions, PostgresStore};
use countersign_storage::engine::sqlite::SqliteStore;
use countersign_storage::{KeyStore, MetadataStore};
use countersign_tests::peers::family::Family;
use countersign_tests::peers::postgres::Postgres;
use sqlx::{Connection as _, PgConnection, SqliteConnection};

/// Its store, where it is, and whom looking at it costs.
pub(crate) struct Database {
    pub(crate) family: Family,
    engine: Engine,
}

enum Engine {
    Sqlite { file: PathBuf, store: Arc<SqliteStore> },
    Postgres { place: PostgresPlace, store: Arc<PostgresStore> },
}

/// A database of a PostgreSQL server.
#[derive(Clone)]
struct PostgresPlace {
    url: String,
    name: String,
    /// Another database of the server, for looking at it from outside.
    beside: String,
}

impl Database {
    /// A file, which is made where it is missing.
    pub(crate) async fn sqlite(file: &Path) -> Result<Self> {
        let store = Arc::new(SqliteStore::open(file).await?);
        let engine = Engine::Sqlite { file: file.to_owned(), store };
        Ok(Self { family: Family::own(), engine })
    }

    /// A database of a server, with its tables or without.
    pub(crate) async fn postgres(server: &Postgres, name: &str) -> Result<Self> {
        let place = PostgresPlace {
            url: server.url("postgres", name),
            name: name.to_owned(),
            beside: server.url("postgres", "postgres"),
        };
        let store = Arc::new(open(&place.url).await?);
        let family = Family { database: Some(server.process_id()), ..Family::own() };
        Ok(Self { family, engine: Engine::Postgres { place, store } })
    }

    /// Its metadata and its keys.
    pub(crate) fn stores(&self) -> (Arc<dyn MetadataStore>, Arc<dyn KeyStore>) {
        match &self.engine {
            Engine::Sqlite { store, .. } => (store.clone(), store.clone()),
            Engine::Postgres { store, .. } => (store.clone(), store.clone()),
        }
    }

    /// The same database with connections of its own.
    pub(crate) async fn once_more(&self) -> Result<Self> {
        let engine = match &self.engine {
            Engine::Sqlite { file, .. } => {
                let store = Arc::new(SqliteStore::open(file).await?);
                Engine::Sqlite { file: file.clone(), store }
            }
            Engine::Postgres { place, .. } => {
                let store = Arc::new(open(&place.url).await?);
                Engine::Postgres { place: place.clone(), store }
            }
        };
        Ok(Self { family: self.family.clone(), engine })
    }

    /// How many bytes it takes, without what is written twice for now.
    pub(crate) async fn bytes(&self) -> Result<u64> {
        let bytes: i64 = match &self.engine {
            Engine::Sqlite { file, .. } => {
                let url = format!("sqlite://{}", file.display());
                let mut connection = SqliteConnection::connect(&url).await?;
                let asked = "SELECT page_count * page_size \
                    FROM pragma_page_count(), pragma_page_size()";
                let bytes = sqlx::query_scalar(asked).fetch_one(&mut connection).await?;
                connection.close().await?;
                bytes
            }
            Engine::Postgres { place, .. } => {
                let mut connection = PgConnection::connect(&place.url).await?;
                let asked = "SELECT pg_database_size(current_database())";
                let bytes = sqlx::query_scalar(asked).fetch_one(&mut connection).await?;
                connection.close().await?;
                bytes
            }
        };
        Ok(u64::try_from(bytes)?)
    }

    /// The URL of who counts its transactions, and its name there; `None`: nobody does.
    pub(crate) fn counted_at(&self) -> Option<(&str, &str)> {
        match &self.engine {
            Engine::Sqlite { .. } => None,
            Engine::Postgres { place, .. } => Some((&place.beside, &place.name)),
        }
    }

    /// Closes this store's connections.
    pub(crate) async fn close(&self) {
        match &self.engine {
            Engine::Sqlite { store, .. } => store.close().await,
            Engine::Postgres { store, .. } => store.close().await,
        }
    }
}

async fn open(url: &str) -> Result<PostgresStore> {
    let (address, options) = (PostgresAddress::parse(url)?, PostgresOptions::default());
    Ok(PostgresStore::open(&address, &options).await?)
}
