//! What came of the measurement, as a table in Markdown and as figures for programs.

use anyhow::{Context as _, Result};
use serde::{Deserialize, Serialize};

use crate::measure::{Act, Cost, Round};
use crate::queries::Queries;

/// What was measured of one engine.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct EngineReport {
    /// Its name.
    pub engine: String,
    /// The sizes, in collections; the first one is what the others are compared with.
    pub guns: Vec<u32>,
    /// What each database takes on disk, in bytes.
    pub bytes: Vec<u64>,
    /// What reads ask of each database, where it counts that.
    pub queries: Vec<Option<Queries>>,
    /// The costs of all acts at all sizes, round by round.
    pub rounds: Vec<Round>,
}

/// What of a cost is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// What half of the acts take less than.
    Time,
    /// The processor time of each.
    Processor,
}

impl Part {
    fn of(self, cost: Cost) -> f64 {
        match self {
            Self::Time => cost.time_us,
            Self::Processor => cost.processor_us,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Time => "time",
            Self::Processor => "processor time",
        }
    }
}

impl EngineReport {
    /// The cost of an act at the size of this place, over that at the first size, in each round.
    ///
    /// # Errors
    /// There is no such size.
    pub fn ratios(&self, act: Act, part: Part, number: usize) -> Result<Vec<f64>> {
        let (base, other) = (self.at(act, part, 0)?, self.at(act, part, number)?);
        Ok(base.iter().zip(&other).map(|(base, other)| other / base).collect())
    }

    /// The costs of one act at one size, round by round, in microseconds.
    fn at(&self, act: Act, part: Part, number: usize) -> Result<Vec<f64>> {
        let cost = |round: &Round| {
            let (_, costs) = round.iter().find(|(measured, _)| *measured == act)?;
            costs.get(number).map(|cost| part.of(*cost))
        };
        self.rounds.iter().map(|round| cost(round).context("a cost")).collect()
    }
}

/// The table of one engine: for each act the first size's cost, and the others' as ratios.
///
/// # Errors
/// A size has no costs.
pub fn table(report: &EngineReport) -> Result<String> {
    let first = report.guns.first().context("a size")?;
    let mut text = format!("\n{}\n\n| what | | at {first} |", report.engine);
    for size in report.guns.iter().skip(1) {
        text.push_str(&format!(" at {size} | of all rounds 80 % |"));
    }
    text.push_str(" goal |\n|---|---|---|");
    text.push_str(&"---|---|".repeat(report.guns.len().saturating_sub(1)));
    text.push_str("---|\n");
    for act in Act::ALL {
        for part in [Part::Time, Part::Processor] {
            text.push_str(&line(report, act, part)?);
        }
    }
    text.push_str("\n| collections | bytes | for each beyond the first size |\n|---|---|---|\n");
    let (base, base_bytes) = (f64::from(*first), size(report, 0)?);
    for (number, guns) in report.guns.iter().enumerate() {
        let bytes = size(report, number)?;
        let each = (bytes - base_bytes) / (f64::from(*guns) - base);
        let each = if number == 0 { "".to_owned() } else { format!("{each:.0}") };
        text.push_str(&format!("| {guns} | {bytes:.0} | {each} |\n"));
    }
    for (guns, queries) in report.guns.iter().zip(&report.queries) {
        let Some(Queries { by_name, by_digest }) = queries else { continue };
        text.push_str(&format!(
            "\nAt {guns} a read of what is in memory makes {by_name:.2} queries by name, and \
             {by_digest:.2} by digest.\n"
        ));
    }
    Ok(text)
}

fn line(report: &EngineReport, act: Act, part: Part) -> Result<String> {
    let cost = middle(report.at(act, part, 0)?, 0.5)?;
    let mut text = format!("| {} | {} | {cost:.0} µs |", act.name(), part.name());
    let mut kept = true;
    for number in 1..report.guns.len() {
        let ratios = report.ratios(act, part, number)?;
        let ratio = middle(ratios.clone(), 0.5)?;
        let (low, high) = (middle(ratios.clone(), 0.1)?, middle(ratios, 0.9)?);
        kept &= ratio <= act.goal();
        text.push_str(&format!(" {ratio:.2}× | {low:.2}× to {high:.2}× |"));
    }
    let verdict = if kept { "kept" } else { "missed" };
    text.push_str(&format!(" {:.1}×: {verdict} |\n", act.goal()));
    Ok(text)
}

#[expect(clippy::cast_precision_loss, reason = "the size of a database")]
fn size(report: &EngineReport, number: usize) -> Result<f64> {
    report.bytes.get(number).map(|bytes| *bytes as f64).context("a size in bytes")
}

/// The value below which `part` of all are.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    reason = "a position in a short list"
)]
fn middle(mut values: Vec<f64>, part: f64) -> Result<f64> {
    values.sort_by(f64::total_cmp);
    let position = (values.len().saturating_sub(1)) as f64 * part;
    values.get(position.round() as usize).copied().context("no rounds")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(costs: &[(f64, f64)]) -> EngineReport {
        let cost = |time_us: f64| Cost { time_us, processor_us: time_us / 2.0 };
        let round = |(base, other): &(f64, f64)| {
            Act::ALL.map(|act| (act, vec![cost(*base), cost(*other)])).to_vec()
        };
        EngineReport {
            engine: "Sqlite".to_owned(),
            guns: vec![100, 10_100],
            bytes: vec![1_000_000, 91_000_000],
            queries: vec![None, Some(Queries { by_name: 1.0, by_digest: 0.0 })],
            rounds: costs.iter().map(round).collect(),
        }
    }

    #[test]
    fn ratios_are_of_the_same_round_and_a_missed_goal_is_said() {
        let text = table(&report(&[(100.0, 110.0), (1000.0, 1100.0), (200.0, 220.0)])).unwrap();
        for row in [
            "| timestamp by name | time | 200 µs | 1.10× | 1.10× to 1.10× | 1.2×: kept |",
            "| timestamp by name | processor time | 100 µs | 1.10× | 1.10× to 1.10× | 1.2×: kept |",
        ] {
            assert!(text.lines().any(|line| line == row), "{text}");
        }
        let text = table(&report(&[(100.0, 160.0)])).unwrap();
        assert!(
            text.contains("| publish | time | 100 µs | 1.60× | 1.60× to 1.60× | 1.5×: missed |")
        );
    }

    #[test]
    fn what_each_collection_takes_is_said() {
        let text = table(&report(&[(1.0, 1.0)])).unwrap();
        assert!(text.contains("| 10100 | 91000000 | 9000 |"), "{text}");
        assert!(text.contains("At 10100 a read of what is in memory makes 1.00 queries"), "{text}");
    }
}
