//! What was asked of whom and when, what came of it, and what was done to the servers meanwhile.
//!
//! What never comes in: whether any of it is right.

use std::fmt::Write as _;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::{Context as _, Result};
use countersign_tuf::digest::Sha256Digest;
use tokio::time::Instant;

/// Time since the run began, on a clock that only goes forward.
pub(crate) type Moment = Duration;

/// One document of a collection: a version of a role, by its bytes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Edition {
    pub(crate) role: Arc<str>,
    pub(crate) version: i64,
    pub(crate) sha256: [u8; 32],
}

impl Edition {
    /// The document that these bytes are.
    pub(crate) fn of(role: &Arc<str>, bytes: &[u8]) -> Result<Self> {
        let document: serde_json::Value = serde_json::from_slice(bytes)?;
        let version = document.pointer("/signed/version").and_then(serde_json::Value::as_i64);
        let version = version.with_context(|| format!("a {role} without a version"))?;
        Ok(Self { role: Arc::clone(role), version, sha256: *Sha256Digest::of(bytes).as_bytes() })
    }
}

/// A row of the changefeed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Change {
    pub(crate) id: i64,
    pub(crate) gun: Arc<str>,
    pub(crate) version: i64,
    pub(crate) sha256: String,
}

/// One request and its answer.
#[derive(Clone, Debug)]
pub(crate) struct Operation {
    pub(crate) began: Moment,
    pub(crate) ended: Moment,
    /// Which replica was asked.
    pub(crate) replica: usize,
    pub(crate) action: Action,
    pub(crate) outcome: Outcome,
}

/// What was asked.
#[derive(Clone, Debug)]
pub(crate) enum Action {
    /// To store these documents.
    Publish { gun: Arc<str>, editions: Vec<Edition> },
    /// For a document.
    Read { gun: Arc<str>, role: Arc<str>, by: By },
    /// For the changes after one, of one collection or of all.
    Poll { poller: usize, of: Option<Arc<str>>, after: i64 },
    /// Whether the process lives.
    Live,
    /// Whether it should get requests.
    Ready,
}

/// How a document is named.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum By {
    Name,
    Version(i64),
    Digest([u8; 32]),
}

/// What came of a request.
#[derive(Clone, Debug)]
pub(crate) enum Outcome {
    /// The publish is stored; the probe is well.
    Done,
    /// The publish is refused, with this code of Notary's.
    Refused(String),
    /// The document.
    Document(Edition),
    /// The changes.
    Changes(Vec<Change>),
    /// Not for now, and when to ask again.
    Later(String),
    /// No answer.
    Broken(String),
    /// Any other answer.
    Wrong(String),
}

/// What a reader found who followed a collection from its root to its last delegation.
#[derive(Clone, Debug)]
pub(crate) struct Set {
    pub(crate) gun: Arc<str>,
    /// When its timestamp was asked for.
    pub(crate) began: Moment,
    pub(crate) ended: Moment,
    pub(crate) editions: Vec<Edition>,
    /// Why the documents do not follow from each other, if they do not.
    pub(crate) refused: Option<String>,
}

/// What was done to a server, from the moment it was done to the moment it was over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Disturbance {
    pub(crate) place: Place,
    pub(crate) kind: &'static str,
    pub(crate) began: Moment,
    pub(crate) ended: Moment,
}

/// Where something was done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// The process of a replica.
    Replica(usize),
    /// The link from a replica to the database.
    Link(usize),
    /// The database, on which every replica depends.
    Database,
}

impl Place {
    /// Whether answers of `replica` depend on it.
    pub(crate) fn concerns(self, replica: usize) -> bool {
        match self {
            Self::Replica(number) | Self::Link(number) => number == replica,
            Self::Database => true,
        }
    }
}

/// A run as it was.
#[derive(Clone, Debug, Default)]
pub(crate) struct History {
    pub(crate) operations: Vec<Operation>,
    pub(crate) sets: Vec<Set>,
    pub(crate) disturbances: Vec<Disturbance>,
}

impl History {
    /// Writes everything to a file, in the order in which it ended.
    pub(crate) fn write(&self, path: &Path) -> Result<()> {
        let mut lines: Vec<(Moment, String)> = Vec::new();
        lines.extend(self.operations.iter().map(|done| (done.ended, format!("{done:?}"))));
        lines.extend(self.sets.iter().map(|set| (set.ended, format!("{set:?}"))));
        lines.extend(self.disturbances.iter().map(|fault| (fault.began, format!("{fault:?}"))));
        lines.sort_by_key(|(at, _)| *at);
        let mut text = String::new();
        for (at, line) in lines {
            writeln!(text, "{:>10.4} {line}", at.as_secs_f64())?;
        }
        std::fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))
    }
}

/// Takes down what everybody does, at once and from any thread.
#[derive(Clone, Debug)]
pub(crate) struct Recorder {
    start: Instant,
    history: Arc<Mutex<History>>,
}

impl Recorder {
    pub(crate) fn start() -> Self {
        Self { start: Instant::now(), history: Arc::default() }
    }

    /// The time of the run.
    pub(crate) fn now(&self) -> Moment {
        self.start.elapsed()
    }

    pub(crate) fn operation(&self, operation: Operation) {
        self.lock().operations.push(operation);
    }

    pub(crate) fn set(&self, set: Set) {
        self.lock().sets.push(set);
    }

    pub(crate) fn disturbance(&self, disturbance: Disturbance) {
        self.lock().disturbances.push(disturbance);
    }

    /// Whether something has happened.
    pub(crate) fn has(&self, happened: impl Fn(&Operation) -> bool) -> bool {
        self.lock().operations.iter().any(happened)
    }

    /// All of it; what comes later starts anew.
    pub(crate) fn take(&self) -> History {
        std::mem::take(&mut *self.lock())
    }

    fn lock(&self) -> MutexGuard<'_, History> {
        self.history.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
