//! Connections that are kept and do nothing: what each takes of the server's memory beyond what it
//! takes of the floor's.

use std::sync::Arc;

use anyhow::{Context as _, Result};
use bytes::Bytes;
use countersign_tests::peers::countersign::Countersign;
use countersign_tests::peers::family::Family;
use countersign_tests::wire::Wire;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::task::JoinSet;

use super::{Figure, Unit};
use crate::floor::{self, KeptAnswer};
use crate::goal::Bound;
use crate::load::{HeldConnection, Target};
use crate::material::Collection;
use crate::servers::SETTINGS;

/// Its name in the table.
pub(super) const NAME: &str = "connections/idle/10000";

/// How many there are.
const CONNECTIONS: u32 = 10_000;

/// How many are opened at once.
const OPENERS: u32 = 16;

/// How many files a process needs for them.
const FILES: u64 = 12_000;

/// One difference for each round, of servers that were started for it.
pub(super) async fn measure(rounds: usize) -> Result<Figure> {
    allow_files()?;
    let mut values = Vec::new();
    for _ in 0..rounds {
        let directory = tempfile::tempdir()?;
        let server = Countersign::start_with(SETTINGS).await?;
        let wire = Wire::to(server.endpoint())?;
        let collection = Collection::publish(&wire, "example.com/app", 5).await?;
        let exchange = collection.by_name("timestamp")?;
        let path = exchange.path.to_string();
        let answers = [KeptAnswer::of(&path, &wire.get(&path).await?)?];
        let (floor, endpoint) = floor::start(directory.path(), server.endpoint(), &answers).await?;
        let ours = for_each(&Target::new(server.endpoint())?, server.process_id(), &path).await?;
        let least = for_each(&Target::new(&endpoint)?, floor.id(), &path).await?;
        values.push(ours - least);
    }
    Ok(Figure {
        name: NAME,
        what: "resident memory for each of 10,000 idle connections that had one answer, beyond \
               the floor's",
        unit: Unit::Kilobytes,
        bound: Bound::AtMost(25.0),
        values,
    })
}

/// How much more memory a process has in use for each connection, in thousands of bytes.
async fn for_each(target: &Target, process: u32, path: &str) -> Result<f64> {
    let family = Family { servers: vec![process], database: None };
    let path: Arc<str> = Arc::from(path);
    let before = family.memory_kib()?;
    let mut openers = JoinSet::new();
    for _ in 0..OPENERS {
        let (target, path) = (target.clone(), Arc::clone(&path));
        openers.spawn(async move {
            let mut held = Vec::new();
            for _ in 0..CONNECTIONS / OPENERS {
                let mut connection = HeldConnection::open(&target).await?;
                connection.get(&path).await?;
                held.push(connection);
            }
            anyhow::Ok(held)
        });
    }
    let mut held = Vec::new();
    while let Some(opened) = openers.join_next().await {
        held.append(&mut opened??);
    }
    let after = family.memory_kib()?;
    // None of them was let go.
    for connection in &mut held {
        let body: Bytes = connection.get(&path).await.context("a connection was not held")?;
        anyhow::ensure!(!body.is_empty(), "an empty answer");
    }
    let grown = f64::from(u32::try_from(after.saturating_sub(before))?);
    Ok(grown * 1024.0 / 1e3 / f64::from(CONNECTIONS))
}

/// Lets this process, and those that it starts, have so many files.
fn allow_files() -> Result<()> {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    if current.is_some_and(|allowed| allowed < FILES) {
        let limit = Rlimit { current: Some(FILES), maximum };
        setrlimit(Resource::Nofile, limit)
            .with_context(|| format!("{FILES} files are needed: ulimit -Hn {FILES}"))?;
    }
    Ok(())
}
