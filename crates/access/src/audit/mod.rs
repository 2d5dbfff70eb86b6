//! The audit log: what a record says, how records are chained, and whether a chain is whole.
//!
//! A record is one line of JSON in ASCII. Its last member, `prev`, is the SHA-256 of the line
//! before, newline included, so that a line that was removed, changed, moved, repeated or put in
//! between is found by whoever reads on. Nothing here is secret: who can write the file can also
//! chain it anew, which only a hash that was kept elsewhere shows.
//!
//! - [`Entry`] is what a record says, [`Chain`] makes lines of entries.
//! - [`Tail`] is the end of a file that a new process continues.
//! - [`Walk`] goes through lines and finds the first [`Fault`]; [`Census`] says what kind it is.
//!
//! The format is documented in `docs/audit.md`. To add a member: a field in `entry`, its row there.

mod ascii;
mod census;
mod chain;
mod entry;
mod fault;
mod hash;
mod link;
mod tail;
mod text;
mod walk;

pub use census::Census;
pub use chain::{Chain, Identity};
pub use entry::{
    Attempt, ChangedRole, Decision, Entry, Outcome, RefusalKind, Start, Suppressed, Torn,
};
pub use fault::{Fault, FaultKind, Place};
pub use hash::{BadHash, LineHash};
pub use link::{Link, NoRecord};
pub use tail::{Extent, Newline, Next, Tail, TailUnclear};
pub use text::Text;
pub use walk::{Finding, Walk, Walked};

/// The version of the format: the member `v` of each line.
pub const FORMAT: u8 = 1;

/// How every line begins.
pub const LINE_START: &[u8] = b"{\"v\":1,";

/// The longest line that is written or read, in bytes, newline included.
pub const MAX_LINE: usize = 64 * 1024 * 1024;
