//! Memory while many things are done with many GUNs: reads of all of them, publishes and new keys,
//! beside Notary's server and signer doing the same.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use countersign_tests::peers::countersign::Countersign;
use countersign_tests::peers::family::Family;
use countersign_tests::peers::go_notary::GoNotary;
use countersign_tests::peers::postgres::Postgres;
use countersign_tests::wire::Endpoint;

use super::{Figure, Unit};
use crate::filling::{self, Filled, Filler};
use crate::goal::Bound;
use crate::load::{Act, Acts, Connections, Load, Target, run};
use crate::material::Collection;
use crate::publishers::Publishers;
use crate::servers::{DATABASE, SETTINGS};

/// Its names in the table.
pub(super) const ON_SQLITE: &str = "memory/mixed/sqlite";
pub(super) const ON_POSTGRES: &str = "memory/mixed/postgres";

/// How many GUNs are read.
const GUNS: usize = 10_000;

/// How many clients read, publish, and ask for new keys.
const CLIENTS: usize = 8;

/// How long a round of reads is.
const TIME: Duration = Duration::from_secs(5);

/// A server under load.
struct Loaded {
    target: Target,
    servers: Vec<u32>,
    publishers: Publishers,
    reads: Arc<Vec<Act>>,
}

/// One ratio for each round. Servers are not started anew: memory that is kept counts.
pub(super) async fn measure(name: &str, rounds: usize) -> Result<Figure> {
    let filled: Vec<Filled> = Filler::new()?.take(GUNS).collect();
    let go = GoNotary::start_on_postgres(Postgres::start_durable().await?).await?;
    let url = go.postgres().url("postgres", GoNotary::SERVER_DATABASE);
    filling::postgres(&url, filled.iter().cloned()).await?;
    let (ours, name, what) = match name {
        ON_SQLITE => {
            let what = "peak memory under mixed load with 10,000 GUNs, ours on SQLite beside \
                        Notary's server and signer";
            (on_sqlite(&filled).await?, ON_SQLITE, what)
        }
        ON_POSTGRES => {
            let what = "peak memory under mixed load with 10,000 GUNs, ours on PostgreSQL beside \
                        Notary's server and signer";
            (on_postgres(go.postgres(), &filled).await?, ON_POSTGRES, what)
        }
        _ => bail!("nobody measures it"),
    };
    let mut loaded = Loaded::new(ours.endpoint(), vec![ours.process_id()], &filled).await?;
    let mut beside = Loaded::new(go.endpoint(), go.process_ids().to_vec(), &filled).await?;
    let mut values = Vec::new();
    for _ in 0..rounds {
        values.push(loaded.round().await? / beside.round().await?);
    }
    Ok(Figure { name, what, unit: Unit::Times, bound: Bound::AtMost(0.333), values })
}

async fn on_sqlite(filled: &[Filled]) -> Result<Countersign> {
    let mut server = Countersign::start_with(SETTINGS).await?;
    server.ask_to_stop()?;
    ensure!(server.ended().await?.success(), "{}", server.log());
    let file = server.data().join("countersign.db");
    filling::sqlite(&file, filled.iter().cloned()).await?;
    server.start_again().await?;
    Ok(server)
}

async fn on_postgres(postgres: &Postgres, filled: &[Filled]) -> Result<Countersign> {
    postgres.create_database(DATABASE, "").await?;
    let url = postgres.url("postgres", DATABASE);
    let server = Countersign::start_on_database_with(&url, SETTINGS).await?;
    filling::postgres(&url, filled.iter().cloned()).await?;
    Ok(server)
}

impl Loaded {
    async fn new(endpoint: &Endpoint, servers: Vec<u32>, filled: &[Filled]) -> Result<Self> {
        let mut reads = Vec::new();
        for collection in filled.iter().cloned().map(Collection::filled) {
            reads.push(vec![collection.by_name("timestamp")?, collection.by_digest("snapshot")?]);
        }
        let loaded = Self {
            target: Target::new(endpoint)?,
            servers,
            publishers: Publishers::begin(endpoint).await?,
            reads: Arc::new(reads),
        };
        // One after the other, as Notary's server wants its first reads.
        let acts = Acts::Once(Arc::new(vec![loaded.reads.to_vec()]));
        run(&loaded.target, &load(acts, 1)).await.context("the first reads")?;
        Ok(loaded)
    }

    /// The peak of a round, in KiB.
    async fn round(&mut self) -> Result<f64> {
        let family = Family { servers: self.servers.clone(), database: None };
        let publishes = load(Acts::Once(Arc::new(self.publishers.next(CLIENTS)?)), CLIENTS);
        let keys = load(Acts::Once(Arc::new(self.publishers.new_guns(CLIENTS)?)), CLIENTS);
        let reads = load(Acts::Again(Arc::clone(&self.reads), TIME), CLIENTS);
        family.forget_peak();
        tokio::try_join!(
            run(&self.target, &publishes),
            run(&self.target, &keys),
            run(&self.target, &reads)
        )?;
        Ok(f64::from(u32::try_from(family.peak_kib()?)?))
    }
}

fn load(acts: Acts, clients: usize) -> Load {
    Load { acts, connections: Connections::Kept, clients }
}
