//! What a row is to show: a ratio of two sides, and its bound.

use serde::Serialize;

use crate::side::Side;
use crate::turn::Turn;

/// What is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Measure {
    /// How many in a second.
    Throughput,
    /// Processor time for each.
    Processor,
    /// How many for a second of processor time.
    PerProcessor,
    /// What 99 of 100 take at most.
    P99,
}

impl Measure {
    /// The ratio of `one` to `other`.
    pub(crate) fn ratio(self, one: &Turn, other: &Turn) -> f64 {
        match self {
            Self::Throughput => one.per_second / other.per_second,
            Self::Processor => one.processor_ms / other.processor_ms,
            Self::PerProcessor => other.processor_ms / one.processor_ms,
            Self::P99 => one.p99_us / other.p99_us,
        }
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Throughput => "throughput",
            Self::Processor => "processor time for each",
            Self::PerProcessor => "for a second of processor time",
            Self::P99 => "p99",
        }
    }
}

/// What a ratio must be.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Bound {
    AtLeast(f64),
    AtMost(f64),
}

impl Bound {
    /// Whether a spread from `low` to `high` includes what is good enough.
    pub(crate) fn holds(self, low: f64, high: f64) -> bool {
        match self {
            Self::AtLeast(bound) => high >= bound,
            Self::AtMost(bound) => low <= bound,
        }
    }

    /// In words, with what follows the number.
    pub(crate) fn text(self, unit: &str) -> String {
        match self {
            Self::AtLeast(bound) => format!("≥ {bound}{unit}"),
            Self::AtMost(bound) => format!("≤ {bound}{unit}"),
        }
    }
}

/// A goal of a row.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct Goal {
    pub(crate) side: Side,
    pub(crate) against: Side,
    pub(crate) measure: Measure,
    pub(crate) bound: Bound,
}

impl Goal {
    pub(crate) fn at_least(side: Side, against: Side, measure: Measure, bound: f64) -> Self {
        Self { side, against, measure, bound: Bound::AtLeast(bound) }
    }

    pub(crate) fn at_most(side: Side, against: Side, measure: Measure, bound: f64) -> Self {
        Self { side, against, measure, bound: Bound::AtMost(bound) }
    }
}
