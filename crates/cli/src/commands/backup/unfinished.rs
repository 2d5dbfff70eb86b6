//! A directory that is not there yet: made beside its place, and moved there when it is whole.

use std::fs::{self, DirBuilder, File};
use std::io;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use super::broken;
use crate::exit::Failure;

/// A backup that is being written.
pub(super) struct Unfinished {
    dest: PathBuf,
    path: PathBuf,
    /// Other backups to the same place stay out while it is held.
    _lock: File,
}

impl Unfinished {
    /// Makes an empty directory beside `dest`; what an earlier one left there goes.
    pub(super) fn begin(dest: &Path) -> Result<Self, Failure> {
        let refused = |problem: &str, mend| Failure::Backup {
            path: dest.to_owned(),
            problem: problem.to_owned(),
            mend,
        };
        if dest.symlink_metadata().is_ok() {
            return Err(refused("exists already", "name a directory that does not exist"));
        }
        let Some(name) = dest.file_name() else {
            return Err(refused("is no name of a directory", "name one that does not exist"));
        };
        let mut unfinished = name.to_owned();
        unfinished.push(".unfinished");
        let path = dest.with_file_name(unfinished);
        let failed = |error: io::Error| broken(&path, &error);
        let make = || DirBuilder::new().mode(0o700).create(&path);
        match make() {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            other => other.map_err(failed)?,
        }
        let lock = File::open(&path).map_err(failed)?;
        if lock.try_lock().is_err() {
            return Err(refused("is being written by another backup", "wait for that one"));
        }
        for entry in fs::read_dir(&path).map_err(failed)? {
            let entry = entry.map_err(failed)?.path();
            let removed =
                if entry.is_dir() { fs::remove_dir_all(&entry) } else { fs::remove_file(&entry) };
            removed.map_err(failed)?;
        }
        Ok(Self { dest: dest.to_owned(), path, _lock: lock })
    }

    /// Where it is meanwhile.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Moves it to its place.
    pub(super) fn finish(self) -> Result<(), Failure> {
        let failed = |error: io::Error| broken(&self.dest, &error);
        for folder in ["certs", "secrets", ""] {
            let folder = self.path.join(folder);
            if folder.is_dir() {
                File::open(folder).and_then(|folder| folder.sync_all()).map_err(failed)?;
            }
        }
        fs::rename(&self.path, &self.dest).map_err(failed)?;
        let above = match self.dest.parent() {
            Some(above) if !above.as_os_str().is_empty() => above,
            _ => Path::new("."),
        };
        File::open(above).and_then(|above| above.sync_all()).map_err(failed)
    }
}
