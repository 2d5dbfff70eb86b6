//! The servers of a run, and how their database is looked at afterwards.
//!
//! What never comes in: what is done to them, and when.

use std::fs;

use anyhow::{Context as _, Result};
use countersign_tests::peers::countersign::Countersign;
use countersign_tests::peers::link::Link;
use countersign_tests::peers::postgres::Postgres;
use countersign_tests::wire::Endpoint;
use tempfile::TempDir;

use crate::plan::Topology;
use crate::stored::Stored;

const DATABASE: &str = "trust";
const USER: &str = "postgres";

/// A replica and its way to the database; without one its database is a file.
pub(crate) struct Replica {
    pub(crate) server: Countersign,
    pub(crate) link: Option<Link>,
}

/// All servers of a run.
pub(crate) struct Cluster {
    // Dropped in this order: the database ends after those who use it.
    pub(crate) replicas: Vec<Replica>,
    pub(crate) database: Option<Postgres>,
    _secrets: TempDir,
}

impl Cluster {
    /// Starts all of them.
    pub(crate) async fn start(topology: Topology) -> Result<Self> {
        let secrets = TempDir::new()?;
        let passphrase = secrets.path().join("passphrase");
        fs::write(&passphrase, "one for all replicas")?;
        let base = format!(
            "[log]\nlevel = 'error'\n[server]\ndrain_seconds = 5\n\
             [keys]\npassphrase_file = '{}'\n",
            passphrase.display()
        );
        let mut cluster = Self { replicas: Vec::new(), database: None, _secrets: secrets };
        match topology {
            Topology::Sqlite => {
                let server = Countersign::start_steady(&base).await?;
                cluster.replicas.push(Replica { server, link: None });
            }
            Topology::Postgres { replicas } => {
                let database = Postgres::start().await?;
                database.create_database(DATABASE, "").await?;
                for _ in 0..replicas {
                    let link = Link::to(database.port()).await?;
                    let settings = format!("{base}[database]\nurl = '{}'\n", url(link.port()));
                    let server = Countersign::start_steady(&settings).await?;
                    cluster.replicas.push(Replica { server, link: Some(link) });
                }
                cluster.database = Some(database);
            }
        }
        Ok(cluster)
    }

    /// Where the replicas answer.
    pub(crate) fn endpoints(&self) -> Vec<Endpoint> {
        self.replicas.iter().map(|replica| replica.server.endpoint().clone()).collect()
    }

    /// Runs SQL in the database, past the replicas.
    pub(crate) async fn sql(&self, statement: &str) -> Result<()> {
        let database = self.database.as_ref().context("no PostgreSQL")?;
        database.psql(DATABASE, statement).await
    }

    /// What the database holds.
    pub(crate) async fn stored(&self) -> Result<Stored> {
        match (&self.database, self.replicas.first()) {
            (Some(database), _) => Stored::in_postgres(&url(database.port())).await,
            (None, Some(replica)) => {
                Stored::in_sqlite(&replica.server.data().join("countersign.db")).await
            }
            (None, None) => anyhow::bail!("no database"),
        }
    }
}

fn url(port: u16) -> String {
    format!("postgres://{USER}@127.0.0.1:{port}/{DATABASE}?sslmode=disable")
}
