//! The binary as an operator meets it: what it prints, which files it makes, how it ends.
#![cfg(test)]

mod aliases;
mod audit;
mod certificates;
mod check;
mod clients;
mod config;
mod connection;
mod damaged_keys;
mod doctor;
mod files;
mod help;
mod import;
mod key_upkeep;
mod keys;
mod logs;
mod making;
mod notary;
mod prefix_limits;
mod process;
mod rates;
mod read_only;
mod refusals;
mod reloading;
mod rotating;
mod rules;
mod secrets;
mod signer_config;
mod sources;
mod stopping;
mod token_service;
mod tokens;
