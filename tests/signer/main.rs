//! Our signer as a binary: under the real Go server, beside the Go signer, and under attack.
//!
//! What the Go signer does is what it does in the same run, never what we remember of it.
#![cfg(test)]

mod certificates;
mod compared;
mod decided;
mod go_server;
mod hostile;
mod metrics;
mod notary_file;
mod other_guns;
mod resealing;
