//! Turns within one process: who writes a GUN waits for the others here instead of losing a race
//! in the database and deciding again.
//!
//! A courtesy only: whether a write may happen is decided by the store's heads, because other
//! processes do not see these locks.

use std::hash::{BuildHasher as _, RandomState};
use std::time::Duration;

use countersign_tuf::names::Gun;
use tokio::sync::{Mutex, MutexGuard};

use crate::TrustError;

/// How many locks there are. GUNs share them by hash, so their number never grows.
const STRIPES: usize = 256;

/// How long a turn is waited for.
const WAIT: Duration = Duration::from_secs(30);

/// A fixed number of locks, shared by all GUNs.
pub(crate) struct GunLocks {
    hasher: RandomState,
    stripes: Vec<Mutex<()>>,
}

impl Default for GunLocks {
    fn default() -> Self {
        Self {
            hasher: RandomState::new(),
            stripes: (0..STRIPES).map(|_| Mutex::default()).collect(),
        }
    }
}

impl GunLocks {
    /// Waits for this GUN's turn. It ends when the guard is dropped.
    pub(crate) async fn turn(&self, gun: &Gun) -> Result<MutexGuard<'_, ()>, TrustError> {
        let stripes = u64::try_from(self.stripes.len()).unwrap_or(u64::MAX);
        let stripe = self.hasher.hash_one(gun).checked_rem(stripes).unwrap_or_default();
        let stripe = usize::try_from(stripe).unwrap_or_default();
        let lock = self.stripes.get(stripe).ok_or(TrustError::Contended)?;
        tokio::time::timeout(WAIT, lock.lock()).await.map_err(|_| TrustError::Contended)
    }
}
