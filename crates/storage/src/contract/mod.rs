//! What a store promises, whatever the engine.
//!
//! - A commit is all or nothing, and durable when it returns.
//! - A commit fails when a head that its decision read has moved; no lock of one process is part
//!   of the contract, so several processes may share a database.
//! - Documents come back as the exact bytes that went in.
//! - GUNs, roles and key IDs are compared byte for byte.
//! - Times are kept to the microsecond; what is finer is cut off.
//! - Absence is an `Option`; [`StorageError`] always means "could not look" or "cannot be".

pub mod aliases;
pub mod archive;
pub mod change_numbers;
pub mod changefeed;
pub mod inventory;
pub mod key_bindings;
pub mod key_upkeep;
pub mod keys;
pub mod metadata;
pub mod passphrase_moves;
pub mod published;
pub mod retention;
pub mod root_walk;
pub mod usage;

use std::fmt;

use thiserror::Error;

/// A result of a store.
pub type StorageResult<T> = Result<T, StorageError>;

/// What the tables of a database may be unable to hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unstorable {
    /// A document of this size.
    Document,
    /// A GUN of these characters, or beside one that the tables take for it.
    Gun,
}

impl fmt::Display for Unstorable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Document => "the document",
            Self::Gun => "the GUN",
        })
    }
}

/// Why a store could not do what it was asked.
#[derive(Clone, Debug, Error)]
pub enum StorageError {
    /// The database is busy, away or full. Trying again later can help.
    #[error("the database cannot answer now: {reason}")]
    Unavailable {
        /// What the engine said. Never holds a password.
        reason: String,
    },
    /// The database holds something that cannot be.
    #[error("table {table}, row {row}: {reason}")]
    Corrupt {
        /// The table.
        table: &'static str,
        /// The row's `id`, or the name it was looked up by.
        row: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The database was migrated by a newer version of this program.
    #[error(
        "the database has migration {found}, this program knows up to {known}: run the newer version"
    )]
    Newer {
        /// The newest migration in the database.
        found: i64,
        /// The newest migration this program knows.
        known: i64,
    },
    /// The tables cannot hold it, now or later; nothing was stored.
    #[error("this database cannot store {what}: {reason}")]
    Unstorable {
        /// What it cannot hold.
        what: Unstorable,
        /// Why.
        reason: String,
    },
    /// Anything else that trying again does not mend.
    #[error("database: {0}")]
    Other(String),
}
