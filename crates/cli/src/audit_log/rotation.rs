//! When a file is full, and how the numbered ones make way for it.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use countersign_config::sections::audit::Audit as AuditSettings;
use tokio::time::Instant;

use super::beside;

/// How long nothing is tried after a new file could not be begun.
const PAUSE: Duration = Duration::from_secs(10);

/// The rule by which new files are begun.
#[derive(Clone, Debug)]
pub(super) struct Rotation {
    /// 0: never.
    max_bytes: u64,
    keep_files: u32,
    not_before: Option<Instant>,
}

impl From<&AuditSettings> for Rotation {
    fn from(settings: &AuditSettings) -> Self {
        let AuditSettings { max_bytes, keep_files, .. } = *settings;
        Self { max_bytes, keep_files, not_before: None }
    }
}

impl Rotation {
    /// Whether a file of this size is full.
    pub(super) fn is_due(&self, size: u64) -> bool {
        self.max_bytes > 0
            && size >= self.max_bytes
            && self.not_before.is_none_or(|then| Instant::now() >= then)
    }

    /// From now on nothing is due for a while.
    pub(super) fn put_off(&mut self) {
        self.not_before = Some(Instant::now() + PAUSE);
    }

    /// Renames the file to `.1`, that to `.2`, and so on; the last one is replaced.
    ///
    /// # Errors
    /// When a file cannot be renamed; those before it have their new names.
    pub(super) fn make_way(&self, path: &Path) -> io::Result<()> {
        for number in (1..self.keep_files).rev() {
            rename(&numbered(path, number), &numbered(path, number.saturating_add(1)))?;
        }
        rename(path, &numbered(path, 1))
    }
}

fn numbered(path: &Path, number: u32) -> PathBuf {
    beside(path, &format!(".{number}"))
}

/// One that is not there need not be.
fn rename(from: &Path, to: &Path) -> io::Result<()> {
    match std::fs::rename(from, to) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}
