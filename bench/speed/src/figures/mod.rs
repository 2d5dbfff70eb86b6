//! What is no row of requests: memory, starts, connections, and work whose floor is no server.
//!
//! Each figure starts what it needs for itself, in every round anew where memory is measured.

pub(crate) mod commits;
mod connections;
mod growth;
mod large_publish;
mod memory;
mod mixed_memory;
mod start;

use anyhow::{Context as _, Result};
use serde::Serialize;

use crate::goal::Bound;

/// A figure with its goal; one value for each round.
#[derive(Debug, Serialize)]
pub(crate) struct Figure {
    pub(crate) name: &'static str,
    pub(crate) what: &'static str,
    pub(crate) unit: Unit,
    pub(crate) bound: Bound,
    pub(crate) values: Vec<f64>,
}

/// What a figure counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Unit {
    /// A ratio.
    Times,
    /// Millions of bytes.
    Megabytes,
    /// Thousands of bytes.
    Kilobytes,
}

impl Unit {
    /// What follows the number.
    pub(crate) fn text(self) -> &'static str {
        match self {
            Self::Times => "×",
            Self::Megabytes => " MB",
            Self::Kilobytes => " KB",
        }
    }
}

/// The names of all figures, in the order of the table.
pub(crate) const NAMES: [&str; 8] = [
    commits::NAME,
    large_publish::NAME,
    memory::NAME,
    mixed_memory::ON_SQLITE,
    mixed_memory::ON_POSTGRES,
    start::NAME,
    connections::NAME,
    growth::NAME,
];

/// Those that take too long for every run.
pub(crate) const WHEN_NAMED: [&str; 1] = [growth::NAME];

/// Measures what has this name: one figure, or several that are measured as one.
pub(crate) async fn measure(name: &str, rounds: usize) -> Result<Vec<Figure>> {
    let measured = match name {
        commits::NAME => commits::measure(rounds).map(alone),
        connections::NAME => connections::measure(rounds).await.map(alone),
        growth::NAME => growth::measure(rounds).await,
        large_publish::NAME => large_publish::measure(rounds).await.map(alone),
        memory::NAME => memory::measure(rounds).await.map(alone),
        mixed_memory::ON_SQLITE | mixed_memory::ON_POSTGRES => {
            mixed_memory::measure(name, rounds).await.map(alone)
        }
        start::NAME => start::measure(rounds).await.map(alone),
        _ => Err(anyhow::anyhow!("nobody measures it")),
    };
    measured.with_context(|| format!("the figure {name}"))
}

fn alone(figure: Figure) -> Vec<Figure> {
    vec![figure]
}
