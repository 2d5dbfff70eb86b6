//! The key IDs of requests.
//!
//! Source: signer spec 9.1 and 9.2: in the Go signer an empty one stands for any key, and a missing
//! message ends the process.

use countersign_custody::remote::protocol;
use countersign_tuf::keys::KeyId;
use tonic::Status;

/// The ID in a message that must be there.
pub(crate) fn wanted(message: Option<protocol::KeyId>) -> Result<KeyId, Status> {
    match message {
        Some(message) => parsed(&message),
        None => Err(Status::invalid_argument("the request names no key")),
    }
}

/// The ID in a message.
pub(crate) fn parsed(message: &protocol::KeyId) -> Result<KeyId, Status> {
    let id = KeyId::claimed(&message.id);
    if id.is_well_formed() {
        return Ok(id);
    }
    Err(Status::invalid_argument("a key ID is 64 lower-case hex digits"))
}
