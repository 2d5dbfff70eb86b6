//! The database file itself: made private before SQLite opens it, and known again later.
//!
//! Closing any descriptor of a database file drops the locks that SQLite holds on it in the same
//! process, so a file that may be in use is never opened here: a new one is made under another
//! name, closed, and then moved to its place.

use std::fs::Metadata;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use crate::contract::{StorageError, StorageResult};

/// Which file a path led to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Identity {
    device: u64,
    inode: u64,
}

impl Identity {
    /// Of the file that this was found of.
    pub(super) fn of(found: &Metadata) -> Self {
        Self { device: found.dev(), inode: found.ino() }
    }
}

/// Makes an empty file of mode 0600 at `path`, unless something is there already. SQLite gives its
/// `-wal` and `-shm` files the mode of the database file.
pub(super) fn create_private(path: &Path) -> StorageResult<()> {
    if path.symlink_metadata().is_ok() {
        return Ok(());
    }
    let directory = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let cannot = |error: &std::io::Error| StorageError::Unavailable {
        reason: format!(
            "cannot create {}: {error}: the directory must exist and be writable",
            path.display()
        ),
    };
    let new = tempfile::NamedTempFile::new_in(directory).map_err(|error| cannot(&error))?;
    match new.into_temp_path().persist_noclobber(path) {
        Ok(()) => Ok(()),
        // Another process was faster: its file is as good.
        Err(lost) if lost.error.kind() == std::io::ErrorKind::AlreadyExists => Ok(()),
        Err(failed) => Err(cannot(&failed.error)),
    }
}

/// Says which file is at `path` now.
pub(super) fn identify(path: &Path) -> StorageResult<Identity> {
    match path.metadata() {
        Ok(found) => Ok(Identity::of(&found)),
        Err(error) => Err(StorageError::Unavailable {
            reason: format!(
                "{} is gone ({error}): stop the program, put the file back, start again",
                path.display()
            ),
        }),
    }
}

/// Fails when the file at `path` is no longer the one that was opened: what is written then is
/// lost at the next start.
pub(super) fn same_file(path: &Path, opened: Identity) -> StorageResult<()> {
    if identify(path)? == opened {
        return Ok(());
    }
    Err(StorageError::Unavailable {
        reason: format!(
            "{} was replaced by another file while in use: restart the program",
            path.display()
        ),
    })
}
