//! One turn of one side in one row, and all turns of a row.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::Result;
use countersign_tests::peers::family::{Family, Reading};
use hdrhistogram::Histogram;
use serde::Serialize;

use crate::load;
use crate::rows::Row;
use crate::servers::{Contender, Servers};
use crate::side::Side;

/// After how many crashes of Notary's server in one row there is no figure.
const MOST_CRASHES: u32 = 50;

/// What one turn measured. "One" is a request, or a whole pull where that is the work.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct Turn {
    pub(crate) per_second: f64,
    /// Processor time of all that serve, in milliseconds for 1,000.
    pub(crate) processor_ms: f64,
    /// What of that the database takes, where it is a process of its own.
    pub(crate) database_ms: f64,
    /// The same of the load generator.
    pub(crate) load_ms: f64,
    /// Latencies, in microseconds.
    pub(crate) p50_us: f64,
    pub(crate) p99_us: f64,
    pub(crate) p999_us: f64,
    /// The most memory that servers and signers had in use, in KiB.
    pub(crate) peak_kib: u64,
}

/// The turns of all sides in one round.
pub(crate) type Round = BTreeMap<Side, Turn>;

/// All rounds of a row.
#[derive(Debug)]
pub(crate) struct Rounds {
    pub(crate) rounds: Vec<Round>,
    /// How often Notary's server crashed and a turn of it was repeated.
    pub(crate) crashes: u32,
}

/// Measures a row. Sides take turns in every round, and begin with another one in each.
pub(crate) async fn rounds(
    servers: &mut Servers,
    row: &Row,
    rounds: usize,
    time: Duration,
) -> Result<Rounds> {
    let mut measured = Rounds { rounds: Vec::new(), crashes: 0 };
    // Whatever is made once is made now.
    for side in &row.sides {
        survived(servers, *side, row, time / 4, &mut measured.crashes).await?;
    }
    for number in 0..rounds {
        let mut order = row.sides.clone();
        order.rotate_left(number % row.sides.len().max(1));
        let mut round = Round::new();
        for side in order {
            let turn = survived(servers, side, row, time, &mut measured.crashes).await?;
            round.insert(side, turn);
        }
        measured.rounds.push(round);
    }
    Ok(measured)
}

/// A turn, again if Notary's server crashed in it: publishes at once write to its maps at once, and
/// that ends it by chance.
async fn survived(
    servers: &mut Servers,
    side: Side,
    row: &Row,
    time: Duration,
    crashes: &mut u32,
) -> Result<Turn> {
    loop {
        let failed = match turn(servers.contender(side)?, row, time).await {
            Ok(turn) => return Ok(turn),
            Err(failed) => failed,
        };
        if side != Side::Go || *crashes >= MOST_CRASHES || !servers.mend_go().await? {
            return Err(failed);
        }
        *crashes += 1;
    }
}

async fn turn(contender: &Contender, row: &Row, time: Duration) -> Result<Turn> {
    let load = row.work.load(contender, row.clients, time)?;
    let own = Family::own();
    contender.family.forget_peak();
    let (before, own_before) = (Reading::of(&contender.family)?, Reading::of(&own)?);
    let seen = load::run(&contender.target, &load).await?;
    let spent = Reading::of(&contender.family)?.since(&before);
    let own_spent = Reading::of(&own)?.since(&own_before);
    let count = count(seen.acts);
    let for_thousand = |spent: Duration| spent.as_secs_f64() * 1e6 / count;
    Ok(Turn {
        per_second: count / seen.elapsed.as_secs_f64(),
        processor_ms: for_thousand(spent.total()),
        database_ms: for_thousand(spent.database),
        load_ms: for_thousand(own_spent.total()),
        p50_us: microseconds(&seen.latencies, 0.5),
        p99_us: microseconds(&seen.latencies, 0.99),
        p999_us: microseconds(&seen.latencies, 0.999),
        peak_kib: contender.family.peak_kib()?,
    })
}

#[expect(clippy::cast_precision_loss, reason = "counts and times of seconds")]
fn microseconds(latencies: &Histogram<u64>, quantile: f64) -> f64 {
    latencies.value_at_quantile(quantile) as f64 / 1e3
}

#[expect(clippy::cast_precision_loss, reason = "counts of a second")]
fn count(number: u64) -> f64 {
    number as f64
}
