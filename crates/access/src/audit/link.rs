//! What a line says of its place in the chain.

use serde::Deserialize;
use thiserror::Error;

use super::entry::Torn;
use super::hash::LineHash;
use super::{FORMAT, LINE_START};

/// The members of a record that chain it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Link {
    v: u8,
    /// When it was written, as the line has it.
    pub time: String,
    /// The replica that wrote it.
    pub replica: String,
    /// The process that wrote it.
    pub process: String,
    /// The how-manieth of its process, counted from 1.
    pub seq: u64,
    event: String,
    torn: Option<Torn>,
    /// The hash of the line before.
    pub prev: LineHash,
}

/// A line that is no record.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[error("it is no record of an audit log")]
pub struct NoRecord;

impl Link {
    /// Reads a line, with or without its newline.
    ///
    /// # Errors
    /// [`NoRecord`].
    pub fn parse(line: &[u8]) -> Result<Self, NoRecord> {
        let line = line.strip_suffix(b"\n").unwrap_or(line);
        if !line.starts_with(LINE_START) || line.contains(&b'\n') {
            return Err(NoRecord);
        }
        let link: Self = serde_json::from_slice(line).map_err(|_| NoRecord)?;
        if link.v == FORMAT { Ok(link) } else { Err(NoRecord) }
    }

    /// Whether a process begins with it.
    #[must_use]
    pub fn is_start(&self) -> bool {
        self.event == "start"
    }

    /// Whether nothing was before it.
    #[must_use]
    pub fn is_first_of_all(&self) -> bool {
        self.is_start() && self.prev == LineHash::NONE
    }

    /// What it says lies between the line before and itself.
    pub(super) fn torn(&self) -> Option<Torn> {
        if self.is_start() { self.torn } else { None }
    }
}
