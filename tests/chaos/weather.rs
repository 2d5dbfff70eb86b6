//! The runs: a short one of each topology, and as long as told by the environment.
//!
//! `CHAOS_FAULTS` and `CHAOS_SEED` play another run, and `CHAOS_FIGURES` names a file for what came
//! of it; `cargo xtask chaos` sets them.

use std::env;
use std::path::Path;

use anyhow::{Context as _, Result, ensure};

use crate::checker::{Evidence, check};
use crate::cluster::Cluster;
use crate::figures::Figures;
use crate::plan::{Plan, Topology};
use crate::run::{Crowd, run};
use crate::storm::storm;

const SEED: u64 = 20_261_129;

/// How many broken promises are told; all of them follow from what is written to the file.
const TOLD: usize = 20;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn three_replicas_on_postgresql_keep_every_promise_while_anything_fails() -> Result<()> {
    let crowd = Crowd { collections: 50, rivals: 5, readers: 6, pollers: 3, pace: 3_000 };
    play("postgres", Topology::Postgres { replicas: 3 }, 20, crowd).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_process_on_its_own_file_keeps_every_promise_while_anything_fails() -> Result<()> {
    let crowd = Crowd { collections: 12, rivals: 5, readers: 4, pollers: 2, pace: 1_000 };
    play("sqlite", Topology::Sqlite, 10, crowd).await
}

async fn play(name: &str, topology: Topology, faults: usize, crowd: Crowd) -> Result<()> {
    let faults = number("CHAOS_FAULTS")?.map_or(Ok(faults), usize::try_from)?;
    let seed = number("CHAOS_SEED")?.unwrap_or(SEED);
    let plan = Plan::new(seed, faults, topology);
    let mut cluster = Cluster::start(topology).await?;
    let doors = cluster.endpoints();
    let storming =
        async |cluster: &mut Cluster, recorder: &_| storm(cluster, &plan, recorder).await;
    let evidence = run(&mut cluster, &doors, crowd, seed, storming).await?;
    let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("chaos-{name}-{seed}.txt"));
    let figures = format!("{name}, seed {seed}: {}", Figures(&evidence));
    if let Some(file) = env::var_os("CHAOS_FIGURES") {
        std::fs::write(file, &figures)?;
    }
    // The runner shows it with a failed test only.
    eprintln!("{figures}");
    judge(&evidence, &file).with_context(|| format!("played again with CHAOS_SEED={seed}"))?;
    ensure!(evidence.history.disturbances.len() == faults, "not every fault happened");
    Ok(())
}

/// Fails with what was broken, and writes the history to a file then.
fn judge(evidence: &Evidence, file: &Path) -> Result<()> {
    let violations = check(evidence);
    if violations.is_empty() {
        return Ok(());
    }
    evidence.history.write(file)?;
    let told: Vec<String> = violations.iter().take(TOLD).map(ToString::to_string).collect();
    let (count, told) = (violations.len(), told.join("\n"));
    anyhow::bail!("{count} broken promises; the history is in {}\n{told}", file.display())
}

fn number(name: &str) -> Result<Option<u64>> {
    let Some(text) = env::var_os(name) else { return Ok(None) };
    let text = text.to_string_lossy();
    text.parse().map(Some).with_context(|| format!("{name} is no number: {text}"))
}
