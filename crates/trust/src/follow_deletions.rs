//! Follow deletions: what another process deleted leaves this one's memory, found in the changefeed.
//!
//! The changefeed is asked four times a second, so that a deletion anywhere is one everywhere within
//! a second. While the database is away nothing is forgotten: what was read goes on being served by
//! its digest, and the next answer tells what happened meanwhile.
//!
//! Source: contract section 4.

use std::convert::Infallible;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use countersign_storage::{Change, ChangeCategory, ChangeRange, StorageError};
use countersign_tuf::names::Gun;

use crate::{Trust, TrustError};

/// How long to wait before the changefeed is asked again.
const PAUSE: Duration = Duration::from_millis(250);

/// How many changes are read at once.
const PAGE: u32 = 500;

/// Follows the changefeed for a service.
pub struct DeletionFollower {
    trust: Arc<Trust>,
    /// The last change that was seen. It is read again each time: where it is no longer there, the
    /// changefeed was trimmed or restored, and what happened since cannot be told.
    last: Option<Change>,
}

impl DeletionFollower {
    /// Begins where the changefeed is when it is first asked.
    #[must_use]
    pub fn new(trust: Arc<Trust>) -> Self {
        Self { trust, last: None }
    }

    /// Asks the changefeed once, and forgets what was deleted since the last time; everything when
    /// that cannot be told.
    ///
    /// # Errors
    /// [`TrustError::Storage`] when it could not be asked. The next call goes on where this one
    /// stopped.
    pub async fn catch_up(&mut self) -> Result<(), TrustError> {
        while let Some(last) = &self.last {
            let range = ChangeRange::After { id: last.id.saturating_sub(1), limit: PAGE };
            let page = self.trust.store.changes(None, range).await?;
            if page.first() != Some(last) {
                tracing::info!("the changefeed no longer has what was seen last; reading anew");
                self.last = None;
                break;
            }
            for change in page.iter().skip(1) {
                if let (ChangeCategory::Deletion, Ok(gun)) =
                    (change.category, Gun::parse(&change.gun))
                {
                    self.trust.memory.forget(&gun);
                }
            }
            let is_full = u32::try_from(page.len()).is_ok_and(|length| length >= PAGE);
            self.last = page.into_iter().next_back();
            if !is_full {
                return Ok(());
            }
        }
        self.begin().await
    }

    /// What was read before the changefeed was asked may have been deleted before that.
    async fn begin(&mut self) -> Result<(), TrustError> {
        let newest = self.trust.store.changes(None, ChangeRange::Latest { limit: 1 }).await?;
        self.last = newest.into_iter().next_back();
        if self.last.is_some() {
            self.trust.memory.forget_all();
        }
        Ok(())
    }
}

/// Follows the changefeed until `stop` comes.
pub async fn follow_deletions(trust: Arc<Trust>, stop: impl Future<Output = ()>) {
    // With nothing in memory there is nothing to forget.
    if !trust.memory.keeps_anything() {
        return stop.await;
    }
    tokio::select! {
        () = stop => {}
        never = follow(DeletionFollower::new(trust)) => match never {},
    }
}

async fn follow(mut follower: DeletionFollower) -> Infallible {
    let mut failed = false;
    loop {
        match follower.catch_up().await {
            Ok(()) if failed => {
                tracing::info!("the changefeed can be read again");
                failed = false;
            }
            Ok(()) => {}
            Err(error) => {
                if !std::mem::replace(&mut failed, true) {
                    tracing::warn!(%error, "the changefeed cannot be read; trying again");
                }
                // What is there and cannot be read would hide deletions for ever.
                if !matches!(error, TrustError::Storage(StorageError::Unavailable { .. })) {
                    follower.trust.memory.forget_all();
                }
            }
        }
        tokio::time::sleep(PAUSE).await;
    }
}
