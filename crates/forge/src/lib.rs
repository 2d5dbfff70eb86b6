//! Makes valid repositories in Notary's dialect, and damages them one fault at a time.
//!
//! For tests only; nothing here ships. The forge shares no code with the crates it tests: it has
//! its own canonical form and its own key IDs, so that an error of theirs cannot hide in an equal
//! error here. It reads no clock, network or file, and everything it makes follows from a seed
//! and a point in time (only RSA-PSS signatures and the keys of token services differ from run to
//! run).
//!
//! 1. [`key`] and [`certificate`] make keys of every type that clients use.
//! 2. [`repository::Repository`] makes documents, follows versions and rotations, and hands out
//!    the parts of a publish.
//! 3. [`token_service::TokenService`] makes tokens with any header and claims.
//! 4. [`faults`] damages one thing that has a name; [`damage`] damages every member in turn.
//!
//! To add a fault: write a function in the file of [`faults`] that fits, give it a line in that
//! file's table, and run the differential test, which sends every fault to the Go server too.

pub mod canonical;
pub mod certificate;
pub mod curve;
pub mod damage;
pub mod document;
pub mod faults;
mod issuer;
pub mod key;
pub mod repository;
pub mod token_service;
