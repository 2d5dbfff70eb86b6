//! Why served bytes are not believed, by the name of the attack that they would be.
//!
//! Which of several wins: too much data, then other bytes than named, then signatures and
//! structure, then version, then expiry. Source: TUF specification 1.5.2.

use thiserror::Error;

use crate::names::{RoleName, Version};
use crate::reason::Reason;
use crate::time::Expires;

/// What believing the bytes would have allowed.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Attack {
    /// More bytes than a document of this role may have.
    #[error("{role} has more than {limit_bytes} bytes; raise the limit if it is meant to")]
    EndlessData {
        /// The role.
        role: RoleName,
        /// The limit.
        limit_bytes: usize,
    },
    /// More delegations than a refresh may judge.
    #[error("the repository has more than {limit} delegations; raise the limit if it is meant to")]
    EndlessDelegations {
        /// The limit.
        limit: usize,
    },
    /// More roots than a refresh may follow.
    #[error("more than {limit} roots follow the trusted one; raise the limit if that is meant")]
    EndlessRoots {
        /// The limit.
        limit: usize,
    },
    /// Not signed by enough of the keys that are trusted for the role, or no document of it.
    #[error("{role} is not to be trusted: {reason}")]
    Forgery {
        /// The role.
        role: RoleName,
        /// Why.
        reason: Reason,
    },
    /// A document that was right once, served for ever.
    #[error("{role} expired at {at}; its owner must publish a new one")]
    Freeze {
        /// The role.
        role: RoleName,
        /// When it expired.
        at: Expires,
    },
    /// A document of another state of the repository than the documents that name it.
    #[error("{role} is not the one that is current: {fault}")]
    MixAndMatch {
        /// The role.
        role: RoleName,
        /// What differs.
        fault: Mismatch,
    },
    /// An older document than one that was trusted before.
    #[error("version {offered} of {role} is older than the trusted version {trusted}")]
    Rollback {
        /// The role.
        role: RoleName,
        /// The version trusted before.
        trusted: Version,
        /// The version served.
        offered: Version,
    },
    /// A root that is not the next one.
    #[error("root version {offered} does not follow the trusted version {trusted}")]
    RootOutOfTurn {
        /// The version of the trusted root.
        trusted: Version,
        /// The version that the served root states.
        offered: i64,
    },
}

/// What differs between a document and what names it.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Mismatch {
    /// A hash, or there is none to compare.
    #[error(transparent)]
    Hash(Reason),
    /// The length.
    #[error("it has {found} bytes, expected {stated}")]
    Length {
        /// The length stated.
        stated: i64,
        /// The length of the bytes served.
        found: usize,
    },
}

impl Attack {
    /// The attack that a document of `role` would be which does not count because of `reason`.
    pub(super) fn of(role: &RoleName, reason: Reason) -> Self {
        match reason {
            Reason::Expired { role, at } => Self::Freeze { role, at },
            reason => Self::Forgery { role: role.clone(), reason },
        }
    }
}
