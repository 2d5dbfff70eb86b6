//! From the start of a server to its first answer: with many GUNs in its file, beside an empty one.

use std::time::Instant;

use anyhow::{Result, ensure};
use countersign_tests::peers::countersign::Countersign;

use super::{Figure, Unit};
use crate::filling::{self, Filler};
use crate::goal::Bound;
use crate::servers::SETTINGS;

/// Its name in the table.
pub(super) const NAME: &str = "start/sqlite/100000";

/// How many GUNs there are.
const GUNS: usize = 100_000;

/// One ratio for each round.
pub(super) async fn measure(rounds: usize) -> Result<Figure> {
    let mut empty = Countersign::start_with(SETTINGS).await?;
    let mut full = Countersign::start_with(SETTINGS).await?;
    stop(&mut empty).await?;
    stop(&mut full).await?;
    let file = full.data().join("countersign.db");
    filling::sqlite(&file, Filler::new()?.take(GUNS)).await?;
    // The first start after a filling is one of another kind: nothing is in the system's memory.
    start(&mut full).await?;
    let mut values = Vec::new();
    for _ in 0..rounds {
        values.push(start(&mut full).await? / start(&mut empty).await?);
    }
    Ok(Figure {
        name: NAME,
        what: "from the start of a server on SQLite to its first answer with 100,000 GUNs, beside \
               an empty database",
        unit: Unit::Times,
        bound: Bound::AtMost(2.0),
        values,
    })
}

/// Starts it, and says how long its first answer took, in seconds.
async fn start(server: &mut Countersign) -> Result<f64> {
    let started = Instant::now();
    server.start_again().await?;
    let took = started.elapsed().as_secs_f64();
    stop(server).await?;
    Ok(took)
}

async fn stop(server: &mut Countersign) -> Result<()> {
    server.ask_to_stop()?;
    ensure!(server.ended().await?.success(), "{}", server.log());
    Ok(())
}
