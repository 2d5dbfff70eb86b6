//! Documents, keys and signatures that other programs made: Notary's own, and OpenSSL.
//!
//! To add a vector: its file into the folder, and its entry into that folder's index.

#![expect(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that cannot go on fails"
)]

mod corrupted;
mod folder;
mod repositories;
mod signatures;
