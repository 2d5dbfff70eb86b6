//! What a check says of one repository, in words for an operator.

use countersign_tuf::names::{BadGun, RoleName};
use countersign_tuf::reason::Reason;
use countersign_tuf::time::Expires;
use countersign_tuf::trusted_set::{Attack, Skipped};
use thiserror::Error;

/// What was found in one repository.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// The GUN as stored.
    pub gun: String,
    /// How many versions are stored, of all roles together.
    pub versions: usize,
    /// How many bytes they have.
    pub size_bytes: u64,
    /// Why clients cannot use it, or the server cannot sign for it.
    pub faults: Vec<Fault>,
    /// Rows that are not what they say, whether a client needs them or not.
    pub damaged: Vec<DamagedRow>,
    /// What its owner should know; no fault of the store.
    pub notes: Vec<Note>,
}

impl Report {
    /// Whether a client that trusts its first stored root can follow it to its current documents,
    /// and the server can sign for it.
    #[must_use]
    pub fn verifies(&self) -> bool {
        self.faults.is_empty()
    }

    /// Whether nothing is wrong with any of its rows either.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        self.verifies() && self.damaged.is_empty()
    }
}

/// Why a repository cannot be used as it is stored.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Fault {
    /// What is stored of it cannot be listed or read.
    #[error("its rows cannot be read: {0}")]
    Unreadable(String),
    /// No document of a role is stored, or not the one that another names.
    #[error("no {role} is stored that {named_by}")]
    Missing {
        /// The role.
        role: RoleName,
        /// What names it, as the end of the sentence.
        named_by: &'static str,
    },
    /// No route takes its name.
    #[error("no request can name it: {0}")]
    Name(#[from] BadGun),
    /// The server does not hold enough of the keys that the current root names for timestamps.
    #[error(
        "the server holds {held} of the {needed} timestamp keys it needs; missing: {}",
        missing.join(", ")
    )]
    NoTimestampKey {
        /// How many it holds.
        held: usize,
        /// How many it needs.
        needed: usize,
        /// The IDs of those that are missing.
        missing: Vec<String>,
    },
    /// A client refuses what is stored.
    #[error("a client refuses it: {0}")]
    Refused(#[from] Attack),
}

/// A row that is not what it says.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("row {id} ({role} version {version}): {damage}")]
pub struct DamagedRow {
    /// The row's number.
    pub id: i64,
    /// Its role, as stored.
    pub role: String,
    /// Its version, as stored.
    pub version: i32,
    /// What is wrong with it.
    pub damage: RowDamage,
}

/// What is wrong with a row.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum RowDamage {
    /// The bytes are no document of this role.
    #[error("its bytes are no document of this role: {0}")]
    Content(Reason),
    /// The stored digest is not that of the bytes.
    #[error("its digest is not that of its bytes")]
    Digest,
    /// The document states another version.
    #[error("its document states version {0}")]
    OtherVersion(i64),
    /// There is no such role.
    #[error("there is no such role")]
    Role,
    /// There is no such version.
    #[error("versions are 1 to 2^31 - 1")]
    Version,
}

/// What the owner of a repository should know.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Note {
    /// A delegation that is listed does not count.
    #[error("{role} does not count: {}", skipped(.why))]
    Skipped {
        /// The delegation.
        role: RoleName,
        /// Why.
        why: Skipped,
    },
    /// Clients refuse the repository until its owner publishes this role again.
    #[error("{role} expired at {at}: its owner must publish a new one")]
    Expired {
        /// The role.
        role: RoleName,
        /// When it expired.
        at: Expires,
    },
}

fn skipped(why: &Skipped) -> String {
    match why {
        Skipped::NotInSnapshot => "nothing of it was ever published".to_owned(),
        Skipped::Unusable(reason) => reason.to_string(),
    }
}
