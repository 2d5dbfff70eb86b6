//! Upkeep of keys and moves of passphrases, in memory; and a fuse that fails from a call on.

use async_trait::async_trait;
use chrono::{DateTime, Utc};

use countersign_storage::{
    KeyProcess, KeyRecord, KeyUpkeep, PassphraseCheck, PassphraseMoves, RetiredKey, SealedKey,
    StorageError, StorageResult,
};

use super::{MemoryStore, State, unavailable};

/// What only moves of passphrases need.
#[derive(Default)]
pub(super) struct Moves {
    alias: Option<String>,
    proposed: Option<PassphraseCheck>,
    processes: Vec<KeyProcess>,
    /// How many more calls are answered; `None`: all.
    fuse: Option<usize>,
}

impl MemoryStore {
    /// Answers so many more calls of upkeep and moves, and fails after that.
    pub(crate) fn set_fuse(&self, calls: usize) {
        self.lock().moves.fuse = Some(calls);
    }

    /// Answers all calls again; how many the fuse had left.
    pub(crate) fn remove_fuse(&self) -> Option<usize> {
        self.lock().moves.fuse.take()
    }

    /// The processes that are noted.
    pub(crate) fn noted(&self) -> Vec<KeyProcess> {
        self.lock().moves.processes.clone()
    }

    /// Notes a process as its own process would.
    pub(crate) fn note(&self, process: KeyProcess) {
        self.lock().moves.note(process);
    }

    /// What the check value says of its alias.
    pub(crate) fn check_alias(&self) -> Option<String> {
        self.lock().moves.alias.clone()
    }

    fn burning(&self) -> StorageResult<std::sync::MutexGuard<'_, State>> {
        let mut state = self.answering()?;
        if let Some(left) = &mut state.moves.fuse {
            *left = left.checked_sub(1).ok_or_else(unavailable)?;
        }
        Ok(state)
    }
}

impl Moves {
    fn note(&mut self, process: KeyProcess) {
        self.processes.retain(|one| one.id != process.id);
        self.processes.push(process);
    }
}

impl State {
    fn current(&self) -> Option<PassphraseCheck> {
        let sealed = self.check.clone()?;
        Some(PassphraseCheck { alias: self.moves.alias.clone(), sealed })
    }
}

#[async_trait]
impl KeyUpkeep for MemoryStore {
    async fn sealed_under(
        &self,
        alias: &str,
        after: Option<&str>,
        most: u32,
    ) -> StorageResult<Vec<SealedKey>> {
        let state = self.burning()?;
        let of_alias = state.rows.iter().filter(|row| row.passphrase_alias == alias);
        let mut rows: Vec<SealedKey> =
            of_alias.filter(|row| Some(row.key_id.as_str()) > after).cloned().collect();
        rows.sort_by(|one, other| one.key_id.cmp(&other.key_id));
        rows.truncate(most as usize);
        Ok(rows)
    }

    async fn in_token(&self, _after: Option<&str>, _most: u32) -> StorageResult<Vec<SealedKey>> {
        Err(unused())
    }

    async fn reseal(
        &self,
        was: &SealedKey,
        anew: &SealedKey,
        _now: DateTime<Utc>,
    ) -> StorageResult<bool> {
        let mut state = self.burning()?;
        let found = state.rows.iter_mut().find(|row| {
            row.key_id == was.key_id
                && row.sealed == was.sealed
                && row.passphrase_alias == was.passphrase_alias
        });
        let Some(row) = found else { return Ok(false) };
        row.sealed.clone_from(&anew.sealed);
        row.passphrase_alias.clone_from(&anew.passphrase_alias);
        row.encryption_alg.clone_from(&anew.encryption_alg);
        row.keywrap_alg.clone_from(&anew.keywrap_alg);
        Ok(true)
    }

    async fn retire(&self, _key_id: &str, _now: DateTime<Utc>) -> StorageResult<bool> {
        Err(unused())
    }

    async fn bring_back(&self, _key_id: &str, _now: DateTime<Utc>) -> StorageResult<bool> {
        Err(unused())
    }

    async fn erase(&self, _key_id: &str, _before: DateTime<Utc>) -> StorageResult<bool> {
        Err(unused())
    }

    async fn retired(
        &self,
        _before: DateTime<Utc>,
        _after: Option<&str>,
        _most: u32,
    ) -> StorageResult<Vec<RetiredKey>> {
        Err(unused())
    }

    async fn pending_since(
        &self,
        _before: DateTime<Utc>,
        _after: Option<&str>,
        _most: u32,
    ) -> StorageResult<Vec<KeyRecord>> {
        Err(unused())
    }
}

#[async_trait]
impl PassphraseMoves for MemoryStore {
    async fn current_check(&self) -> StorageResult<Option<PassphraseCheck>> {
        Ok(self.burning()?.current())
    }

    async fn proposed_check(&self) -> StorageResult<Option<PassphraseCheck>> {
        Ok(self.burning()?.moves.proposed.clone())
    }

    async fn propose_check(&self, next: &PassphraseCheck) -> StorageResult<PassphraseCheck> {
        let mut state = self.burning()?;
        Ok(state.moves.proposed.get_or_insert_with(|| next.clone()).clone())
    }

    async fn withdraw_check(&self, proposed: &PassphraseCheck) -> StorageResult<()> {
        let mut state = self.burning()?;
        if state.moves.proposed.as_ref() == Some(proposed) {
            state.moves.proposed = None;
        }
        Ok(())
    }

    async fn adopt_check(&self, proposed: &PassphraseCheck) -> StorageResult<bool> {
        let mut state = self.burning()?;
        if state.moves.proposed.as_ref() != Some(proposed) {
            return Ok(false);
        }
        state.moves.proposed = None;
        state.check = Some(proposed.sealed.clone());
        state.moves.alias.clone_from(&proposed.alias);
        Ok(true)
    }

    async fn note_process(&self, process: &KeyProcess) -> StorageResult<()> {
        self.burning()?.moves.note(process.clone());
        Ok(())
    }

    async fn processes(&self) -> StorageResult<Vec<KeyProcess>> {
        Ok(self.burning()?.moves.processes.clone())
    }

    async fn forget_process(&self, id: &str) -> StorageResult<()> {
        self.burning()?.moves.processes.retain(|one| one.id != id);
        Ok(())
    }
}

fn unused() -> StorageError {
    StorageError::Other("no test here needs it".to_owned())
}
