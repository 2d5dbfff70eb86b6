//! The first place where a chain does not hold.

use super::census::Sightings;
use super::hash::LineHash;
use super::link::Link;

/// A line of the files that were given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// The file, by its number.
    pub file: usize,
    /// The line in it, counted from 1.
    pub line: u64,
}

/// The first place where a chain does not hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    suspicion: Suspicion,
    /// The record before it.
    pub(super) last: Option<Box<Record>>,
    /// The record that does not continue it; `None` at the end.
    pub(super) record: Option<Box<Record>>,
}

/// What does not hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Suspicion {
    /// The number of the record, or its process, is not what must follow.
    NotCounted,
    /// The hash of the line before is not what the record says.
    NotLinked,
    /// What lies before a start is not what it says.
    TornPiece,
    /// A line is no record.
    Unreadable(Place),
}

/// What became of the lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FaultKind {
    /// The line was changed, or what the line after says of it.
    Changed,
    /// What the first record continues is not there.
    Headless,
    /// The line was put in.
    Inserted,
    /// The line is not in its place.
    Moved,
    /// Lines are missing before this one: these of its process, where that is known.
    Removed(Option<(u64, u64)>),
    /// The line is there twice.
    Repeated,
    /// The last line before this start was changed, or others after it were removed.
    EndOfProcess,
    /// Begins as if nothing had been before.
    StartsAnew,
    /// What a process that was killed had left is not what the next found.
    TornPiece,
}

/// A record as far as its place is concerned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Record {
    pub(super) place: Place,
    pub(super) hash: LineHash,
    pub(super) process: String,
    pub(super) seq: u64,
    prev: LineHash,
    starts: bool,
}

impl Record {
    pub(super) fn of(link: &Link, line: &[u8], place: Place) -> Self {
        Self {
            place,
            hash: LineHash::of(line),
            process: link.process.clone(),
            seq: link.seq,
            prev: link.prev,
            starts: link.is_start(),
        }
    }
}

impl FaultKind {
    /// Its name in output for programs.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Changed => "changed",
            Self::EndOfProcess => "end_of_process",
            Self::Headless => "headless",
            Self::Inserted => "inserted",
            Self::Moved => "moved",
            Self::Removed(_) => "removed",
            Self::Repeated => "repeated",
            Self::StartsAnew => "starts_anew",
            Self::TornPiece => "torn_piece",
        }
    }
}

impl Fault {
    pub(super) fn new(suspicion: Suspicion, last: Option<Record>, record: Record) -> Self {
        Self { suspicion, last: last.map(Box::new), record: Some(Box::new(record)) }
    }

    /// A line that is no record, before `record` or at the end.
    pub(super) fn unreadable(at: Place, last: Option<Record>, record: Option<Record>) -> Self {
        let (last, record) = (last.map(Box::new), record.map(Box::new));
        Self { suspicion: Suspicion::Unreadable(at), last, record }
    }

    /// The number after the last one, and that before this one: those whose whereabouts tell what
    /// happened.
    pub(super) fn next_of_last(&self) -> Option<(&str, u64)> {
        let last = self.last.as_ref()?;
        Some((&last.process, last.seq.checked_add(1)?))
    }

    pub(super) fn before_record(&self) -> Option<(&str, u64)> {
        let record = self.record.as_ref()?;
        Some((&record.process, record.seq.checked_sub(1)?))
    }

    pub(super) fn prev_of_record(&self) -> Option<LineHash> {
        self.record.as_ref().map(|record| record.prev)
    }

    /// Where it is and what it is, by what was seen in all the lines.
    pub(super) fn judged(&self, seen: Sightings) -> (Place, FaultKind) {
        let Some(record) = &self.record else { return (self.nearest(), FaultKind::Changed) };
        let here = record.place;
        match self.suspicion {
            Suspicion::Unreadable(at) => {
                let linked = self.last.as_ref().is_some_and(|last| last.hash == record.prev);
                (at, if linked { FaultKind::Inserted } else { FaultKind::Changed })
            }
            Suspicion::TornPiece => (here, FaultKind::TornPiece),
            Suspicion::NotCounted if self.last.is_none() => (here, FaultKind::Headless),
            Suspicion::NotCounted => (here, FaultKind::Inserted),
            Suspicion::NotLinked => self.not_linked(record, seen),
        }
    }

    fn nearest(&self) -> Place {
        match (self.suspicion, &self.last) {
            (Suspicion::Unreadable(at), _) => at,
            (_, Some(last)) => last.place,
            (_, None) => Place { file: 0, line: 1 },
        }
    }

    fn not_linked(&self, record: &Record, seen: Sightings) -> (Place, FaultKind) {
        let here = record.place;
        let Some(last) = &self.last else { return (here, FaultKind::Headless) };
        if seen.same_line > 1 {
            return (here, FaultKind::Repeated);
        }
        if record.starts {
            let kind = match (seen.next_of_last, seen.prev_of_record) {
                (true, true) => FaultKind::Moved,
                (true, false) => FaultKind::Inserted,
                (false, true) => return (last.place, FaultKind::Inserted),
                (false, false) if record.prev == LineHash::NONE => FaultKind::StartsAnew,
                (false, false) => FaultKind::EndOfProcess,
            };
            return (here, kind);
        }
        if record.process != last.process {
            let kind = match (seen.before_record, seen.next_of_last) {
                (true, _) => FaultKind::Moved,
                (false, true) => FaultKind::Inserted,
                (false, false) => FaultKind::Removed(None),
            };
            return (here, kind);
        }
        let expected = last.seq.saturating_add(1);
        if record.seq == expected {
            (last.place, FaultKind::Changed)
        } else if record.seq > expected && !seen.next_of_last {
            let missing = (expected, record.seq.saturating_sub(1));
            (here, FaultKind::Removed(Some(missing)))
        } else if record.seq < expected && seen.same_number > 1 {
            (here, FaultKind::Inserted)
        } else {
            (here, FaultKind::Moved)
        }
    }
}
