//! What the doctor prints: one line per check, and below it what mends it.

use std::fmt;

/// How a check ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Ok,
    Warn,
    Fail,
}

/// One check.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Line {
    check: &'static str,
    pub(super) verdict: Verdict,
    pub(super) found: String,
    pub(super) mend: Option<String>,
}

impl Line {
    /// A check that found what it should.
    pub(super) fn ok(check: &'static str, found: impl Into<String>) -> Self {
        Self { check, verdict: Verdict::Ok, found: found.into(), mend: None }
    }

    /// A check that found something to look at.
    pub(super) fn warn(
        check: &'static str,
        found: impl Into<String>,
        mend: impl Into<String>,
    ) -> Self {
        Self { check, verdict: Verdict::Warn, found: found.into(), mend: Some(mend.into()) }
    }

    /// A check that found what keeps clients from the server.
    pub(super) fn fail(
        check: &'static str,
        found: impl Into<String>,
        mend: impl Into<String>,
    ) -> Self {
        Self { check, verdict: Verdict::Fail, found: found.into(), mend: Some(mend.into()) }
    }
}

/// All checks, in the order in which they were made.
#[derive(Debug, Default)]
pub(super) struct Report(Vec<Line>);

impl Report {
    pub(super) fn add(&mut self, line: Line) {
        self.0.push(line);
    }

    pub(super) fn add_all(&mut self, lines: impl IntoIterator<Item = Line>) {
        self.0.extend(lines);
    }

    /// How many checks were made.
    pub(super) fn checks(&self) -> usize {
        self.0.len()
    }

    /// How many checks failed.
    pub(super) fn failed(&self) -> usize {
        self.count(Verdict::Fail)
    }

    fn count(&self, verdict: Verdict) -> usize {
        self.0.iter().filter(|line| line.verdict == verdict).count()
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for Line { check, verdict, found, mend } in &self.0 {
            let word = match verdict {
                Verdict::Ok => "ok",
                Verdict::Warn => "warn",
                Verdict::Fail => "FAIL",
            };
            writeln!(f, "{word:4}  {check:11}  {}", one_line(found))?;
            if let Some(mend) = mend {
                writeln!(f, "                   mend: {}", one_line(mend))?;
            }
        }
        let (failed, warned) = (self.failed(), self.count(Verdict::Warn));
        writeln!(f, "{} checks, {failed} failed, {warned} to look at", self.checks())
    }
}

/// What a server says may hold anything, also what moves the cursor of a terminal.
fn one_line(text: &str) -> String {
    text.replace(char::is_control, " ")
}
