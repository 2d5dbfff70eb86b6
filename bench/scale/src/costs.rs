//! What things cost, as `cargo xtask bench` measured them on PostgreSQL, or as they are given.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result, bail};
use serde_json::Value;

/// Processor times are in microseconds for one.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Costs {
    /// A GET by digest from memory on a kept connection, of the server.
    pub(crate) by_digest: f64,
    /// A GET by name, of the server and of the database, with 32 clients and 100 GUNs.
    pub(crate) by_name: f64,
    pub(crate) by_name_database: f64,
    /// A query that nobody shares, of the database, and of the server beyond a GET by digest.
    pub(crate) query: f64,
    pub(crate) query_database: f64,
    /// A new connection, of the server.
    pub(crate) connection: f64,
    /// A publish, of the server and of the database.
    pub(crate) publish: f64,
    pub(crate) publish_database: f64,
    /// How long one look at the newest timestamp takes, in milliseconds.
    pub(crate) look_ms: f64,
    /// How many publishes one server commits in a second on the machine of the bench.
    pub(crate) publishes_in_a_second: f64,
    /// What an idle connection takes beyond that of a bare server, in thousands of bytes.
    pub(crate) idle_connection_kb: f64,
}

/// The names by which costs are given.
pub(crate) const NAMES: [&str; 11] = [
    "by-digest",
    "by-name",
    "by-name-database",
    "query",
    "query-database",
    "connection",
    "publish",
    "publish-database",
    "look-ms",
    "publishes-in-a-second",
    "idle-connection-kb",
];

/// What is known by name: given, or else measured.
pub(crate) struct Source {
    bench: Option<Value>,
    given: BTreeMap<String, f64>,
}

impl Source {
    /// The file of a bench, if there is one, and costs as `NAME=NUMBER`, which come first.
    pub(crate) fn read(file: &Path, given: &[String]) -> Result<Self> {
        let bench =
            match fs::read(file) {
                Ok(bytes) => Some(serde_json::from_slice(&bytes).with_context(|| {
                    format!("{} is no file of cargo xtask bench", file.display())
                })?),
                Err(_) => None,
            };
        Self::new(bench, given)
    }

    fn new(bench: Option<Value>, given: &[String]) -> Result<Self> {
        let mut costs = BTreeMap::new();
        for text in given {
            let (name, number) = text.split_once('=').context("--cost takes NAME=NUMBER")?;
            if !NAMES.contains(&name) {
                bail!("{name:?} is no cost; there are {}", NAMES.join(", "));
            }
            let number: f64 = number.parse().with_context(|| format!("{number:?} is no number"))?;
            costs.insert(name.to_owned(), number);
        }
        Ok(Self { bench, given: costs })
    }

    /// All costs.
    pub(crate) fn costs(&self) -> Result<Costs> {
        let alone = || Ok(self.server("timestamp/100/1")? - self.server("by-digest/100/32")?);
        let connection = || {
            let (new, kept) = ("pull-new-connections/100/8", "pull/100/8");
            Ok((self.server(new)? - self.server(kept)?) / 4.0)
        };
        let look = || {
            let of = |side| self.median("timestamp/100/1", side, "p50_us");
            Ok((of("postgres")? - of("floor")?) / 1e3)
        };
        let idle = "connections/idle/10000";
        let publish = "publish/32/32";
        Ok(Costs {
            by_digest: self.cost("by-digest", || self.server("by-digest/100/32"))?,
            by_name: self.cost("by-name", || self.server("timestamp/100/32"))?,
            by_name_database: self
                .cost("by-name-database", || self.database("timestamp/100/32"))?,
            query: self.cost("query", alone)?,
            query_database: self.cost("query-database", || self.database("timestamp/100/1"))?,
            connection: self.cost("connection", connection)?,
            publish: self.cost("publish", || self.server(publish))?,
            publish_database: self.cost("publish-database", || self.database(publish))?,
            look_ms: self.cost("look-ms", look)?,
            publishes_in_a_second: self
                .cost("publishes-in-a-second", || self.median(publish, "postgres", "per_second"))?,
            idle_connection_kb: self.cost("idle-connection-kb", || self.figure(idle))?,
        })
    }

    fn cost(&self, name: &str, measured: impl FnOnce() -> Result<f64>) -> Result<f64> {
        if let Some(given) = self.given.get(name) {
            return Ok(*given);
        }
        measured().with_context(|| {
            format!("nothing says the cost {name}: run cargo xtask bench, or give --cost {name}=…")
        })
    }

    /// Processor time of the server alone, in microseconds for one: milliseconds for a thousand.
    fn server(&self, row: &str) -> Result<f64> {
        Ok(self.median(row, "postgres", "processor_ms")? - self.database(row)?)
    }

    fn database(&self, row: &str) -> Result<f64> {
        self.median(row, "postgres", "database_ms")
    }

    fn median(&self, row: &str, side: &str, figure: &str) -> Result<f64> {
        let missing = || format!("the bench has no {figure} of {side} in the row {row}");
        let rows = self.bench.as_ref().and_then(|bench| bench.get("rows")?.as_array());
        let row = named(rows, "name", row).and_then(|row| row.get("sides")?.as_array());
        let median = named(row, "side", side).and_then(|side| side.get("median")?.get(figure));
        median.and_then(Value::as_f64).with_context(missing)
    }

    fn figure(&self, name: &str) -> Result<f64> {
        let figures = self.bench.as_ref().and_then(|bench| bench.get("figures")?.as_array());
        let found = figures
            .into_iter()
            .flatten()
            .find(|entry| entry.pointer("/figure/name").and_then(Value::as_str) == Some(name));
        let median = found.and_then(|entry| entry.pointer("/spread/median")?.as_f64());
        median.with_context(|| format!("the bench has no figure {name}"))
    }

    /// What the figures were measured on.
    pub(crate) fn machine(&self) -> String {
        let machine = self.bench.as_ref().and_then(|bench| bench.get("machine"));
        let of = |name| machine.and_then(|machine| machine.get(name));
        let model = of("model").and_then(Value::as_str).unwrap_or("an unnamed processor");
        let processors = of("processors").and_then(Value::as_u64).unwrap_or_default();
        let rounds = self.bench.as_ref().and_then(|bench| bench.get("rounds")?.as_u64());
        match rounds {
            Some(rounds) => {
                format!("measured on {processors} processors ({model}), {rounds} rounds")
            }
            None => "all of them given".to_owned(),
        }
    }
}

fn named<'a>(list: Option<&'a Vec<Value>>, key: &str, name: &str) -> Option<&'a Value> {
    list?.iter().find(|entry| entry.get(key).and_then(Value::as_str) == Some(name))
}

#[cfg(test)]
pub(crate) fn costs_for_tests() -> Costs {
    Costs {
        by_digest: 20.0,
        by_name: 50.0,
        by_name_database: 40.0,
        query: 30.0,
        query_database: 60.0,
        connection: 250.0,
        publish: 1_000.0,
        publish_database: 2_000.0,
        look_ms: 0.4,
        publishes_in_a_second: 400.0,
        idle_connection_kb: 3.0,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn row(name: &str, processor: f64, database: f64, p50: f64) -> Value {
        let median = json!({"per_second": 120.0, "processor_ms": processor,
            "database_ms": database, "p50_us": p50});
        let floor = json!({"per_second": 1.0, "processor_ms": 1.0, "database_ms": 0.0,
            "p50_us": 30.0});
        json!({"name": name, "sides": [
            {"side": "floor", "median": floor}, {"side": "postgres", "median": median}]})
    }

    fn bench() -> Value {
        json!({
            "rounds": 9, "machine": {"processors": 2, "model": "a processor"},
            "rows": [
                row("timestamp/100/1", 300.0, 200.0, 530.0),
                row("timestamp/100/32", 90.0, 40.0, 1_000.0),
                row("by-digest/100/32", 21.0, 1.0, 700.0),
                row("pull/100/8", 400.0, 200.0, 1.0),
                row("pull-new-connections/100/8", 1_500.0, 300.0, 1.0),
                row("publish/32/32", 4_000.0, 2_500.0, 1.0),
            ],
            "figures": [{"figure": {"name": "connections/idle/10000"}, "spread": {"median": 2.5}}],
        })
    }

    #[test]
    fn costs_are_those_of_the_rows_with_the_database_apart() {
        let costs = Source::new(Some(bench()), &[]).unwrap().costs().unwrap();
        let expected = Costs {
            by_digest: 20.0,
            by_name: 50.0,
            by_name_database: 40.0,
            query: 80.0,
            query_database: 200.0,
            connection: 250.0,
            publish: 1_500.0,
            publish_database: 2_500.0,
            look_ms: 0.5,
            publishes_in_a_second: 120.0,
            idle_connection_kb: 2.5,
        };
        assert_eq!(costs, expected);
    }

    #[test]
    fn what_is_given_comes_first() {
        let given = ["connection=99.5".to_owned(), "look-ms=2".to_owned()];
        let costs = Source::new(Some(bench()), &given).unwrap().costs().unwrap();
        assert_eq!((costs.connection, costs.look_ms, costs.by_digest), (99.5, 2.0, 20.0));
        let all: Vec<String> = NAMES.iter().map(|name| format!("{name}=1")).collect();
        assert_eq!(Source::new(None, &all).unwrap().costs().unwrap().publish, 1.0);
    }

    #[test]
    fn a_missing_row_is_named_with_the_mend_and_an_unknown_cost_is_refused() {
        let mut bench = bench();
        bench["rows"].as_array_mut().unwrap().remove(2);
        let error = Source::new(Some(bench), &[]).unwrap().costs().unwrap_err();
        let words = format!("{error:#}");
        assert!(words.contains("--cost by-digest=") && words.contains("by-digest/100/32"));
        for given in ["conection=1", "connection", "connection=much"] {
            assert!(Source::new(None, &[given.to_owned()]).is_err(), "{given}");
        }
    }
}
