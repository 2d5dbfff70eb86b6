//! Keys that were opened a while ago, so that a signature does not pay for the derivation again.
//!
//! Bounded in number and age. An entry answers for the exact sealed bytes it was opened from, to
//! callers that have read the row just now. For a moment after such a reading it also answers
//! without another one: so a key is used no longer than that moment after another process has
//! deleted its row.
//!
//! Never in here: passphrases, the database.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use chrono::{DateTime, TimeDelta, Utc};
use sha2::{Digest as _, Sha256};

use super::private_key::ServerKey;
use countersign_storage::SealedKey;

/// A bounded map from row to opened key. Keys are wiped when the last user lets go of them.
pub(super) struct OpenedKeys {
    most: usize,
    max_age: TimeDelta,
    /// How long a reading of a row is good for.
    rows_for: TimeDelta,
    entries: Mutex<HashMap<String, Entry>>,
}

struct Entry {
    sealed_sha256: [u8; 32],
    opened_at: DateTime<Utc>,
    read: Option<Reading>,
    key: Arc<ServerKey>,
}

/// What a row said when it was asked for.
struct Reading {
    at: DateTime<Utc>,
    row: Arc<ReadRow>,
}

/// What matters of a row once its key is open.
pub(super) struct ReadRow {
    pub(super) gun: String,
    pub(super) role: String,
    pub(super) alias: String,
}

/// An opened key whose row was read a moment ago.
pub(super) struct RecentKey {
    pub(super) row: Arc<ReadRow>,
    pub(super) key: Arc<ServerKey>,
}

impl OpenedKeys {
    /// An empty map that keeps at most `most` keys, none for longer than `max_age`, and for which a
    /// reading of a row is good for `rows_for`.
    pub(super) fn new(most: usize, max_age: TimeDelta, rows_for: TimeDelta) -> Self {
        Self { most, max_age, rows_for, entries: Mutex::default() }
    }

    /// The key of this ID, if its row was read a moment ago.
    pub(super) fn recent(&self, key_id: &str, now: DateTime<Utc>) -> Option<RecentKey> {
        let entries = self.lock();
        let entry = entries.get(key_id).filter(|entry| self.is_fresh(entry, now))?;
        let reading = entry.read.as_ref()?;
        let (row, key) = (Arc::clone(&reading.row), Arc::clone(&entry.key));
        is_within(reading.at, now, self.rows_for).then_some(RecentKey { row, key })
    }

    /// Notes that `row`, whose key is open, is what the database said when it was asked at `at`.
    pub(super) fn note_read(&self, row: &SealedKey, at: DateTime<Utc>) {
        if let Some(entry) = self.lock().get_mut(&row.key_id) {
            let (gun, role) = (row.gun.clone(), row.role.clone());
            let row = ReadRow { gun, role, alias: row.passphrase_alias.clone() };
            entry.read = Some(Reading { at, row: Arc::new(row) });
        }
    }

    /// The key that was opened from exactly this row, unless that was too long ago.
    pub(super) fn find(&self, row: &SealedKey, now: DateTime<Utc>) -> Option<Arc<ServerKey>> {
        let mut entries = self.lock();
        let entry = entries.get(&row.key_id)?;
        if self.is_fresh(entry, now) && entry.sealed_sha256 == digest(row) {
            return Some(Arc::clone(&entry.key));
        }
        entries.remove(&row.key_id);
        None
    }

    /// Keeps a key that was opened from `row`; makes room by dropping the oldest.
    pub(super) fn keep(&self, row: &SealedKey, key: Arc<ServerKey>, now: DateTime<Utc>) {
        if self.most == 0 {
            return;
        }
        let mut entries = self.lock();
        entries.retain(|_, entry| self.is_fresh(entry, now));
        if entries.len() >= self.most && !entries.contains_key(&row.key_id) {
            let oldest =
                entries.iter().min_by_key(|(_, entry)| entry.opened_at).map(|(id, _)| id.clone());
            if let Some(oldest) = oldest {
                entries.remove(&oldest);
            }
        }
        let entry = Entry { sealed_sha256: digest(row), opened_at: now, read: None, key };
        entries.insert(row.key_id.clone(), entry);
    }

    /// Drops every key that is too old, whether anybody asks for it or not.
    pub(super) fn drop_old(&self, now: DateTime<Utc>) {
        self.lock().retain(|_, entry| self.is_fresh(entry, now));
    }

    /// Forgets the key, for instance because its row is gone.
    pub(super) fn forget(&self, key_id: &str) {
        self.lock().remove(key_id);
    }

    fn is_fresh(&self, entry: &Entry, now: DateTime<Utc>) -> bool {
        is_within(entry.opened_at, now, self.max_age)
    }

    /// No call leaves the map half changed, so a panic elsewhere does not spoil it.
    fn lock(&self) -> MutexGuard<'_, HashMap<String, Entry>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for OpenedKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OpenedKeys").field("most", &self.most).finish_non_exhaustive()
    }
}

/// Whether less than `span` has passed since `then`. For a clock that went back everything that
/// happened later than it now says is too long ago.
fn is_within(then: DateTime<Utc>, now: DateTime<Utc>, span: TimeDelta) -> bool {
    let age = now.signed_duration_since(then);
    age >= TimeDelta::zero() && age < span
}

fn digest(row: &SealedKey) -> [u8; 32] {
    Sha256::digest(&row.sealed).into()
}

#[cfg(test)]
mod tests {
    use countersign_tuf::keys::ServerKeyAlgorithm;

    use super::*;

    fn at(seconds: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(1_800_000_000 + seconds, 0).unwrap()
    }

    fn row(key_id: &str) -> SealedKey {
        SealedKey {
            key_id: key_id.to_owned(),
            encryption_alg: String::new(),
            keywrap_alg: String::new(),
            algorithm: "ed25519".to_owned(),
            passphrase_alias: String::new(),
            public: Vec::new(),
            sealed: b"sealed".to_vec(),
            gun: String::new(),
            role: String::new(),
            last_used: None,
        }
    }

    fn key() -> Arc<ServerKey> {
        Arc::new(ServerKey::generate(ServerKeyAlgorithm::Ed25519).unwrap())
    }

    fn keys(most: usize) -> OpenedKeys {
        OpenedKeys::new(most, TimeDelta::seconds(60), TimeDelta::seconds(1))
    }

    #[test]
    fn key_is_found_until_it_is_too_old() {
        let keys = keys(2);
        keys.keep(&row("a"), key(), at(0));
        assert!(keys.find(&row("a"), at(59)).is_some());
        assert!(keys.find(&row("a"), at(60)).is_none());
        assert!(keys.find(&row("a"), at(59)).is_none(), "dropped when it was found too old");
    }

    #[test]
    fn key_from_other_sealed_bytes_is_not_found() {
        let keys = keys(2);
        keys.keep(&row("a"), key(), at(0));
        let resealed = SealedKey { sealed: b"other".to_vec(), ..row("a") };
        assert!(keys.find(&resealed, at(1)).is_none());
    }

    #[test]
    fn clock_that_went_back_makes_a_key_too_old() {
        let keys = keys(2);
        keys.keep(&row("a"), key(), at(0));
        assert!(keys.find(&row("a"), at(-1)).is_none());
    }

    #[test]
    fn full_map_drops_the_oldest() {
        let keys = keys(2);
        for (place, id) in ["a", "b", "c"].into_iter().enumerate() {
            keys.keep(&row(id), key(), at(i64::try_from(place).unwrap()));
        }
        assert!(keys.find(&row("a"), at(3)).is_none());
        assert!(keys.find(&row("b"), at(3)).is_some());
        assert!(keys.find(&row("c"), at(3)).is_some());
    }

    /// What drops a key wipes it: its types do so when nobody holds them.
    #[test]
    fn nobody_holds_a_key_that_was_dropped_for_its_age_its_number_or_its_row() {
        let keys = keys(2);
        let kept = |id: &str, seconds| {
            let key = key();
            let held = Arc::downgrade(&key);
            keys.keep(&row(id), key, at(seconds));
            held
        };
        let (a, b, c) = (kept("a", 0), kept("b", 1), kept("c", 2));
        assert!(a.upgrade().is_none(), "the third takes the place of the first");
        keys.forget("b");
        assert!(b.upgrade().is_none());
        keys.drop_old(at(61));
        assert!(c.upgrade().is_some());
        keys.drop_old(at(62));
        assert!(c.upgrade().is_none(), "nobody asked for it");
        let (d, e) = (kept("d", 100), kept("e", 160));
        assert!(d.upgrade().is_none(), "another that is kept drops what is too old");
        assert!(e.upgrade().is_some());
    }

    #[test]
    fn key_kept_again_drops_no_other() {
        let keys = keys(2);
        for id in ["a", "b", "b"] {
            keys.keep(&row(id), key(), at(0));
        }
        assert!(keys.find(&row("a"), at(1)).is_some());
    }

    #[test]
    fn row_counts_as_read_for_its_moment_and_for_no_other_key() {
        let keys = keys(2);
        let read = SealedKey { gun: "a gun".to_owned(), role: "snapshot".to_owned(), ..row("a") };
        keys.note_read(&read, at(0));
        assert!(keys.recent("a", at(0)).is_none(), "its key is not open");
        for id in ["a", "b"] {
            keys.keep(&row(id), key(), at(0));
        }
        assert!(keys.recent("a", at(0)).is_none(), "nobody says when its row was read");
        keys.note_read(&read, at(10));
        let recent = keys.recent("a", at(10)).unwrap();
        assert_eq!((recent.row.gun.as_str(), recent.row.role.as_str()), ("a gun", "snapshot"));
        assert!(keys.recent("b", at(10)).is_none());
        assert!(keys.recent("a", at(9)).is_none(), "the clock went back");
        assert!(keys.recent("a", at(11)).is_none());
        assert!(keys.find(&row("a"), at(11)).is_some(), "the key stays open");
        keys.note_read(&read, at(59));
        assert!(keys.recent("a", at(60)).is_none(), "the key is too old, its row is not");
    }

    #[test]
    fn row_that_is_sealed_anew_is_not_taken_as_read() {
        let keys = keys(2);
        keys.keep(&row("a"), key(), at(0));
        keys.note_read(&row("a"), at(0));
        let resealed = SealedKey { sealed: b"other".to_vec(), ..row("a") };
        assert!(keys.find(&resealed, at(0)).is_none());
        keys.keep(&resealed, key(), at(0));
        assert!(keys.recent("a", at(0)).is_none());
    }

    #[test]
    fn forgotten_key_is_not_found() {
        let keys = keys(2);
        keys.keep(&row("a"), key(), at(0));
        keys.forget("a");
        assert!(keys.find(&row("a"), at(1)).is_none());
    }
}
