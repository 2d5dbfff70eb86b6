//! Measures how the cost of reads and publishes grows; see the library.

use std::io::Write as _;
use std::path::PathBuf;

use anyhow::{Context as _, Result, ensure};
use clap::{Parser, ValueEnum};
use countersign_growth::{EngineReport, Place, rounds, table};
use countersign_tests::peers::postgres::Postgres;
use tempfile::TempDir;

/// Measures how the cost of reads and publishes grows with the number of collections.
#[derive(Debug, Parser)]
#[command(name = "growth")]
struct Arguments {
    /// The sizes, in collections; the first one is what the others are compared with
    #[arg(long, value_delimiter = ',', default_value = "100,10000,1000000")]
    guns: Vec<u32>,
    /// The engines to measure
    #[arg(long, value_delimiter = ',', default_value = "sqlite,postgres")]
    engine: Vec<Engine>,
    /// How often each size has its turn
    #[arg(long, default_value_t = 40)]
    rounds: usize,
    /// The file of all figures
    #[arg(long, default_value = "target/growth.json")]
    json: PathBuf,
}

/// An engine of the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Engine {
    Sqlite,
    Postgres,
}

impl Engine {
    fn name(self) -> &'static str {
        match self {
            Self::Sqlite => "SQLite",
            Self::Postgres => "PostgreSQL",
        }
    }
}

#[tokio::main]
async fn main() -> Result<()> {
    let arguments = Arguments::parse();
    ensure!(arguments.guns.len() > 1, "--guns needs two sizes to compare");
    ensure!(arguments.rounds > 9, "--rounds must be 10 at least for a spread");
    let (mut tables, mut reports) = (Vec::new(), Vec::new());
    for engine in &arguments.engine {
        let report = measure(*engine, &arguments).await?;
        tables.push(table(&report)?);
        reports.push(report);
        std::fs::write(&arguments.json, serde_json::to_vec_pretty(&reports)?)
            .with_context(|| format!("{} cannot be written", arguments.json.display()))?;
    }
    // Last, behind what the databases had to say.
    say(&tables.concat())?;
    let words: Vec<String> = std::env::args().skip(1).collect();
    say(&format!("Made by: cargo xtask growth {}", words.join(" ")))
}

async fn measure(engine: Engine, arguments: &Arguments) -> Result<EngineReport> {
    let name = engine.name();
    // The server outlives the places on it.
    let directory = TempDir::new()?;
    let server = match engine {
        Engine::Sqlite => None,
        Engine::Postgres => Some(Postgres::start().await?),
    };
    let mut places = Vec::new();
    for guns in &arguments.guns {
        say(&format!("{name}: filling {guns} collections"))?;
        let place = match &server {
            None => Place::sqlite(directory.path(), *guns).await,
            Some(server) => Place::postgres(server, *guns).await,
        };
        places.push(place.with_context(|| format!("{guns} collections"))?);
    }
    say(&format!("{name}: measuring {} rounds", arguments.rounds))?;
    let measured = rounds(&mut places, arguments.rounds).await?;
    let mut bytes = Vec::new();
    for place in &places {
        bytes.push(place.bytes().await?);
    }
    let mut queries = Vec::new();
    for place in places {
        queries.push(place.end().await?);
    }
    let guns = arguments.guns.clone();
    Ok(EngineReport { engine: name.to_owned(), guns, bytes, queries, rounds: measured })
}

fn say(text: &str) -> Result<()> {
    Ok(writeln!(std::io::stdout(), "{text}")?)
}
