//! What very many collections and pulls need, computed from measured costs.
//!
//! - `popularity` says how often each GUN is pulled; `traffic` simulates pulls at random, through
//!   caches that obey our headers (`edge`) and to one server of several (`replica`), whose requests
//!   share lookups (`sharing`).
//! - `costs` are what `cargo xtask bench` measured, or what is given.
//! - `renewal` is signing again, `space` rows and bytes, `limits` what is met first.
//! - `plan` puts them together, `report` is its tables, `document` puts those into a document.
//! - `check` compares what is computed with what `cargo xtask growth` measured.
//!
//! What never comes in: a figure that is neither measured, given, nor computed from those.
//!
//! To add a limit: a row in `plan::limits`. To add a cost: a field in `costs` and its row.

mod check;
mod costs;
mod document;
mod edge;
mod limits;
mod plan;
mod popularity;
mod renewal;
mod replica;
mod report;
mod sharing;
mod space;
mod traffic;

use std::io::Write as _;
use std::path::PathBuf;

use anyhow::{Context as _, Result, ensure};
use clap::Parser;
use countersign_growth::Sizes;
use countersign_tests::peers::postgres::Postgres;

use self::costs::Source;
use self::plan::Plan;

/// Computes what very many collections and pulls need.
#[derive(Clone, Debug, Parser)]
#[command(name = "cargo xtask scale")]
pub(crate) struct Arguments {
    /// How many GUNs there are
    #[arg(long, default_value_t = 10_000_000)]
    guns: u32,
    /// Pulls in a second, of all clients: a timestamp by name, three documents by digest
    #[arg(long, default_value_t = 20_000.0)]
    pulls: f64,
    /// How unequal GUNs are: the exponent of Zipf's law
    #[arg(long, default_value_t = 1.0)]
    popularity: f64,
    /// Publishes to each GUN in a year, on average
    #[arg(long, default_value_t = 12.0)]
    publishes: f64,
    /// Which part of all GUNs was published to in the last 60 days
    #[arg(long, default_value_t = 0.3)]
    published: f64,
    /// Places of a content delivery network whose caches know nothing of each other
    #[arg(long, default_value_t = 20)]
    caches: u32,
    /// How long a cache keeps a document by digest, in days: its max-age, or until it needs the room
    #[arg(long, default_value_t = 30.0)]
    cache_days: f64,
    /// How long the connection of one request of docker lasts, its ways through the network
    /// included, in seconds
    #[arg(long, default_value_t = 0.2)]
    connection: f64,
    /// Processors of one server
    #[arg(long, default_value_t = 8.0)]
    processors: f64,
    /// Processors of the database
    #[arg(long, default_value_t = 32.0)]
    database_processors: f64,
    /// Which part of a processor may be busy on average
    #[arg(long, default_value_t = 0.6)]
    busy: f64,
    /// Disk of the database, in terabytes
    #[arg(long, default_value_t = 2.0)]
    disk: f64,
    /// How long is simulated, in seconds
    #[arg(long, default_value_t = 600.0)]
    seconds: f64,
    /// The seed of the simulation
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// The file of a bench
    #[arg(long, default_value = "target/bench.json")]
    bench: PathBuf,
    /// A cost instead of the one that was measured, as NAME=NUMBER; may be given several times
    #[arg(long)]
    cost: Vec<String>,
    /// The file of `cargo xtask growth`, to check the model by
    #[arg(long, default_value = "target/growth.json")]
    growth: PathBuf,
    /// A document between whose marks the tables are put
    #[arg(long)]
    into: Option<PathBuf>,
}

#[tokio::main]
async fn main() -> Result<()> {
    let arguments = Arguments::parse();
    arguments.judge()?;
    let source = Source::read(&arguments.bench, &arguments.cost)?;
    let costs = source.costs()?;
    let postgres = Postgres::start().await?;
    let sizes = [Sizes::on_sqlite().await?, Sizes::on_postgres(&postgres).await?];
    let plan = Plan::of(&arguments, costs, &sizes)?;
    let mut text = report::tables(&plan, &arguments, &source.machine());
    text.push_str(&check::table(&arguments.growth, &sizes)?);
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words = [vec!["cargo xtask scale".to_owned()], words].concat();
    text.push_str(&format!("\nMade by `{}`.\n", words.join(" ")));
    if let Some(file) = &arguments.into {
        document::put_into(file, &text)?;
    }
    std::io::stdout().write_all(text.as_bytes()).context("the tables cannot be written")
}

impl Arguments {
    fn judge(&self) -> Result<()> {
        for (name, number) in [
            ("--pulls", self.pulls),
            ("--publishes", self.publishes),
            ("--cache-days", self.cache_days),
            ("--connection", self.connection),
            ("--processors", self.processors),
            ("--database-processors", self.database_processors),
            ("--disk", self.disk),
            ("--seconds", self.seconds),
        ] {
            ensure!(number.is_finite() && number > 0.0, "{name} must be more than 0");
        }
        for (name, part) in [("--busy", self.busy), ("--published", self.published)] {
            ensure!(part > 0.0 && part <= 1.0, "{name} must be more than 0 and at most 1");
        }
        Ok(())
    }
}
