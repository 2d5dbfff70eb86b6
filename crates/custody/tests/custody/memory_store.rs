//! A key store in memory that keeps the contract of [`KeyStore`], and fails on demand.

mod moves;

use std::sync::{Mutex, MutexGuard};

use async_trait::async_trait;
use chrono::{DateTime, Utc};

use countersign_storage::{
    KeyAliases, KeyHome, KeyStore, SealedKey, SealedSample, StorageError, StorageResult,
};

/// What the store does wrong from now on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Outage {
    /// Nothing.
    #[default]
    None,
    /// It answers no call.
    Everything,
    /// It cannot note that a key was used.
    MarkUsed,
}

/// The store. Rows stay in the order in which they came.
#[derive(Default)]
pub(crate) struct MemoryStore {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    rows: Vec<SealedKey>,
    check: Option<Vec<u8>>,
    outage: Outage,
    check_hidden_once: bool,
    moves: moves::Moves,
}

impl MemoryStore {
    /// All rows that are there.
    pub(crate) fn rows(&self) -> Vec<SealedKey> {
        self.lock().rows.clone()
    }

    /// Puts a row there as another program would.
    pub(crate) fn put(&self, row: SealedKey) {
        self.lock().rows.push(row);
    }

    /// Changes every row.
    pub(crate) fn edit(&self, change: impl Fn(&mut SealedKey)) {
        self.lock().rows.iter_mut().for_each(change);
    }

    /// Removes one row, as deletion makes it look.
    pub(crate) fn delete(&self, key_id: &str) {
        self.lock().rows.retain(|row| row.key_id != key_id);
    }

    /// Removes every row, as deletion makes it look.
    pub(crate) fn delete_all(&self) {
        self.lock().rows.clear();
    }

    /// Sets what fails from now on.
    pub(crate) fn set_outage(&self, outage: Outage) {
        self.lock().outage = outage;
    }

    /// Sets the check value.
    pub(crate) fn set_check(&self, check: &[u8]) {
        self.lock().check = Some(check.to_vec());
    }

    /// The next look finds no check value: another process inserts it just after.
    pub(crate) fn hide_check_once(&self) {
        self.lock().check_hidden_once = true;
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    /// The state, when the store answers at all.
    fn answering(&self) -> StorageResult<MutexGuard<'_, State>> {
        let state = self.lock();
        if state.outage == Outage::Everything {
            return Err(unavailable());
        }
        Ok(state)
    }
}

impl State {
    fn pending(&self, names: [&str; 3], home: KeyHome) -> Option<SealedKey> {
        self.rows
            .iter()
            .filter(|row| [row.gun.as_str(), &row.role, &row.algorithm] == names)
            .filter(|row| row.home() == home)
            .filter(|row| row.last_used.is_none())
            .min_by(|one, two| one.key_id.cmp(&two.key_id))
            .cloned()
    }
}

fn unavailable() -> StorageError {
    StorageError::Unavailable { reason: "the test took it away".to_owned() }
}

#[async_trait]
impl KeyStore for MemoryStore {
    async fn pending(
        &self,
        gun: &str,
        role: &str,
        algorithm: &str,
        home: KeyHome,
    ) -> StorageResult<Option<SealedKey>> {
        Ok(self.answering()?.pending([gun, role, algorithm], home))
    }

    async fn insert_unless_pending(
        &self,
        key: &SealedKey,
        _now: DateTime<Utc>,
    ) -> StorageResult<SealedKey> {
        let mut state = self.answering()?;
        if let Some(row) = state.pending([&key.gun, &key.role, &key.algorithm], key.home()) {
            return Ok(row);
        }
        state.rows.push(key.clone());
        Ok(key.clone())
    }

    async fn count_pending(&self, most: u32) -> StorageResult<u32> {
        let state = self.answering()?;
        let waiting = state.rows.iter().filter(|row| row.last_used.is_none()).count();
        Ok(u32::try_from(waiting).unwrap().min(most))
    }

    async fn by_id(&self, key_id: &str) -> StorageResult<Option<SealedKey>> {
        Ok(self.answering()?.rows.iter().find(|row| row.key_id == key_id).cloned())
    }

    async fn bind(
        &self,
        key_id: &str,
        gun: &str,
        role: &str,
        _now: DateTime<Utc>,
    ) -> StorageResult<Option<SealedKey>> {
        let mut state = self.answering()?;
        let fits = |has: &str, wanted: &str| has.is_empty() || has == wanted;
        let Some(row) = state.rows.iter_mut().find(|row| row.key_id == key_id) else {
            return Ok(None);
        };
        if fits(&row.gun, gun) && fits(&row.role, role) {
            (row.gun, row.role) = (gun.to_owned(), role.to_owned());
        }
        Ok(Some(row.clone()))
    }

    async fn mark_used(&self, key_id: &str, at: DateTime<Utc>) -> StorageResult<()> {
        let mut state = self.answering()?;
        if state.outage == Outage::MarkUsed {
            return Err(unavailable());
        }
        for row in state.rows.iter_mut().filter(|row| row.key_id == key_id) {
            row.last_used = Some(at);
        }
        Ok(())
    }

    async fn passphrase_check(&self) -> StorageResult<Option<Vec<u8>>> {
        let mut state = self.answering()?;
        if std::mem::take(&mut state.check_hidden_once) {
            return Ok(None);
        }
        Ok(state.check.clone())
    }

    async fn insert_passphrase_check(&self, sealed: &[u8]) -> StorageResult<Vec<u8>> {
        let mut state = self.answering()?;
        Ok(state.check.get_or_insert_with(|| sealed.to_vec()).clone())
    }
}

#[async_trait]
impl KeyAliases for MemoryStore {
    async fn samples_of_next_alias(
        &self,
        after: Option<&str>,
        most: u32,
    ) -> StorageResult<Vec<SealedSample>> {
        let state = self.answering()?;
        let sealed = state.rows.iter().filter(|row| row.home() == KeyHome::Sealed);
        let aliases = sealed.clone().map(|row| row.passphrase_alias.as_str());
        let next = aliases.filter(|alias| *alias > after.unwrap_or_default()).min();
        let newest = sealed.rev();
        let of_next = newest.filter(|row| Some(row.passphrase_alias.as_str()) == next);
        let sample = |row: &SealedKey| SealedSample {
            key_id: row.key_id.clone(),
            passphrase_alias: row.passphrase_alias.clone(),
            sealed: row.sealed.clone(),
        };
        Ok(of_next.take(most as usize).map(sample).collect())
    }
}
