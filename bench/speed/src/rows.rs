//! The rows of the table: what is asked for, by how many clients, of whom, and the goals.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Result, bail};

use crate::goal::{Goal, Measure};
use crate::load::{Act, Acts, Connections, Load};
use crate::material::{Collection, GUNS, Material};
use crate::servers::Contender;
use crate::side::Side;

/// What a row's clients do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Work {
    /// GET the current document of a role, of each of so many GUNs in turn.
    ByName(&'static str, usize),
    /// GET the targets by their digest, of each of so many GUNs in turn.
    ByDigest(usize),
    /// GET the targets of the large collection by their digest.
    Large,
    /// GET the timestamp on a new connection.
    NewConnection,
    /// Pull from each of so many GUNs in turn: GET the timestamp, then snapshot, targets and root
    /// by their digests.
    Pull(usize, Connections),
    /// Publish targets, each client to a GUN of its own.
    Publish,
    /// GET the timestamp key of a GUN that nobody has asked for yet.
    FirstKey,
}

/// A row of the table.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    /// Its name on the command line: work, GUNs and clients.
    pub(crate) name: String,
    pub(crate) work: Work,
    pub(crate) clients: usize,
    pub(crate) sides: Vec<Side>,
    pub(crate) goals: Vec<Goal>,
}

impl Work {
    /// What clients do to a server for so long, or as often as it can be done.
    pub(crate) fn load(self, held: &Contender, clients: usize, time: Duration) -> Result<Load> {
        let connections = match self {
            Self::NewConnection => Connections::PerRequest,
            Self::Pull(_, connections) => connections,
            Self::ByName(..) | Self::ByDigest(_) | Self::Large | Self::Publish | Self::FirstKey => {
                Connections::Kept
            }
        };
        let acts = match self {
            Self::Publish => Acts::Once(Arc::new(held.publishers()?.next(clients)?)),
            Self::FirstKey => Acts::Once(Arc::new(held.publishers()?.new_guns(clients)?)),
            _ => Acts::Again(Arc::new(self.reads(&held.material)?), time),
        };
        Ok(Load { acts, connections, clients })
    }

    fn reads(self, material: &Material) -> Result<Vec<Act>> {
        let of_each = |guns: usize, act: &dyn Fn(&Collection) -> Result<Act>| -> Result<Vec<Act>> {
            material.collections.iter().take(guns).map(act).collect()
        };
        match self {
            Self::ByName(role, guns) => of_each(guns, &|held| Ok(vec![held.by_name(role)?])),
            Self::ByDigest(guns) => of_each(guns, &|held| Ok(vec![held.by_digest("targets")?])),
            Self::Large => Ok(vec![vec![material.large.by_digest("targets")?]]),
            Self::NewConnection => of_each(1, &|held| Ok(vec![held.by_name("timestamp")?])),
            Self::Pull(guns, _) => of_each(guns, &pull),
            Self::Publish | Self::FirstKey => bail!("this is no read"),
        }
    }
}

fn pull(held: &Collection) -> Result<Act> {
    let mut act = vec![held.by_name("timestamp")?];
    for role in ["snapshot", "targets", "root"] {
        act.push(held.by_digest(role)?);
    }
    Ok(act)
}

/// Every row, in the order of the table.
pub(crate) fn all() -> Vec<Row> {
    let mut rows = Vec::new();
    for role in ["timestamp", "root", "snapshot", "targets"] {
        for guns in [1, GUNS] {
            for clients in [1, 8, 32] {
                rows.push(by_name(role, guns, clients));
            }
        }
    }
    for guns in [1, GUNS] {
        rows.push(beside_the_floor(format!("by-digest/{guns}/32"), Work::ByDigest(guns), 32));
    }
    rows.push(beside_the_floor("large/1/8".to_owned(), Work::Large, 8));
    rows.push(beside_the_floor("new-connection/1/8".to_owned(), Work::NewConnection, 8));
    for (name, connections, on_sqlite, on_postgres) in [
        ("pull", Connections::Kept, 20.0, 10.0),
        ("pull-new-connections", Connections::PerRequest, 4.0, 4.0),
    ] {
        rows.push(Row {
            name: format!("{name}/{GUNS}/8"),
            work: Work::Pull(GUNS, connections),
            clients: 8,
            sides: vec![Side::Sqlite, Side::Postgres, Side::Go],
            goals: vec![
                Goal::at_least(Side::Sqlite, Side::Go, Measure::PerProcessor, on_sqlite),
                Goal::at_least(Side::Postgres, Side::Go, Measure::PerProcessor, on_postgres),
            ],
        });
    }
    rows.push(beside_go_and_its_signer("publish/32/32", Work::Publish, 32, 10.0, Some(5.0)));
    rows.push(beside_go_and_its_signer("first-key/new/8", Work::FirstKey, 8, 5.0, None));
    rows
}

fn beside_go_and_its_signer(
    name: &str,
    work: Work,
    clients: usize,
    for_processor: f64,
    throughput: Option<f64>,
) -> Row {
    let sides = vec![Side::Sqlite, Side::Postgres, Side::PostgresWithSigner, Side::Go];
    let mut goals = Vec::new();
    for side in [Side::Postgres, Side::PostgresWithSigner] {
        goals.push(Goal::at_least(side, Side::Go, Measure::PerProcessor, for_processor));
        if let Some(throughput) = throughput {
            goals.push(Goal::at_least(side, Side::Go, Measure::Throughput, throughput));
        }
    }
    Row { name: name.to_owned(), work, clients, sides, goals }
}

fn by_name(role: &'static str, guns: usize, clients: usize) -> Row {
    use Side::{Floor, Go, Postgres, Sqlite};
    let mut sides = vec![Sqlite, Postgres, Go];
    let for_processor = if clients == 1 { 3.0 } else { 20.0 };
    let mut goals = vec![
        Goal::at_least(Postgres, Go, Measure::PerProcessor, for_processor),
        Goal::at_most(Postgres, Go, Measure::P99, 0.1),
    ];
    if role == "timestamp" {
        sides.insert(0, Floor);
        goals.push(Goal::at_least(Sqlite, Floor, Measure::Throughput, 0.85));
        goals.push(Goal::at_most(Sqlite, Floor, Measure::Processor, 1.25));
        if clients == 32 {
            goals.push(Goal::at_least(Postgres, Floor, Measure::Throughput, 0.6));
        }
    }
    let name = format!("{role}/{guns}/{clients}");
    Row { name, work: Work::ByName(role, guns), clients, sides, goals }
}

fn beside_the_floor(name: String, work: Work, clients: usize) -> Row {
    let mut goals = Vec::new();
    for side in [Side::Sqlite, Side::Postgres] {
        goals.push(Goal::at_least(side, Side::Floor, Measure::Throughput, 0.85));
        goals.push(Goal::at_most(side, Side::Floor, Measure::Processor, 1.25));
    }
    let sides = vec![Side::Floor, Side::Sqlite, Side::Postgres];
    Row { name, work, clients, sides, goals }
}
