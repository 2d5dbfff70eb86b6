//! Which faults happen when: a plan that follows from a seed, the same every time.
//!
//! What never comes in: doing any of it.

use std::time::Duration;

use rand::rngs::StdRng;
use rand::seq::SliceRandom as _;
use rand::{Rng as _, SeedableRng as _};

use crate::history::Place;

/// After how many faults there is a calm, in which everything must become normal again.
const BETWEEN_CALMS: usize = 10;

/// Longer than answers may take to be normal again.
const CALM: Duration = Duration::from_millis(6_500);

/// Milliseconds from the beginning of a fault to that of the next.
const GAP: std::ops::RangeInclusive<u64> = 700..=2_400;

/// One thing that goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// Signal 9 to a replica, which is started again.
    KillReplica(usize),
    /// SIGTERM to a replica, which is started again.
    RestartReplica(usize),
    /// A replica stands still.
    StallReplica(usize),
    /// No byte more can be written to the files of a replica.
    FillDisk(usize),
    /// The connections of a replica to the database break.
    BreakLink(usize),
    /// Nothing passes between a replica and the database, and nobody is told.
    StallLink(usize),
    /// Signal 9 to all of the database, which is started again.
    KillDatabase,
    /// The database ends without tidying up ("immediate"), and is started again.
    CrashDatabase,
    /// The database ends in good order without waiting for clients ("fast"), and is started again.
    RestartDatabase,
    /// All of the database stands still.
    StallDatabase,
}

/// A fault, when it begins, and how long the server is down, stands still or is full.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Step {
    pub(crate) at: Duration,
    pub(crate) fault: Fault,
    pub(crate) lasts: Duration,
}

/// What a run is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Topology {
    /// This many replicas, each with a link of its own to one PostgreSQL.
    Postgres { replicas: usize },
    /// One process and its file.
    Sqlite,
}

/// All faults of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Plan {
    pub(crate) steps: Vec<Step>,
    /// When the run is over: a calm after the last fault began.
    pub(crate) length: Duration,
}

impl Plan {
    /// `faults` of every kind that the topology can have, each kind about as often as the others.
    pub(crate) fn new(seed: u64, faults: usize, topology: Topology) -> Self {
        let mut rng = StdRng::seed_from_u64(seed);
        let (mut steps, mut deck) = (Vec::new(), Vec::new());
        let mut at = Duration::from_secs(1);
        while steps.len() < faults {
            if deck.is_empty() {
                deck = kinds(&mut rng, topology);
                deck.shuffle(&mut rng);
            }
            let Some(fault) = deck.pop() else { break };
            let lasts = lasts(&mut rng, fault);
            steps.push(Step { at, fault, lasts });
            at += Duration::from_millis(rng.random_range(GAP));
            if steps.len().is_multiple_of(BETWEEN_CALMS) {
                at += lasts + CALM;
            }
        }
        let over = steps.iter().map(|step| step.at + step.lasts).max().unwrap_or_default();
        Self { steps, length: over + CALM }
    }
}

/// One of each kind, at replicas by chance.
fn kinds(rng: &mut StdRng, topology: Topology) -> Vec<Fault> {
    match topology {
        Topology::Sqlite => vec![
            Fault::KillReplica(0),
            Fault::KillReplica(0),
            Fault::RestartReplica(0),
            Fault::StallReplica(0),
            Fault::FillDisk(0),
        ],
        Topology::Postgres { replicas } => {
            let mut any = || rng.random_range(0..replicas);
            vec![
                Fault::KillReplica(any()),
                Fault::KillReplica(any()),
                Fault::RestartReplica(any()),
                Fault::StallReplica(any()),
                Fault::BreakLink(any()),
                Fault::StallLink(any()),
                Fault::KillDatabase,
                Fault::CrashDatabase,
                Fault::RestartDatabase,
                Fault::StallDatabase,
            ]
        }
    }
}

/// What stands still mostly does so for a moment, and now and then for longer than anything waits.
fn lasts(rng: &mut StdRng, fault: Fault) -> Duration {
    let milliseconds = match fault {
        Fault::BreakLink(_) => 0,
        Fault::KillReplica(_) | Fault::RestartReplica(_) => rng.random_range(0..800),
        Fault::KillDatabase | Fault::CrashDatabase | Fault::RestartDatabase => {
            rng.random_range(0..1_500)
        }
        Fault::FillDisk(_) => rng.random_range(300..2_000),
        Fault::StallReplica(_) | Fault::StallLink(_) | Fault::StallDatabase => {
            match rng.random_range(0..8) {
                0 => rng.random_range(6_000..9_000),
                _ => rng.random_range(200..2_500),
            }
        }
    };
    Duration::from_millis(milliseconds)
}

impl Fault {
    /// What it hits.
    pub(crate) fn place(self) -> Place {
        match self {
            Self::KillReplica(replica)
            | Self::RestartReplica(replica)
            | Self::StallReplica(replica) => Place::Replica(replica),
            Self::FillDisk(replica) | Self::BreakLink(replica) | Self::StallLink(replica) => {
                Place::Link(replica)
            }
            Self::KillDatabase
            | Self::CrashDatabase
            | Self::RestartDatabase
            | Self::StallDatabase => Place::Database,
        }
    }

    /// Its name in figures.
    pub(crate) fn kind(self) -> &'static str {
        match self {
            Self::KillReplica(_) => "replica killed",
            Self::RestartReplica(_) => "replica restarted",
            Self::StallReplica(_) => "replica stalled",
            Self::FillDisk(_) => "disk full",
            Self::BreakLink(_) => "link broken",
            Self::StallLink(_) => "link stalled",
            Self::KillDatabase => "database killed",
            Self::CrashDatabase => "database crashed",
            Self::RestartDatabase => "database restarted",
            Self::StallDatabase => "database stalled",
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    const THREE: Topology = Topology::Postgres { replicas: 3 };

    #[test]
    fn a_seed_gives_the_same_plan_every_time_and_another_seed_another() {
        assert_eq!(Plan::new(7, 50, THREE), Plan::new(7, 50, THREE));
        assert_ne!(Plan::new(7, 50, THREE), Plan::new(8, 50, THREE));
    }

    #[test]
    fn twenty_faults_are_of_every_kind_and_take_less_than_a_minute() {
        for seed in 0..200 {
            let plan = Plan::new(seed, 20, THREE);
            assert_eq!(plan.steps.len(), 20);
            let kinds: BTreeSet<&str> = plan.steps.iter().map(|step| step.fault.kind()).collect();
            assert_eq!(kinds.len(), 9, "{kinds:?}");
            assert!(plan.length <= Duration::from_secs(75), "{:?}", plan.length);
        }
    }

    #[test]
    fn after_ten_faults_there_is_time_for_everything_to_become_normal() {
        let plan = Plan::new(7, 30, THREE);
        for pair in plan.steps.chunks(10).collect::<Vec<_>>().windows(2) {
            let (before, after) = (pair[0].last().unwrap(), pair[1][0]);
            assert!(after.at >= before.at + before.lasts + CALM);
        }
    }
}
