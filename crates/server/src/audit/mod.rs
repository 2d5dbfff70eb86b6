//! The record of what was changed and refused: made here, kept by whoever implements [`AuditLog`].
//!
//! Every answer passes here once; what changes something is carried out by a
//! [`Change`], so that its record is made even when the client does not wait for the answer.
//! While nothing can be recorded nothing is changed; refusals go on.
//!
//! Never in here: files, and the form of a record; that is `countersign_access::audit`.

mod asked;
mod change;
mod refusals;

use std::fmt;
use std::num::NonZeroU32;
use std::sync::Arc;

use axum::extract::Request;
use axum::response::Response;
use chrono::{DateTime, Utc};
use countersign_access::audit::{Decision, Entry, RefusalKind};
use countersign_trust::Clock;
use futures_util::future::BoxFuture;
use tokio::sync::Semaphore;

use crate::app::App;
use crate::arrival::Arrival;
pub(crate) use asked::{Asked, Filing, Tried};
pub(crate) use change::{Change, Done};
use refusals::Refusals;

/// How many changes are carried out at once that would go on without their client.
const CHANGES: usize = 256;

/// Where records are kept.
pub trait AuditLog: Send + Sync {
    /// Keeps an entry that must not be lost. Ends once it was handed to the system, or once it is
    /// known that this cannot be done now; it is then written before any other when it can be.
    fn keep(&self, time: DateTime<Utc>, entry: Entry) -> BoxFuture<'_, ()>;

    /// The same for an entry that may be dropped when too many wait.
    fn offer(&self, time: DateTime<Utc>, entry: Entry) -> BoxFuture<'_, Offered>;

    /// Why nothing can be written now; `None` when all is well.
    fn trouble(&self) -> Option<String>;

    /// How many records were written.
    fn written(&self) -> u64;
}

/// What became of an entry that may be dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Offered {
    /// It is not kept.
    Dropped,
    /// It is kept.
    Taken,
}

/// What records decisions.
pub struct Audit {
    log: Arc<dyn AuditLog>,
    clock: Arc<dyn Clock>,
    refusals: Refusals,
    changes: Arc<Semaphore>,
}

/// What is counted of an audit log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct AuditUse {
    pub(crate) writable: bool,
    pub(crate) written: u64,
    pub(crate) suppressed: u64,
}

/// An extension of an answer whose record has been made.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Recorded;

impl Audit {
    /// Records into `log`, of refusals of each kind at most `refusals_per_second` one by one; ten
    /// times as many at once.
    #[must_use]
    pub fn new(
        log: Arc<dyn AuditLog>,
        clock: Arc<dyn Clock>,
        refusals_per_second: NonZeroU32,
    ) -> Self {
        let refusals = Refusals::new(refusals_per_second);
        Self { log, clock, refusals, changes: Arc::new(Semaphore::new(CHANGES)) }
    }

    /// Why no change can be recorded, and so none may be made; `None` when all is well.
    pub(crate) fn trouble(&self) -> Option<String> {
        self.log.trouble()
    }

    pub(crate) fn usage(&self) -> AuditUse {
        AuditUse {
            writable: self.log.trouble().is_none(),
            written: self.log.written(),
            suppressed: self.refusals.suppressed(),
        }
    }

    /// Records a decision.
    pub(crate) async fn record(&self, filing: Filing, decision: Decision) {
        let (now, entry) = (self.clock.now(), Entry::Decision(Box::new(decision)));
        match filing {
            Filing::Keep => self.log.keep(now, entry).await,
            Filing::Limited(kind) => self.offer(now, kind, entry).await,
        }
    }

    async fn offer(&self, now: DateTime<Utc>, kind: RefusalKind, entry: Entry) {
        if !self.refusals.admits(kind) || self.log.offer(now, entry).await == Offered::Dropped {
            self.refusals.suppress(kind);
        }
    }

    /// Waits until no change is being carried out any more.
    pub async fn settle(&self) {
        let all = u32::try_from(CHANGES).unwrap_or(u32::MAX);
        // Never closed.
        drop(self.changes.acquire_many(all).await);
    }

    /// Says how many refusals were not written, once a second until `stopped`, and then once more.
    pub async fn tell_suppressed(&self, stopped: impl Future<Output = ()>) {
        let mut stopped = std::pin::pin!(stopped);
        let mut seconds = tokio::time::interval(std::time::Duration::from_secs(1));
        loop {
            tokio::select! {
                () = &mut stopped => return self.tell().await,
                _ = seconds.tick() => self.tell_if_writable().await,
            }
        }
    }

    /// What is only counted need not wait for a file that cannot be written to.
    async fn tell_if_writable(&self) {
        if self.trouble().is_none() {
            self.tell().await;
        }
    }

    async fn tell(&self) {
        for suppressed in self.refusals.take() {
            self.log.keep(self.clock.now(), Entry::Suppressed(suppressed)).await;
        }
    }
}

impl fmt::Debug for Audit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Audit").finish_non_exhaustive()
    }
}

/// What `request` asks for, where decisions are recorded; a [`Change`] finds it there too.
pub(crate) fn asked(app: &App, arrival: &Arrival, request: &mut Request) -> Option<Arc<Asked>> {
    app.audit.as_ref()?;
    let asked = Arc::new(Asked::of(arrival, request));
    request.extensions_mut().insert(Arc::clone(&asked));
    Some(asked)
}

/// Sees that the decision that `response` tells has its record.
pub(crate) async fn judge(app: &App, asked: &Asked, response: &mut Response) {
    let is_recorded = response.extensions_mut().remove::<Recorded>().is_some();
    if let (Some(audit), false) = (&app.audit, is_recorded)
        && let Some((filing, decision)) = asked.judged(response)
    {
        audit.record(filing, decision).await;
    }
}

#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;
