//! How fast the server is beside Notary's and beside a bare handler.
//!
//! All servers stand at once, with the same collections, and have their turn in every round, so
//! that what else the machine does meets all of them. Figures are ratios of two turns of one round.
//!
//! - `rows` says what is asked for, of whom, and the goals; `goal` what a goal is.
//! - `servers` starts everybody, `material` and `publishers` publish to them, `floor` is the bare handler.
//! - `load` asks and judges the answers.
//! - `figures` are memory, starts and what else is no row of requests; `filling` is for them.
//! - `steps` are parts of a publish by themselves, in times and in instructions.
//! - `selection` is what a run measures; `turn` has all sides take turns, `standing` keeps them up.
//! - `report` says what came of it, and `ledger` keeps that in files as it comes.
//!
//! What never comes in: a verdict that fails a build. Figures depend on the machine. An answer that
//! is wrong does fail the run.
//!
//! To add a row: a case of `Work` in `rows`, its acts, and the row in `rows::all`. To add a figure: a
//! file in `figures`, and its name there.

mod figures;
mod filling;
mod floor;
mod goal;
mod ledger;
mod load;
mod machine;
mod material;
mod publishers;
mod report;
mod rows;
mod selection;
mod servers;
mod side;
mod spread;
mod standing;
mod steps;
mod turn;

use std::io::Write as _;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, Result, anyhow, ensure};
use clap::{Parser, Subcommand};
use tokio::runtime::{Builder, Runtime};

use self::figures::commits::CommitArguments;
use self::floor::FloorArguments;
use self::ledger::Ledger;
use self::machine::Machine;
use self::report::Report;
use self::selection::Selection;
use self::standing::Standing;
use self::steps::{StepArguments, Steps};

/// Measures how fast the server is beside Notary's and beside a bare handler.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask bench", args_conflicts_with_subcommands = true)]
struct Arguments {
    /// Only rows whose names begin with this; may be given several times
    #[arg(long)]
    row: Vec<String>,
    /// How often each server has its turn in a row
    #[arg(long, default_value_t = 9)]
    rounds: usize,
    /// How long a turn takes, in seconds
    #[arg(long, default_value_t = 1.0)]
    seconds: f64,
    /// The file of all figures; the tables are beside it, in a file that ends in .md
    #[arg(long, default_value = "target/bench.json")]
    json: PathBuf,
    /// Say which rows there are, and measure nothing
    #[arg(long)]
    list: bool,
    #[command(subcommand)]
    part: Option<Part>,
}

/// Processes that a run starts for itself.
#[derive(Debug, Subcommand)]
enum Part {
    /// The bare handler
    #[command(hide = true)]
    Floor(FloorArguments),
    /// A step by itself, so often: for tools that count what it does
    Step(StepArguments),
    /// Those who write to a store on a slow disk
    #[command(hide = true)]
    Commits(CommitArguments),
}

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    rustls::crypto::ring::default_provider().install_default().ok();
    let runtime = Builder::new_multi_thread().enable_all().build()?;
    match arguments.part {
        Some(Part::Floor(floor)) => runtime.block_on(floor::serve(floor)),
        Some(Part::Commits(commits)) => {
            say(&format!("{}\n", runtime.block_on(figures::commits::write(commits))?))
        }
        Some(Part::Step(step)) => steps::repeat(&step),
        None => measure(&arguments, &runtime),
    }
}

fn measure(arguments: &Arguments, runtime: &Runtime) -> Result<()> {
    if arguments.list {
        let all = Selection::listed(&arguments.row)?;
        return say(&all.names().map(|name| format!("{name}\n")).collect::<String>());
    }
    let selection = Selection::measured(&arguments.row)?;
    ensure!(arguments.rounds > 2, "--rounds must be 3 at least for a spread");
    let (rounds, seconds) = (arguments.rounds, arguments.seconds);
    let mut ledger =
        Ledger::begin(Report::new(Machine::look()?, rounds, seconds), &arguments.json)?;
    runtime.block_on(async {
        measure_rows(arguments, &selection, &mut ledger).await?;
        for name in &selection.figures {
            ledger.figures(name, figures::measure(name, rounds).await)?;
        }
        anyhow::Ok(())
    })?;
    if !selection.steps.is_empty() {
        let steps = Steps::prepare();
        for name in &selection.steps {
            let measured = match &steps {
                Ok(steps) => steps.measure(name, rounds),
                Err(error) => Err(anyhow!("{error:#}")),
            };
            ledger.step(name, measured)?;
        }
    }
    say(&ledger.text())?;
    ledger.verdict()
}

/// All servers that are needed end with this.
async fn measure_rows(
    arguments: &Arguments,
    selection: &Selection,
    ledger: &mut Ledger,
) -> Result<()> {
    let time = Duration::try_from_secs_f64(arguments.seconds)
        .ok()
        .filter(|time| !time.is_zero())
        .context("--seconds must be more than 0")?;
    let mut standing = Standing::default();
    let mut left = selection.rows.as_slice();
    while let Some((row, later)) = left.split_first() {
        let measured = standing.measure(row, later, arguments.rounds, time).await;
        ledger.row(row, measured)?;
        left = later;
    }
    Ok(())
}

fn say(text: &str) -> Result<()> {
    std::io::stdout().write_all(text.as_bytes()).context("the table cannot be written")
}
