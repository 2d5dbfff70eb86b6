//! Notary's dialect of TUF, and nothing else: parse, canonicalise, verify, and decide whether an
//! update may follow the current state.
//!
//! The crate is pure. It never reads a clock, a file, a socket or a source of randomness; time is
//! an argument where it matters. It holds no private keys.
//!
//! How the pieces follow each other:
//!
//! 1. [`names`] parses GUNs, role names and versions once, at the edge.
//! 2. [`metadata`] turns bytes into an [`verify::Unverified`] document: shape known, nothing
//!    believed.
//! 3. [`verify`] is the one file that makes a [`verify::Verified`] document, with the one
//!    threshold function.
//! 4. [`rules`] decides on a whole update and returns an [`accepted::AcceptedUpdate`], the only
//!    thing that storage commits.
//! 5. [`trusted_set`] is the other side: what a client believes of the documents it is served.
//!
//! To add a key type or signature method: add the variant in [`keys`], its verifier in
//! `keys/signature.rs`, a vector under `tests/vectors`, and a line in `docs/compatibility.md`.

pub mod accepted;
pub mod canonical;
pub mod digest;
pub mod gun_prefix;
pub mod json;
pub mod keys;
pub mod metadata;
pub mod names;
pub mod reason;
pub mod rules;
pub mod time;
pub mod trusted_set;
pub mod verify;
