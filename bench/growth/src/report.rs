//! What came of the measurement, as a table in Markdown.

use std::time::Duration;

use anyhow::{Context as _, Result};

use crate::measure::{Act, Round};

/// The table of one engine: for each act the first size's cost, and the others' as ratios.
pub(crate) fn table(engine: &str, guns: &[u32], rounds: &[Round]) -> Result<String> {
    let first = guns.first().context("a size")?;
    let mut text = format!("\n{engine}\n\n| what | at {first} |");
    for size in guns.iter().skip(1) {
        text.push_str(&format!(" at {size} | of all rounds 80 % |"));
    }
    text.push_str(" goal |\n|---|---|");
    text.push_str(&"---|---|".repeat(guns.len().saturating_sub(1)));
    text.push_str("---|\n");
    for act in Act::ALL {
        let base = at(act, rounds, 0)?;
        let cost = middle(base.iter().map(Duration::as_secs_f64).collect(), 0.5)?;
        text.push_str(&format!("| {} | {:.0} µs |", act.name(), cost * 1e6));
        let mut kept = true;
        for number in 1..guns.len() {
            let other = at(act, rounds, number)?;
            let pairs = base.iter().zip(&other);
            let ratios: Vec<f64> =
                pairs.map(|(base, other)| other.as_secs_f64() / base.as_secs_f64()).collect();
            let ratio = middle(ratios.clone(), 0.5)?;
            let (low, high) = (middle(ratios.clone(), 0.1)?, middle(ratios, 0.9)?);
            kept &= ratio <= act.goal();
            text.push_str(&format!(" {ratio:.2}× | {low:.2}× to {high:.2}× |"));
        }
        let verdict = if kept { "kept" } else { "missed" };
        text.push_str(&format!(" {:.1}×: {verdict} |\n", act.goal()));
    }
    Ok(text)
}

/// The costs of one act at one size, round by round.
fn at(act: Act, rounds: &[Round], number: usize) -> Result<Vec<Duration>> {
    let cost = |round: &Round| {
        let (_, costs) = round.iter().find(|(measured, _)| *measured == act)?;
        costs.get(number).copied()
    };
    rounds.iter().map(|round| cost(round).context("a cost")).collect()
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

    #[test]
    fn ratios_are_of_the_same_round_and_a_missed_goal_is_said() {
        let micros = Duration::from_micros;
        let round = |base: u64, other: u64| {
            Act::ALL.map(|act| (act, vec![micros(base), micros(other)])).to_vec()
        };
        let rounds = [round(100, 110), round(1000, 1100), round(200, 220)];
        let text = table("Sqlite", &[100, 10_000], &rounds).unwrap();
        let row = "| timestamp by name | 200 µs | 1.10× | 1.10× to 1.10× | 1.2×: kept |";
        assert!(text.lines().any(|line| line == row), "{text}");
        let rounds = [round(100, 160)];
        let text = table("Sqlite", &[100, 10_000], &rounds).unwrap();
        assert!(text.contains("| publish | 100 µs | 1.60× | 1.60× to 1.60× | 1.5×: missed |"));
    }
}
