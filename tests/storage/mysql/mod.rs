//! MariaDB. A server per test and a database per case.

mod conformance;
mod cycle;
mod damage;
mod faults;
mod gc;
mod go;
mod migrations;
mod names;
mod refusals;
mod rights;
mod serve;
mod space;
mod statements;
mod tls;

use std::time::Duration;

use anyhow::{Context, Result};
use chrono::{DateTime, Utc};
use countersign_storage::engine::mysql::{MySqlAddress, MySqlOptions, MySqlStore};
use countersign_storage::{Commit, Heads, MetadataStore as _, StorageResult};
use countersign_tests::peers::go_notary::{MYSQL_SERVER_TABLES, MYSQL_SIGNER_TABLES};
use countersign_tests::peers::mariadb::MariaDb;
use countersign_tuf::accepted::{AcceptedDocument, AcceptedUpdate};
use countersign_tuf::names::{Gun, RoleName, Version};
use sqlx::{AssertSqlSafe, Connection as _, MySqlConnection};

/// Who may do anything on the servers of these tests.
const OWNER: &str = "root";

/// A server, and a connection to it.
struct Bench {
    server: MariaDb,
    admin: MySqlConnection,
    made: u32,
}

impl Bench {
    async fn start() -> Result<Self> {
        Self::start_with(&[]).await
    }

    /// With more of the server's options.
    async fn start_with(options: &[&str]) -> Result<Self> {
        let server = MariaDb::start_with(options).await?;
        let admin = MySqlConnection::connect(&server.url(OWNER, "mysql")).await?;
        Ok(Self { server, admin, made: 0 })
    }

    /// A new, migrated database.
    async fn database(&mut self) -> Result<String> {
        let name = self.empty_database().await?;
        self.open(&name).await?.close().await;
        Ok(name)
    }

    /// A new database with the tables that Notary's migrations leave.
    async fn notary_database(&mut self) -> Result<String> {
        self.made += 1;
        let name = format!("notary_{}", self.made);
        let tables = [MYSQL_SERVER_TABLES, MYSQL_SIGNER_TABLES].concat();
        self.server.create_database(&name, &tables).await?;
        Ok(name)
    }

    /// A new database without tables.
    async fn empty_database(&mut self) -> Result<String> {
        self.made += 1;
        let name = format!("empty_{}", self.made);
        execute(&mut self.admin, &format!("CREATE DATABASE {name}")).await?;
        Ok(name)
    }

    async fn open(&mut self, database: &str) -> Result<MySqlStore> {
        let opened = MySqlStore::open(&self.address(database)?, &options()).await;
        opened.with_context(|| format!("{database} is not opened"))
    }

    fn address(&self, database: &str) -> Result<MySqlAddress> {
        Ok(MySqlAddress::parse(&self.server.url(OWNER, database))?)
    }

    /// A connection past the store.
    async fn connect(&self, database: &str) -> Result<MySqlConnection> {
        Ok(MySqlConnection::connect(&self.server.url(OWNER, database)).await?)
    }
}

/// As in production, but for waits that a test can stand.
fn options() -> MySqlOptions {
    MySqlOptions { wait: Duration::from_secs(20), ..MySqlOptions::default() }
}

async fn execute(connection: &mut MySqlConnection, statement: &str) -> Result<()> {
    sqlx::raw_sql(AssertSqlSafe(statement))
        .execute(connection)
        .await
        .with_context(|| statement.to_owned())?;
    Ok(())
}

fn app() -> Gun {
    Gun::parse("a/b").unwrap()
}

fn now() -> DateTime<Utc> {
    "2026-11-24T11:02:35.785575Z".parse().unwrap()
}

/// A publish of nothing but a timestamp.
fn timestamp(number: i64) -> AcceptedUpdate {
    let version = Version::new(number).unwrap();
    let bytes = format!("timestamp {number}").into_bytes().into();
    AcceptedUpdate::from_unchecked(
        Vec::new(),
        AcceptedDocument::new(RoleName::Timestamp, version, bytes),
    )
}

/// Commits a timestamp without looking at heads.
async fn commit(store: &MySqlStore, number: i64) -> StorageResult<Commit> {
    store.commit(&app(), &Heads::new(), &timestamp(number), now()).await
}

async fn newest(store: &MySqlStore) -> StorageResult<Option<i64>> {
    let found = store.newest(&app(), &RoleName::Timestamp).await?;
    Ok(found.map(|document| document.version.get()))
}
