//! Which passphrase holds for a whole key database: the one that opens its check value. Each process
//! follows it, tells that it lives, and says whether it has the one that is proposed next.
//!
//! Source: contract section 1.

use std::collections::HashSet;
use std::sync::Arc;

use countersign_storage::{KeyProcess, PassphraseCheck, PassphraseMoves};
use sha2::{Digest as _, Sha256};
use tokio::task::spawn_blocking;

use super::fault::Fault;
use super::passphrase::{DEFAULT_ALIAS, variable_of};
use super::passphrase_check::{OpenError, damaged, prove_one};
use super::passphrases::Passphrases;
use crate::CustodyError;

/// Seals new keys as the check value of the key database says, unless the operator has pinned that.
///
/// # Errors
/// [`OpenError::WrongAliasPassphrase`] when the passphrase of its alias is not known or is another;
/// [`OpenError::Custody`] when the store does not answer or its check value is damaged.
pub async fn follow_check(
    moves: &dyn PassphraseMoves,
    passphrases: &Arc<Passphrases>,
) -> Result<(), OpenError> {
    match moves.current_check().await.map_err(CustodyError::from)? {
        Some(check) => follow(&check, passphrases).await,
        None => Ok(()),
    }
}

async fn follow(check: &PassphraseCheck, passphrases: &Arc<Passphrases>) -> Result<(), OpenError> {
    // Rows older than the column say nothing; whoever opens them is proved elsewhere.
    let Some(alias) = check.alias.clone() else { return Ok(()) };
    match open(check, &alias, passphrases).await? {
        Ok(()) => Ok(()),
        Err(Fault::DoesNotOpen | Fault::NoPassphrase { .. }) => {
            let variable = variable_of(&alias);
            Err(OpenError::WrongAliasPassphrase { alias, variable })
        }
        Err(fault) => Err(damaged(&fault.to_string())),
    }
}

/// Opens the check value with a passphrase of `alias`; from then on that seals new keys.
async fn open(
    check: &PassphraseCheck,
    alias: &str,
    passphrases: &Arc<Passphrases>,
) -> Result<Result<(), Fault>, CustodyError> {
    let (sealed, alias, ring) = (check.sealed.clone(), alias.to_owned(), Arc::clone(passphrases));
    let opened = spawn_blocking(move || {
        let (_, passphrase) = ring.open_with(&alias, |one| prove_one(&sealed, one))?;
        if !ring.is_pinned() {
            ring.seal_under(&alias, passphrase);
        }
        Ok(())
    });
    opened.await.map_err(|error| CustodyError::Other(error.to_string()))
}

/// One process, as the key database knows it.
pub struct CheckFollower {
    moves: Arc<dyn PassphraseMoves>,
    passphrases: Arc<Passphrases>,
    process: KeyProcess,
    /// The check value that was followed.
    followed: Option<PassphraseCheck>,
    /// The check values that do not open, by digest: each is told of once.
    told: HashSet<String>,
}

impl CheckFollower {
    /// The process `id` (random, new at each start), which an operator knows as `shown`.
    #[must_use]
    pub fn new(
        moves: Arc<dyn PassphraseMoves>,
        passphrases: Arc<Passphrases>,
        id: String,
        shown: String,
    ) -> Self {
        let seals_under = passphrases.alias_of_new_keys();
        let process = KeyProcess { id, shown, beat: 0, opens: String::new(), seals_under };
        Self { moves, passphrases, process, followed: None, told: HashSet::new() }
    }

    /// One sign of life, every few seconds: follows the check value, tries the one that is proposed,
    /// and says so.
    ///
    /// # Errors
    /// [`CustodyError`] when the store does not answer. The next one tries again.
    pub async fn beat(&mut self) -> Result<(), CustodyError> {
        self.passphrases.ask_again();
        // Said one beat late: a key that is being sealed when the alias changes is stored by then.
        self.process.seals_under = self.passphrases.alias_of_new_keys();
        self.follow().await?;
        self.process.opens = self.opens().await?;
        self.process.beat = self.process.beat.saturating_add(1);
        Ok(self.moves.note_process(&self.process).await?)
    }

    /// Forgets the process, which ends.
    ///
    /// # Errors
    /// [`CustodyError`] when the store does not answer.
    pub async fn leave(&self) -> Result<(), CustodyError> {
        Ok(self.moves.forget_process(&self.process.id).await?)
    }

    async fn follow(&mut self) -> Result<(), CustodyError> {
        let check = self.moves.current_check().await?;
        let Some(current) = check.as_ref().filter(|check| Some(*check) != self.followed.as_ref())
        else {
            return Ok(());
        };
        match follow(current, &self.passphrases).await {
            Ok(()) => {
                let alias = self.passphrases.alias_of_new_keys();
                if alias != self.process.seals_under {
                    tracing::info!(alias, "new server keys are sealed under another alias now");
                }
                self.followed = check;
                Ok(())
            }
            Err(OpenError::Custody(error @ CustodyError::Unavailable { .. })) => Err(error),
            // Tried again with each beat: the passphrase may be given meanwhile.
            Err(error) => {
                if self.told.insert(digest_of(current)) {
                    tracing::error!(
                        %error,
                        "the passphrase of server keys was changed, and this process lacks the new one"
                    );
                }
                Ok(())
            }
        }
    }

    /// The digest of the proposed check value, if it opens.
    async fn opens(&mut self) -> Result<String, CustodyError> {
        let Some(proposed) = self.moves.proposed_check().await? else { return Ok(String::new()) };
        let digest = digest_of(&proposed);
        if self.process.opens == digest {
            return Ok(digest);
        }
        let (ring, alias) = (Arc::clone(&self.passphrases), alias_of(&proposed).to_owned());
        let of = alias.clone();
        let tried = spawn_blocking(move || {
            ring.open_with(&of, |one| prove_one(&proposed.sealed, one)).map(|_| ())
        });
        match tried.await.map_err(|error| CustodyError::Other(error.to_string()))? {
            Ok(()) => {
                tracing::info!(
                    alias,
                    "the passphrase that is to seal server keys next is known here"
                );
                Ok(digest)
            }
            Err(fault) => {
                if self.told.insert(digest) {
                    tracing::error!(
                        alias, %fault,
                        "the passphrase that is to seal server keys next is not known here"
                    );
                }
                Ok(String::new())
            }
        }
    }
}

/// The alias of a check value; older ones are of our own.
pub(super) fn alias_of(check: &PassphraseCheck) -> &str {
    check.alias.as_deref().unwrap_or(DEFAULT_ALIAS)
}

/// What a process says that opens this check value.
pub(super) fn digest_of(check: &PassphraseCheck) -> String {
    hex::encode(Sha256::digest(&check.sealed))
}
