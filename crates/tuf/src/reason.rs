//! Why a document does not count, in Notary's words.
//!
//! The `Display` text reaches the user of the `notary` client, so where Notary has a text this is
//! that text (server spec 4). The others are ours.

use thiserror::Error;

use crate::canonical::NotCanonical;
use crate::json::JsonError;
use crate::keys::certificate::WeakCertificate;
use crate::names::{RoleName, Version};
use crate::time::Expires;

/// Why a document, or a set of documents, does not count.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Reason {
    /// Nothing is stored for the GUN, and the update brings no root.
    #[error("no pre-existing root and no root provided in update.")]
    NoRoot,
    /// A role is needed first.
    #[error("{0} must be loaded first")]
    NotLoaded(RoleName),
    /// The root's version neither stays nor grows by one.
    #[error("Root modifications must increment the version. Current {current}, new {offered}")]
    RootVersion {
        /// The stored version, or 1 when there is none.
        current: i64,
        /// The version in the update.
        offered: i64,
    },
    /// None of the root role's keys is a usable certificate for this GUN.
    #[error(
        "could not validate the path to a trusted root: unable to retrieve valid leaf certificates"
    )]
    NoLeafCertificates,
    /// The new root is not signed by the stored root's keys.
    #[error(
        "could not rotate trust to a new trusted root: failed to validate data with current \
         trusted certificates"
    )]
    NotSignedByCurrentRoot,
    /// The root is not signed by its own keys.
    #[error("could not validate the path to a trusted root: failed to validate integrity of roots")]
    NotSignedByItself,
    /// The structure breaks a rule of its type.
    #[error("{role} type metadata invalid: {fault}")]
    Structure {
        /// The document's role.
        role: RoleName,
        /// The rule.
        fault: StructureFault,
    },
    /// The document is not the JSON that its type needs.
    #[error(transparent)]
    Json(#[from] JsonError),
    /// The signed part has no canonical form.
    #[error(transparent)]
    NotCanonical(#[from] NotCanonical),
    /// No signatures at all.
    #[error("tuf: data has no signatures")]
    NoSignatures,
    /// The role's threshold is below one.
    #[error("valid signatures did not meet threshold for {0}")]
    ThresholdNotMet(RoleName),
    /// A key is listed under an ID that is not its own.
    #[error("key ID is not valid for key content")]
    KeyIdMismatch,
    /// The document has expired.
    #[error("{role} expired at {at}")]
    Expired {
        /// The document's role.
        role: RoleName,
        /// When.
        at: Expires,
    },
    /// A version so far above the stored one that nobody could publish after it for long.
    #[error(
        "version {offered} of {role} is more than {step} above the stored version {stored}; \
         publish a version closer to it"
    )]
    FastForward {
        /// The document's role.
        role: RoleName,
        /// The highest stored version.
        stored: Version,
        /// The version in the update.
        offered: Version,
        /// How far above the stored version a new one may be.
        step: u32,
    },
    /// A version that cannot be stored.
    #[error("version {0} is higher than 2147483647, the highest that can be stored")]
    VersionTooHigh(i64),
    /// No document above lists this delegation.
    #[error("tuf: invalid role {0}. delegation does not exist")]
    NotDelegated(RoleName),
    /// A delegation's certificate is too weak.
    #[error(transparent)]
    WeakCertificate(#[from] WeakCertificate),
    /// A role has fewer distinct keys than its threshold: nobody could ever sign it.
    #[error("{role} has {keys} distinct keys and a threshold of {threshold}")]
    Unreachable {
        /// The role.
        role: RoleName,
        /// How many distinct private keys its keys stand for.
        keys: usize,
        /// Its threshold.
        threshold: i64,
    },
    /// A document does not match its hash in the snapshot.
    #[error("{algorithm} checksum for {role} did not match: expected {expected}")]
    Checksum {
        /// `sha256` or `sha512`.
        algorithm: &'static str,
        /// The document's role.
        role: RoleName,
        /// The hash in the snapshot, in hex.
        expected: String,
    },
    /// The snapshot has no usable hash for a document.
    #[error("no checksums for supported algorithms were provided for {0}")]
    NoChecksum(RoleName),
    /// The snapshot names a document that is neither in the update nor stored.
    #[error("the snapshot lists {0} with a checksum that is neither in the update nor stored")]
    NotStored(RoleName),
    /// The server was to sign the snapshot, and does not hold its key.
    #[error(
        "no snapshot was included in update and server does not hold current snapshot key for \
         repository"
    )]
    NoSnapshotKey,
    /// The server does not hold the timestamp key.
    #[error("no timestamp keys exist on the server")]
    NoTimestampKey,
    /// There is no higher version left for a role that the server signs.
    #[error("{0} has reached the highest version that can be stored")]
    VersionsExhausted(RoleName),
}

/// Which rule of its type a structure breaks.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum StructureFault {
    /// The wrong `_type`.
    #[error("expected type {expected}, not {found}")]
    Type {
        /// The type of the role.
        expected: &'static str,
        /// The type in the document.
        found: String,
    },
    /// A version below one.
    #[error("version cannot be less than one")]
    Version,
    /// A root without one of its four roles.
    #[error("missing {0} role specification")]
    MissingRole(RoleName),
    /// A threshold below one.
    #[error("invalid threshold specified for {role}: {threshold} ")]
    Threshold {
        /// The role, as the document names it.
        role: String,
        /// Its threshold.
        threshold: i64,
    },
    /// A role lists a key that the document does not hold.
    #[error("key ID {key_id} specified in {role} without corresponding key")]
    UnknownKey {
        /// The key.
        key_id: String,
        /// The role, as the document names it.
        role: String,
    },
    /// A delegation whose name is no direct child of the document's role.
    #[error("delegation role {0} invalid")]
    DelegationName(String),
    /// The same delegation twice in one document.
    #[error("delegation role {0} is listed twice")]
    DuplicateDelegation(String),
    /// A snapshot or timestamp without the hash of a role that it must name.
    #[error("missing {0} sha256 checksum information")]
    MissingChecksum(RoleName),
    /// A hash of the wrong length.
    #[error("invalid {role} checksum information, {algorithm} checksum invalid")]
    ChecksumLength {
        /// The role that the hash is for.
        role: RoleName,
        /// `sha256` or `sha512`.
        algorithm: &'static str,
    },
}
