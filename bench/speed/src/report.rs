//! Rounds into a file for programs and tables for people.

use anyhow::{Context as _, Result};
use serde::Serialize;

use crate::figures::Figure;
use crate::goal::{Bound, Goal};
use crate::machine::Machine;
use crate::rows::Row;
use crate::side::Side;
use crate::spread::Spread;
use crate::steps::StepReport;
use crate::turn::{Round, Rounds, Turn};

/// Everything that a run found.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    pub(crate) machine: Machine,
    pub(crate) rounds: usize,
    pub(crate) seconds: f64,
    pub(crate) rows: Vec<RowReport>,
    pub(crate) figures: Vec<FigureReport>,
    pub(crate) steps: Vec<StepReport>,
    #[serde(rename = "failed")]
    pub(crate) failures: Vec<Failure>,
}

/// A row that nothing is known of, and why.
#[derive(Debug, Serialize)]
pub(crate) struct Failure {
    name: String,
    error: String,
}

/// What came of one figure.
#[derive(Debug, Serialize)]
pub(crate) struct FigureReport {
    figure: Figure,
    spread: Spread,
    verdict: Verdict,
}

impl FigureReport {
    pub(crate) fn of(figure: Figure) -> Result<Self> {
        let spread = Spread::of(&figure.values)?;
        let verdict = Verdict::of(figure.bound, spread);
        Ok(Self { figure, spread, verdict })
    }
}

/// What came of one row.
#[derive(Debug, Serialize)]
pub(crate) struct RowReport {
    name: String,
    clients: usize,
    sides: Vec<SideReport>,
    goals: Vec<GoalReport>,
    rounds: Vec<Round>,
    /// How often Notary's server crashed and a turn of it was repeated.
    crashes: u32,
}

/// The middle turn of a side: each figure is the median of the rounds, by itself.
#[derive(Debug, Serialize)]
struct SideReport {
    side: Side,
    median: Turn,
}

/// A goal, and the ratio of each round.
#[derive(Debug, Serialize)]
struct GoalReport {
    goal: Goal,
    ratio: Spread,
    verdict: Verdict,
}

impl RowReport {
    pub(crate) fn of(row: &Row, measured: Rounds) -> Result<Self> {
        let Rounds { rounds, crashes } = measured;
        let mut sides = Vec::new();
        for side in &row.sides {
            sides.push(SideReport { side: *side, median: median(&turns(&rounds, *side)?)? });
        }
        let mut goals = Vec::new();
        for goal in &row.goals {
            let (ones, others) = (turns(&rounds, goal.side)?, turns(&rounds, goal.against)?);
            let pairs = ones.iter().zip(&others);
            let ratios: Vec<f64> =
                pairs.map(|(one, other)| goal.measure.ratio(one, other)).collect();
            let ratio = Spread::of(&ratios)?;
            let verdict = Verdict::of(goal.bound, ratio);
            goals.push(GoalReport { goal: *goal, ratio, verdict });
        }
        let (name, clients) = (row.name.clone(), row.clients);
        Ok(Self { name, clients, sides, goals, rounds, crashes })
    }
}

impl Report {
    /// Of a run that has found nothing yet.
    pub(crate) fn new(machine: Machine, rounds: usize, seconds: f64) -> Self {
        let (rows, figures, steps, failures) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        Self { machine, rounds, seconds, rows, figures, steps, failures }
    }

    /// Takes note of a row that failed.
    pub(crate) fn failed(&mut self, name: &str, error: &anyhow::Error) {
        self.failures.push(Failure { name: name.to_owned(), error: format!("{error:#}") });
    }

    /// The tables, in Markdown: who did how much, which goals that is beside, and the figures.
    pub(crate) fn text(&self) -> String {
        let mut text = format!("{}\n", self.machine.text());
        if !self.rows.is_empty() {
            self.write_sides(&mut text);
            self.write_goals(&mut text);
            self.write_crashes(&mut text);
        }
        if !self.figures.is_empty() {
            self.write_figures(&mut text);
        }
        if !self.steps.is_empty() {
            self.write_steps(&mut text);
        }
        if !self.failures.is_empty() {
            self.write_failures(&mut text);
        }
        text
    }

    fn write_sides(&self, text: &mut String) {
        text.push_str(
            "\n| row | who | in a second | CPU for 1,000 | p50 | p99 | p99.9 | peak memory |\n\
             |---|---|---|---|---|---|---|---|\n",
        );
        for row in &self.rows {
            for SideReport { side, median } in &row.sides {
                text.push_str(&format!(
                    "| `{}` | {} | {:.0} | {} ms | {} | {} | {} | {:.0} MB |\n",
                    row.name,
                    side.name(),
                    median.per_second,
                    figure(median.processor_ms),
                    time(median.p50_us),
                    time(median.p99_us),
                    time(median.p999_us),
                    megabytes(median.peak_kib),
                ));
            }
        }
    }

    fn write_goals(&self, text: &mut String) {
        text.push_str(
            "\n| row | who | beside | what | goal | ratio | of all rounds 80 % | |\n\
             |---|---|---|---|---|---|---|---|\n",
        );
        for row in &self.rows {
            for GoalReport { goal, ratio, verdict } in &row.goals {
                text.push_str(&format!(
                    "| `{}` | {} | {} | {} | {} | {}× | {}× to {}× | {} |\n",
                    row.name,
                    goal.side.name(),
                    goal.against.name(),
                    goal.measure.name(),
                    goal.bound.text("×"),
                    figure(ratio.median),
                    figure(ratio.low),
                    figure(ratio.high),
                    verdict.text(),
                ));
            }
        }
    }

    fn write_steps(&self, text: &mut String) {
        text.push_str(
            "\n| step | what | takes | beside | ratio | of all rounds 80 % | instructions |\n\
             |---|---|---|---|---|---|---|\n",
        );
        for StepReport { name, what, floor, time: takes, ratio, instructions } in &self.steps {
            text.push_str(&format!(
                "| `{name}` | {what} | {} | `{floor}` | {}× | {}× to {}× | {instructions} |\n",
                time(takes.median),
                figure(ratio.median),
                figure(ratio.low),
                figure(ratio.high),
            ));
        }
    }

    fn write_failures(&self, text: &mut String) {
        text.push_str("\n| row | failed |\n|---|---|\n");
        for Failure { name, error } in &self.failures {
            let error = error.replace('|', "\\|").replace('\n', " ");
            text.push_str(&format!("| `{name}` | {error} |\n"));
        }
    }

    fn write_crashes(&self, text: &mut String) {
        for row in self.rows.iter().filter(|row| row.crashes > 0) {
            let (name, crashes) = (&row.name, row.crashes);
            text.push_str(&format!(
                "\nIn `{name}` Notary's server crashed {crashes} times; it was started again, and its \
                 turn was repeated.\n"
            ));
        }
    }

    fn write_figures(&self, text: &mut String) {
        text.push_str(
            "\n| row | what | goal | measured | of all rounds 80 % | |\n|---|---|---|---|---|---|\n",
        );
        for FigureReport { figure: Figure { name, what, unit, bound, .. }, spread, verdict } in
            &self.figures
        {
            let unit = unit.text();
            text.push_str(&format!(
                "| `{name}` | {what} | {} | {}{unit} | {}{unit} to {}{unit} | {} |\n",
                bound.text(unit),
                figure(spread.median),
                figure(spread.low),
                figure(spread.high),
                verdict.text(),
            ));
        }
    }
}

/// A goal that was reached or not, as tables say it.
#[derive(Clone, Copy, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
enum Verdict {
    Held,
    Missed,
}

impl Verdict {
    fn of(bound: Bound, spread: Spread) -> Self {
        if bound.holds(spread.low, spread.high) { Self::Held } else { Self::Missed }
    }

    fn text(self) -> &'static str {
        match self {
            Self::Held => "held",
            Self::Missed => "**missed**",
        }
    }
}

fn turns(rounds: &[Round], side: Side) -> Result<Vec<Turn>> {
    rounds.iter().map(|round| round.get(&side).copied().context("a turn is missing")).collect()
}

fn median(turns: &[Turn]) -> Result<Turn> {
    let of = |figure: fn(&Turn) -> f64| -> Result<f64> {
        Ok(Spread::of(&turns.iter().map(figure).collect::<Vec<_>>())?.median)
    };
    let mut peaks: Vec<u64> = turns.iter().map(|turn| turn.peak_kib).collect();
    peaks.sort_unstable();
    Ok(Turn {
        per_second: of(|turn| turn.per_second)?,
        processor_ms: of(|turn| turn.processor_ms)?,
        database_ms: of(|turn| turn.database_ms)?,
        load_ms: of(|turn| turn.load_ms)?,
        p50_us: of(|turn| turn.p50_us)?,
        p99_us: of(|turn| turn.p99_us)?,
        p999_us: of(|turn| turn.p999_us)?,
        peak_kib: peaks.get(peaks.len() / 2).copied().context("no rounds")?,
    })
}

/// Three digits that mean something.
fn figure(number: f64) -> String {
    match number {
        number if number >= 100.0 => format!("{number:.0}"),
        number if number >= 10.0 => format!("{number:.1}"),
        number if number >= 0.1 => format!("{number:.2}"),
        number => format!("{number:.3}"),
    }
}

fn time(microseconds: f64) -> String {
    if microseconds >= 1_000.0 {
        format!("{} ms", figure(microseconds / 1e3))
    } else {
        format!("{} µs", figure(microseconds))
    }
}

#[expect(clippy::cast_precision_loss, reason = "memory of one process")]
fn megabytes(kibibytes: u64) -> f64 {
    kibibytes as f64 * 1024.0 / 1e6
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::goal::Measure;
    use crate::rows::Work;

    fn turn(per_second: f64, processor_ms: f64) -> Turn {
        Turn {
            per_second,
            processor_ms,
            database_ms: 0.0,
            load_ms: 1.0,
            p50_us: 100.0,
            p99_us: 1_500.0,
            p999_us: 2_000.0,
            peak_kib: 9_766,
        }
    }

    fn report(rounds: &[(f64, f64)], goals: Vec<Goal>) -> String {
        let sides = vec![Side::Floor, Side::Sqlite];
        let work = Work::NewConnection;
        let row = Row { name: "timestamp/1/8".to_owned(), work, clients: 8, sides, goals };
        let round = |(floor, ours): &(f64, f64)| {
            Round::from([(Side::Floor, turn(*floor, 20.0)), (Side::Sqlite, turn(*ours, 30.0))])
        };
        let rounds = Rounds { rounds: rounds.iter().map(round).collect(), crashes: 2 };
        let mut report = Report::new(Machine::default(), 3, 1.0);
        report.rows.push(RowReport::of(&row, rounds).unwrap());
        report.text()
    }

    #[test]
    fn ratios_are_of_the_same_round_and_missed_goals_are_said() {
        let goals = vec![
            Goal::at_least(Side::Sqlite, Side::Floor, Measure::Throughput, 0.85),
            Goal::at_most(Side::Sqlite, Side::Floor, Measure::Processor, 1.25),
        ];
        let text = report(&[(1000.0, 900.0), (100.0, 90.0), (10.0, 9.0)], goals);
        let row = "| `timestamp/1/8` | ours, SQLite | the floor | throughput | ≥ 0.85× | 0.90× | \
                   0.90× to 0.90× | held |";
        assert!(text.lines().any(|line| line == row), "{text}");
        assert!(text.contains("| ≤ 1.25× | 1.50× | 1.50× to 1.50× | **missed** |"), "{text}");
        let row = "| `timestamp/1/8` | ours, SQLite | 90 | 30.0 ms | 100 µs | 1.50 ms | 2.00 ms \
                   | 10 MB |";
        assert!(text.lines().any(|line| line == row), "{text}");
    }

    #[test]
    fn crashes_are_said() {
        let text = report(&[(1.0, 1.0)], Vec::new());
        assert!(text.contains("In `timestamp/1/8` Notary's server crashed 2 times"), "{text}");
    }

    #[test]
    fn a_figure_has_its_unit() {
        let figure = Figure {
            name: "memory/idle",
            what: "memory",
            unit: crate::figures::Unit::Megabytes,
            bound: crate::goal::Bound::AtMost(30.0),
            values: vec![32.0, 31.0, 29.5],
        };
        let mut report = Report::new(Machine::default(), 3, 1.0);
        report.figures.push(FigureReport::of(figure).unwrap());
        let text = report.text();
        let row = "| `memory/idle` | memory | ≤ 30 MB | 31.0 MB | 29.5 MB to 32.0 MB | held |";
        assert!(text.lines().any(|line| line == row), "{text}");
    }

    #[test]
    fn a_goal_holds_when_the_spread_includes_it() {
        let goals = vec![Goal::at_least(Side::Sqlite, Side::Floor, Measure::Throughput, 0.85)];
        let text = report(&[(100.0, 70.0), (100.0, 80.0), (100.0, 86.0)], goals);
        assert!(text.contains("| 0.80× | 0.70× to 0.86× | held |"), "{text}");
    }
}
