//! Why an update is refused, in Notary's kinds and Notary's words.
//!
//! Source: server spec 4 (texts) and 4.8 (kinds). The `Display` text of a [`Reason`] is what the
//! `notary` client shows after the kind's own prefix, so it is part of the contract.

use thiserror::Error;

use crate::names::RoleName;
use crate::reason::Reason;

/// Why an update is refused. Nothing of it was stored.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Refusal {
    /// A document that the set needs is missing (`ErrBadHierarchy`).
    #[error("{reason}")]
    BadHierarchy {
        /// The role that is missing.
        missing: RoleName,
        /// Why it is needed.
        reason: Reason,
    },
    /// The root, or what it says of the server's keys (`ErrBadRoot`).
    #[error("{0}")]
    BadRoot(Reason),
    /// The snapshot, or what it says of others (`ErrBadSnapshot`).
    #[error("{0}")]
    BadSnapshot(Reason),
    /// Targets or a delegation (`ErrBadTargets`).
    #[error("{0}")]
    BadTargets(Reason),
    /// What is stored for this GUN does not validate. Notary gives no detail.
    #[error("the stored metadata does not validate: {0}")]
    Stored(Reason),
    /// The set as a whole (`ErrValidation`).
    #[error("{0}")]
    Validation(Reason),
}
