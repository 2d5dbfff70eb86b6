//! How fast the server is beside Notary's and beside a bare handler.
//!
//! All servers stand at once, with the same collections, and have their turn in every round, so
//! that what else the machine does meets all of them. Figures are ratios of two turns of one round.
//!
//! - `rows` says what is asked for, of whom, and the goals; `goal` what a goal is.
//! - `servers` starts everybody, `material` and `publishers` publish to them, `floor` is the bare handler.
//! - `load` asks and judges the answers; `family` is what that costs who answers.
//! - `figures` are memory, starts and what else is no row of requests; `filling` is for them.
//! - `steps` are parts of a publish by themselves, in times and in instructions.
//! - `turn` has all of them take turns; `report` says what came of it.
//!
//! What never comes in: a verdict that fails a build. Figures depend on the machine. An answer that
//! is wrong does fail the run.
//!
//! To add a row: a case of `Work` in `rows`, its acts, and the row in `rows::all`. To add a figure: a
//! file in `figures`, and its name there.

mod family;
mod figures;
mod filling;
mod floor;
mod goal;
mod load;
mod machine;
mod material;
mod publishers;
mod report;
mod rows;
mod servers;
mod side;
mod spread;
mod steps;
mod turn;

use std::fs;
use std::io::Write as _;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use clap::{Parser, Subcommand};

use self::figures::commits::CommitArguments;
use self::floor::FloorArguments;
use self::machine::Machine;
use self::report::{FigureReport, Report, RowReport};
use self::rows::Row;
use self::servers::Servers;
use self::side::Side;
use self::steps::StepArguments;

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
    /// The file of all figures
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
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    match arguments.part {
        Some(Part::Floor(floor)) => runtime.block_on(floor::serve(floor)),
        Some(Part::Commits(commits)) => {
            say(&format!("{}\n", runtime.block_on(figures::commits::write(commits))?))
        }
        Some(Part::Step(step)) => steps::repeat(&step),
        None => runtime.block_on(measure(&arguments)),
    }
}

async fn measure(arguments: &Arguments) -> Result<()> {
    let wanted = |name: &str| {
        arguments.row.is_empty() || arguments.row.iter().any(|wanted| name.starts_with(wanted))
    };
    let rows: Vec<Row> = rows::all().into_iter().filter(|row| wanted(&row.name)).collect();
    let names: Vec<&str> = figures::NAMES.into_iter().filter(|name| wanted(name)).collect();
    let steps: Vec<&str> = steps::names().filter(|name| wanted(name)).collect();
    if arguments.list {
        let all = rows.iter().map(|row| row.name.as_str()).chain(names).chain(steps);
        return say(&all.map(|name| format!("{name}\n")).collect::<String>());
    }
    let none = rows.is_empty() && names.is_empty() && steps.is_empty();
    ensure!(!none, "no row begins so: --list names them");
    ensure!(arguments.rounds > 2, "--rounds must be 3 at least for a spread");
    let machine = Machine::look()?;
    let rows = measure_rows(arguments, &rows).await?;
    let mut figures = Vec::new();
    for name in names {
        figures.push(FigureReport::of(figures::measure(name, arguments.rounds).await?)?);
    }
    let (rounds, seconds) = (arguments.rounds, arguments.seconds);
    let steps = steps::measure(&steps, rounds)?;
    let report = Report { machine, rounds, seconds, rows, figures, steps };
    fs::write(&arguments.json, serde_json::to_vec_pretty(&report)?)
        .with_context(|| format!("{} cannot be written", arguments.json.display()))?;
    say(&report.text())
}

/// All servers that are needed end with this.
async fn measure_rows(arguments: &Arguments, rows: &[Row]) -> Result<Vec<RowReport>> {
    let time = Duration::try_from_secs_f64(arguments.seconds)
        .ok()
        .filter(|time| !time.is_zero())
        .context("--seconds must be more than 0")?;
    let mut sides: Vec<Side> = rows.iter().flat_map(|row| row.sides.iter().copied()).collect();
    sides.sort_unstable();
    sides.dedup();
    let mut servers = Servers::start(&sides).await?;
    let mut measured = Vec::new();
    for row in rows {
        let rounds = turn::rounds(&mut servers, row, arguments.rounds, time)
            .await
            .with_context(|| format!("the row {}", row.name))?;
        measured.push(RowReport::of(row, rounds)?);
    }
    Ok(measured)
}

fn say(text: &str) -> Result<()> {
    std::io::stdout().write_all(text.as_bytes()).context("the table cannot be written")
}
