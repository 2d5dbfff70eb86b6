//! The trial at the start: whether the passphrases open what is stored under their aliases, so
//! that a wrong one is told at once and not by the first repository that needs it.
//!
//! Source: signer spec 3.4 and 9.5, contract section 1.

use std::fmt;
use std::sync::Arc;

use countersign_storage::{KeyAliases, KeyStore, SealedSample};
use tokio::task::spawn_blocking;

use super::fault::Fault;
use super::jwe;
use super::passphrase::{Passphrase, variable_of};
use super::passphrase_check::{OpenError, prove_one};
use super::passphrases::Passphrases;
use crate::CustodyError;

/// How many keys of an alias are tried before its passphrase counts as wrong: a damaged row must
/// not speak for the others.
const SAMPLES: u32 = 5;

/// More aliases than anybody has; whatever else is in the table, the trial ends.
const MOST_ALIASES: usize = 100;

/// What is off with the keys of an alias, although the process can start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AliasFinding {
    /// No passphrase is given for it.
    NoPassphrase {
        /// The alias, as the rows have it.
        alias: String,
        /// The variable that gives its passphrase.
        variable: String,
    },
    /// Its newest keys do not open, although the passphrase is proved to be the right one.
    Damaged {
        /// The alias, as the rows have it.
        alias: String,
        /// One of these keys.
        key_id: String,
    },
}

impl fmt::Display for AliasFinding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoPassphrase { alias, variable } => write!(
                f,
                "no passphrase for the keys of alias {alias:?}: the repositories that have one of \
                 them cannot be signed; set {variable}, or {variable}_FILE to a file that holds \
                 it, and start again"
            ),
            Self::Damaged { alias, key_id } => write!(
                f,
                "the newest keys of alias {alias:?} do not open, {key_id} among them, although the \
                 passphrase is right: restore these rows from a backup"
            ),
        }
    }
}

/// Tries each alias that is stored: its passphrase must open one of its newest keys. What can
/// wait is returned.
///
/// # Errors
/// [`OpenError::WrongAliasPassphrase`] when a passphrase is given and opens none of them;
/// [`OpenError::Custody`] when the store does not answer.
pub async fn try_aliases(
    aliases: &dyn KeyAliases,
    keys: &dyn KeyStore,
    passphrases: &Arc<Passphrases>,
) -> Result<Vec<AliasFinding>, OpenError> {
    let mut findings = Vec::new();
    let mut last: Option<String> = None;
    for _ in 0..MOST_ALIASES {
        let samples = aliases.samples_of_next_alias(last.as_deref(), SAMPLES).await;
        let samples = samples.map_err(CustodyError::from)?;
        let Some(first) = samples.first() else { break };
        let (alias, key_id) = (first.passphrase_alias.clone(), first.key_id.clone());
        match try_on(samples, passphrases).await? {
            Verdict::Opens | Verdict::Unreadable => {}
            Verdict::NotGiven => {
                let variable = variable_of(&alias);
                findings.push(AliasFinding::NoPassphrase { alias: alias.clone(), variable });
            }
            Verdict::OpensNone if is_proved(keys, &alias, passphrases).await? => {
                findings.push(AliasFinding::Damaged { alias: alias.clone(), key_id });
            }
            Verdict::OpensNone => {
                let variable = variable_of(&alias);
                return Err(OpenError::WrongAliasPassphrase { alias, variable });
            }
        }
        last = Some(alias);
    }
    Ok(findings)
}

/// What came of an alias.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    /// There is no passphrase to try.
    NotGiven,
    /// The passphrase opened a key.
    Opens,
    /// It opened none.
    OpensNone,
    /// No row holds anything that could be opened: each is refused when it is asked for.
    Unreadable,
}

/// Tries the passphrase of one alias. Slow on purpose.
async fn try_on(
    samples: Vec<SealedSample>,
    passphrases: &Arc<Passphrases>,
) -> Result<Verdict, OpenError> {
    let passphrases = Arc::clone(passphrases);
    let trial = spawn_blocking(move || {
        let mut verdict = Verdict::Unreadable;
        for sample in samples {
            let open = |passphrase: &Passphrase| jwe::open(&sample.sealed, passphrase);
            match passphrases.open_with(&sample.passphrase_alias, open) {
                Ok(_) => return Verdict::Opens,
                Err(Fault::NoPassphrase { .. }) => return Verdict::NotGiven,
                Err(Fault::DoesNotOpen) => verdict = Verdict::OpensNone,
                Err(_) => {}
            }
        }
        verdict
    });
    trial.await.map_err(|error| CustodyError::Other(error.to_string()).into())
}

/// Whether the check value was sealed with the passphrase of this alias.
async fn is_proved(
    keys: &dyn KeyStore,
    alias: &str,
    passphrases: &Arc<Passphrases>,
) -> Result<bool, OpenError> {
    let Some(check) = keys.passphrase_check().await.map_err(CustodyError::from)? else {
        return Ok(false);
    };
    let (passphrases, alias) = (Arc::clone(passphrases), alias.to_owned());
    spawn_blocking(move || passphrases.of(&alias).iter().any(|one| prove_one(&check, one).is_ok()))
        .await
        .map_err(|error| CustodyError::Other(error.to_string()).into())
}
