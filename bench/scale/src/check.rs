//! The model beside what `cargo xtask growth` measured at its largest size.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result};
use countersign_growth::{Act, EngineReport, Part, Queries, Sizes};

use crate::report::number;
use crate::space::of_a_synthetic_collection;

/// The table; a sentence instead where nothing was measured.
pub(crate) fn table(file: &Path, sizes: &[Sizes]) -> Result<String> {
    let Ok(bytes) = fs::read(file) else {
        return Ok("\nNot checked: `cargo xtask growth` was not run.\n".to_owned());
    };
    let reports: Vec<EngineReport> = serde_json::from_slice(&bytes)
        .with_context(|| format!("{} is no file of cargo xtask growth", file.display()))?;
    let mut text = "\n| engine | what | model | measured | measured beside the model |\n\
                    |---|---|---|---|---|\n"
        .to_owned();
    for report in &reports {
        let sizes = sizes.iter().find(|sizes| sizes.engine == report.engine);
        let sizes = sizes.with_context(|| format!("nothing is known of {}", report.engine))?;
        for row in rows(report, sizes)? {
            text.push_str(&row);
        }
    }
    Ok(text)
}

fn rows(report: &EngineReport, sizes: &Sizes) -> Result<Vec<String>> {
    let last = report.guns.len().saturating_sub(1);
    let guns = report.guns.last().context("a size")?;
    let engine = &report.engine;
    let row = |what: &str, model: f64, measured: f64, unit: &str| {
        let difference = 100.0 * (measured / model - 1.0);
        let sign = if difference < 0.0 { "" } else { "+" };
        format!(
            "| {engine} | {what} | {}{unit} | {}{unit} | {sign}{difference:.0} % |\n",
            number(model),
            number(measured),
        )
    };
    let size = |number: usize| report.bytes.get(number).copied().context("a size in bytes");
    let grown = f64::from(*guns) - report.guns.first().copied().map_or(0.0, f64::from);
    let bytes = (wide(size(last)?) - wide(size(0)?)) / grown;
    let each = format!("bytes for each of {} GUNs", number(f64::from(*guns)));
    let mut rows = vec![row(&each, of_a_synthetic_collection(sizes), bytes, "")];
    for act in [Act::ByName, Act::ByDigest, Act::HeadsOfAny, Act::Publish, Act::Start] {
        let what = format!("processor time of {}, beside {}", act.name(), first(report)?);
        rows.push(row(&what, 1.0, middle(report.ratios(act, Part::Processor, last)?)?, "×"));
    }
    if let Some(Queries { by_name, by_digest }) = report.queries.last().copied().flatten() {
        rows.push(row("queries of a GET by name from memory", 1.0, by_name, ""));
        rows.push(format!(
            "| {engine} | queries of a GET by digest from memory | 0 | {} | |\n",
            number(by_digest)
        ));
    }
    Ok(rows)
}

fn first(report: &EngineReport) -> Result<String> {
    let guns = report.guns.first().context("a size")?;
    Ok(format!("{} GUNs", number(f64::from(*guns))))
}

fn middle(mut values: Vec<f64>) -> Result<f64> {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().context("no rounds")
}

#[expect(clippy::cast_precision_loss, reason = "the size of a database")]
fn wide(bytes: u64) -> f64 {
    bytes as f64
}

#[cfg(test)]
mod tests {
    use countersign_growth::Cost;

    use super::*;
    use crate::space::sizes_for_tests;

    fn report() -> EngineReport {
        let cost = |processor_us: f64| Cost { time_us: 1.0, processor_us };
        EngineReport {
            engine: "SQLite".to_owned(),
            guns: vec![100, 1_000_100],
            bytes: vec![1_000_000, 9_901_000_000],
            queries: vec![None, Some(Queries { by_name: 1.05, by_digest: 0.0 })],
            rounds: vec![Act::ALL.map(|act| (act, vec![cost(10.0), cost(11.0)])).to_vec()],
        }
    }

    #[test]
    fn what_was_measured_is_beside_what_the_model_says() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("growth.json");
        fs::write(&file, serde_json::to_vec(&[report()]).unwrap()).unwrap();
        let text = table(&file, &[sizes_for_tests()]).unwrap();
        let row = "| SQLite | bytes for each of 1,000,100 GUNs | 9,000 | 9,900 | +10 % |";
        assert!(text.lines().any(|line| line == row), "{text}");
        let row = "| SQLite | queries of a GET by name from memory | 1 | 1.05 | +5 % |";
        assert!(text.lines().any(|line| line == row), "{text}");
        let row = "| SQLite | processor time of timestamp by name, beside 100 GUNs | 1× | 1.1× | \
                   +10 % |";
        assert!(text.lines().any(|line| line == row), "{text}");
    }

    #[test]
    fn without_a_measurement_that_is_said_and_a_broken_one_is_an_error() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("growth.json");
        assert!(table(&file, &[]).unwrap().contains("Not checked"));
        fs::write(&file, "{}").unwrap();
        assert!(table(&file, &[sizes_for_tests()]).is_err());
    }
}
