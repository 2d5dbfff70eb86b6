//! Why a row gives no usable key, or a key no row. Inside the room only: the boundary sees
//! [`CustodyError`].
//!
//! Never in here: key material, passphrases. Every text may reach a log.

use countersign_storage::{StorageError, Unstorable};
use thiserror::Error;

use super::key_wrap::Rounds;
use crate::CustodyError;

/// Why a key could not be sealed, opened or used.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub(super) enum Fault {
    /// No server key is of this algorithm.
    #[error("its algorithm {0:?} is not supported: rotate this role to a new server key")]
    Algorithm(String),
    /// The key made a signature that its public half does not verify.
    #[error("it made a signature that does not verify")]
    BadSignature,
    /// What was sealed to check a passphrase is another text.
    #[error("it holds another text")]
    CheckText,
    /// The token is whole, and does not open.
    #[error(
        "it does not open: the passphrase is wrong or the row is damaged; \
         give the server the passphrase that sealed it, or restore the row"
    )]
    DoesNotOpen,
    /// The token's header cannot be read or names an algorithm that is not allowed.
    #[error("the header of the sealed key is not usable: {0}")]
    Header(String),
    /// Only who has the token can use it.
    #[error("its private half is in a token: name its module and its label in [pkcs11]")]
    InToken,
    /// Public bytes and algorithm belong to another key ID.
    #[error("its public half belongs to another key ID: restore the row from a backup")]
    KeyIdMismatch,
    /// The row is that of a token's key, and names none.
    #[error("its row names no key of a token: restore the row from a backup")]
    NoTokenKey,
    /// No passphrase is known for the row's alias.
    #[error(
        "no passphrase is given for its alias: set {variable}, or {variable}_FILE to a file that \
         holds it, and start the server again"
    )]
    NoPassphrase {
        /// The environment variable that gives it.
        variable: String,
    },
    /// What was sealed is no private key of the row's algorithm.
    #[error("the sealed bytes are no {algorithm} private key in the signer's format")]
    Plaintext {
        /// The row's algorithm.
        algorithm: &'static str,
    },
    /// The private key does not belong to the public bytes beside it.
    #[error("its private and public halves are of different keys: restore the row from a backup")]
    PublicMismatch,
    /// The system gave no random bytes, or a library refused what cannot be refused.
    #[error("a key cannot be made or sealed: {0}")]
    Sealing(&'static str),
    /// The token asks for more derivation work than is allowed.
    #[error("it asks for {0} derivation rounds, at most {max} are done", max = Rounds::MAX)]
    TooManyRounds(u64),
    /// It cannot be had in another home.
    #[error(
        "a key of this kind cannot be moved: make a new one there with countersign keys rotate"
    )]
    Unmovable,
    /// The token has not the form of a compact JWE.
    #[error("the sealed key is no compact JWE: {0}")]
    Token(&'static str),
}

impl Fault {
    /// The fault as the boundary reports it for the row of `key_id`, sealed under `alias`.
    pub(super) fn of_row(self, key_id: &str, alias: &str) -> CustodyError {
        match self {
            Self::Sealing(_) => CustodyError::Other(self.to_string()),
            Self::Algorithm(_)
            | Self::BadSignature
            | Self::CheckText
            | Self::DoesNotOpen
            | Self::Header(_)
            | Self::InToken
            | Self::KeyIdMismatch
            | Self::NoPassphrase { .. }
            | Self::NoTokenKey
            | Self::Plaintext { .. }
            | Self::PublicMismatch
            | Self::TooManyRounds(_)
            | Self::Token(_)
            | Self::Unmovable => CustodyError::BadKey {
                key_id: key_id.to_owned(),
                reason: format!("{self} (passphrase alias {alias:?})"),
            },
        }
    }
}

/// A store that cannot answer now is custody that cannot answer now; anything else stays.
impl From<StorageError> for CustodyError {
    fn from(error: StorageError) -> Self {
        match error {
            StorageError::Unavailable { reason } => Self::Unavailable { reason },
            StorageError::Unstorable { what: Unstorable::Gun, reason } => {
                Self::UnstorableGun { reason }
            }
            StorageError::Corrupt { .. }
            | StorageError::Newer { .. }
            | StorageError::Other(_)
            | StorageError::Unstorable { what: Unstorable::Document, .. } => {
                Self::Other(error.to_string())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unavailable_store_is_unavailable_custody() {
        let error = CustodyError::from(StorageError::Unavailable { reason: "away".to_owned() });
        assert!(matches!(error, CustodyError::Unavailable { reason } if reason == "away"));
    }

    #[test]
    fn a_name_that_cannot_be_stored_stays_one() {
        let error = CustodyError::from(StorageError::Unstorable {
            what: Unstorable::Gun,
            reason: "characters".to_owned(),
        });
        assert!(matches!(error, CustodyError::UnstorableGun { reason } if reason == "characters"));
    }

    #[test]
    fn corrupt_row_is_not_mended_by_trying_again() {
        let error = CustodyError::from(StorageError::Corrupt {
            table: "private_keys",
            row: "7".to_owned(),
            reason: "no key ID".to_owned(),
        });
        assert!(matches!(error, CustodyError::Other(_)));
    }
}
