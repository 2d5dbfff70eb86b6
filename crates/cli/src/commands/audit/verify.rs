//! `countersign audit verify`: each audit log walked through, and what is said of it.

use std::collections::BTreeSet;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use countersign_access::audit::{Census, Fault, FaultKind, Finding, LineHash, Place, Walk, Walked};
use serde_json::json;

use super::Format;
use super::files::{LogFile, each_line};
use super::order;
use crate::exit::Failure;

/// What is said of one audit log.
struct Report {
    files: Vec<PathBuf>,
    replica: Option<String>,
    /// What was walked through, or where it does not hold.
    outcome: Result<Walked, (Place, FaultKind)>,
    findings: Vec<Finding>,
}

/// Why a walk ended.
enum Stopped {
    Fault(Fault),
    File(Failure),
}

impl From<Failure> for Stopped {
    fn from(failure: Failure) -> Self {
        Self::File(failure)
    }
}

/// Verifies the audit logs that these files are.
pub(super) fn verify(
    paths: &[PathBuf],
    holds: Vec<LineHash>,
    continues: LineHash,
    format: Format,
) -> Result<(), Failure> {
    let unique: BTreeSet<&PathBuf> = paths.iter().collect();
    let files: Result<Vec<LogFile>, Failure> =
        unique.into_iter().map(|path| LogFile::look(path)).collect();
    let logs = order::logs(files?);
    if continues != LineHash::NONE && logs.len() != 1 {
        let problem =
            format!("--continues: these are {} audit logs; give those of one", logs.len());
        return Err(Failure::Usage(problem));
    }
    let mut missing: BTreeSet<LineHash> = holds.into_iter().collect();
    let mut out = BufWriter::new(io::stdout());
    let (all, mut broken) = (logs.len(), 0_usize);
    for log in logs {
        let report = look_through(&log, continues, &mut missing)?;
        broken = broken.saturating_add(usize::from(report.outcome.is_err()));
        match format {
            Format::Text => report.print_text(&mut out),
            Format::Json => report.print_json(&mut out),
        }
        .map_err(Failure::Output)?;
    }
    out.flush().map_err(Failure::Output)?;
    match missing.first() {
        _ if broken > 0 => Err(Failure::AuditBroken { broken, all }),
        Some(hash) => Err(Failure::AuditCut { hash: hash.to_string() }),
        None => Ok(()),
    }
}

/// Walks through one audit log, and takes the lines that are there out of `missing`.
fn look_through(
    log: &[LogFile],
    continues: LineHash,
    missing: &mut BTreeSet<LineHash>,
) -> Result<Report, Failure> {
    let mut findings = Vec::new();
    let outcome = match walk(log, continues, missing, &mut findings) {
        Ok(walked) => Ok(walked),
        Err(Stopped::File(failure)) => return Err(failure),
        Err(Stopped::Fault(fault)) => {
            let mut census = Census::of(fault);
            for file in log {
                each_line(&file.path, |line| {
                    census.line(line);
                    Ok::<(), Failure>(())
                })?;
            }
            Err(census.verdict())
        }
    };
    let replica = log.iter().find_map(|file| Some(file.ends.as_ref()?.first.replica.clone()));
    let files = log.iter().map(|file| file.path.clone()).collect();
    Ok(Report { files, replica, outcome, findings })
}

fn walk(
    log: &[LogFile],
    continues: LineHash,
    missing: &mut BTreeSet<LineHash>,
    findings: &mut Vec<Finding>,
) -> Result<Walked, Stopped> {
    let mut walk = Walk::new(continues);
    for (number, file) in log.iter().enumerate() {
        walk.enter(number);
        each_line(&file.path, |line| {
            findings.extend(walk.line(line).map_err(Stopped::Fault)?);
            if !missing.is_empty() {
                missing.remove(&LineHash::of(line));
            }
            Ok::<(), Stopped>(())
        })?;
    }
    let (walked, finding) = walk.end().map_err(Stopped::Fault)?;
    findings.extend(finding);
    Ok(walked)
}

impl Report {
    fn print_text(&self, out: &mut impl Write) -> io::Result<()> {
        let name = plain(self.replica.as_deref().unwrap_or("no replica"));
        match &self.outcome {
            Ok(walked) => {
                let Walked { records, starts, times, last, .. } = walked;
                let files = self.files.len();
                write!(out, "{name}: whole: {records} records in {files} files, {starts} starts")?;
                if let Some((first, until)) = times {
                    write!(out, ", {} to {}", plain(first), plain(until))?;
                }
                writeln!(out, "\n  last     {last}")?;
            }
            Err((place, kind)) => {
                writeln!(out, "{name}: broken")?;
                writeln!(out, "  broken   {}: {}", self.at(*place), describe(*kind))?;
            }
        }
        for Finding::Torn { at, bytes } in &self.findings {
            let at = self.at(*at);
            writeln!(
                out,
                "  torn     {at}: {bytes} bytes of a line that was not written to its end: its \
                 process was killed"
            )?;
        }
        Ok(())
    }

    fn print_json(&self, out: &mut impl Write) -> io::Result<()> {
        let path = |path: &PathBuf| path.display().to_string();
        let torn = |finding: &Finding| {
            let Finding::Torn { at, bytes } = finding;
            json!({ "file": self.path(*at), "line": at.line, "bytes": bytes })
        };
        let walked = self.outcome.as_ref().ok();
        let times = walked.and_then(|walked| walked.times.clone()).unzip();
        let fault = self.outcome.as_ref().err().map(|(place, kind)| {
            json!({
                "file": self.path(*place),
                "line": place.line,
                "kind": kind.as_str(),
                "text": describe(*kind),
            })
        });
        let line = json!({
            "replica": self.replica,
            "files": self.files.iter().map(path).collect::<Vec<_>>(),
            "whole": walked.is_some(),
            "records": walked.map(|walked| walked.records),
            "starts": walked.map(|walked| walked.starts),
            "first_time": times.0,
            "last_time": times.1,
            "last": walked.map(|walked| walked.last.to_string()),
            "torn": self.findings.iter().map(torn).collect::<Vec<_>>(),
            "fault": fault,
        });
        writeln!(out, "{line}")
    }

    fn path(&self, place: Place) -> String {
        self.files.get(place.file).map(|path: &PathBuf| show(path)).unwrap_or_default()
    }

    fn at(&self, place: Place) -> String {
        format!("{}:{}", plain(&self.path(place)), place.line)
    }
}

fn show(path: &Path) -> String {
    path.display().to_string()
}

fn plain(text: &str) -> String {
    text.replace(char::is_control, "?")
}

fn describe(kind: FaultKind) -> String {
    match kind {
        FaultKind::Changed => "the line was changed: the one after it continues another".to_owned(),
        FaultKind::EndOfProcess => "this start does not continue the line before: that was \
            changed, or lines between them were removed"
            .to_owned(),
        FaultKind::Headless => "what comes before this line is missing: give the earlier files, \
            or say with --continues how they ended"
            .to_owned(),
        FaultKind::Inserted => "the line does not belong here: it was put in".to_owned(),
        FaultKind::Moved => "the line is not in its place: lines changed places".to_owned(),
        FaultKind::Removed(None) => "lines before this one were removed".to_owned(),
        FaultKind::Removed(Some((from, to))) if from == to => {
            format!("the line before this one was removed: number {from} of its process")
        }
        FaultKind::Removed(Some((from, to))) => {
            format!("lines before this one were removed: numbers {from} to {to} of its process")
        }
        FaultKind::Repeated => "the line is there twice".to_owned(),
        FaultKind::StartsAnew => "the audit log begins anew here, as if nothing had been before: \
            lines were removed, or a file was taken away while the server was down"
            .to_owned(),
        FaultKind::TornPiece => "the torn line before this start is not the one that it found: it \
            was changed or removed"
            .to_owned(),
    }
}
