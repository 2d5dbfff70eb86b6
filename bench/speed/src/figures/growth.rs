//! What a read costs in processor time with 1,000,000 GUNs in the file, beside 100: the harness of
//! `cargo xtask growth`, on SQLite. Filling the file takes minutes and 10 GB.

use anyhow::{Context as _, Result};
use countersign_growth::{Act, EngineReport, Part, Place, rounds};

use super::{Figure, Unit};
use crate::goal::Bound;

/// Its name on the command line; each figure of it says which read.
pub(super) const NAME: &str = "growth/sqlite/1000000";

/// How many GUNs there are, and how many beside.
const GUNS: [u32; 2] = [100, 1_000_000];

/// The figures.
const READS: [(Act, &str, &str); 3] = [
    (
        Act::ByName,
        "growth/sqlite/1000000/by-name",
        "processor time of a read of the newest timestamp, from a file of 1,000,000 GUNs, beside \
         one of 100",
    ),
    (Act::ByDigest, "growth/sqlite/1000000/by-digest", "the same of a snapshot by its digest"),
    (
        Act::HeadsOfAny,
        "growth/sqlite/1000000/heads-of-any",
        "the same of a look at the newest versions, of GUNs at random",
    ),
];

/// One ratio for each round and read.
pub(super) async fn measure(number: usize) -> Result<Vec<Figure>> {
    let directory = tempfile::tempdir()?;
    let mut places = Vec::new();
    for guns in GUNS {
        let place = Place::sqlite(directory.path(), guns).await;
        places.push(place.with_context(|| format!("filling a file of {guns} GUNs"))?);
    }
    let mut report = EngineReport {
        engine: "SQLite".to_owned(),
        guns: GUNS.to_vec(),
        bytes: Vec::new(),
        queries: Vec::new(),
        rounds: rounds(&mut places, number).await?,
    };
    for place in places {
        report.bytes.push(place.bytes().await?);
        report.queries.push(place.end().await?);
    }
    figures(&report)
}

fn figures(report: &EngineReport) -> Result<Vec<Figure>> {
    let mut figures = Vec::new();
    for (act, name, what) in READS {
        figures.push(Figure {
            name,
            what,
            unit: Unit::Times,
            bound: Bound::AtMost(act.goal()),
            values: report.ratios(act, Part::Processor, 1)?,
        });
    }
    Ok(figures)
}

#[cfg(test)]
mod tests {
    use countersign_growth::Cost;

    use super::*;

    #[test]
    fn each_read_is_a_figure_of_its_own_by_its_processor_time() {
        let cost = |processor_us: f64| Cost { time_us: 1.0, processor_us };
        let round = Act::ALL.map(|act| (act, vec![cost(10.0), cost(12.5)])).to_vec();
        let report = EngineReport {
            engine: "SQLite".to_owned(),
            guns: GUNS.to_vec(),
            bytes: vec![0, 0],
            queries: vec![None, None],
            rounds: vec![round],
        };
        let figures = figures(&report).unwrap();
        assert_eq!(figures.len(), 3);
        for figure in figures {
            assert!(figure.name.starts_with(NAME), "{}", figure.name);
            assert_eq!((figure.values, figure.bound), (vec![1.25], Bound::AtMost(1.2)));
        }
    }
}
