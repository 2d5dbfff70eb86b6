//! One folder per SQL engine: its statements, its traps, its tests.
//!
//! Never in here: anything that a caller must know about an engine beyond how to open it.

pub mod mysql;
pub mod postgres;
pub mod server;
pub mod sqlite;
mod tls_files;
mod together;
