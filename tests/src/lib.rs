//! Real peers as handles, and the scenarios that are played against them.
//!
//! What is here: how a peer is started, asked, and stopped ([`peers`]); how one list of client
//! commands is played against two servers and compared ([`session`], [`compare`]); who delegates
//! are ([`signer`]); what `countersign keys` says beside a server ([`key_commands`]); how documents
//! are fetched as a client would ([`wire`]) and forged collections published without one
//! ([`upload`]). The tests themselves are in the folders beside `src/`.
//! What never comes in: rules of the product. What a test expects is written down by hand or said
//! by the Go peer, never computed by our own crates.
//!
//! To add a peer: a file in `peers/` with a handle that starts it on a free loopback port, keeps
//! its log, and stops it on drop. To add a scenario: an async function over
//! [`session::Session`] in the file of its theme below `e2e/`, played with [`compare::alike`];
//! one that the engine may change goes below `e2e/flows/`, and is listed in `e2e/engines.rs`.

pub mod cast;
pub mod compare;
pub mod damage;
pub mod follow;
pub mod grpc;
pub mod key_commands;
pub mod peers;
pub mod session;
pub mod signer;
pub mod transcript;
pub mod upload;
pub mod wire;
