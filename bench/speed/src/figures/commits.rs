//! Durable publishes at the storage contract, on a disk whose flush takes 5 ms: how many more 32
//! writers get done than one, which is what writing several publishes with one flush is worth.
//!
//! Writers are in a process of their own, in front of whose C library stands `slow_disk.c`.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use bytes::Bytes;
use clap::Args;
use countersign_storage::engine::sqlite::SqliteStore;
use countersign_storage::{Commit, Head, Heads, MetadataStore};
use countersign_tests::peers::process::find;
use countersign_tests::upload;
use countersign_tuf::accepted::{AcceptedDocument, AcceptedUpdate};
use countersign_tuf::names::{Gun, RoleName, Version};
use tokio::task::JoinSet;

use super::{Figure, Unit};
use crate::goal::Bound;

/// Its name in the table.
pub(super) const NAME: &str = "commits/sqlite/32";

/// How long a flush takes at least.
const FLUSH: Duration = Duration::from_millis(5);

/// How many write at once, compared with one.
const WRITERS: usize = 32;

/// How long they do.
const TIME: Duration = Duration::from_secs(3);

/// The length of a targets document, in bytes.
const DOCUMENT: usize = 1_500;

/// What the process of the writers is told.
#[derive(Debug, Args)]
pub(crate) struct CommitArguments {
    /// The file of the database, which is made
    #[arg(long)]
    file: PathBuf,
    /// How many write at once
    #[arg(long)]
    writers: usize,
}

/// One ratio for each round.
pub(super) fn measure(rounds: usize) -> Result<Figure> {
    let directory = tempfile::tempdir()?;
    let library = directory.path().join("slow_disk.so");
    let source = directory.path().join("slow_disk.c");
    std::fs::write(&source, include_str!("slow_disk.c"))?;
    let built = Command::new(find("gcc", "gcc")?)
        .args(["-shared", "-fPIC", "-O2", "-Wall", "-Werror", "-o"])
        .args([&library, &source])
        .arg("-ldl")
        .status()?;
    ensure!(built.success(), "slow_disk.c does not compile");
    let mut values = Vec::new();
    for round in 0..rounds {
        let rate = |writers| rate(directory.path(), &library, round, writers);
        values.push(rate(WRITERS)? / rate(1)?);
    }
    Ok(Figure {
        name: NAME,
        what: "durable publishes of 32 writers against one, at the storage contract, on a disk \
               whose flush takes 5 ms",
        unit: Unit::Times,
        bound: Bound::AtLeast(8.0),
        values,
    })
}

fn rate(directory: &Path, library: &Path, round: usize, writers: usize) -> Result<f64> {
    let file = directory.join(format!("{round}-{writers}.db"));
    let output = Command::new(std::env::current_exe()?)
        .args(["commits", "--writers", &writers.to_string(), "--file"])
        .arg(&file)
        .env("LD_PRELOAD", library)
        .env("SLOW_DISK_MICROSECONDS", FLUSH.as_micros().to_string())
        .output()?;
    let said = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    let wrong = || format!("{said}\n{}", String::from_utf8_lossy(&output.stderr));
    ensure!(output.status.success(), "the writers failed: {}", wrong());
    said.parse().with_context(wrong)
}

/// Is the writers, and returns how many commits there were in a second.
pub(crate) async fn write(arguments: CommitArguments) -> Result<f64> {
    let store: Arc<dyn MetadataStore> = Arc::new(SqliteStore::open(&arguments.file).await?);
    let mut writers = JoinSet::new();
    let started = Instant::now();
    for number in 0..arguments.writers {
        let store = Arc::clone(&store);
        writers.spawn(async move { write_one(store.as_ref(), number, started).await });
    }
    let mut commits = 0;
    while let Some(done) = writers.join_next().await {
        commits += done??;
    }
    let one = started.elapsed().as_secs_f64() / f64::from(commits);
    // Whether the disk is slow here can be seen with one writer.
    ensure!(arguments.writers > 1 || one >= FLUSH.as_secs_f64(), "the disk is not slow: {one} s");
    Ok(1.0 / one)
}

async fn write_one(store: &dyn MetadataStore, number: usize, started: Instant) -> Result<u32> {
    let gun = Gun::parse(&format!("example.com/app-{number}"))?;
    let mut base = Heads::new();
    for role in [RoleName::Targets, RoleName::Snapshot, RoleName::Timestamp] {
        base.insert(role, None);
    }
    let mut commits = 0;
    while started.elapsed() < TIME {
        commits += 1;
        let update = update(number, commits)?;
        let commit = store.commit(&gun, &base, &update, upload::now()).await?;
        if commit != Commit::Done {
            bail!("nobody else writes to {gun:?}: {commit:?}");
        }
        for AcceptedDocument { role, version, sha256, .. } in update.documents() {
            let head = Head { version: *version, sha256: *sha256 };
            base.insert(role.clone(), Some(head));
        }
    }
    Ok(commits)
}

fn update(number: usize, version: u32) -> Result<AcceptedUpdate> {
    let of = Version::new(i64::from(version)).context("a version")?;
    let document = |role: RoleName, bytes: usize| {
        let text = format!("{role:?} {number} {version} ");
        AcceptedDocument::new(role, of, Bytes::from(text.repeat(bytes / text.len())))
    };
    let documents =
        vec![document(RoleName::Targets, DOCUMENT), document(RoleName::Snapshot, DOCUMENT / 2)];
    Ok(AcceptedUpdate::from_unchecked(documents, document(RoleName::Timestamp, DOCUMENT / 3)))
}
