//! The bodies of the fuzz targets: what is done with arbitrary bytes, and what must hold then.
//!
//! Two users: the programs in `fuzz/fuzz_targets/`, which libFuzzer feeds, and the test that
//! replays `fuzz/corpus/` in every test run. A target panics when something does not hold, and
//! returns quietly otherwise. The expected answers come from the forge or from the invariant
//! itself, never from a second call of the code under test alone.
//!
//! To add a target: a function here with a line in [`TARGETS`], a program of the same name in
//! `fuzz/fuzz_targets/` with its `[[bin]]` in `fuzz/Cargo.toml`, and its corpus in
//! `examples/make_corpus.rs`.

#![expect(clippy::expect_used, reason = "a target fails by panicking")]

mod canonical_json;
mod documents;
mod empty_server;
mod keys;
mod names;
mod server;
mod signer_calls;
mod tokens;

pub use canonical_json::canonical_json;
pub use documents::{PUBLISHED_AT, root, signing_keys, snapshot, targets, timestamp};
pub use keys::{KEY_TYPES, keys};
pub use names::names;
pub use server::{routes, upload};
pub use signer_calls::{METHODS, held_key, signer_calls};
pub use tokens::{TOKEN_PARTS, good_claims, good_tokens, jwk, tokens, trusted_bundle};

/// What is done with one input.
pub type Target = fn(&[u8]);

/// Every target by its name.
pub const TARGETS: [(&str, Target); 11] = [
    ("canonical_json", canonical_json),
    ("keys", keys),
    ("names", names),
    ("root", root),
    ("routes", routes),
    ("signer_calls", signer_calls),
    ("snapshot", snapshot),
    ("targets", targets),
    ("timestamp", timestamp),
    ("tokens", tokens),
    ("upload", upload),
];
