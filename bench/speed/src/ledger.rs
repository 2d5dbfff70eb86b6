//! The files of a run: the figures for programs, and the tables for people.
//!
//! Both are written anew after each row, so that a run that is broken off leaves what it found; a
//! row that failed is in both, and the others go on.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail, ensure};

use crate::figures::Figure;
use crate::report::{FigureReport, Report, RowReport};
use crate::rows::Row;
use crate::steps::StepReport;
use crate::turn::Rounds;

/// How the names of tables end.
const TABLES: &str = "md";

/// A report, and where it is kept.
pub(crate) struct Ledger {
    report: Report,
    json: PathBuf,
    tables: PathBuf,
}

impl Ledger {
    /// Writes an empty report, so that files that cannot be written are noticed first.
    pub(crate) fn begin(report: Report, json: &Path) -> Result<Self> {
        ensure!(json.extension() != Some(OsStr::new(TABLES)), "--json names the file of figures");
        let tables = json.with_extension(TABLES);
        let ledger = Self { report, json: json.to_owned(), tables };
        ledger.save()?;
        Ok(ledger)
    }

    /// Takes what came of a row.
    pub(crate) fn row(&mut self, row: &Row, measured: Result<Rounds>) -> Result<()> {
        match measured.and_then(|rounds| RowReport::of(row, rounds)) {
            Ok(done) => self.report.rows.push(done),
            Err(error) => self.report.failed(&row.name, &error),
        }
        self.save()
    }

    /// Takes what came of figures that are measured as one.
    pub(crate) fn figures(&mut self, name: &str, measured: Result<Vec<Figure>>) -> Result<()> {
        let reports = measured
            .and_then(|figures| figures.into_iter().map(FigureReport::of).collect::<Result<_>>());
        match reports {
            Ok(done) => self.report.figures.extend::<Vec<FigureReport>>(done),
            Err(error) => self.report.failed(name, &error),
        }
        self.save()
    }

    /// Takes what came of a step.
    pub(crate) fn step(&mut self, name: &str, measured: Result<StepReport>) -> Result<()> {
        match measured {
            Ok(done) => self.report.steps.push(done),
            Err(error) => self.report.failed(name, &error),
        }
        self.save()
    }

    /// The tables.
    pub(crate) fn text(&self) -> String {
        self.report.text()
    }

    /// An error when any row failed.
    pub(crate) fn verdict(&self) -> Result<()> {
        match self.report.failures.len() {
            0 => Ok(()),
            1 => bail!("a row failed: see the last table"),
            more => bail!("{more} rows failed: see the last table"),
        }
    }

    fn save(&self) -> Result<()> {
        replace(&self.json, &serde_json::to_vec_pretty(&self.report)?)?;
        replace(&self.tables, self.text().as_bytes())
    }
}

/// Whoever reads the file meanwhile finds the old one or the new one, whole.
fn replace(file: &Path, bytes: &[u8]) -> Result<()> {
    let written = || format!("{} cannot be written", file.display());
    let mut new = file.as_os_str().to_owned();
    new.push(".new");
    fs::write(&new, bytes).with_context(written)?;
    fs::rename(&new, file).with_context(written)
}

#[cfg(test)]
mod tests {
    use anyhow::anyhow;
    use serde_json::Value;
    use tempfile::TempDir;

    use super::*;
    use crate::figures::Unit;
    use crate::goal::Bound;
    use crate::machine::Machine;
    use crate::rows;

    fn begin(directory: &TempDir) -> Ledger {
        let report = Report::new(Machine::default(), 3, 1.0);
        Ledger::begin(report, &directory.path().join("bench.json")).unwrap()
    }

    fn files(directory: &TempDir) -> (Value, String) {
        let read = |name: &str| fs::read_to_string(directory.path().join(name)).unwrap();
        (serde_json::from_str(&read("bench.json")).unwrap(), read("bench.md"))
    }

    fn idle(values: &[f64]) -> Figure {
        Figure {
            name: "memory/idle",
            what: "memory",
            unit: Unit::Megabytes,
            bound: Bound::AtMost(30.0),
            values: values.to_vec(),
        }
    }

    #[test]
    fn a_row_that_failed_is_in_both_files_and_the_next_one_is_measured() {
        let directory = TempDir::new().unwrap();
        let mut ledger = begin(&directory);
        let row = rows::all().remove(0);
        ledger.row(&row, Err(anyhow!("a cause").context("an | answer\nthat is wrong"))).unwrap();
        let (json, tables) = files(&directory);
        let expected = serde_json::json!(
            [{"name": row.name, "error": "an | answer\nthat is wrong: a cause"}]
        );
        assert_eq!(json["failed"], expected);
        let line = format!("| `{}` | an \\| answer that is wrong: a cause |", row.name);
        assert!(tables.lines().any(|found| found == line), "{tables}");

        ledger.figures("memory/idle", Ok(vec![idle(&[1.0, 2.0, 3.0])])).unwrap();
        let (json, tables) = files(&directory);
        assert_eq!(json["figures"][0]["figure"]["name"], "memory/idle");
        assert!(tables.contains("| `memory/idle` | memory |") && tables.contains(&line));
        assert!(ledger.verdict().unwrap_err().to_string().contains("a row failed"));
    }

    #[test]
    fn a_figure_without_values_and_a_step_that_failed_are_failures() {
        let directory = TempDir::new().unwrap();
        let mut ledger = begin(&directory);
        ledger.figures("memory/idle", Ok(vec![idle(&[])])).unwrap();
        ledger.step("step/hash/5", Err(anyhow!("no valgrind"))).unwrap();
        let (json, _) = files(&directory);
        assert_eq!(json["failed"][1]["name"], "step/hash/5");
        assert_eq!(json["figures"].as_array().unwrap().len(), 0);
        assert!(ledger.verdict().unwrap_err().to_string().contains("2 rows failed"));
    }

    #[test]
    fn a_run_without_failures_is_good_and_says_nothing_of_failures() {
        let directory = TempDir::new().unwrap();
        let mut ledger = begin(&directory);
        ledger.figures("memory/idle", Ok(vec![idle(&[1.0, 2.0, 3.0])])).unwrap();
        ledger.verdict().unwrap();
        assert!(!files(&directory).1.contains("failed"));
    }

    #[test]
    fn files_that_cannot_be_written_are_noticed_before_anything_is_measured() {
        let report = || Report::new(Machine::default(), 3, 1.0);
        let nowhere = Path::new("/nonexistent/bench.json");
        assert!(Ledger::begin(report(), nowhere).is_err());
        assert!(Ledger::begin(report(), Path::new("bench.md")).is_err());
    }
}
