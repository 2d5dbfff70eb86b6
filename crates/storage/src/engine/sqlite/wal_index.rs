//! The head of SQLite's wal-index: whether anything was committed, without a query.
//!
//! SQLite keeps it in the `-shm` file beside the database, and changes it with every commit of
//! every process; whether a transaction sees what an earlier one saw, SQLite decides by the same
//! bytes. They are only compared here, never understood. Two copies stand one after the other, and
//! a writer changes the second before the first; so while they differ a commit is on its way.
//!
//! Source: "WAL-mode File Format" of SQLite, section on the wal-index header.

use std::fs::File;
use std::os::unix::fs::{FileExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use sqlx::Connection as _;
use sqlx::sqlite::SqliteConnection;

use super::file::{Identity, identify, same_file};
use crate::contract::metadata::Mark;

/// Files that were opened here, which stay open until the process ends: closing a descriptor would
/// drop the locks that SQLite holds on the file in this process.
static OPENED: Mutex<Vec<(Identity, &'static File)>> = Mutex::new(Vec::new());

/// For how long it is believed that nobody has put another file in place of the database or of its
/// wal-index. Whoever does that beside a running server is told by every query and by every write;
/// this only keeps reads without a query from looking at the files each time, which takes longer
/// than all else here.
const BELIEVED: Duration = Duration::from_millis(20);

/// The way to the wal-index of a database that this process has open.
#[derive(Debug)]
pub(super) struct WalIndex {
    database: PathBuf,
    identity: Identity,
    path: PathBuf,
    held: Mutex<Held>,
}

#[derive(Debug)]
struct Held {
    /// SQLite makes the wal-index anew when nobody had the database open for a moment. Nobody asks
    /// anything by this connection; while it is there, that does not happen.
    anchor: Option<SqliteConnection>,
    file: Option<&'static File>,
    /// When both files were last seen in their places.
    seen: Option<Instant>,
}

impl WalIndex {
    /// Of the database at `path`, which is this file. `anchor` is a connection to it that has read
    /// something, and is used for nothing else.
    pub(super) fn of(path: &Path, identity: Identity, anchor: SqliteConnection) -> Self {
        let mut name = path.as_os_str().to_owned();
        name.push("-shm");
        let (database, path) = (path.to_owned(), PathBuf::from(name));
        let held = Mutex::new(Held { anchor: Some(anchor), file: None, seen: None });
        Self { database, identity, path, held }
    }

    /// Lets go of the file: from now on nothing can be told.
    pub(super) async fn close(&self) {
        let anchor = self.held().anchor.take();
        if let Some(anchor) = anchor {
            // It is gone either way.
            anchor.close().await.ok();
        }
    }

    /// The mark of the newest commit; `None` where that cannot be told now, or where the database
    /// file is another one now.
    pub(super) fn mark(&self) -> Option<Mark> {
        let file = self.file()?;
        let mut copies = [0; 2 * Mark::BYTES];
        file.read_exact_at(&mut copies, 0).ok()?;
        let (first, second) = copies.split_at(Mark::BYTES);
        let settled = first == second && first.iter().any(|byte| *byte != 0);
        settled.then(|| first.try_into().ok().map(Mark::new)).flatten()
    }

    /// The file, as long as it is the one that SQLite uses.
    fn file(&self) -> Option<&'static File> {
        let mut held = self.held();
        held.anchor.as_ref()?;
        let now = Instant::now();
        if held.seen.is_none_or(|seen| now.duration_since(seen) >= BELIEVED) {
            same_file(&self.database, self.identity).ok()?;
            let is_linked = |file: &File| file.metadata().is_ok_and(|found| found.nlink() > 0);
            if !held.file.is_some_and(is_linked) {
                held.file = open(&self.path);
            }
            held.seen = Some(now);
        }
        held.file
    }

    /// No call leaves it half changed, so a panic elsewhere does not spoil it.
    fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn open(path: &Path) -> Option<&'static File> {
    let mut opened = OPENED.lock().unwrap_or_else(PoisonError::into_inner);
    let wanted = identify(path).ok()?;
    if let Some((_, file)) = opened.iter().find(|(identity, _)| *identity == wanted) {
        return Some(file);
    }
    let file: &'static File = Box::leak(Box::new(File::open(path).ok()?));
    // By what was opened: the path may lead elsewhere by now.
    let found = file.metadata().ok()?;
    opened.push((Identity::of(&found), file));
    Some(file)
}
