//! The built-in token service as users meet it: real `docker` and `notary`, with a registry and a
//! trust server that share it.
//!
//! What never comes in: how a token is forged, and token services of others; those are in
//! `access/`.

#![cfg(test)]

mod docker;
mod go_server;
mod notary;
mod registry;
mod world;
