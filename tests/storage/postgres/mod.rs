//! PostgreSQL. A server per test and a database per case, copied from one that is migrated.

mod conformance;
mod cycle;
mod damage;
mod faults;
mod gc;
mod go;
mod migrations;
mod refusals;
mod restore;
mod rights;
mod serve;
mod space;
mod statements;
mod tls;

use std::time::Duration;

use anyhow::{Context, Result};
use chrono::{DateTime, Utc};
use countersign_storage::engine::postgres::{PostgresAddress, PostgresOptions, PostgresStore};
use countersign_storage::{Commit, Heads, MetadataStore as _, StorageResult};
use countersign_tests::peers::postgres::Postgres;
use countersign_tuf::accepted::{AcceptedDocument, AcceptedUpdate};
use countersign_tuf::names::{Gun, RoleName, Version};
use sqlx::{AssertSqlSafe, Connection as _, PgConnection};

/// Who may do anything on the servers of these tests.
const OWNER: &str = "postgres";

/// The migrated database that cases get copies of.
const TEMPLATE: &str = "migrated";

/// A server with a migrated database to copy.
struct Bench {
    server: Postgres,
    admin: PgConnection,
    made: u32,
}

impl Bench {
    async fn start() -> Result<Self> {
        let server = Postgres::start().await?;
        let mut admin = PgConnection::connect(&server.url(OWNER, "postgres")).await?;
        execute(&mut admin, &format!("CREATE DATABASE {TEMPLATE}")).await?;
        let mut bench = Self { server, admin, made: 0 };
        bench.open(TEMPLATE).await?.close().await;
        Ok(bench)
    }

    /// A new, migrated database.
    async fn database(&mut self) -> Result<String> {
        self.made += 1;
        let name = format!("case_{}", self.made);
        execute(&mut self.admin, &format!("CREATE DATABASE {name} TEMPLATE {TEMPLATE}")).await?;
        Ok(name)
    }

    /// A new database without tables.
    async fn empty_database(&mut self) -> Result<String> {
        self.made += 1;
        let name = format!("empty_{}", self.made);
        execute(&mut self.admin, &format!("CREATE DATABASE {name}")).await?;
        Ok(name)
    }

    async fn open(&mut self, database: &str) -> Result<PostgresStore> {
        let opened = PostgresStore::open(&self.address(database)?, &options()).await;
        opened.with_context(|| format!("{database} is not opened"))
    }

    fn address(&self, database: &str) -> Result<PostgresAddress> {
        Ok(PostgresAddress::parse(&self.server.url(OWNER, database))?)
    }

    /// A connection past the store.
    async fn connect(&self, database: &str) -> Result<PgConnection> {
        Ok(PgConnection::connect(&self.server.url(OWNER, database)).await?)
    }
}

/// As in production, but for waits that a test can stand.
fn options() -> PostgresOptions {
    PostgresOptions { wait: Duration::from_secs(20), ..PostgresOptions::default() }
}

async fn execute(connection: &mut PgConnection, statement: &str) -> Result<()> {
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
async fn commit(store: &PostgresStore, number: i64) -> StorageResult<Commit> {
    store.commit(&app(), &Heads::new(), &timestamp(number), now()).await
}

async fn newest(store: &PostgresStore) -> StorageResult<Option<i64>> {
    let found = store.newest(&app(), &RoleName::Timestamp).await?;
    Ok(found.map(|document| document.version.get()))
}
