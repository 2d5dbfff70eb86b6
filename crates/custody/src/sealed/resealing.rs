//! Sealing stored keys anew, page by page, under another passphrase.
//!
//! A key is opened, sealed anew, opened again and compared before its row changes; and the row
//! changes only if it is still as it was. So whoever ends in the middle leaves each row whole, under
//! the one alias or the other.
//!
//! Source: signer spec 3.2 and 3.4.

use std::collections::HashSet;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::thread::available_parallelism;

use chrono::{DateTime, Utc};
use countersign_storage::{KeyAliases, KeyUpkeep, SealedKey};
use subtle::ConstantTimeEq as _;
use tokio::task::{JoinHandle, spawn_blocking};

use super::fault::Fault;
use super::jwe;
use super::key_wrap::Rounds;
use super::mover::{KeyFlaw, flaw};
use super::passphrase::folded;
use super::passphrases::{Passphrases, Sealing};
use super::private_key::ServerKey;
use super::row;
use crate::CustodyError;

/// How many rows are read at a time.
const PAGE: u32 = 64;

/// The most rows that are worked on at once.
const MOST_AT_ONCE: usize = 16;

/// What becomes of the rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resealing {
    /// They are sealed anew.
    Real,
    /// They are only looked into.
    Rehearsed,
}

/// A key that stays sealed as it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeftKey {
    /// Its ID.
    pub key_id: String,
    /// The GUN it was made for; empty in old rows.
    pub gun: String,
    /// Why it cannot be sealed anew.
    pub flaw: KeyFlaw,
}

/// What came of some rows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ResealedPage {
    /// How many were sealed anew, or would be.
    pub resealed: u64,
    /// How many changed under us and are as another process left them.
    pub changed: u64,
    /// Those that cannot be.
    pub left: Vec<LeftKey>,
}

/// Goes once through all keys that are sealed under other aliases than one.
pub struct Resealer<'a> {
    keys: &'a dyn KeyUpkeep,
    aliases: &'a dyn KeyAliases,
    passphrases: Arc<Passphrases>,
    sealing: Arc<Sealing>,
    rounds: Rounds,
    resealing: Resealing,
    /// The alias whose keys are gone through, and the last of them that was.
    at: Option<(String, Option<String>)>,
    /// What no list of aliases names: rows without an alias, and one that only retired keys have.
    unlisted: Vec<String>,
    /// The listed alias that was gone through last.
    listed: Option<String>,
    done: HashSet<String>,
}

impl<'a> Resealer<'a> {
    /// Goes through `keys`, opening with `passphrases` and sealing with `sealing`.
    pub(super) fn new(
        keys: &'a dyn KeyUpkeep,
        aliases: &'a dyn KeyAliases,
        passphrases: Arc<Passphrases>,
        sealing: Sealing,
        rounds: Rounds,
        resealing: Resealing,
    ) -> Self {
        let unlisted = vec![passphrases.alias_of_new_keys(), String::new()];
        let (sealing, done) = (Arc::new(sealing), HashSet::new());
        let (at, listed) = (None, None);
        Self { keys, aliases, passphrases, sealing, rounds, resealing, at, unlisted, listed, done }
    }

    /// The next rows; `None` when all were gone through.
    ///
    /// # Errors
    /// [`CustodyError`] when the store does not answer. Nothing is lost; the same call may be made
    /// again.
    pub async fn next_page(
        &mut self,
        now: DateTime<Utc>,
    ) -> Result<Option<ResealedPage>, CustodyError> {
        loop {
            let Some((alias, last)) = self.at.clone() else {
                match self.next_alias().await? {
                    Some(alias) => self.at = Some((alias, None)),
                    None => return Ok(None),
                }
                continue;
            };
            let rows = self.keys.sealed_under(&alias, last.as_deref(), PAGE).await?;
            let Some(end) = rows.last().map(|row| row.key_id.clone()) else {
                self.at = None;
                self.done.insert(alias);
                continue;
            };
            let page = self.reseal(rows, now).await?;
            self.at = Some((alias, Some(end)));
            return Ok(Some(page));
        }
    }

    /// The next alias whose keys the new passphrase does not open already.
    async fn next_alias(&mut self) -> Result<Option<String>, CustodyError> {
        loop {
            let alias = match self.unlisted.pop() {
                Some(alias) => alias,
                None => match self.next_listed().await? {
                    Some(alias) => alias,
                    None => return Ok(None),
                },
            };
            if folded(&alias) != folded(&self.sealing.alias) && !self.done.contains(&alias) {
                return Ok(Some(alias));
            }
        }
    }

    async fn next_listed(&mut self) -> Result<Option<String>, CustodyError> {
        let samples = self.aliases.samples_of_next_alias(self.listed.as_deref(), 1).await?;
        let alias = samples.into_iter().next().map(|one| one.passphrase_alias);
        self.listed.clone_from(&alias);
        Ok(alias)
    }

    async fn reseal(
        &self,
        rows: Vec<SealedKey>,
        now: DateTime<Utc>,
    ) -> Result<ResealedPage, CustodyError> {
        let mut page = ResealedPage::default();
        for some in rows.chunks(at_once()) {
            let works: Vec<_> = some.iter().map(|row| self.work_on(row.clone())).collect();
            for work in works {
                let (row, anew) = work.await.map_err(|error| {
                    CustodyError::Other(format!("key work did not finish: {error}"))
                })?;
                self.settle(row, anew, now, &mut page).await?;
            }
        }
        Ok(page)
    }

    /// Begins the slow part, off the async threads.
    fn work_on(&self, row: SealedKey) -> JoinHandle<(SealedKey, Result<SealedKey, Fault>)> {
        let (passphrases, sealing) = (Arc::clone(&self.passphrases), Arc::clone(&self.sealing));
        let (rounds, resealing) = (self.rounds, self.resealing);
        spawn_blocking(move || {
            let anew = match resealing {
                Resealing::Real => sealed_anew(&row, &passphrases, &sealing, rounds),
                Resealing::Rehearsed => row::open(&row, &passphrases).map(|_| row.clone()),
            };
            (row, anew)
        })
    }

    async fn settle(
        &self,
        row: SealedKey,
        anew: Result<SealedKey, Fault>,
        now: DateTime<Utc>,
        page: &mut ResealedPage,
    ) -> Result<(), CustodyError> {
        match (anew, self.resealing) {
            (Ok(_), Resealing::Rehearsed) => page.resealed = page.resealed.saturating_add(1),
            (Ok(anew), Resealing::Real) => {
                let stored = self.keys.reseal(&row, &anew, now).await?;
                let count = if stored { &mut page.resealed } else { &mut page.changed };
                *count = count.saturating_add(1);
            }
            (Err(Fault::Sealing(reason)), _) => {
                return Err(CustodyError::Other(format!("a key cannot be sealed: {reason}")));
            }
            (Err(fault), _) => page.left.push(LeftKey {
                flaw: flaw(&row, &fault),
                key_id: row.key_id,
                gun: row.gun,
            }),
        }
        Ok(())
    }
}

/// How many keys are worked on at once: half of the processors are left to servers beside.
fn at_once() -> usize {
    let processors = available_parallelism().map_or(1, NonZeroUsize::get);
    (processors / 2).clamp(1, MOST_AT_ONCE)
}

/// The row under the new passphrase, opened again and compared. Slow on purpose.
pub(super) fn sealed_anew(
    row: &SealedKey,
    passphrases: &Passphrases,
    sealing: &Sealing,
    rounds: Rounds,
) -> Result<SealedKey, Fault> {
    let key = row::open(row, passphrases)?;
    let anew = row::seal_anew(row, &key, sealing, rounds)?;
    let again = jwe::open(&anew.sealed, &sealing.passphrase)?;
    if !bool::from(again.ct_eq(&key.to_plaintext())) {
        return Err(Fault::Sealing("what was sealed anew opens to something else"));
    }
    ServerKey::load(row::public_half(&anew)?, &again)?;
    Ok(anew)
}
