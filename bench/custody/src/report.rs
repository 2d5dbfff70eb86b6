//! Rounds into a table of ratios.

use anyhow::{Context as _, Result};

use crate::place::{AT_ONCE, Turn};

/// What embedded custody may cost at most, as a ratio to the floor.
const EMBEDDED_GOAL: f64 = 1.5;

/// How many times the signatures of Notary's signer ours gives, in the same processor time.
const SIGNER_GOAL: f64 = 5.0;

/// The middle of all rounds, and between what eight of ten of them lie.
struct Spread {
    middle: f64,
    low: f64,
    high: f64,
}

impl Spread {
    fn of(values: &[f64]) -> Result<Self> {
        Ok(Self { middle: part(values, 0.5)?, low: part(values, 0.1)?, high: part(values, 0.9)? })
    }
}

/// The table: each place of `names` by its turns in `rounds`; the first is what others are compared
/// with.
pub(crate) fn report(names: &[&str], rounds: &[Vec<Turn>]) -> Result<String> {
    let mut text = format!(
        "| who signs | processor time | ratio | of all rounds 80 % | one alone takes | {AT_ONCE} \
         askers get |\n|---|---|---|---|---|---|\n"
    );
    for (number, name) in names.iter().enumerate() {
        let turns = of(rounds, number)?;
        let ratios = ratios(rounds, number, 0, |turn| turn.processor)?;
        let processor = Spread::of(&each(&turns, |turn| turn.processor))?;
        let alone = Spread::of(&each(&turns, |turn| turn.alone))?;
        let rate = Spread::of(&each(&turns, |turn| turn.rate))?;
        let Spread { middle, low, high } = Spread::of(&ratios)?;
        text.push_str(&format!(
            "| {name} | {:.0} µs | {middle:.2}× | {low:.2}× to {high:.2}× | {:.0} µs | {:.0}/s |\n",
            processor.middle, alone.middle, rate.middle
        ));
    }
    text.push_str(&format!(
        "\nThe goal for embedded custody is {EMBEDDED_GOAL}×. The goal for our signer is \
         {SIGNER_GOAL} times the signatures of Notary's in the same processor time"
    ));
    text.push_str(&compared(names, rounds)?);
    text.push_str(".\n");
    Ok(text)
}

/// Each of our signers beside Notary's.
fn compared(names: &[&str], rounds: &[Vec<Turn>]) -> Result<String> {
    let mut text = String::new();
    let Some(go) = names.iter().position(|name| name.starts_with("Notary's")) else {
        return Ok(text);
    };
    for (number, name) in
        names.iter().enumerate().filter(|(_, name)| name.starts_with("our signer, on"))
    {
        let times = ratios(rounds, go, number, |turn| turn.processor)?;
        let Spread { middle, low, high } = Spread::of(&times)?;
        text.push_str(&format!("; {name}: {middle:.1} ({low:.1} to {high:.1})"));
    }
    Ok(text)
}

fn ratios(
    rounds: &[Vec<Turn>],
    number: usize,
    to: usize,
    value: fn(&Turn) -> f64,
) -> Result<Vec<f64>> {
    let (values, others) = (each(&of(rounds, number)?, value), each(&of(rounds, to)?, value));
    Ok(values.iter().zip(&others).map(|(value, other)| value / other).collect())
}

fn of(rounds: &[Vec<Turn>], number: usize) -> Result<Vec<Turn>> {
    rounds.iter().map(|round| round.get(number).copied().context("a turn is missing")).collect()
}

fn each(turns: &[Turn], value: fn(&Turn) -> f64) -> Vec<f64> {
    turns.iter().map(value).collect()
}

/// The value below which `part` of all are.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    reason = "a position in a short list"
)]
fn part(values: &[f64], part: f64) -> Result<f64> {
    let mut values = values.to_vec();
    values.sort_by(f64::total_cmp);
    let position = (values.len().saturating_sub(1)) as f64 * part;
    values.get(position.round() as usize).copied().context("no rounds")
}
