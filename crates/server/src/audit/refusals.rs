//! How many refusals are written one by one: a flood of them must not fill the disk.

use std::num::NonZeroU32;
use std::sync::atomic::{AtomicU64, Ordering};

use countersign_access::audit::{RefusalKind, Suppressed};
use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};

/// How many seconds' worth may come at once.
const BURST: NonZeroU32 = NonZeroU32::MIN.saturating_add(9);

/// A budget for each kind of refusal.
pub(super) struct Refusals {
    kinds: Vec<Kind>,
    suppressed: AtomicU64,
}

struct Kind {
    kind: RefusalKind,
    budget: DefaultDirectRateLimiter,
    /// Not told yet.
    untold: AtomicU64,
}

impl Refusals {
    pub(super) fn new(per_second: NonZeroU32) -> Self {
        let quota = Quota::per_second(per_second).allow_burst(per_second.saturating_mul(BURST));
        let kind =
            |kind| Kind { kind, budget: RateLimiter::direct(quota), untold: AtomicU64::new(0) };
        Self { kinds: RefusalKind::ALL.map(kind).into(), suppressed: AtomicU64::new(0) }
    }

    /// Whether one of this kind may be written now.
    pub(super) fn admits(&self, kind: RefusalKind) -> bool {
        self.of(kind).is_some_and(|kind| kind.budget.check().is_ok())
    }

    /// Counts one that is not written.
    pub(super) fn suppress(&self, kind: RefusalKind) {
        self.suppressed.fetch_add(1, Ordering::Relaxed);
        if let Some(kind) = self.of(kind) {
            kind.untold.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Takes the counts of those that were not told yet.
    pub(super) fn take(&self) -> Vec<Suppressed> {
        let taken = self.kinds.iter().map(|Kind { kind, untold, .. }| Suppressed {
            kind: *kind,
            count: untold.swap(0, Ordering::Relaxed),
        });
        taken.filter(|suppressed| suppressed.count > 0).collect()
    }

    /// All that were not written since the start.
    pub(super) fn suppressed(&self) -> u64 {
        self.suppressed.load(Ordering::Relaxed)
    }

    fn of(&self, kind: RefusalKind) -> Option<&Kind> {
        self.kinds.iter().find(|known| known.kind == kind)
    }
}
