//! Rounds of clearing, one after the other, for as long as the process serves.
//!
//! Every replica may do it: what one has removed the others do not find, so the work is done once,
//! and only the looking is repeated.

use std::convert::Infallible;
use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use countersign_storage::{
    GivingBack, Inventory, KeyStore, KeyUpkeep, Removal, Retention, StorageError,
};
use futures_util::FutureExt as _;

use super::gc::{Cleared, Plan, Shelves, clear};
use super::keys::{Collected, Retiring, RootsOf, UnusedKeys};
use crate::Clock;

/// A server that is restarted every few hours is to come to it too.
const LONGEST_FIRST_WAIT: Duration = Duration::from_secs(3600);

/// What is cleared how often.
pub struct Rounds {
    /// What is there.
    pub inventory: Arc<dyn Inventory>,
    /// How it goes.
    pub retention: Arc<dyn Retention>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// What is kept.
    pub plan: Plan,
    /// How long to wait between two rounds.
    pub interval: Duration,
    /// The keys that were made and never used; `None`: they stay.
    pub unused_keys: Option<UnusedKeyRounds>,
}

/// For how long keys may wait for their first signature.
pub struct UnusedKeyRounds {
    /// The keys.
    pub keys: Arc<dyn KeyStore>,
    /// How they go.
    pub upkeep: Arc<dyn KeyUpkeep>,
    /// How long one may wait.
    pub waited_for: chrono::Duration,
}

impl Rounds {
    /// Clears until `stop` comes. What is removed for one GUN then is removed as a whole.
    pub async fn run(self, stop: impl Future<Output = ()>) {
        tokio::select! {
            () = stop => {}
            never = self.rounds() => match never {},
        }
    }

    async fn rounds(&self) -> Infallible {
        tokio::time::sleep(self.interval.min(LONGEST_FIRST_WAIT)).await;
        loop {
            // No lock is held across a round's waits, so a panic leaves nothing half changed.
            match AssertUnwindSafe(Box::pin(self.round())).catch_unwind().await {
                Ok(Ok(cleared)) => tell(&cleared),
                Ok(Err(error)) => {
                    tracing::warn!(%error, "clearing the database failed and is tried again later");
                }
                Err(_) => tracing::error!("clearing the database ended in a panic, which is a bug"),
            }
            tokio::time::sleep(self.interval).await;
        }
    }

    async fn round(&self) -> Result<Cleared, StorageError> {
        let shelves = Shelves { inventory: &*self.inventory, retention: &*self.retention };
        let cleared = clear(shelves, self.plan, self.clock.now()).await?;
        if cleared.versions > 0 || cleared.changes > 0 {
            self.retention.give_back(GivingBack::Beside).await?;
        }
        if let Some(unused) = &self.unused_keys {
            let retired = self.retire_unused(unused).await?.retired;
            tracing::info!(retired, "retired the server keys that were made and never used");
        }
        Ok(cleared)
    }

    async fn retire_unused(&self, unused: &UnusedKeyRounds) -> Result<Collected, StorageError> {
        let (keys, upkeep, inventory) = (&*unused.keys, &*unused.upkeep, &*self.inventory);
        let among = Retiring { keys, upkeep, inventory, roots: RootsOf::ThisServer };
        let unused = UnusedKeys { among, waited_for: unused.waited_for };
        unused.collect(Removal::Real, self.clock.now()).await
    }
}

fn tell(cleared: &Cleared) {
    let Cleared { guns, versions, bytes, changes, left_alone, .. } = cleared;
    tracing::info!(guns, versions, bytes, changes, "cleared the database of what nobody needs");
    if let Some((gun, reason)) = cleared.examples.first() {
        tracing::warn!(left_alone, example = gun, reason, "some repositories were not cleared");
    }
}
