//! The middle of some rounds, and between what eight of ten of them lie.

use anyhow::{Context as _, Result};
use serde::Serialize;

/// See the module.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub(crate) struct Spread {
    pub(crate) median: f64,
    pub(crate) low: f64,
    pub(crate) high: f64,
}

impl Spread {
    pub(crate) fn of(values: &[f64]) -> Result<Self> {
        Ok(Self { median: part(values, 0.5)?, low: part(values, 0.1)?, high: part(values, 0.9)? })
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_nine_rounds_the_best_and_the_worst_are_left_out() {
        let values = [9.0, 1.0, 5.0, 2.0, 8.0, 3.0, 7.0, 4.0, 6.0];
        let expected = Spread { median: 5.0, low: 2.0, high: 8.0 };
        assert_eq!(Spread::of(&values).unwrap(), expected);
    }

    #[test]
    fn of_three_rounds_all_count() {
        let expected = Spread { median: 2.0, low: 1.0, high: 3.0 };
        assert_eq!(Spread::of(&[3.0, 1.0, 2.0]).unwrap(), expected);
    }
}
