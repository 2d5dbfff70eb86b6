//! Goes through the lines of one chain, and stops at the first that does not continue it.

use sha2::{Digest as _, Sha256};

use super::entry::Torn;
use super::fault::{Fault, Place, Record, Suspicion};
use super::hash::LineHash;
use super::link::Link;

/// A walk through the lines of one chain, in the order in which they were written.
#[derive(Debug)]
pub struct Walk {
    after: LineHash,
    place: Place,
    last: Option<Record>,
    between: Option<Between>,
    walked: Walked,
}

/// What was walked through.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Walked {
    /// How many records there were.
    pub records: u64,
    /// With how many of them a process began.
    pub starts: u64,
    /// How many pieces of lines were found that a process which was killed had left.
    pub torn: u64,
    /// The times of the first and the last record, as they are written.
    pub times: Option<(String, String)>,
    /// The replica of the last record.
    pub replica: Option<String>,
    /// The hash of the last record; of the line before the first where there is none.
    pub last: LineHash,
}

/// Something that is said of a line, and is no fault.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Finding {
    /// Not the whole of the line was written, and the next record says so or nothing follows.
    Torn {
        /// Where it begins.
        at: Place,
        /// How many bytes of it there are.
        bytes: u64,
    },
}

/// What lies between two records.
#[derive(Debug)]
struct Between {
    at: Place,
    bytes: u64,
    hasher: Sha256,
    ends_with_newline: bool,
}

impl Walk {
    /// A walk whose first record continues the line with the hash `after`;
    /// [`LineHash::NONE`]: whose first record is the first of all.
    #[must_use]
    pub fn new(after: LineHash) -> Self {
        let walked =
            Walked { records: 0, starts: 0, torn: 0, times: None, replica: None, last: after };
        Self { after, place: Place { file: 0, line: 0 }, last: None, between: None, walked }
    }

    /// From here on the lines are those of the file with this number.
    pub fn enter(&mut self, file: usize) {
        self.place = Place { file, line: 0 };
    }

    /// Takes the next line, with its newline where it has one.
    ///
    /// # Errors
    /// The [`Fault`], if the line does not continue the chain.
    pub fn line(&mut self, line: &[u8]) -> Result<Option<Finding>, Fault> {
        self.place.line = self.place.line.saturating_add(1);
        match Link::parse(line) {
            Ok(link) => self.record(&link, Record::of(&link, line, self.place)),
            Err(_) => {
                let at = self.place;
                let between = self.between.get_or_insert_with(|| Between::at(at));
                between.add(line);
                Ok(None)
            }
        }
    }

    /// The end of the last file.
    ///
    /// # Errors
    /// The [`Fault`], if the last line is whole and no record.
    pub fn end(self) -> Result<(Walked, Option<Finding>), Fault> {
        let Self { last, between, mut walked, .. } = self;
        let Some(between) = between else { return Ok((walked, None)) };
        if between.ends_with_newline {
            return Err(Fault::unreadable(between.at, last, None));
        }
        walked.torn = walked.torn.saturating_add(1);
        Ok((walked, Some(between.finding())))
    }

    fn record(&mut self, link: &Link, record: Record) -> Result<Option<Finding>, Fault> {
        let finding = self.judge(link, &record)?;
        let Walked { records, starts, torn, times, replica, last } = &mut self.walked;
        *records = records.saturating_add(1);
        *starts = starts.saturating_add(u64::from(link.is_start()));
        *torn = torn.saturating_add(u64::from(finding.is_some()));
        let first = times.take().map_or_else(|| link.time.clone(), |(first, _)| first);
        *times = Some((first, link.time.clone()));
        *replica = Some(link.replica.clone());
        *last = record.hash;
        self.last = Some(record);
        Ok(finding)
    }

    fn judge(&mut self, link: &Link, record: &Record) -> Result<Option<Finding>, Fault> {
        let fault = |suspicion| Err(Fault::new(suspicion, self.last.clone(), record.clone()));
        let linked = link.prev == self.last.as_ref().map_or(self.after, |last| last.hash);
        let finding = match (self.between.take(), link.torn()) {
            (None, None) => None,
            (Some(between), Some(torn)) if linked && between.torn() == torn => {
                Some(between.finding())
            }
            (Some(between), None) => {
                return Err(Fault::unreadable(between.at, self.last.clone(), Some(record.clone())));
            }
            (_, Some(_)) if linked => return fault(Suspicion::TornPiece),
            (_, Some(_)) => return fault(Suspicion::NotLinked),
        };
        if !linked {
            return fault(Suspicion::NotLinked);
        }
        let counted = match &self.last {
            _ if link.is_start() => link.seq == 1,
            Some(last) => link.process == last.process && last.seq.checked_add(1) == Some(link.seq),
            None => self.after != LineHash::NONE,
        };
        if counted { Ok(finding) } else { fault(Suspicion::NotCounted) }
    }
}

impl Between {
    fn at(at: Place) -> Self {
        Self { at, bytes: 0, hasher: Sha256::new(), ends_with_newline: false }
    }

    fn add(&mut self, bytes: &[u8]) {
        self.bytes = self.bytes.saturating_add(u64::try_from(bytes.len()).unwrap_or(u64::MAX));
        self.hasher.update(bytes);
        self.ends_with_newline = bytes.last() == Some(&b'\n');
    }

    fn torn(&self) -> Torn {
        let sha256 = LineHash::of_exactly(self.hasher.clone());
        Torn { bytes: self.bytes, sha256 }
    }

    fn finding(&self) -> Finding {
        Finding::Torn { at: self.at, bytes: self.bytes }
    }
}

#[cfg(test)]
mod tests;
