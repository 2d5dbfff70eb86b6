//! All passphrases of a process, by alias; learns those that it was not started with.
//!
//! Never in here: where a passphrase comes from (file or environment).
//!
//! Source: signer spec 3.4; contract section 1 (alias of new rows).

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use super::fault::Fault;
use super::passphrase::{Passphrase, folded, variable_of};

/// The most passphrases that are kept for one alias: its own, and some that took its place.
const MOST_PER_ALIAS: usize = 4;

/// The most aliases that the source is asked for between two calls of [`Passphrases::ask_again`]:
/// more than anybody has, whatever else is in the table.
const MOST_ASKED: usize = 100;

/// Where passphrases come from that a process was not started with, or that changed since.
pub trait PassphraseSource: Send + Sync {
    /// The passphrases that are given for `alias` now; of several the first is the one to seal
    /// with. May block: it is asked off the async threads.
    fn find(&self, alias: &str) -> Vec<Passphrase>;
}

/// Every passphrase that rows may be sealed under, by alias; and the one that seals new rows.
///
/// Aliases are compared as the Go signer compares them: it reads the passphrase of alias `a.B`
/// from `NOTARY_SIGNER_A_B`, so case, and the difference between `.` and `_`, do not matter.
///
/// It learns: a row that nothing here opens has its alias looked up in the source, once until
/// [`Passphrases::ask_again`].
pub struct Passphrases {
    ring: RwLock<Ring>,
    source: Option<Box<dyn PassphraseSource>>,
    /// The folded aliases that the source was asked for. Held while it is asked, so that whoever
    /// comes meanwhile sees what it said.
    asked: Mutex<HashSet<String>>,
    new_keys: NewKeys,
}

/// Under which alias new rows are sealed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum NewKeys {
    /// That of the check value in the key database.
    Following,
    /// The one that the operator names.
    Pinned,
}

struct Ring {
    sealing: Sealing,
    /// By folded alias, that of new rows too; the ones that opened something lately come first.
    by_alias: HashMap<String, Vec<Arc<Passphrase>>>,
}

/// What seals new rows.
#[derive(Clone, Debug)]
pub(super) struct Sealing {
    /// The alias, as it is stored.
    pub(super) alias: String,
    pub(super) passphrase: Arc<Passphrase>,
}

impl Passphrases {
    /// One passphrase, which seals new rows under `default_alias` (stored as it is spelt here).
    #[must_use]
    pub fn new(default_alias: &str, passphrase: Passphrase) -> Self {
        let sealing = Sealing { alias: default_alias.to_owned(), passphrase: Arc::new(passphrase) };
        let first = (folded(default_alias), vec![Arc::clone(&sealing.passphrase)]);
        Self {
            ring: RwLock::new(Ring { sealing, by_alias: HashMap::from([first]) }),
            source: None,
            asked: Mutex::default(),
            new_keys: NewKeys::Following,
        }
    }

    /// The same with one more, which opens rows of `alias` and seals none. Replaces the one that
    /// was given for that alias before; the default's stays.
    #[must_use]
    pub fn with(self, alias: &str, passphrase: Passphrase) -> Self {
        let alias = folded(alias);
        let mut ring = self.write();
        if alias != folded(&ring.sealing.alias) {
            ring.by_alias.insert(alias, vec![Arc::new(passphrase)]);
        }
        drop(ring);
        self
    }

    /// The same, which asks `source` for what it does not know.
    #[must_use]
    pub fn asking(self, source: impl PassphraseSource + 'static) -> Self {
        Self { source: Some(Box::new(source)), ..self }
    }

    /// The same, which seals new rows under its present alias whatever the check value says.
    #[must_use]
    pub fn pinned(self) -> Self {
        Self { new_keys: NewKeys::Pinned, ..self }
    }

    /// From now on the source is asked again for aliases that it did not know. To be called every
    /// few seconds: what is asked for per row would otherwise be read per request.
    pub fn ask_again(&self) {
        self.asked().clear();
    }

    /// The alias of new rows.
    #[must_use]
    pub fn alias_of_new_keys(&self) -> String {
        self.read().sealing.alias.clone()
    }

    /// What seals new rows.
    pub(super) fn sealing(&self) -> Sealing {
        self.read().sealing.clone()
    }

    /// Whether new rows stay under their alias.
    pub(super) fn is_pinned(&self) -> bool {
        self.new_keys == NewKeys::Pinned
    }

    /// Seals new rows with this one from now on, under `alias` as it is spelt here.
    pub(super) fn seal_under(&self, alias: &str, passphrase: Arc<Passphrase>) {
        self.put_first(alias, &passphrase);
        self.write().sealing = Sealing { alias: alias.to_owned(), passphrase };
    }

    /// Opens something that was sealed under `alias`: with what is known, or else with what the
    /// source knows. `open` says [`Fault::DoesNotOpen`] of a passphrase that is not the one.
    pub(super) fn open_with<T>(
        &self,
        alias: &str,
        open: impl Fn(&Passphrase) -> Result<T, Fault>,
    ) -> Result<(T, Arc<Passphrase>), Fault> {
        let mut tried = self.of(alias);
        if let Some(opened) = self.try_each(alias, &tried, &open)? {
            return Ok(opened);
        }
        self.ask(alias);
        let mut learnt = self.of(alias);
        learnt.retain(|one| !tried.iter().any(|other| Arc::ptr_eq(one, other)));
        if let Some(opened) = self.try_each(alias, &learnt, &open)? {
            return Ok(opened);
        }
        tried.append(&mut learnt);
        if tried.is_empty() {
            return Err(Fault::NoPassphrase { variable: variable_of(alias) });
        }
        Err(Fault::DoesNotOpen)
    }

    fn try_each<T>(
        &self,
        alias: &str,
        passphrases: &[Arc<Passphrase>],
        open: impl Fn(&Passphrase) -> Result<T, Fault>,
    ) -> Result<Option<(T, Arc<Passphrase>)>, Fault> {
        for (place, passphrase) in passphrases.iter().enumerate() {
            match open(passphrase) {
                Ok(opened) => {
                    if place > 0 {
                        self.put_first(alias, passphrase);
                    }
                    return Ok(Some((opened, Arc::clone(passphrase))));
                }
                Err(Fault::DoesNotOpen) => {}
                Err(other) => return Err(other),
            }
        }
        Ok(None)
    }

    /// The known passphrases of rows that name `alias`.
    pub(super) fn of(&self, alias: &str) -> Vec<Arc<Passphrase>> {
        let (ring, alias) = (self.read(), folded(alias));
        let mut known = ring.by_alias.get(&alias).cloned().unwrap_or_default();
        let sealing = &ring.sealing;
        if alias == folded(&sealing.alias) && !known.iter().any(|one| one.is(&sealing.passphrase)) {
            known.push(Arc::clone(&sealing.passphrase));
        }
        known
    }

    /// Those that may prove this process to be one of this key database: that of new rows, and all
    /// of other aliases. One that only took the place of that of new rows proves nothing: new rows
    /// would not be sealed with it.
    pub(super) fn proving(&self) -> Vec<Arc<Passphrase>> {
        let ring = self.read();
        let sealing = folded(&ring.sealing.alias);
        let others = ring.by_alias.iter().filter(|(alias, _)| **alias != sealing);
        std::iter::once(&ring.sealing.passphrase)
            .chain(others.flat_map(|(_, all)| all))
            .cloned()
            .collect()
    }

    /// Asks the source for `alias`, unless that was done lately.
    fn ask(&self, alias: &str) {
        let Some(source) = &self.source else { return };
        let mut asked = self.asked();
        if asked.len() >= MOST_ASKED || !asked.insert(folded(alias)) {
            return;
        }
        for found in source.find(alias) {
            self.learn(alias, found);
        }
    }

    /// One more passphrase for `alias`, behind those that are known.
    fn learn(&self, alias: &str, passphrase: Passphrase) {
        let mut ring = self.write();
        let known = ring.by_alias.entry(folded(alias)).or_default();
        if known.iter().any(|one| one.is(&passphrase)) {
            return;
        }
        known.truncate(MOST_PER_ALIAS - 1);
        known.push(Arc::new(passphrase));
    }

    /// Puts what was just proved before the others of its alias.
    fn put_first(&self, alias: &str, passphrase: &Arc<Passphrase>) {
        let mut ring = self.write();
        let known = ring.by_alias.entry(folded(alias)).or_default();
        known.retain(|one| !one.is(passphrase));
        known.insert(0, Arc::clone(passphrase));
        known.truncate(MOST_PER_ALIAS);
    }

    /// No call leaves the ring half changed, so a panic elsewhere does not spoil it.
    fn read(&self) -> RwLockReadGuard<'_, Ring> {
        self.ring.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Ring> {
        self.ring.write().unwrap_or_else(PoisonError::into_inner)
    }

    fn asked(&self) -> MutexGuard<'_, HashSet<String>> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Passphrases {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ring = self.read();
        f.debug_struct("Passphrases")
            .field("new_keys", &self.new_keys)
            .field("alias_of_new_keys", &ring.sealing.alias)
            .field("aliases", &ring.by_alias.keys())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
