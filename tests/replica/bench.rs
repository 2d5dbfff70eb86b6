//! Replicas on one database, with one passphrase and one certificate.

use std::fs;

use anyhow::{Result, ensure};
use countersign_forge::repository::Repository;
use countersign_tests::peers::countersign::Countersign;
use countersign_tests::peers::mariadb::MariaDb;
use countersign_tests::peers::postgres::Postgres;
use countersign_tests::session::sha256_hex;
use countersign_tests::upload;
use countersign_tests::wire::Wire;
use tempfile::TempDir;

const OWNER: &str = "postgres";
const DATABASE: &str = "trust";

/// What clients need of each replica: the authority, and the certificate under it.
const CERTIFICATE: [&str; 4] = ["ca.crt", "ca.key", "server.crt", "server.key"];

/// Servers and their database.
pub(crate) struct Replicas<D = Postgres> {
    // Dropped in this order: servers end before their database.
    pub(crate) servers: Vec<Countersign>,
    pub(crate) database: D,
    _passphrase: TempDir,
}

impl Replicas {
    /// Starts so many, each with these settings too, on ports that stay their own.
    pub(crate) async fn start(number: usize, settings: &str) -> Result<Self> {
        let database = Postgres::start().await?;
        database.create_database(DATABASE, "").await?;
        let url = database.url(OWNER, DATABASE);
        Self::on(database, &url, number, settings).await
    }

    /// Runs SQL in their database.
    pub(crate) async fn sql(&self, sql: &str) -> Result<()> {
        self.database.psql(DATABASE, sql).await
    }
}

impl Replicas<MariaDb> {
    /// The same on MariaDB.
    pub(crate) async fn start_on_mariadb(number: usize, settings: &str) -> Result<Self> {
        let database = MariaDb::start().await?;
        database.create_database(DATABASE, "").await?;
        let url = database.url("root", DATABASE);
        Self::on(database, &url, number, settings).await
    }
}

impl<D> Replicas<D> {
    async fn on(database: D, url: &str, number: usize, settings: &str) -> Result<Self> {
        let passphrase = TempDir::new()?;
        let file = passphrase.path().join("passphrase");
        fs::write(&file, "one for all replicas")?;
        let settings = format!(
            "[database]\nurl = '{url}'\n[keys]\npassphrase_file = '{}'\n{settings}",
            file.display()
        );
        let mut servers: Vec<Countersign> = Vec::new();
        for _ in 0..number {
            let mut server = Countersign::start_steady(&settings).await?;
            if let Some(first) = servers.first() {
                server.ask_to_stop()?;
                ensure!(server.ended().await?.success(), "{}", server.log());
                for file in CERTIFICATE {
                    let (from, to) = (first.data().join("certs"), server.data().join("certs"));
                    fs::copy(from.join(file), to.join(file))?;
                }
                server.start_again().await?;
            }
            servers.push(server);
        }
        Ok(Self { servers, database, _passphrase: passphrase })
    }

    /// A client of each.
    pub(crate) fn wires(&self) -> Result<Vec<Wire>> {
        self.servers.iter().map(|server| Wire::to(server.endpoint())).collect()
    }
}

/// Publishes a new collection whose snapshot key its owner holds.
pub(crate) async fn publish_new(wire: &Wire, gun: &str) -> Result<Repository> {
    let collection = upload::collection(wire, gun).await?;
    let answer = upload::publish(wire, gun, &collection.all_parts()).await?;
    ensure!(answer.status == 200, "{answer:?}");
    Ok(collection)
}

/// Where the root of a collection is by its digest.
pub(crate) fn root_by_digest(collection: &Repository) -> String {
    let parts = collection.parts(&["root"]);
    format!("root.{}.json", sha256_hex(&parts[0].1))
}
