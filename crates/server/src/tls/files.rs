//! Files and directories that only their owner may read, and that are whole or not there.
//!
//! The mode is given when a file is made, never set afterwards, so that no moment exists at which
//! another user could open it, whatever the umask.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use super::TlsError;

/// Who may read a file.
#[derive(Clone, Copy)]
pub(super) enum Secrecy {
    /// Only the owner: mode 0600.
    Private,
    /// Everybody: mode 0644.
    Public,
}

/// Whether there is something at `path`.
pub(super) fn is_there(path: &Path) -> Result<bool, TlsError> {
    path.try_exists().map_err(|source| TlsError::Io {
        action: "cannot read",
        path: path.to_owned(),
        source,
    })
}

/// Makes a directory (and those above it) with mode 0700 where it is missing.
pub(super) fn make_dir(path: &Path) -> Result<(), TlsError> {
    DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(|source| TlsError::Io {
        action: "cannot make",
        path: path.to_owned(),
        source,
    })
}

/// Puts `contents` at `path`: written beside it, flushed to the disk, then renamed.
pub(super) fn write(path: &Path, secrecy: Secrecy, contents: &[u8]) -> Result<(), TlsError> {
    replace(path, secrecy, contents).map_err(|source| TlsError::Io {
        action: "cannot write",
        path: path.to_owned(),
        source,
    })
}

/// Gives a file another name in its directory.
pub(super) fn rename(from: &Path, to: &Path) -> Result<(), TlsError> {
    std::fs::rename(from, to).map_err(|source| TlsError::Io {
        action: "cannot rename",
        path: from.to_owned(),
        source,
    })
}

/// Removes a file that may be missing.
pub(super) fn remove(path: &Path) -> Result<(), TlsError> {
    remove_if_there(path).map_err(|source| TlsError::Io {
        action: "cannot remove",
        path: path.to_owned(),
        source,
    })
}

fn replace(path: &Path, secrecy: Secrecy, contents: &[u8]) -> io::Result<()> {
    let unfinished = unfinished(path);
    remove_if_there(&unfinished)?;
    let mode = match secrecy {
        Secrecy::Private => 0o600,
        Secrecy::Public => 0o644,
    };
    let mut file = OpenOptions::new().write(true).create_new(true).mode(mode).open(&unfinished)?;
    file.write_all(contents)?;
    file.sync_all()?;
    std::fs::rename(&unfinished, path)?;
    match path.parent() {
        Some(dir) => File::open(dir)?.sync_all(),
        None => Ok(()),
    }
}

/// Where a file is written before it is whole; a start that died leaves at most this name.
fn unfinished(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".unfinished");
    PathBuf::from(name)
}

fn remove_if_there(path: &Path) -> io::Result<()> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    fn mode(path: &Path) -> u32 {
        std::fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn private_files_and_directories_are_closed_to_others() {
        let dir = tempfile::tempdir().unwrap();
        let inner = dir.path().join("a/b");
        make_dir(&inner).unwrap();
        write(&inner.join("key"), Secrecy::Private, b"k").unwrap();
        assert_eq!((mode(&inner), mode(&inner.join("key"))), (0o700, 0o600));
    }

    #[test]
    fn a_leftover_of_a_start_that_died_is_replaced() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("key.unfinished"), b"half").unwrap();
        write(&dir.path().join("key"), Secrecy::Private, b"whole").unwrap();
        assert_eq!(std::fs::read(dir.path().join("key")).unwrap(), b"whole");
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);
    }

    #[test]
    fn an_unwritable_place_is_an_error_that_names_it() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("missing/key");
        let error = write(&path, Secrecy::Private, b"k").unwrap_err();
        assert!(error.to_string().contains("missing/key"), "{error}");
    }
}
