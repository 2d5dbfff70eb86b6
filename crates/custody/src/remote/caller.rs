//! The GUN and role that a signature or a key is wanted for, in the metadata of a request.
//!
//! Notary's messages do not say it, so its signer signs anything for anyone. Our server sends it
//! along, a Go signer does not look at it, and our signer judges by it.

/// The metadata key of the GUN. Its value is the GUN's UTF-8 bytes: the suffix makes it binary.
pub const GUN: &str = "countersign-gun-bin";

/// The metadata key of the role, `timestamp` or `snapshot`.
pub const ROLE: &str = "countersign-role";
