//! What a record says.

use std::collections::BTreeSet;
use std::net::IpAddr;

use countersign_tuf::keys::KeyId;
use countersign_tuf::names::{RoleName, Version};
use serde::{Deserialize, Serialize, Serializer};

use super::hash::LineHash;
use super::text::Text;

/// What a record says, beside when and by whom it was written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Entry {
    /// A process begins to write.
    Start(Start),
    /// Something was changed, or refused.
    Decision(Box<Decision>),
    /// Refusals that were too many to be written one by one.
    Suppressed(Suppressed),
}

/// The first record of a process.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Start {
    /// The version of the program.
    pub version: &'static str,
    /// The system's number for the process.
    pub pid: u32,
    /// What lies between the last whole line and this record, if anything does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub torn: Option<Torn>,
}

/// The piece of a line that an earlier process did not write to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct Torn {
    /// How many bytes there are between the end of the last whole line and the next record.
    pub bytes: u64,
    /// Their SHA-256.
    pub sha256: LineHash,
}

/// Refusals of one kind that were counted instead of written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Suppressed {
    /// The kind.
    pub kind: RefusalKind,
    /// How many, since the last such record of the kind.
    pub count: u64,
}

/// By what refusals are counted, so that many of one kind do not hide the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum RefusalKind {
    /// Not done because of a fault, or not known to be done.
    Failed,
    /// The token service did not believe name and password.
    Login,
    /// Too many requests.
    RateLimited,
    /// The request is wrong, or came too late.
    Refused,
    /// The caller may not.
    Unauthorized,
}

impl RefusalKind {
    /// All of them.
    pub const ALL: [Self; 5] =
        [Self::Failed, Self::Login, Self::RateLimited, Self::Refused, Self::Unauthorized];
}

/// What was tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Attempt {
    /// Read what changed.
    Changefeed,
    /// Remove a GUN.
    Delete,
    /// Ask for the key that the server signs with, when that makes one or is refused.
    GetKey,
    /// Get a token.
    Login,
    /// Anything that has no name here.
    Other,
    /// Ask whether the server is there, and how to log in.
    Ping,
    /// Publish documents.
    Publish,
    /// Read a document.
    Read,
    /// Have a new key made.
    RotateKey,
}

/// What came of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Done.
    Accepted,
    /// Not done because of a fault of the server's or of what it needs. When the link to the
    /// database broke at the wrong moment, it may be done all the same.
    Failed,
    /// Not done.
    Refused,
}

/// One decision.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Decision {
    /// What was tried.
    pub action: Attempt,
    /// What came of it.
    pub outcome: Outcome,
    /// The status of the answer.
    pub status: u16,
    /// Notary's code, when the answer was an error.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<&'static str>,
    /// Why, when the answer was an error.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cause: Option<Text>,
    /// The GUN as it was sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gun: Option<Text>,
    /// The role that was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub role: Option<Text>,
    /// The roles that have a new version.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub roles: Vec<ChangedRole>,
    /// Of a deletion: whether there was anything.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub existed: Option<bool>,
    /// The key that was given, which no root names yet.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "key_id")]
    pub key: Option<KeyId>,
    /// The user.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user: Option<Text>,
    /// The name in the client's certificate.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub certificate: Option<Text>,
    /// Where the request came from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub address: Option<IpAddr>,
    /// The ID of the request, as the log has it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
}

impl Decision {
    /// A decision of which no more is known.
    #[must_use]
    pub fn new(action: Attempt, outcome: Outcome, status: u16) -> Self {
        Self {
            action,
            outcome,
            status,
            code: None,
            cause: None,
            gun: None,
            role: None,
            roles: Vec::new(),
            existed: None,
            key: None,
            user: None,
            certificate: None,
            address: None,
            request_id: None,
        }
    }
}

fn key_id<S: Serializer>(key: &Option<KeyId>, serializer: S) -> Result<S::Ok, S::Error> {
    key.as_ref().map(KeyId::as_str).serialize(serializer)
}

/// A role that has a new version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChangedRole {
    /// The role.
    pub role: RoleName,
    /// Its new version.
    pub version: Version,
    /// The keys whose signatures on it were verified; of very many only the first
    /// [`ChangedRole::MAX_SIGNERS`] are written.
    pub signers: BTreeSet<KeyId>,
}

impl ChangedRole {
    /// How many signers of one role are written.
    pub const MAX_SIGNERS: usize = 64;
}

impl Serialize for ChangedRole {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Written<'a> {
            role: &'a str,
            version: i64,
            keys: Vec<&'a str>,
        }
        let keys = self.signers.iter().take(Self::MAX_SIGNERS).map(KeyId::as_str).collect();
        Written { role: self.role.as_str(), version: self.version.get(), keys }
            .serialize(serializer)
    }
}
