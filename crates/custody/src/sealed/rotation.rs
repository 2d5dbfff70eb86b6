//! From one passphrase to the next for a whole key database: what is proposed, who has it, and when
//! it holds.
//!
//! Whoever drives it waits, and decides how long; nothing waits in here.
//!
//! Source: contract section 1.

use std::sync::Arc;

use countersign_storage::{KeyAliases, KeyProcess, KeyUpkeep, PassphraseCheck, PassphraseMoves};
use thiserror::Error;
use tokio::task::spawn_blocking;

use super::check_follower::{alias_of, digest_of};
use super::key_wrap::Rounds;
use super::passphrase::{DEFAULT_ALIAS, Passphrase, folded};
use super::passphrase_check::{prove_one, seal_with};
use super::passphrases::{Passphrases, Sealing};
use super::resealing::{Resealer, Resealing};
use super::rotate::Proposal;
use crate::CustodyError;

/// Why there is no rotation to this passphrase.
#[derive(Debug, Error)]
pub enum RotationError {
    /// The keys cannot be reached, or their database holds something that cannot be.
    #[error(transparent)]
    Custody(#[from] CustodyError),
    /// The check value of this alias was sealed with another passphrase than the one given.
    #[error(
        "the passphrase of alias {alias:?} is another one in this key database: give that one, or \
         rotate to another alias"
    )]
    AnotherPassphrase {
        /// The alias.
        alias: String,
    },
    /// Nothing ever opened this key database.
    #[error("no server has opened this key database yet: start one first")]
    Unopened,
    /// A rotation to another alias was begun.
    #[error("a rotation to alias {alias:?} was begun and has not ended: end it first")]
    UnderWay {
        /// That alias.
        alias: String,
    },
}

/// Where a rotation stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Its passphrase is proposed by this check value.
    Proposed(PassphraseCheck),
    /// Its passphrase seals new keys already; some may be sealed under others.
    Holds,
}

/// A rotation to one passphrase.
pub struct Rotation {
    moves: Arc<dyn PassphraseMoves>,
    passphrases: Arc<Passphrases>,
    sealing: Sealing,
    rounds: Rounds,
}

impl Rotation {
    /// A rotation to `passphrase` under `alias`, as it is spelt here. `passphrases` open the keys
    /// that are there.
    #[must_use]
    pub fn new(
        moves: Arc<dyn PassphraseMoves>,
        passphrases: Arc<Passphrases>,
        alias: &str,
        passphrase: Passphrase,
        rounds: Rounds,
    ) -> Self {
        let sealing = Sealing { alias: alias.to_owned(), passphrase: Arc::new(passphrase) };
        Self { moves, passphrases, sealing, rounds }
    }

    /// The alias of the rotation that was begun on this database; `None`: none was.
    ///
    /// # Errors
    /// [`CustodyError`] when the store does not answer.
    pub async fn begun(moves: &dyn PassphraseMoves) -> Result<Option<String>, CustodyError> {
        Ok(moves.proposed_check().await?.map(|check| alias_of(&check).to_owned()))
    }

    /// Proposes the passphrase, unless it holds already or was proposed before.
    ///
    /// # Errors
    /// [`RotationError`]; nothing has changed then.
    pub async fn begin(&self) -> Result<Standing, RotationError> {
        let current = self.moves.current_check().await.map_err(CustodyError::from)?;
        let current = current.ok_or(RotationError::Unopened)?;
        if self.is_of_ours(&current).await? {
            self.prove(current).await?;
            return Ok(Standing::Holds);
        }
        let (passphrase, rounds) = (Arc::clone(&self.sealing.passphrase), self.rounds);
        let sealed = spawn_blocking(move || seal_with(&passphrase, rounds))
            .await
            .map_err(|error| CustodyError::Other(error.to_string()))?
            .map_err(|fault| CustodyError::Other(fault.to_string()))?;
        let next = PassphraseCheck { alias: Some(self.sealing.alias.clone()), sealed };
        let proposed = self.moves.propose_check(&next).await.map_err(CustodyError::from)?;
        if folded(alias_of(&proposed)) != folded(&self.sealing.alias) {
            return Err(RotationError::UnderWay { alias: alias_of(&proposed).to_owned() });
        }
        self.prove(proposed.clone()).await?;
        Ok(Standing::Proposed(proposed))
    }

    /// Whether the check value that holds is of this rotation's alias. Old ones do not say; they
    /// are of our own alias if its passphrase opens them.
    async fn is_of_ours(&self, current: &PassphraseCheck) -> Result<bool, CustodyError> {
        let wanted = folded(&self.sealing.alias);
        if let Some(alias) = &current.alias {
            return Ok(folded(alias) == wanted);
        }
        if wanted != folded(DEFAULT_ALIAS) {
            return Ok(false);
        }
        let (sealed, ours) = (current.sealed.clone(), self.passphrases.of(DEFAULT_ALIAS));
        spawn_blocking(move || ours.iter().any(|one| prove_one(&sealed, one).is_ok()))
            .await
            .map_err(|error| CustodyError::Other(error.to_string()))
    }

    async fn prove(&self, check: PassphraseCheck) -> Result<(), RotationError> {
        let passphrase = Arc::clone(&self.sealing.passphrase);
        let proved = spawn_blocking(move || prove_one(&check.sealed, &passphrase));
        let proved = proved.await.map_err(|error| CustodyError::Other(error.to_string()))?;
        let alias = self.sealing.alias.clone();
        proved.map_err(|_| RotationError::AnotherPassphrase { alias })
    }

    /// Whether a process that says this has the passphrase.
    #[must_use]
    pub fn is_known_to(&self, process: &KeyProcess, standing: &Standing) -> bool {
        match standing {
            Standing::Proposed(check) => process.opens == digest_of(check),
            Standing::Holds => self.is_used_by(process),
        }
    }

    /// Whether a process that says this seals new keys with it.
    #[must_use]
    pub fn is_used_by(&self, process: &KeyProcess) -> bool {
        folded(&process.seals_under) == folded(&self.sealing.alias)
    }

    /// Goes once through all keys that are not sealed with it.
    #[must_use]
    pub fn resealer<'a>(
        &self,
        keys: &'a dyn KeyUpkeep,
        aliases: &'a dyn KeyAliases,
        resealing: Resealing,
    ) -> Resealer<'a> {
        let (passphrases, sealing) = (Arc::clone(&self.passphrases), self.sealing.clone());
        Resealer::new(keys, aliases, passphrases, sealing, self.rounds, resealing)
    }

    /// Has new keys sealed with it from now on, by every process.
    ///
    /// # Errors
    /// [`RotationError::UnderWay`] when another one took its place; [`RotationError::Custody`] when
    /// the store does not answer.
    pub async fn adopt(&self, proposed: &PassphraseCheck) -> Result<(), RotationError> {
        if self.moves.adopt_check(proposed).await.map_err(CustodyError::from)? {
            return Ok(());
        }
        // Another run may have done it just now.
        match self.moves.current_check().await.map_err(CustodyError::from)? {
            Some(current) if current == *proposed => Ok(()),
            Some(current) => Err(RotationError::UnderWay { alias: alias_of(&current).to_owned() }),
            None => Err(RotationError::Unopened),
        }
    }

    /// Takes the proposal back, if no key was sealed with it yet.
    ///
    /// # Errors
    /// [`CustodyError`] when the store does not answer.
    pub async fn withdraw(
        &self,
        proposed: &PassphraseCheck,
        keys: &dyn KeyUpkeep,
    ) -> Result<Proposal, CustodyError> {
        if !keys.sealed_under(&self.sealing.alias, None, 1).await?.is_empty() {
            return Ok(Proposal::Stands);
        }
        self.moves.withdraw_check(proposed).await?;
        Ok(Proposal::Withdrawn)
    }
}
