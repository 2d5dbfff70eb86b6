//! Why an operation did not happen, by who must act.

use countersign_custody::CustodyError;
use countersign_storage::{StorageError, Unstorable};
use countersign_tuf::keys::KeyId;
use countersign_tuf::names::{RoleName, ServerRole};
use countersign_tuf::reason::Reason;
use countersign_tuf::rules::Refusal;
use thiserror::Error;

use crate::{ClockWentBack, OverStorageLimit};

/// Why an operation did not happen. Whatever the variant, nothing was changed.
#[derive(Debug, Error)]
pub enum TrustError {
    /// The clock reads earlier than what is stored, so nothing is signed.
    #[error(transparent)]
    ClockWentBack(#[from] ClockWentBack),
    /// Too many others write this GUN at the same moment. Trying again helps.
    #[error("too many others are writing this GUN at the same moment")]
    Contended,
    /// The server's keys could not be used.
    #[error(transparent)]
    Custody(#[from] CustodyError),
    /// A server-signed role is due and the server does not hold its key.
    #[error(transparent)]
    MissingKeys(#[from] MissingKeys),
    /// The snapshot names a root that is not stored, so nothing can be signed under it.
    #[error("the current snapshot names a root that is not stored")]
    NoRoot,
    /// A stored version is the same or newer: the caller lost a race or replayed.
    #[error("a newer version of metadata is already available")]
    OldVersion,
    /// More would be stored below a prefix than may be.
    #[error(transparent)]
    OverStorageLimit(#[from] OverStorageLimit),
    /// This server only reads, so that another can take over.
    #[error("this server only reads (server.read_only): publish, delete and sign elsewhere")]
    ReadOnly,
    /// The rules refuse the update.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The process is shutting down. Trying again helps.
    #[error("the server is shutting down")]
    ShuttingDown,
    /// Custody returned a signature that does not verify.
    #[error("the server's own {role} does not verify: {reason}")]
    SignedBadly {
        /// The role that was signed.
        role: ServerRole,
        /// What is wrong.
        reason: Reason,
    },
    /// The store could not look or could not write.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// A stored document no longer validates, so nothing can be read or signed by way of it.
    #[error("the stored {role} does not validate: {reason}")]
    StoredInvalid {
        /// The document's role.
        role: RoleName,
        /// What is wrong.
        reason: Reason,
    },
    /// Database or keys did not answer in time. Trying again later can help.
    #[error("no answer within {seconds} s: the database or the server's keys are too slow")]
    TooSlow {
        /// How long was waited, in seconds.
        seconds: u64,
    },
}

impl TrustError {
    /// Whether database or keys can hold nothing of such a GUN, now or later.
    #[must_use]
    pub fn is_unstorable_gun(&self) -> bool {
        matches!(
            self,
            Self::Storage(StorageError::Unstorable { what: Unstorable::Gun, .. })
                | Self::Custody(CustodyError::UnstorableGun { .. })
        )
    }
}

/// The server lacks private keys for a role that it was asked to sign.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("the server holds {found} of the {needed} keys it needs to sign")]
pub struct MissingKeys {
    /// How many keys of the role the server holds.
    pub found: usize,
    /// How many it needs.
    pub needed: usize,
    /// The IDs of the role's keys that it does not hold.
    pub missing: Vec<KeyId>,
}
