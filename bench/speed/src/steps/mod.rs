//! Single steps of a publish, each beside the least that it can cost: times of interleaved rounds,
//! and instructions, which do not depend on what else the machine does.

mod document;
mod incoming;
mod instructions;

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use clap::Args;
use serde::Serialize;

use crate::spread::Spread;
use document::Document;

/// How long a step is repeated in a turn.
const TURN: Duration = Duration::from_millis(50);

/// What the process of a step is told that is counted and not timed.
#[derive(Debug, Args)]
pub(crate) struct StepArguments {
    /// Its name
    name: String,
    /// How often it is repeated
    #[arg(long, default_value_t = 1000)]
    times: u32,
}

/// A step, and what it is compared with.
#[derive(Clone, Copy, Debug)]
struct Step {
    name: &'static str,
    what: &'static str,
    floor: &'static str,
}

const HASH: Step = Step {
    name: "step/hash/5",
    what: "SHA-256 and SHA-512 of targets, 5 of them",
    floor: "step/hash/5",
};
const HASH_MANY: Step = Step {
    name: "step/hash/10000",
    what: "SHA-256 and SHA-512 of targets, 10,000 of them",
    floor: "step/hash/10000",
};
const MULTIPART: &str = "an upload of targets: multipart taken apart, then measured and parsed";
const VERIFY: &str = "step/bare-verify";
const SIGN: &str = "step/bare-sign";

const STEPS: [Step; 16] = [
    HASH,
    Step { name: "step/multipart/5", what: MULTIPART, floor: HASH.name },
    Step { name: "step/parse/5", what: "targets from their bytes", floor: HASH.name },
    Step { name: "step/canonicalise/5", what: "their canonical form", floor: HASH.name },
    Step { name: VERIFY, what: "a signature on P-256 verified by ring", floor: VERIFY },
    Step { name: "step/verify/5", what: "parsed targets verified and read", floor: VERIFY },
    Step {
        name: "step/judge/5",
        what: "an update of targets parsed and judged: two verifications, with the root's",
        floor: VERIFY,
    },
    HASH_MANY,
    Step { name: "step/multipart/10000", what: MULTIPART, floor: HASH_MANY.name },
    Step { name: "step/parse/10000", what: "targets from their bytes", floor: HASH_MANY.name },
    Step { name: "step/canonicalise/10000", what: "their canonical form", floor: HASH_MANY.name },
    Step {
        name: "step/verify/10000",
        what: "parsed targets verified and read",
        floor: HASH_MANY.name,
    },
    Step {
        name: "step/judge/10000",
        what: "an update of targets parsed and judged",
        floor: HASH_MANY.name,
    },
    Step { name: SIGN, what: "a signature on P-256 made by ring", floor: SIGN },
    Step { name: "step/sign", what: "a timestamp drafted, signed and put together", floor: SIGN },
    Step { name: "step/draft", what: "the same with a signature that is there", floor: SIGN },
];

/// The names of all steps.
pub(crate) fn names() -> impl Iterator<Item = &'static str> {
    STEPS.iter().map(|step| step.name)
}

/// What came of one step.
#[derive(Debug, Serialize)]
pub(crate) struct StepReport {
    pub(crate) name: &'static str,
    pub(crate) what: &'static str,
    pub(crate) floor: &'static str,
    /// Microseconds.
    pub(crate) time: Spread,
    /// To the floor in the same round.
    pub(crate) ratio: Spread,
    /// Instructions of one.
    pub(crate) instructions: u64,
}

/// What steps are done with.
pub(crate) struct Steps {
    few: Document,
    many: Document,
}

impl Steps {
    /// With 5 targets and with 10,000.
    pub(crate) fn prepare() -> Result<Self> {
        Ok(Self { few: Document::new(5)?, many: Document::new(10_000)? })
    }

    /// Measures the step of this name, outside of any runtime: some have one of their own.
    pub(crate) fn measure(&self, name: &str, rounds: usize) -> Result<StepReport> {
        let step = STEPS.iter().find(|step| step.name == name);
        let step = step.with_context(|| format!("{name:?} is no step"))?;
        let (mut times, mut ratios) = (Vec::new(), Vec::new());
        // Whatever is made once is made now.
        self.timed(step.name)?;
        for _ in 0..rounds {
            let floor = self.timed(step.floor)?;
            let time = self.timed(step.name)?;
            times.push(time);
            ratios.push(time / floor);
        }
        Ok(StepReport {
            name: step.name,
            what: step.what,
            floor: step.floor,
            time: Spread::of(&times)?,
            ratio: Spread::of(&ratios)?,
            instructions: instructions::of(step.name)?,
        })
    }

    /// How long a step takes, in microseconds.
    fn timed(&self, name: &str) -> Result<f64> {
        let document = if is_of_many(name) { &self.many } else { &self.few };
        let started = Instant::now();
        let mut times = 0_u32;
        while started.elapsed() < TURN {
            document.step(name)?;
            times = times.checked_add(1).context("a step that takes no time")?;
        }
        Ok(started.elapsed().as_secs_f64() * 1e6 / f64::from(times))
    }
}

fn is_of_many(name: &str) -> bool {
    name.ends_with("/10000")
}

/// Repeats a step so often, for whoever counts instructions.
pub(crate) fn repeat(arguments: &StepArguments) -> Result<()> {
    let targets = if is_of_many(&arguments.name) { 10_000 } else { 5 };
    let document = Document::new(targets)?;
    for _ in 0..arguments.times {
        document.step(&arguments.name)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_step_can_be_done() {
        let few = Document::new(5).unwrap();
        for name in names().filter(|name| !is_of_many(name)) {
            few.step(name).unwrap();
        }
    }

    #[test]
    fn an_upload_of_many_targets_is_read() {
        Document::new(500).unwrap().step("step/multipart/500").unwrap();
    }
}
