//! Looks through all lines once more, to say what happened where a chain does not hold.

use super::fault::{Fault, FaultKind, Place};
use super::hash::LineHash;
use super::link::Link;

/// A second look at all lines, for one [`Fault`].
#[derive(Debug)]
pub struct Census {
    fault: Fault,
    seen: Sightings,
}

/// What was seen in all the lines.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Sightings {
    /// The record that should follow the last one.
    pub(super) next_of_last: bool,
    /// The record that comes before the faulty one in its process.
    pub(super) before_record: bool,
    /// The line that the faulty one says it follows.
    pub(super) prev_of_record: bool,
    /// How many lines are the faulty one.
    pub(super) same_line: u64,
    /// How many records have its process and number.
    pub(super) same_number: u64,
}

impl Census {
    /// A census that will say more of `fault`.
    #[must_use]
    pub fn of(fault: Fault) -> Self {
        Self { fault, seen: Sightings::default() }
    }

    /// Counts a line; all lines must be, in any order.
    pub fn line(&mut self, line: &[u8]) {
        let hash = LineHash::of(line);
        let Self { fault, seen } = self;
        seen.prev_of_record |= fault.prev_of_record() == Some(hash);
        let Ok(link) = Link::parse(line) else { return };
        let is = |wanted: Option<(&str, u64)>| wanted == Some((link.process.as_str(), link.seq));
        seen.next_of_last |= is(fault.next_of_last());
        seen.before_record |= is(fault.before_record());
        let Some(record) = &fault.record else { return };
        seen.same_line = seen.same_line.saturating_add(u64::from(record.hash == hash));
        let same = is(Some((&record.process, record.seq)));
        seen.same_number = seen.same_number.saturating_add(u64::from(same));
    }

    /// Where the fault is, and what it is.
    #[must_use]
    pub fn verdict(&self) -> (Place, FaultKind) {
        self.fault.judged(self.seen)
    }
}
