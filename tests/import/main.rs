//! A Notary's two databases move into ours: verified, in spite of interruptions, and no client
//! notices.
//!
//! What never comes in: what the service itself can show; that is beside its code.
#![cfg(test)]

mod mariadb;
mod move_out;
mod notary;
mod runs;
mod stored;
