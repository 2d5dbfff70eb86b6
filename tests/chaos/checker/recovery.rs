//! How long answers took to be normal after each disturbance.

use std::time::Duration;

use crate::history::{Disturbance, History, Outcome};

/// A disturbance and how long after its end the last answer came that it excuses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Recovery {
    pub(crate) kind: &'static str,
    pub(crate) took: Duration,
}

/// The recovery from every disturbance. An answer counts for the newest disturbance on its way
/// that had ended before it.
pub(crate) fn recoveries(history: &History) -> Vec<Recovery> {
    let mut took = vec![Duration::ZERO; history.disturbances.len()];
    for done in &history.operations {
        if !matches!(done.outcome, Outcome::Later(_) | Outcome::Broken(_)) {
            continue;
        }
        let on_its_way = |disturbance: &Disturbance| disturbance.place.concerns(done.replica);
        let disturbances = || history.disturbances.iter().filter(|other| on_its_way(other));
        if disturbances().any(|other| other.began <= done.ended && done.ended <= other.ended) {
            continue;
        }
        let ended_before = history.disturbances.iter().zip(&mut took);
        let newest = ended_before
            .filter(|(disturbance, _)| on_its_way(disturbance) && disturbance.ended < done.ended)
            .max_by_key(|(disturbance, _)| disturbance.ended);
        if let Some((disturbance, took)) = newest {
            *took = (*took).max(done.ended.saturating_sub(disturbance.ended));
        }
    }
    let kinds = history.disturbances.iter().map(|disturbance| disturbance.kind);
    kinds.zip(took).map(|(kind, took)| Recovery { kind, took }).collect()
}
