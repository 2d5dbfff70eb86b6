//! What a signature costs in each custody: processor time of all processes that take part in it,
//! how long one takes, and how many there are in a second.
//!
//! All custodies stand at once and have their turn in every round, so that what else the machine
//! does meets all of them. Figures are ratios to a bare signature and a bare verification in the
//! same round. Keys have been opened before, and each signature is with another key than the last.
//!
//! What never comes in: a verdict that fails a build. Times depend on the machine.

mod embedded;
mod floor;
mod go;
mod ours;
mod place;
mod report;
mod signer;
mod token;

use std::io::Write as _;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use clap::Parser;
use countersign_storage::engine::sqlite::SqliteStore;
use countersign_tests::peers::softhsm::SoftHsm;

use self::embedded::Embedded;
use self::floor::Floor;
use self::place::{AT_ONCE, Place, turn};

/// Measures what a signature costs in each custody.
#[derive(Debug, Parser)]
#[command(name = "custody-cost")]
struct Arguments {
    /// How often each custody has its turn
    #[arg(long, default_value_t = 20)]
    rounds: usize,
    /// How many signatures one turn has, one after the other and then again at once
    #[arg(long, default_value_t = 800)]
    signatures: usize,
    /// How many keys sign
    #[arg(long, default_value_t = 64)]
    keys: usize,
    /// Only custodies whose name contains this, and what they are compared with
    #[arg(long)]
    only: Option<String>,
}

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    ensure!(arguments.rounds > 9, "--rounds must be 10 at least for a spread");
    ensure!(arguments.signatures >= AT_ONCE, "--signatures must be {AT_ONCE} at least");
    ensure!(arguments.keys > 0, "--keys must be 1 at least");
    if !token::is_seen() {
        ensure!(token::run_again()?.success(), "the measurement failed");
        return Ok(());
    }
    rustls::crypto::ring::default_provider().install_default().ok();
    // Threads that ended would take their processor time with them.
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .thread_keep_alive(Duration::from_secs(86_400))
        .build()?
        .block_on(measure(&arguments))
}

async fn measure(arguments: &Arguments) -> Result<()> {
    let directory = tempfile::tempdir()?;
    let hsm = SoftHsm::start()?;
    let places = places(arguments, directory.path(), &hsm).await?;
    // Whatever is made once is made now.
    for place in &places {
        turn(place, arguments.keys, arguments.signatures).await?;
    }
    let mut rounds = Vec::new();
    for _ in 0..arguments.rounds {
        let mut turns = Vec::new();
        for place in &places {
            turns.push(turn(place, arguments.keys, arguments.signatures).await?);
        }
        rounds.push(turns);
    }
    let names: Vec<&str> = places.iter().map(|place| place.name()).collect();
    let text = report::report(&names, &rounds)?;
    std::io::stdout().write_all(text.as_bytes()).context("the table cannot be written")
}

/// Who signs; the first one is what the others are compared with.
async fn places(
    arguments: &Arguments,
    directory: &Path,
    hsm: &SoftHsm,
) -> Result<Vec<Arc<dyn Place>>> {
    let wanted = |name: &str| arguments.only.as_ref().is_none_or(|only| name.contains(only));
    let mut places: Vec<Arc<dyn Place>> = vec![Arc::new(Floor::new()?)];
    let name = "embedded custody, on SQLite";
    if wanted(name) {
        let store = SqliteStore::open(&embedded::file(directory)).await?;
        places.push(Arc::new(Embedded::sealed(name, Arc::new(store), arguments.keys).await?));
    }
    if wanted(token::EMBEDDED) {
        let store = SqliteStore::open(&directory.join("token.db")).await?;
        places.push(Arc::new(token::embedded(Arc::new(store), arguments.keys).await?));
    }
    if wanted(token::AT_OUR_SIGNER) {
        places.push(Arc::new(token::at_our_signer(hsm, arguments.keys).await?));
    }
    if wanted(ours::ON_A_FILE) {
        places.push(Arc::new(ours::start_on_a_file(arguments.keys).await?));
    }
    if wanted(ours::ON_POSTGRES) {
        places.push(Arc::new(ours::start_on_postgres(arguments.keys).await?));
    }
    if wanted(go::NAME) {
        let directory = directory.join("go");
        std::fs::create_dir(&directory)?;
        places.push(Arc::new(go::start(&directory, arguments.keys).await?));
    }
    Ok(places)
}
