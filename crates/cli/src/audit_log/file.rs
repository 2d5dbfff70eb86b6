//! The file that lines are appended to.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use chrono::{DateTime, Utc};
use countersign_access::audit::{
    Chain, Entry, Extent, Identity, MAX_LINE, Newline, Next, Tail, TailUnclear,
};
use countersign_trust::{Clock as _, SystemClock};

use super::rotation::Rotation;
use super::{beside, unusable};
use crate::exit::Failure;

/// How much of the end of a file is read first; more when no whole line is in it.
const TAIL: u64 = 1 << 16;

const MEND_PATH: &str = "give this user the directory, or name another file in audit.file";
const MEND_OTHER: &str = "name another file in audit.file, or move this one away";

/// An audit log that is being written.
pub(super) struct AuditFile {
    path: PathBuf,
    file: File,
    /// The bytes that are in the file.
    size: u64,
    chain: Chain,
    /// What of a sealed line is not in the file yet.
    unwritten: Vec<u8>,
    rotation: Rotation,
    /// Held by one process.
    _lock: File,
}

/// What [`AuditFile::reopen`] did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reopened {
    /// The file is still where it was.
    Same,
    /// A new one is written from now on.
    Other,
}

impl AuditFile {
    /// Opens the file, which need not exist, for `identity`, whose first line is written.
    pub(super) fn open(
        path: &Path,
        rotation: Rotation,
        identity: Identity,
    ) -> Result<Self, Failure> {
        let path = absolute(path)?;
        // Before anything is put beside it.
        look(&path)?;
        let lock = lock(&path)?;
        let failed = |error: io::Error| unusable(&path, error, MEND_PATH);
        let mut file = append_to(&path).map_err(failed)?;
        let size = regular_size(&file).map_err(failed)?;
        let tail = continued(&path, &mut file, size)?;
        let (chain, first) = Chain::begin(identity, &tail, SystemClock.now());
        let mut unwritten = Vec::new();
        if tail.newline == Newline::Missing && size > 0 {
            unwritten.push(b'\n');
        }
        unwritten.extend(first);
        let mut opened = Self { path, file, size, chain, unwritten, rotation, _lock: lock };
        let written = opened.finish_line().and_then(|()| opened.sync_with_name());
        match written {
            Ok(()) => Ok(opened),
            Err(error) => Err(unusable(&opened.path, error, "make room for it")),
        }
    }

    /// Where it is.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Appends the line of an entry, in one write, once the line before is whole. When that fails
    /// the entry is in the chain all the same, and [`AuditFile::finish_line`] writes the rest.
    pub(super) fn append(&mut self, time: DateTime<Utc>, entry: &Entry) -> io::Result<()> {
        self.rotate_when_due();
        self.unwritten = self.chain.seal(time, entry);
        self.finish_line()
    }

    /// Writes what of a line is not in the file yet.
    pub(super) fn finish_line(&mut self) -> io::Result<()> {
        while !self.unwritten.is_empty() {
            let written = match self.file.write(&self.unwritten) {
                Ok(0) => return Err(io::Error::from(io::ErrorKind::WriteZero)),
                Ok(written) => written,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            };
            self.unwritten.drain(..written.min(self.unwritten.len()));
            self.size = self.size.saturating_add(u64::try_from(written).unwrap_or(u64::MAX));
        }
        Ok(())
    }

    /// Puts on the disk what was written.
    pub(super) fn sync(&self) -> io::Result<()> {
        self.file.sync_data()
    }

    /// Goes on in the file that is at the path now, which somebody renamed ours to make way for.
    ///
    /// # Errors
    /// When that cannot be; the file in use stays.
    pub(super) fn reopen(&mut self) -> io::Result<Reopened> {
        self.finish_line()?;
        if self.is_at_its_path()? {
            return Ok(Reopened::Same);
        }
        let mut file = append_to(&self.path)?;
        let size = regular_size(&file)?;
        let tail = read_tail(&mut file, size, Next::SameFile)?;
        let ours = tail.is_ok_and(|tail| tail.last == self.chain.last() && tail.torn.is_none());
        if size > 0 && !ours {
            return Err(io::Error::other("the file there holds something else: move it away"));
        }
        (self.file, self.size) = (file, size);
        self.sync_with_name()?;
        Ok(Reopened::Other)
    }

    /// The same, and that there is a file of its name.
    fn sync_with_name(&self) -> io::Result<()> {
        self.file.sync_all()?;
        self.path.parent().map_or(Ok(()), |directory| File::open(directory)?.sync_all())
    }

    fn is_at_its_path(&self) -> io::Result<bool> {
        let ours = self.file.metadata()?;
        match std::fs::metadata(&self.path) {
            Ok(there) => Ok((there.dev(), there.ino()) == (ours.dev(), ours.ino())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Begins a new file when this one is full. While that cannot be, this one grows.
    fn rotate_when_due(&mut self) {
        if !self.rotation.is_due(self.size) {
            return;
        }
        let rotated = self.is_at_its_path().and_then(|ours| {
            if ours {
                self.rotation.make_way(&self.path)?;
            }
            self.reopen()
        });
        match rotated {
            Ok(_) => tracing::info!(file = %self.path.display(), "a new audit file was begun"),
            Err(error) => {
                self.rotation.put_off();
                tracing::error!(%error, file = %self.path.display(), "no new audit file can be begun: the old one grows");
            }
        }
    }
}

/// Whether [`AuditFile::open`] could open the file.
pub(super) fn look(path: &Path) -> Result<(), Failure> {
    let path = &*absolute(path)?;
    let failed = |error: io::Error| unusable(path, error, MEND_PATH);
    match File::open(path) {
        Ok(mut file) => {
            let size = regular_size(&file).map_err(failed)?;
            continued(path, &mut file, size).map(drop)
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let parent = path.parent().unwrap_or(path);
            let wanted = rustix::fs::Access::WRITE_OK | rustix::fs::Access::EXEC_OK;
            let usable = rustix::fs::access(parent, wanted);
            usable.map_err(|error| failed(error.into()))
        }
        Err(error) => Err(failed(error)),
    }
}

fn absolute(path: &Path) -> Result<PathBuf, Failure> {
    std::path::absolute(path).map_err(|error| unusable(path, error, MEND_PATH))
}

/// What the first line of a process continues: the file, or the one before where it is new.
fn continued(path: &Path, file: &mut File, size: u64) -> Result<Tail, Failure> {
    let failed = |error: io::Error| unusable(path, error, MEND_PATH);
    let unclear = |path: &Path, why: TailUnclear| unusable(path, why, MEND_OTHER);
    if size > 0 {
        let tail = read_tail(file, size, Next::SameFile).map_err(failed)?;
        return tail.map_err(|why| unclear(path, why));
    }
    let before = beside(path, ".1");
    let failed = |error: io::Error| unusable(&before, error, MEND_PATH);
    let mut file = match File::open(&before) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Tail::NOTHING),
        Err(error) => return Err(failed(error)),
    };
    let size = regular_size(&file).map_err(failed)?;
    let tail = read_tail(&mut file, size, Next::NewFile).map_err(failed)?;
    tail.map_err(|why| unclear(&before, why))
}

/// The end of a file of `size` bytes.
fn read_tail(file: &mut File, size: u64, next: Next) -> io::Result<Result<Tail, TailUnclear>> {
    let longest = u64::try_from(MAX_LINE).unwrap_or(u64::MAX);
    let mut length = TAIL;
    loop {
        let from = size.saturating_sub(length);
        file.seek(SeekFrom::Start(from))?;
        let mut bytes = Vec::new();
        let end: &File = file;
        end.take(length).read_to_end(&mut bytes)?;
        let extent = if from == 0 { Extent::Whole } else { Extent::End };
        match Tail::read(&bytes, extent, next) {
            Err(TailUnclear::TooShort) if length < longest.saturating_mul(2) => {
                length = length.saturating_mul(4);
            }
            read => return Ok(read),
        }
    }
}

fn append_to(path: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).append(true).create(true).mode(0o600).open(path)
}

fn regular_size(file: &File) -> io::Result<u64> {
    let metadata = file.metadata()?;
    if metadata.is_file() {
        Ok(metadata.len())
    } else {
        Err(io::Error::other("it is no regular file"))
    }
}

/// Takes the file for this process, by a file beside it that stays when it is renamed.
fn lock(path: &Path) -> Result<File, Failure> {
    let beside = beside(path, ".lock");
    let failed = |error: io::Error| unusable(&beside, error, MEND_PATH);
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(false).mode(0o600);
    let lock = options.open(&beside).map_err(failed)?;
    match lock.try_lock() {
        Ok(()) => Ok(lock),
        Err(TryLockError::WouldBlock) => Err(unusable(
            path,
            "another process writes it",
            "stop that one, or name another file in audit.file",
        )),
        Err(TryLockError::Error(error)) => Err(failed(error)),
    }
}

#[cfg(test)]
mod tests;
