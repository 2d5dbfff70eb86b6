//! Lookups that requests share: of those that ask for the same thing at the same time, one looks
//! for all that were there before it began.
//!
//! A request may share only a lookup that *began after the request arrived*. One that was under way
//! by then may have read what has changed since, and what it finds would be stale.
//! So there is at most one lookup under way for a key, and one crowd that waits for the next one.
//!
//! Source: contract section 4.

use std::collections::HashMap;
use std::hash::Hash;
use std::pin::pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// How long a crowd waits for an older lookup that does not end. Then it begins one of its own, which
/// all of the crowd share: on a link that stalls, what comes later must not wait for all that came
/// before.
const LONGEST_WAIT: Duration = Duration::from_secs(1);

/// Lookups by key, whose outcome can be handed to many.
pub(crate) struct SharedLookups<K: Eq + Hash, T> {
    longest_wait: Duration,
    /// Numbers every arrival and every beginning, so that they have one order.
    order: AtomicU64,
    /// One place for each key that is asked for right now.
    places: Mutex<HashMap<K, Place<T>>>,
}

/// Where those who ask for one key meet.
struct Place<T> {
    visits: usize,
    turn: Arc<Turn<T>>,
}

/// Whoever has it looks.
struct Turn<T> {
    /// When the lookup that is under way began, or else the last one; 0 before the first.
    began: AtomicU64,
    /// What was found last.
    last: Arc<tokio::sync::Mutex<Option<Outcome<T>>>>,
}

impl<T> Default for Turn<T> {
    fn default() -> Self {
        Self { began: AtomicU64::default(), last: Arc::default() }
    }
}

struct Outcome<T> {
    /// When the lookup began, in the order of arrivals.
    began: u64,
    found: T,
}

impl<K: Eq + Hash, T> Default for SharedLookups<K, T> {
    fn default() -> Self {
        Self::waiting_at_most(LONGEST_WAIT)
    }
}

impl<K: Eq + Hash, T> SharedLookups<K, T> {
    fn waiting_at_most(longest_wait: Duration) -> Self {
        Self { longest_wait, order: AtomicU64::default(), places: Mutex::default() }
    }

    /// From 1 on.
    fn next_in_order(&self) -> u64 {
        self.order.fetch_add(1, Ordering::SeqCst).wrapping_add(1)
    }

    /// No call leaves them half changed, so a panic elsewhere does not spoil them.
    fn places(&self) -> MutexGuard<'_, HashMap<K, Place<T>>> {
        self.places.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<K: Clone + Eq + Hash, T: Clone> SharedLookups<K, T> {
    /// What `look` finds, or what another's lookup found that began after this call.
    ///
    /// A call that is dropped in the middle of its lookup leaves the turn to the next one.
    pub(crate) async fn find<F: Future<Output = T>>(&self, key: &K, look: impl FnOnce() -> F) -> T {
        let arrived = self.next_in_order();
        let mut last = loop {
            let visit = self.visit(key);
            let mut turn = pin!(Arc::clone(&visit.turn.last).lock_owned());
            match tokio::time::timeout(self.longest_wait, turn.as_mut()).await {
                Ok(last) => break Held { last, visit },
                // What is under way by now is for this call too, however long it takes.
                Err(_) if visit.turn.began.load(Ordering::SeqCst) > arrived => {
                    break Held { last: turn.await, visit };
                }
                Err(_) => visit.meet_elsewhere(),
            }
        };
        if let Some(outcome) = &*last.last
            && outcome.began > arrived
        {
            return outcome.found.clone();
        }
        let began = self.next_in_order();
        last.visit.turn.began.store(began, Ordering::SeqCst);
        let found = look().await;
        *last.last = Some(Outcome { began, found: found.clone() });
        found
    }

    fn visit<'a>(&'a self, key: &'a K) -> Visit<'a, K, T> {
        let mut places = self.places();
        let place =
            places.entry(key.clone()).or_insert_with(|| Place { visits: 0, turn: Arc::default() });
        place.visits = place.visits.saturating_add(1);
        Visit { lookups: self, key, turn: Arc::clone(&place.turn) }
    }
}

/// A turn, and the visit that it was taken on. Dropped in this order.
struct Held<'a, K: Eq + Hash, T> {
    last: tokio::sync::OwnedMutexGuard<Option<Outcome<T>>>,
    visit: Visit<'a, K, T>,
}

/// One request at a place. The place goes with its last visit.
struct Visit<'a, K: Eq + Hash, T> {
    lookups: &'a SharedLookups<K, T>,
    key: &'a K,
    turn: Arc<Turn<T>>,
}

impl<K: Eq + Hash, T> Visit<'_, K, T> {
    /// Whoever comes from now on, and whoever waits here for as long, meets at a new place.
    fn meet_elsewhere(&self) {
        let mut places = self.lookups.places();
        if places.get(self.key).is_some_and(|place| Arc::ptr_eq(&place.turn, &self.turn)) {
            places.remove(self.key);
        }
    }
}

impl<K: Eq + Hash, T> Drop for Visit<'_, K, T> {
    fn drop(&mut self) {
        let mut places = self.lookups.places();
        let Some(place) = places.get_mut(self.key) else { return };
        // Another place has taken over its key.
        if !Arc::ptr_eq(&place.turn, &self.turn) {
            return;
        }
        place.visits = place.visits.saturating_sub(1);
        if place.visits == 0 {
            places.remove(self.key);
        }
    }
}

#[cfg(test)]
mod model;
