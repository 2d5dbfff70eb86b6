//! The codes and texts of refusals.
//!
//! A Go server hands these texts on to whoever asked it, so they hold nothing of the signer's
//! inside; its log does. Where the Go signer is right they are its own.
//!
//! Source: signer spec 1.3.

use countersign_custody::CustodyError;
use countersign_tuf::keys::KeyId;
use tonic::{Code, Status};

/// What was being done when custody failed.
#[derive(Clone, Copy)]
pub(crate) enum During<'a> {
    Creation,
    Deletion(&'a KeyId),
    Look(&'a KeyId),
    Signing(&'a KeyId),
}

impl During<'_> {
    fn key_id(self) -> Option<String> {
        match self {
            Self::Creation => None,
            Self::Deletion(id) | Self::Look(id) | Self::Signing(id) => Some(id.to_string()),
        }
    }

    fn failed(self) -> String {
        match self {
            Self::Creation => "Key creation failed".to_owned(),
            Self::Deletion(id) => format!("Key deletion for KeyID {id} failed"),
            Self::Look(id) => format!("key {id} cannot be looked up"),
            Self::Signing(id) => format!("Signing failed for KeyID {id}"),
        }
    }
}

/// The algorithm of a key that is to be made is none that keys are made of.
pub(crate) fn algorithm(name: &str) -> Status {
    Status::unknown(format!("algorithm {name} not supported for create key"))
}

/// The key that a look asks for is not there.
pub(crate) fn no_key(id: &KeyId) -> Status {
    Status::not_found(format!("key {id} not found"))
}

/// The key that is to sign is not there.
pub(crate) fn no_signing_key(id: &KeyId) -> Status {
    Status::not_found(format!("signing key not found: {id}"))
}

/// The keys have not been reached yet.
pub(crate) fn away() -> Status {
    Status::unavailable("the signer's keys cannot be reached now: try again")
}

/// A message that is longer than may be, by the name that Notary's signer has for it.
pub(crate) fn too_long() -> Status {
    Status::resource_exhausted("the message is longer than 4194304 bytes")
}

/// The call took too long.
pub(crate) fn late() -> Status {
    Status::deadline_exceeded("the call took too long")
}

/// The caller does not say what the key is for, and must.
pub(crate) fn without_gun() -> Status {
    Status::permission_denied("the request must say for which GUN and role the key is wanted")
}

/// What custody could not do.
pub(crate) fn of_custody(error: &CustodyError, during: During<'_>) -> Status {
    let (key_id, failed) = (during.key_id(), during.failed());
    let refused = |code, text: &str| {
        tracing::error!(key_id, %error, code = ?code, "a call failed");
        Status::new(code, text)
    };
    match error {
        CustodyError::BadKey { key_id, .. } => {
            let text = format!("key {key_id} is held and cannot be used: see the signer's log");
            refused(Code::FailedPrecondition, &text)
        }
        CustodyError::TooManyPending { .. } => {
            refused(Code::ResourceExhausted, "too many keys have not signed anything yet")
        }
        CustodyError::Unavailable { reason } => {
            tracing::warn!(key_id, reason, "a call failed: the keys cannot be reached now");
            away()
        }
        CustodyError::UnstorableGun { .. } => {
            refused(Code::InvalidArgument, "no key can be stored for this GUN")
        }
        CustodyError::Other(_) => refused(Code::Internal, &failed),
    }
}
