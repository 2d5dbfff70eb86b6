//! The check value in the key database: a fixed text, sealed with the first passphrase. A process
//! that cannot open it has another passphrase, and must not make keys that the others cannot use.
//!
//! Source: contract section 1.

use std::sync::Arc;

use subtle::ConstantTimeEq as _;
use thiserror::Error;
use tokio::task::spawn_blocking;

use super::fault::Fault;
use super::jwe;
use super::key_wrap::Rounds;
use super::passphrase::Passphrase;
use super::passphrases::Passphrases;
use crate::CustodyError;
use countersign_storage::KeyStore;

/// What is sealed. It is no secret; that it opens is the proof.
const CHECK_TEXT: &[u8] = b"countersign key passphrase check 1";

/// Why custody cannot start. Another type than [`CustodyError`], because only the one who starts
/// the process can meet it.
#[derive(Debug, Error)]
pub enum OpenError {
    /// The keys cannot be reached, or their database holds something that cannot be.
    #[error(transparent)]
    Custody(#[from] CustodyError),
    /// The passphrase of an alias opens none of its newest keys.
    #[error(
        "wrong passphrase: the keys of alias {alias:?} were sealed with another one; give that \
         one in {variable}"
    )]
    WrongAliasPassphrase {
        /// The alias, as the rows have it.
        alias: String,
        /// The variable that gives its passphrase.
        variable: String,
    },
    /// None of the passphrases opens what the first one sealed.
    #[error(
        "wrong passphrase: the keys in this database were sealed with another one \
         (tried alias {alias:?}); give the server that passphrase, or another keys database"
    )]
    WrongPassphrase {
        /// The alias of new rows.
        alias: String,
    },
}

/// Proves, without making anything, that one of `passphrases` is the one that the keys of `store`
/// were sealed with. Any will do where no keys were made yet.
///
/// # Errors
/// As [`SealedCustody::open`](super::SealedCustody::open).
pub async fn prove_passphrases(
    store: &dyn KeyStore,
    passphrases: impl Into<Arc<Passphrases>>,
) -> Result<(), OpenError> {
    let passphrases = passphrases.into();
    match store.passphrase_check().await.map_err(CustodyError::from)? {
        None => Ok(()),
        Some(sealed) => spawn_blocking(move || prove(&sealed, &passphrases))
            .await
            .map_err(|error| CustodyError::Other(error.to_string()))?,
    }
}

/// A new check value under the passphrase of new rows. Slow on purpose.
pub(super) fn seal(passphrases: &Passphrases, rounds: Rounds) -> Result<Vec<u8>, OpenError> {
    seal_with(&passphrases.sealing().passphrase, rounds)
        .map_err(|fault| CustodyError::Other(fault.to_string()).into())
}

/// A new check value. Slow on purpose.
pub(super) fn seal_with(passphrase: &Passphrase, rounds: Rounds) -> Result<Vec<u8>, Fault> {
    jwe::seal(CHECK_TEXT, passphrase, rounds)
}

/// Proves that one of the passphrases is the one that `sealed` was made with. Any of them will
/// do: after a change of the default alias the first passphrase is still among them. Slow on
/// purpose.
pub(super) fn prove(sealed: &[u8], passphrases: &Passphrases) -> Result<(), OpenError> {
    for passphrase in passphrases.proving() {
        match prove_one(sealed, &passphrase) {
            Ok(()) => return Ok(()),
            Err(Fault::DoesNotOpen) => {}
            Err(fault) => return Err(damaged(&fault.to_string())),
        }
    }
    Err(OpenError::WrongPassphrase { alias: passphrases.alias_of_new_keys() })
}

/// Proves that `passphrase` is the one that `sealed` was made with. Slow on purpose.
pub(super) fn prove_one(sealed: &[u8], passphrase: &Passphrase) -> Result<(), Fault> {
    let text = jwe::open(sealed, passphrase)?;
    if bool::from(text.as_slice().ct_eq(CHECK_TEXT)) { Ok(()) } else { Err(Fault::CheckText) }
}

pub(super) fn damaged(why: &str) -> OpenError {
    let text = format!("the passphrase check in the keys database is damaged ({why}): restore it");
    OpenError::Custody(CustodyError::Other(text))
}
