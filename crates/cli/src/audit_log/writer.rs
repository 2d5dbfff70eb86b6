//! The thread that owns the file, and what gives it work.

use std::collections::VecDeque;
use std::io;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use chrono::{DateTime, Utc};
use countersign_access::audit::Entry;
use countersign_server::{AuditLog, Offered};
use futures_util::future::BoxFuture;
use tokio::sync::oneshot;

use super::file::{AuditFile, Reopened};
use crate::exit::Failure;

/// How often a file that cannot be written to is tried again.
const RETRY: Duration = Duration::from_millis(500);

/// The most entries that wait and may be dropped.
const OFFERED: usize = 1_000;

/// When a line counts as written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Durability {
    /// When it is on the disk.
    Disk,
    /// When the system has it: an end of the process loses nothing.
    System,
}

/// Gives work to the thread that owns the file.
pub(crate) struct Writer {
    work: Mutex<Option<Sender<Work>>>,
    thread: Mutex<Option<JoinHandle<()>>>,
    shared: Arc<Shared>,
}

/// What the thread and those that give it work know of each other.
struct Shared {
    path: PathBuf,
    /// Why nothing can be written now.
    trouble: Mutex<Option<String>>,
    written: AtomicU64,
    /// How many entries wait that may be dropped.
    offered: AtomicUsize,
}

enum Work {
    Append(Waiting),
    Reopen,
}

/// An entry that is not written yet.
struct Waiting {
    time: DateTime<Utc>,
    entry: Entry,
    kind: Kind,
    /// Told once it is written, or once it is known that this takes a while.
    told: Option<oneshot::Sender<()>>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Kept,
    Offered,
}

impl Writer {
    /// Starts the thread that owns `file`.
    pub(super) fn start(file: AuditFile, durability: Durability) -> Result<Self, Failure> {
        let shared = Arc::new(Shared {
            path: file.path().to_owned(),
            trouble: Mutex::new(None),
            // The line of the start.
            written: AtomicU64::new(1),
            offered: AtomicUsize::new(0),
        });
        let (work, todo) = mpsc::channel();
        let owner = Owner {
            file,
            durability,
            queue: VecDeque::new(),
            unsynced: Vec::new(),
            wants_reopening: false,
            shared: Arc::clone(&shared),
        };
        let thread = std::thread::Builder::new().name("audit".to_owned());
        let thread = thread.spawn(move || owner.run(&todo)).map_err(|error| Failure::System {
            action: "start threads",
            reason: error.to_string(),
        })?;
        Ok(Self { work: Mutex::new(Some(work)), thread: Mutex::new(Some(thread)), shared })
    }

    /// Asks for the file that is at the path now.
    pub(crate) fn reopen(&self) {
        self.give(Work::Reopen);
    }

    /// Writes what waits, and ends the thread. What comes later is not written.
    pub(crate) fn finish(&self) {
        drop(lock(&self.work).take());
        let Some(thread) = lock(&self.thread).take() else { return };
        if thread.join().is_err() {
            tracing::error!("what writes the audit log ended in a panic");
        }
    }

    fn give(&self, work: Work) {
        if let Some(sender) = &*lock(&self.work) {
            // The thread ends only after the sender is gone, or in a panic that is logged.
            sender.send(work).ok();
        }
    }

    async fn append(&self, time: DateTime<Utc>, entry: Entry, kind: Kind) {
        let (told, written) = oneshot::channel();
        self.give(Work::Append(Waiting { time, entry, kind, told: Some(told) }));
        // One that is gone means that nothing is written any more.
        written.await.ok();
    }
}

impl AuditLog for Writer {
    fn keep(&self, time: DateTime<Utc>, entry: Entry) -> BoxFuture<'_, ()> {
        Box::pin(self.append(time, entry, Kind::Kept))
    }

    fn offer(&self, time: DateTime<Utc>, entry: Entry) -> BoxFuture<'_, Offered> {
        Box::pin(async move {
            if self.shared.offered.fetch_add(1, Ordering::Relaxed) >= OFFERED {
                self.shared.offered.fetch_sub(1, Ordering::Relaxed);
                return Offered::Dropped;
            }
            self.append(time, entry, Kind::Offered).await;
            Offered::Taken
        })
    }

    fn trouble(&self) -> Option<String> {
        lock(&self.shared.trouble).clone()
    }

    fn written(&self) -> u64 {
        self.shared.written.load(Ordering::Relaxed)
    }
}

/// What the thread has.
struct Owner {
    file: AuditFile,
    durability: Durability,
    queue: VecDeque<Waiting>,
    /// Those whose lines were written and may not be on the disk yet.
    unsynced: Vec<oneshot::Sender<()>>,
    wants_reopening: bool,
    shared: Arc<Shared>,
}

impl Owner {
    fn run(mut self, todo: &Receiver<Work>) {
        loop {
            let next = if lock(&self.shared.trouble).is_some() {
                todo.recv_timeout(RETRY)
            } else {
                todo.recv().map_err(RecvTimeoutError::from)
            };
            match next {
                Ok(work) => {
                    self.take(work);
                    while let Ok(work) = todo.try_recv() {
                        self.take(work);
                    }
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break,
            }
            self.work();
        }
        self.work();
        if let Err(error) = self.file.sync() {
            tracing::error!(%error, "the audit log may not be on the disk");
        }
        let lost = self.queue.len();
        if lost > 0 {
            tracing::error!(lost, "entries of the audit log were not written before the end");
        }
    }

    fn take(&mut self, work: Work) {
        match work {
            Work::Append(waiting) => self.queue.push_back(waiting),
            Work::Reopen => self.wants_reopening = true,
        }
    }

    fn work(&mut self) {
        match self.write() {
            Ok(()) => self.all_is_well(),
            Err(error) => self.in_trouble(&error),
        }
    }

    /// Writes all that waits.
    fn write(&mut self) -> io::Result<()> {
        self.file.finish_line()?;
        if std::mem::take(&mut self.wants_reopening) {
            self.reopen();
        }
        while let Some(mut waiting) = self.queue.pop_front() {
            let told = waiting.told.take();
            if waiting.kind == Kind::Offered {
                self.shared.offered.fetch_sub(1, Ordering::Relaxed);
            }
            self.unsynced.extend(told);
            // When it fails, its line is in the chain, and is finished before any other.
            let appended = self.file.append(waiting.time, &waiting.entry);
            self.shared.written.fetch_add(1, Ordering::Relaxed);
            appended?;
        }
        if self.durability == Durability::Disk {
            self.file.sync()?;
        }
        Ok(())
    }

    fn reopen(&mut self) {
        let file = self.shared.path.display();
        match self.file.reopen() {
            Ok(Reopened::Same) => {}
            Ok(Reopened::Other) => tracing::info!(%file, "the audit file was opened again"),
            Err(error) => tracing::error!(
                %error,
                %file,
                "the audit file cannot be opened again; the one in use stays"
            ),
        }
    }

    fn all_is_well(&mut self) {
        self.tell();
        if lock(&self.shared.trouble).take().is_some() {
            let file = self.shared.path.display();
            tracing::warn!(%file, "the audit log can be written to again: changes are taken again");
        }
    }

    /// Lets nobody wait: who changed something has its answer, who refused goes on refusing.
    fn in_trouble(&mut self, error: &io::Error) {
        let before = lock(&self.shared.trouble).replace(error.to_string());
        if before.is_none() {
            tracing::error!(
                %error,
                file = %self.shared.path.display(),
                "the audit log cannot be written to: until it can, every change is answered 503"
            );
        }
        self.tell();
    }

    fn tell(&mut self) {
        let queued = self.queue.iter_mut().filter_map(|waiting| waiting.told.take());
        for told in self.unsynced.drain(..).chain(queued) {
            // Whoever does not wait any more need not know.
            told.send(()).ok();
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
