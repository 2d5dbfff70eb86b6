//! How much may be stored below prefixes of GUNs.
//!
//! The store counts, and each process remembers: what it has published itself since is added, so
//! that a publish pays for no count. Before anything is refused the store counts again. So one
//! process never exceeds a limit, several do by what the others published since the last count,
//! and what another process freed is usable a second later.

mod reservation;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use countersign_storage::{Usage, Used};
use countersign_tuf::gun_prefix::GunPrefix;
use countersign_tuf::names::Gun;
use thiserror::Error;
use tokio::time::Instant;

use crate::TrustError;
pub(crate) use reservation::Reservation;

/// How long a count is recent.
const RECENT: Duration = Duration::from_secs(1);
/// How often is counted again what was published to.
const BETWEEN_COUNTS: Duration = Duration::from_secs(60);

/// How much may be stored below one prefix.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StorageLimit {
    /// The prefix.
    pub prefix: GunPrefix,
    /// The most GUNs that have a document; `None`: any number.
    pub repositories: Option<u64>,
    /// The most bytes of all versions of all documents; `None`: any number.
    pub bytes: Option<u64>,
}

/// A publish that would exceed a limit; nothing was stored.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum OverStorageLimit {
    /// There would be a GUN too many.
    #[error(
        "below {prefix} repositories are limited to {most}, and {used} are there: delete one, or \
         ask the operator for more"
    )]
    Repositories {
        /// The prefix.
        prefix: GunPrefix,
        /// The limit.
        most: u64,
        /// How many there are.
        used: u64,
    },
    /// There would be too many bytes.
    #[error(
        "below {prefix} bytes are limited to {most}, and {used} are used; this publish has \
         {wanted}: delete a repository, or ask the operator for more"
    )]
    Bytes {
        /// The prefix.
        prefix: GunPrefix,
        /// The limit.
        most: u64,
        /// How many there are.
        used: u64,
        /// How many the publish has.
        wanted: u64,
    },
}

/// The limits of a service, and what is used of them.
pub struct StorageLimits {
    usage: Arc<dyn Usage>,
    limits: Vec<Limited>,
    /// How old a count may be that a refusal is based on.
    recent: Duration,
}

struct Limited {
    limit: StorageLimit,
    state: Mutex<State>,
    /// Held by whoever has the store count.
    counting: tokio::sync::Mutex<()>,
}

#[derive(Default)]
struct State {
    /// What the store counted, and what was published here since; `None` before the first count.
    counted: Option<Used>,
    /// When the last count began.
    at: Option<Instant>,
    /// What was published here since then.
    since: Used,
    /// What publishes want that are under way.
    held: Used,
    /// Whether less may be used than was counted, because something was deleted here.
    freed: bool,
}

impl StorageLimits {
    /// These limits on what `usage` counts. Every one that a GUN is below holds for it.
    #[must_use]
    pub fn new(usage: Arc<dyn Usage>, limits: Vec<StorageLimit>) -> Self {
        let limited = |limit| Limited {
            limit,
            state: Mutex::default(),
            counting: tokio::sync::Mutex::default(),
        };
        Self { usage, limits: limits.into_iter().map(limited).collect(), recent: RECENT }
    }

    /// Counts ahead until `stop` comes, so that publishes need not.
    pub async fn keep_counted(self: Arc<Self>, stop: impl Future<Output = ()>) {
        let counting = async {
            loop {
                self.count_due().await;
                tokio::time::sleep(BETWEEN_COUNTS).await;
            }
        };
        tokio::select! {
            () = stop => {}
            never = counting => never,
        }
    }

    /// Counts what was published to since the last count, or was never counted.
    async fn count_due(&self) {
        for limited in self.limits.iter().filter(|limited| limited.is_due()) {
            if let Err(error) = limited.count(&*self.usage).await {
                let prefix = limited.limit.prefix.as_str();
                tracing::warn!(%error, prefix, "what is stored could not be counted");
            }
        }
    }

    /// Sets aside what a publish of `gun` wants.
    pub(crate) async fn reserve(
        &self,
        gun: &Gun,
        wanted: Used,
    ) -> Result<Vec<Reservation<'_>>, TrustError> {
        let mut reservations = Vec::new();
        for limited in self.below(gun) {
            reservations.push(limited.reserve(self, wanted).await?);
        }
        Ok(reservations)
    }

    /// Notes that `gun` was deleted.
    pub(crate) fn note_deletion(&self, gun: &Gun) {
        for limited in self.below(gun) {
            limited.state().freed = true;
        }
    }

    fn below(&self, gun: &Gun) -> impl Iterator<Item = &Limited> {
        self.limits.iter().filter(|limited| limited.limit.prefix.admits(gun))
    }
}

impl Limited {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether something was published since the last count, or none was made.
    fn is_due(&self) -> bool {
        let state = self.state();
        state.counted.is_none() || state.since != Used::default() || state.freed
    }

    async fn reserve(
        &self,
        StorageLimits { usage, recent, .. }: &StorageLimits,
        wanted: Used,
    ) -> Result<Reservation<'_>, TrustError> {
        if self.state().counted.is_none() {
            self.count(&**usage).await?;
        }
        let refused = match self.try_reserve(wanted) {
            Ok(reservation) => return Ok(reservation),
            Err(refused) => refused,
        };
        if self.is_younger_than(*recent) {
            return Err(refused.into());
        }
        self.count(&**usage).await?;
        Ok(self.try_reserve(wanted)?)
    }

    /// Whether the last count is, and nothing was deleted here since.
    fn is_younger_than(&self, age: Duration) -> bool {
        let state = self.state();
        !state.freed && state.at.is_some_and(|at| at.elapsed() < age)
    }

    fn try_reserve(&self, wanted: Used) -> Result<Reservation<'_>, OverStorageLimit> {
        let mut state = self.state();
        let used = plus(state.counted.unwrap_or_default(), state.held);
        let StorageLimit { prefix, repositories, bytes } = &self.limit;
        let over = |most: Option<u64>, used: u64, wanted: u64| {
            most.filter(|most| wanted > 0 && used.saturating_add(wanted) > *most)
        };
        if let Some(most) = over(*repositories, used.guns, wanted.guns) {
            let prefix = prefix.clone();
            return Err(OverStorageLimit::Repositories { prefix, most, used: used.guns });
        }
        if let Some(most) = over(*bytes, used.bytes, wanted.bytes) {
            let (prefix, wanted) = (prefix.clone(), wanted.bytes);
            return Err(OverStorageLimit::Bytes { prefix, most, used: used.bytes, wanted });
        }
        state.held = plus(state.held, wanted);
        Ok(Reservation::new(self, wanted))
    }

    /// Has the store count, unless somebody else has begun to since this was called.
    async fn count(&self, usage: &dyn Usage) -> Result<(), TrustError> {
        let asked = Instant::now();
        let _turn = self.counting.lock().await;
        {
            let mut state = self.state();
            if state.at.is_some_and(|at| at > asked) && state.counted.is_some() {
                return Ok(());
            }
            (state.at, state.since, state.freed) = (Some(Instant::now()), Used::default(), false);
        }
        let used = usage.used_below(&self.limit.prefix).await;
        let mut state = self.state();
        match used {
            Ok(used) => state.counted = Some(plus(used, state.since)),
            // What is remembered is as old as before.
            Err(_) => state.at = None,
        }
        used?;
        Ok(())
    }
}

fn plus(a: Used, b: Used) -> Used {
    Used { guns: a.guns.saturating_add(b.guns), bytes: a.bytes.saturating_add(b.bytes) }
}

fn minus(a: Used, b: Used) -> Used {
    Used { guns: a.guns.saturating_sub(b.guns), bytes: a.bytes.saturating_sub(b.bytes) }
}

#[cfg(test)]
mod tests;
