//! A data directory that is being restored: built beside its place, and moved there when all is
//! done.

use std::fs::{self, DirBuilder, File};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use crate::backup_manifest::Manifest;
use crate::data_dir::{make_private_dir, write_private_file};
use crate::exit::Failure;

/// Says from which backup the directory is built, once all is copied.
const MARK: &str = "restored-from.json";

/// The directory beside the place of the data directory.
pub(super) struct Building {
    place: PathBuf,
    path: PathBuf,
    /// Other restores to the same place stay out while it is held.
    _lock: File,
}

impl Building {
    /// Copies the backup beside `place`, or goes on with what an interrupted run has copied.
    pub(super) fn begin(place: &Path, src: &Path, manifest: &Manifest) -> Result<Self, Failure> {
        refuse_occupied(place)?;
        let Some(name) = place.file_name() else {
            return Err(refused(place, "is no name of a directory", "name one with --data-dir"));
        };
        let mut beside = name.to_owned();
        beside.push(".restoring");
        let path = place.with_file_name(beside);
        let failed = |error: io::Error| broken(&path, &error);
        match DirBuilder::new().mode(0o700).create(&path) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            other => other.map_err(failed)?,
        }
        let lock = File::open(&path).map_err(failed)?;
        if lock.try_lock().is_err() {
            return Err(refused(place, "is being restored by another", "wait for that one"));
        }
        let building = Self { place: place.to_owned(), path, _lock: lock };
        let mark = manifest.to_text();
        if fs::read_to_string(building.path.join(MARK)).is_ok_and(|found| found == mark) {
            return Ok(building);
        }
        building.copy(src, manifest)?;
        let path = building.path.join(MARK);
        write_private_file(&path, mark.as_bytes()).map_err(|error| broken(&path, &error))?;
        Ok(building)
    }

    /// Where it is meanwhile.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Begins anew: what lies there is half of something.
    fn copy(&self, src: &Path, manifest: &Manifest) -> Result<(), Failure> {
        let failed = |error: io::Error| broken(&self.path, &error);
        for entry in fs::read_dir(&self.path).map_err(failed)? {
            let entry = entry.map_err(failed)?.path();
            let removed =
                if entry.is_dir() { fs::remove_dir_all(&entry) } else { fs::remove_file(&entry) };
            removed.map_err(failed)?;
        }
        for name in manifest.files.keys() {
            let (from, to) = (src.join(name), self.path.join(name));
            copy_file(&from, &to).map_err(|error| broken(&to, &error))?;
        }
        // What was read while copying may be other bytes than those that were checked before.
        Ok(manifest.verify(&self.path)?)
    }

    /// Moves it to its place.
    pub(super) fn finish(self) -> Result<(), Failure> {
        let failed = |error: io::Error| broken(&self.place, &error);
        fs::remove_file(self.path.join(MARK)).map_err(failed)?;
        for folder in ["certs", "secrets", ""] {
            let folder = self.path.join(folder);
            if folder.is_dir() {
                File::open(folder).and_then(|folder| folder.sync_all()).map_err(failed)?;
            }
        }
        // An empty directory in its place is replaced; any other is not.
        fs::rename(&self.path, &self.place).map_err(failed)?;
        let above = match self.place.parent() {
            Some(above) if !above.as_os_str().is_empty() => above,
            _ => Path::new("."),
        };
        File::open(above).and_then(|above| above.sync_all()).map_err(failed)
    }
}

fn copy_file(from: &Path, to: &Path) -> io::Result<()> {
    to.parent().map_or(Ok(()), make_private_dir)?;
    let mut source = File::open(from)?;
    let mut target = File::options().write(true).create_new(true).mode(0o600).open(to)?;
    io::copy(&mut source, &mut target)?;
    target.sync_all()
}

/// Passes a place where nothing is, or an empty directory.
fn refuse_occupied(place: &Path) -> Result<(), Failure> {
    let mut entries = match fs::read_dir(place) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        other => other.map_err(|error| broken(place, &error))?,
    };
    match entries.next() {
        None => Ok(()),
        Some(_) => Err(refused(
            place,
            "is not empty",
            "move it away (it may hold what the backup lacks: see --compare), or name another with \
             --data-dir",
        )),
    }
}

fn refused(path: &Path, problem: &str, mend: &'static str) -> Failure {
    Failure::Backup { path: path.to_owned(), problem: problem.to_owned(), mend }
}

fn broken(path: &Path, error: &io::Error) -> Failure {
    refused(
        path,
        &error.to_string(),
        "check that the path exists, who may use it, and that there is room",
    )
}
