//! One turn of one side in one row, and all turns of a row.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::Result;
use hdrhistogram::Histogram;
use serde::Serialize;

use crate::family::{Family, Reading};
use crate::load;
use crate::rows::Row;
use crate::servers::{Contender, Servers};
use crate::side::Side;

/// What one turn measured. "One" is a request, or a whole pull where that is the work.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct Turn {
    pub(crate) per_second: f64,
    /// Processor time of all that serve, in milliseconds for 1,000.
    pub(crate) processor_ms: f64,
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

/// All rounds of a row. Sides take turns in every round, and begin with another one in each.
pub(crate) async fn rounds(
    servers: &Servers,
    row: &Row,
    rounds: usize,
    time: Duration,
) -> Result<Vec<Round>> {
    // Whatever is made once is made now.
    for side in &row.sides {
        turn(servers.contender(*side)?, row, time / 4).await?;
    }
    let mut measured = Vec::new();
    for number in 0..rounds {
        let mut order = row.sides.clone();
        order.rotate_left(number % row.sides.len().max(1));
        let mut round = Round::new();
        for side in order {
            round.insert(side, turn(servers.contender(side)?, row, time).await?);
        }
        measured.push(round);
    }
    Ok(measured)
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
    Ok(Turn {
        per_second: count / seen.elapsed.as_secs_f64(),
        processor_ms: spent.as_secs_f64() * 1e6 / count,
        load_ms: own_spent.as_secs_f64() * 1e6 / count,
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
