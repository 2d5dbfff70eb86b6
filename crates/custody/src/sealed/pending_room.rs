//! How many keys may wait for their first signature, over all GUNs together.
//!
//! Whoever may ask for keys could otherwise fill the database with them. Counting the waiting keys
//! is not free, so the store is asked once for many new keys.

use std::sync::{Mutex, MutexGuard, PoisonError};

use chrono::{DateTime, TimeDelta, Utc};

use crate::CustodyError;
use countersign_storage::KeyStore;

/// The most keys that are made on one answer of the store.
const KEYS_PER_COUNT: u32 = 1_000;

/// For how long a store that was full is not asked again.
const FULL_FOR: TimeDelta = TimeDelta::seconds(5);

/// The room that is left.
#[derive(Debug)]
pub(crate) struct PendingRoom {
    limit: u32,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    left: u32,
    full_since: Option<DateTime<Utc>>,
}

impl PendingRoom {
    pub(crate) fn new(limit: u32) -> Self {
        Self { limit, state: Mutex::default() }
    }

    /// Takes room for one key. Processes that share a store may together pass the limit by some
    /// keys, as each counts for itself.
    pub(crate) async fn take(
        &self,
        store: &dyn KeyStore,
        now: DateTime<Utc>,
    ) -> Result<(), CustodyError> {
        if self.take_known(now)? {
            return Ok(());
        }
        let waiting = store.count_pending(self.limit).await?;
        let mut state = self.state();
        let Some(left) = self.limit.saturating_sub(waiting).checked_sub(1) else {
            state.full_since = Some(now);
            return Err(self.full());
        };
        *state = State { left: left.min(KEYS_PER_COUNT), full_since: None };
        Ok(())
    }

    /// Whether there was room as far as is known without the store.
    fn take_known(&self, now: DateTime<Utc>) -> Result<bool, CustodyError> {
        let mut state = self.state();
        let full_for = state.full_since.map(|since| now.signed_duration_since(since).abs());
        if full_for.is_some_and(|full_for| full_for < FULL_FOR) {
            return Err(self.full());
        }
        let left = state.left.checked_sub(1);
        state.left = left.unwrap_or_default();
        Ok(left.is_some())
    }

    fn full(&self) -> CustodyError {
        CustodyError::TooManyPending { limit: self.limit }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
