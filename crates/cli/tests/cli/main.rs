//! The binary as an operator meets it: what it prints, which files it makes, how it ends.
#![cfg(test)]

mod certificates;
mod config;
mod doctor;
mod files;
mod help;
mod keys;
mod logs;
mod process;
mod refusals;
mod secrets;
mod sources;
mod stopping;
