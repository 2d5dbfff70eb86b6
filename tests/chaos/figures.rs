//! A run in numbers, for people.

use std::collections::BTreeMap;
use std::fmt::{self, Write as _};
use std::time::Duration;

use crate::checker::{Evidence, recoveries};
use crate::history::{Action, Outcome};

/// What happened in a run.
pub(crate) struct Figures<'a>(pub(crate) &'a Evidence);

impl fmt::Display for Figures<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Evidence { history, stored } = self.0;
        let end = history.operations.iter().map(|done| done.ended).max().unwrap_or_default();
        writeln!(f, "{} faults in {:.0} s", history.disturbances.len(), end.as_secs_f64())?;
        let mut counts: BTreeMap<(&str, &str), usize> = BTreeMap::new();
        for done in &history.operations {
            *counts.entry((action(&done.action), outcome(&done.outcome))).or_default() += 1;
        }
        for ((action, outcome), count) in counts {
            writeln!(f, "{action:<8} {outcome:<13} {count:>8}")?;
        }
        writeln!(f, "collections followed to the end: {}", history.sets.len())?;
        let (documents, changes) = (stored.documents.len(), stored.changes.len());
        writeln!(f, "stored at the end: {documents} documents, {changes} changes")?;
        f.write_str(&recovery(self.0)?)
    }
}

/// How often each kind of fault happened, and how long answers took to be normal after it.
fn recovery(evidence: &Evidence) -> Result<String, fmt::Error> {
    let mut by_kind: BTreeMap<&str, Vec<Duration>> = BTreeMap::new();
    for recovery in recoveries(&evidence.history) {
        by_kind.entry(recovery.kind).or_default().push(recovery.took);
    }
    let mut text = String::from("fault                 times   normal after: half    at most\n");
    for (kind, mut took) in by_kind {
        took.sort_unstable();
        let half = took.get(took.len() / 2).copied().unwrap_or_default();
        let most = took.last().copied().unwrap_or_default();
        let (half, most) = (half.as_secs_f64(), most.as_secs_f64());
        writeln!(text, "{kind:<20} {:>6} {half:>19.2} s {most:>8.2} s", took.len())?;
    }
    Ok(text)
}

fn action(action: &Action) -> &'static str {
    match action {
        Action::Publish { .. } => "publish",
        Action::Read { .. } => "read",
        Action::Poll { .. } => "poll",
        Action::Live => "live",
        Action::Ready => "ready",
    }
}

fn outcome(outcome: &Outcome) -> &'static str {
    match outcome {
        Outcome::Done | Outcome::Document(_) | Outcome::Changes(_) => "done",
        Outcome::Refused(_) => "too late",
        Outcome::Later(_) => "503",
        Outcome::Broken(_) => "no answer",
        Outcome::Wrong(_) => "wrong",
    }
}
