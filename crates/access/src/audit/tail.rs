//! The end of a file that a new process continues.

use sha2::{Digest as _, Sha256};
use thiserror::Error;

use super::LINE_START;
use super::entry::Torn;
use super::hash::LineHash;
use super::link::Link;

/// What the next record must continue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tail {
    /// The hash of the last whole line.
    pub last: LineHash,
    /// What lies after it; as it will be once a missing newline is written, where it must be.
    pub torn: Option<Torn>,
    /// Whether the file's last line lacks its newline.
    pub newline: Newline,
}

/// What a file ends with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Newline {
    /// A newline, or the file is empty.
    There,
    /// Something else: a newline must be written before the next record.
    Missing,
}

/// Why the end of a file cannot be continued.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum TailUnclear {
    /// It holds no whole record: more of the file is needed.
    #[error("no record is in what was read")]
    TooShort,
    /// It is something else.
    #[error("it is no audit log of countersign's")]
    NoAuditLog,
}

/// Where the next record will be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// In the same file: a missing newline is written before it.
    SameFile,
    /// In a new file: the old one stays as it is.
    NewFile,
}

/// How much of a file was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Extent {
    /// All of it.
    Whole,
    /// Its end only.
    End,
}

impl Tail {
    /// What the first record of all continues.
    pub const NOTHING: Self = Self { last: LineHash::NONE, torn: None, newline: Newline::There };

    /// The end of a file whose last bytes are `bytes`.
    ///
    /// # Errors
    /// [`TailUnclear`].
    pub fn read(bytes: &[u8], extent: Extent, next: Next) -> Result<Self, TailUnclear> {
        let begins_like_one = bytes.iter().zip(LINE_START).all(|(byte, ours)| byte == ours);
        if extent == Extent::Whole && !begins_like_one {
            return Err(TailUnclear::NoAuditLog);
        }
        let newline = match bytes.last() {
            None | Some(b'\n') => Newline::There,
            Some(_) => Newline::Missing,
        };
        let mut end = bytes.len();
        let (last, rest) = loop {
            let before = bytes.get(..end).unwrap_or_default();
            if before.is_empty() {
                break match extent {
                    Extent::Whole => (LineHash::NONE, bytes),
                    Extent::End => return Err(TailUnclear::TooShort),
                };
            }
            let line =
                before.split_inclusive(|byte| *byte == b'\n').next_back().unwrap_or_default();
            if Link::parse(line).is_ok() {
                break (LineHash::of(line), bytes.get(end..).unwrap_or_default());
            }
            end = end.saturating_sub(line.len());
        };
        Ok(Self { last, torn: torn(rest, newline, next), newline })
    }
}

/// What `rest` will be once the next record is written.
fn torn(rest: &[u8], newline: Newline, next: Next) -> Option<Torn> {
    if rest.is_empty() {
        return None;
    }
    let mut hasher = Sha256::new();
    hasher.update(rest);
    let mut bytes = u64::try_from(rest.len()).unwrap_or(u64::MAX);
    if newline == Newline::Missing && next == Next::SameFile {
        hasher.update(b"\n");
        bytes = bytes.saturating_add(1);
    }
    Some(Torn { bytes, sha256: LineHash::of_exactly(hasher) })
}

#[cfg(test)]
mod tests {
    use super::super::chain::Chain;
    use super::super::chain::tests::{identity, now, refusal};
    use super::*;

    fn lines() -> (Vec<u8>, LineHash) {
        let (mut chain, mut bytes) = Chain::begin(identity("a1"), &Tail::NOTHING, now());
        bytes.extend(chain.seal(now(), &refusal("one")));
        (bytes, chain.last())
    }

    fn same(bytes: &[u8]) -> Result<Tail, TailUnclear> {
        Tail::read(bytes, Extent::Whole, Next::SameFile)
    }

    #[test]
    fn a_whole_file_ends_with_its_last_line() {
        let (bytes, last) = lines();
        let whole = Tail { last, torn: None, newline: Newline::There };
        assert_eq!(same(&bytes), Ok(whole));
        let end = &bytes[10..];
        assert_eq!(Tail::read(end, Extent::End, Next::SameFile), Ok(whole));
        assert_eq!(same(b""), Ok(Tail::NOTHING));
    }

    #[test]
    fn a_line_that_lacks_only_its_newline_is_whole() {
        let (bytes, last) = lines();
        let tail = same(&bytes[..bytes.len() - 1]).unwrap();
        assert_eq!(tail, Tail { last, torn: None, newline: Newline::Missing });
    }

    #[test]
    fn a_torn_line_is_told_with_the_newline_that_ends_it() {
        let (mut bytes, last) = lines();
        bytes.extend(b"{\"v\":1,\"ti");
        let sha256 = |text: &[u8]| {
            let mut hasher = Sha256::new();
            hasher.update(text);
            LineHash::of_exactly(hasher)
        };
        let tail = same(&bytes).unwrap();
        assert_eq!((tail.last, tail.newline), (last, Newline::Missing));
        let torn = Torn { bytes: 11, sha256: sha256(b"{\"v\":1,\"ti\n") };
        assert_eq!(tail.torn, Some(torn));
        let elsewhere = Tail::read(&bytes, Extent::Whole, Next::NewFile).unwrap();
        let torn = Torn { bytes: 10, sha256: sha256(b"{\"v\":1,\"ti") };
        assert_eq!(elsewhere.torn, Some(torn));
    }

    #[test]
    fn a_file_of_which_only_a_piece_of_a_line_was_written_is_continued() {
        let tail = same(b"{\"v\":").unwrap();
        assert_eq!(tail.last, LineHash::NONE);
        assert_eq!(tail.torn.unwrap().bytes, 6);
    }

    #[test]
    fn what_is_no_audit_log_is_never_continued() {
        for other in [&b"root:x:0:0\n"[..], b"{\"version\":1}\n", b"\n"] {
            assert_eq!(same(other), Err(TailUnclear::NoAuditLog));
        }
        let part = Tail::read(b"of a line\n", Extent::End, Next::SameFile);
        assert_eq!(part, Err(TailUnclear::TooShort));
    }
}
