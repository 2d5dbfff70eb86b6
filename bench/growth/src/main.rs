//! How the cost of reads and publishes grows with the number of collections in a database.
//!
//! Fills one database per size with synthetic rows (of each collection a root, targets, snapshot,
//! timestamp, a row of the changefeed and a key), publishes a handful of real collections into
//! each, and then measures all sizes in turns, so that what else the machine does meets all of
//! them. Figures are ratios to the first size.
//!
//! - `place` is a database of one size, with the service over it; `fill` makes the rows.
//! - `measure` takes the times, `report` says what came of them.
//!
//! What never comes in: a verdict that fails a build. Times depend on the machine.

mod fill;
mod measure;
mod place;
mod report;

use std::io::Write as _;

use anyhow::{Context as _, Result, ensure};
use clap::{Parser, ValueEnum};
use countersign_tests::peers::postgres::Postgres;
use tempfile::TempDir;

use self::place::Place;

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
}

/// An engine of the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Engine {
    Sqlite,
    Postgres,
}

#[tokio::main]
async fn main() -> Result<()> {
    let arguments = Arguments::parse();
    ensure!(arguments.guns.len() > 1, "--guns needs two sizes to compare");
    ensure!(arguments.rounds > 9, "--rounds must be 10 at least for a spread");
    let mut tables = Vec::new();
    for engine in &arguments.engine {
        // The server outlives the places on it.
        let directory = TempDir::new()?;
        let server = match engine {
            Engine::Sqlite => None,
            Engine::Postgres => Some(Postgres::start().await?),
        };
        let mut places = Vec::new();
        for guns in &arguments.guns {
            say(&format!("{engine:?}: filling {guns} collections"))?;
            let place = match &server {
                None => Place::sqlite(directory.path(), *guns).await,
                Some(server) => Place::postgres(server, *guns).await,
            };
            places.push(place.with_context(|| format!("{guns} collections"))?);
        }
        say(&format!("{engine:?}: measuring {} rounds", arguments.rounds))?;
        let rounds = measure::rounds(&mut places, arguments.rounds).await?;
        tables.push(report::table(&format!("{engine:?}"), &arguments.guns, &rounds)?);
        for place in places {
            place.close().await;
        }
    }
    // Last, behind what the databases had to say.
    say(&tables.concat())?;
    let words: Vec<String> = std::env::args().skip(1).collect();
    say(&format!("Made by: cargo xtask growth {}", words.join(" ")))
}

fn say(text: &str) -> Result<()> {
    Ok(writeln!(std::io::stdout(), "{text}")?)
}
