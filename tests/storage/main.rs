//! The engines that need a server, on real ones: the conformance suite, and what only they can get
//! wrong.
//!
//! What never comes in: engines without a server; they are tested beside their code.
#![cfg(test)]

mod cycle;
mod mysql;
mod own_tables;
mod postgres;
mod resealing;
