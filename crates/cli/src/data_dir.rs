//! The data directory: made private, held by one server, and what is where in it.
//!
//! Source: contract section 1.

use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use rustix::fs::Access;

use crate::exit::Failure;

/// The paths of a data directory.
#[derive(Clone, Debug)]
pub(crate) struct DataDir(PathBuf);

impl DataDir {
    /// The directory at `path`, which need not exist; the paths below it are absolute.
    pub(crate) fn at(path: &Path) -> Result<Self, Failure> {
        std::path::absolute(path).map(Self).map_err(|error| unusable(path, &error))
    }

    /// The directory itself.
    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    /// The directory of the generated certificates.
    pub(crate) fn certs(&self) -> PathBuf {
        self.0.join("certs")
    }

    /// The embedded database.
    pub(crate) fn database(&self) -> PathBuf {
        self.0.join("countersign.db")
    }

    /// The directory of the passphrases.
    pub(crate) fn secrets(&self) -> PathBuf {
        self.0.join("secrets")
    }

    /// The passphrase that is made when the operator gives none.
    pub(crate) fn key_passphrase(&self) -> PathBuf {
        self.secrets().join("key-passphrase")
    }

    /// Makes the directory when it is missing and takes it for this process.
    pub(crate) fn hold(&self) -> Result<Hold, Failure> {
        let failed = |error: io::Error| unusable(&self.0, &error);
        make_private_dir(&self.0).map_err(failed)?;
        // The directory itself carries the lock, so that nothing needs to be put into it. The
        // system drops the lock with the process, however that ends.
        let handle = File::open(&self.0).map_err(failed)?;
        match handle.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(Failure::InUse { path: self.0.clone() });
            }
            Err(TryLockError::Error(error)) => return Err(failed(error)),
        }
        self.prove_writable().map_err(failed)?;
        Ok(Hold { _lock: handle })
    }

    /// Whether [`DataDir::hold`] could make and use it; makes nothing and takes nothing.
    pub(crate) fn look(&self) -> Result<(), Failure> {
        let mut nearest = self.0.as_path();
        while let (Ok(false), Some(parent)) = (nearest.try_exists(), nearest.parent()) {
            nearest = parent;
        }
        let usable = || {
            if !nearest.metadata()?.is_dir() {
                return Err(io::Error::from(io::ErrorKind::NotADirectory));
            }
            let wanted = Access::READ_OK | Access::WRITE_OK | Access::EXEC_OK;
            Ok(rustix::fs::access(nearest, wanted)?)
        };
        usable().map_err(|error| unusable(&self.0, &error))
    }

    fn prove_writable(&self) -> io::Result<()> {
        let probe = self.0.join(".countersign-writable");
        OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&probe)?;
        std::fs::remove_file(&probe)
    }
}

/// While it lives, no other server can take the directory.
#[derive(Debug)]
pub(crate) struct Hold {
    _lock: File,
}

/// Makes a directory, and those above it, with mode 0700 where it is missing.
pub(crate) fn make_private_dir(path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(path)
}

/// Puts `content` into a new file of mode 0600 that is whole or not there.
///
/// Only the holder of the data directory may call it: two at once would write the same file.
pub(crate) fn write_private_file(path: &Path, content: &[u8]) -> io::Result<()> {
    let unfinished = path.with_extension("unfinished");
    match std::fs::remove_file(&unfinished) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&unfinished)?;
    file.write_all(content)?;
    file.sync_all()?;
    std::fs::rename(&unfinished, path)?;
    path.parent().map_or(Ok(()), |dir| File::open(dir)?.sync_all())
}

/// Puts `content` into a new file of mode 0600 that is whole or not there, also beside a running
/// server. A file that is there stays. Where root does it for another user, the file is that user's.
pub(crate) fn put_private_file(path: &Path, content: &[u8]) -> io::Result<()> {
    let folder = path.parent().ok_or(io::ErrorKind::InvalidInput)?;
    make_private_dir(folder)?;
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let unfinished = folder.join(format!("{name}.{}.unfinished", std::process::id()));
    let put = || {
        let mut file =
            OpenOptions::new().write(true).create_new(true).mode(0o600).open(&unfinished)?;
        file.write_all(content)?;
        give_to_owner(&file, folder)?;
        file.sync_all()?;
        match std::fs::hard_link(&unfinished, path) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
            _ => {}
        }
        File::open(folder)?.sync_all()
    };
    let done = put();
    std::fs::remove_file(&unfinished).ok();
    done
}

/// A file that root makes in another user's folder is for that user to read.
fn give_to_owner(file: &File, folder: &Path) -> io::Result<()> {
    let above = folder.parent().unwrap_or(folder).metadata()?;
    let folder = File::open(folder)?;
    let has = folder.metadata()?;
    let Some(owner) = [&has, &above].into_iter().find(|meta| meta.uid() != 0) else {
        return Ok(());
    };
    // A folder that was made just now is root's too.
    for (handle, uid) in [(file, file.metadata()?.uid()), (&folder, has.uid())] {
        if uid == 0 {
            std::os::unix::fs::fchown(handle, Some(owner.uid()), Some(owner.gid()))?;
        }
    }
    Ok(())
}

fn unusable(path: &Path, error: &io::Error) -> Failure {
    Failure::DataDir { path: path.to_owned(), reason: error.to_string() }
}
