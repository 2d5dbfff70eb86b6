//! Files of an audit log, line by line.

use std::fs::File;
use std::io::{self, BufRead as _, BufReader, Read as _};
use std::path::{Path, PathBuf};

use countersign_access::audit::{LineHash, Link, MAX_LINE};

use crate::exit::Failure;

/// How a file begins that gzip or zstd made.
const COMPRESSED: [&[u8]; 2] = [&[0x1f, 0x8b], &[0x28, 0xb5, 0x2f, 0xfd]];

/// A file, and how it begins and ends.
#[derive(Clone, Debug)]
pub(super) struct LogFile {
    pub(super) path: PathBuf,
    /// `None` where no line is a record.
    pub(super) ends: Option<Ends>,
}

/// The first and the last record of a file.
#[derive(Clone, Debug)]
pub(super) struct Ends {
    pub(super) first: Link,
    pub(super) last: LineHash,
}

impl LogFile {
    /// Looks at a file.
    pub(super) fn look(path: &Path) -> Result<Self, Failure> {
        let mut ends: Option<Ends> = None;
        let mut compressed = false;
        let mut number = 0_u64;
        each_line(path, |line| {
            compressed |= number == 0 && COMPRESSED.iter().any(|magic| line.starts_with(magic));
            number = number.saturating_add(1);
            if let Ok(link) = Link::parse(line) {
                let last = LineHash::of(line);
                match &mut ends {
                    Some(ends) => ends.last = last,
                    none => *none = Some(Ends { first: link, last }),
                }
            }
            Ok::<(), Failure>(())
        })?;
        if compressed {
            return Err(Failure::AuditFile {
                path: path.to_owned(),
                problem: "it is compressed".to_owned(),
                mend: "unpack it into another file, and give that",
            });
        }
        Ok(Self { path: path.to_owned(), ends })
    }
}

/// Gives each line of a file, with its newline, to `take`, until that fails. More of a line than
/// the longest that there can be is a line of its own.
pub(super) fn each_line<E: From<Failure>>(
    path: &Path,
    mut take: impl FnMut(&[u8]) -> Result<(), E>,
) -> Result<(), E> {
    let failed = |error: io::Error| Failure::AuditFile {
        path: path.to_owned(),
        problem: error.to_string(),
        mend: "check that the path exists and who may read it",
    };
    let mut lines = BufReader::with_capacity(1 << 16, File::open(path).map_err(failed)?);
    let limit = u64::try_from(MAX_LINE).unwrap_or(u64::MAX);
    let mut line = Vec::new();
    loop {
        line.clear();
        let read = lines.by_ref().take(limit).read_until(b'\n', &mut line).map_err(failed)?;
        if read == 0 {
            return Ok(());
        }
        take(&line)?;
    }
}
