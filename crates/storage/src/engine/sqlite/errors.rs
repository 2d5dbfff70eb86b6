//! What SQLite's errors mean for the caller: can trying again help, or must a person act?

use std::path::Path;

use sqlx::error::DatabaseError;

use crate::contract::StorageError;

// SQLite's primary result codes (sqlite.org/rescode.html).
const BUSY: u32 = 5;
const LOCKED: u32 = 6;
const NOMEM: u32 = 7;
const READONLY: u32 = 8;
const IOERR: u32 = 10;
const CORRUPT: u32 = 11;
const FULL: u32 = 13;
const CANTOPEN: u32 = 14;
const PROTOCOL: u32 = 15;
const NOTADB: u32 = 26;

/// The meaning of an error of a statement.
pub(super) fn of_statement(error: &sqlx::Error) -> StorageError {
    match error {
        sqlx::Error::Database(cause) => of_database(cause.as_ref()),
        sqlx::Error::PoolTimedOut => {
            StorageError::Unavailable { reason: "all connections are busy".to_owned() }
        }
        sqlx::Error::PoolClosed => {
            StorageError::Unavailable { reason: "the store is closed".to_owned() }
        }
        sqlx::Error::Io(_) | sqlx::Error::WorkerCrashed => {
            StorageError::Unavailable { reason: error.to_string() }
        }
        other => StorageError::Other(other.to_string()),
    }
}

/// The meaning of an error while the file at `path` is opened; names the file.
pub(super) fn at_file(error: &sqlx::Error, path: &Path) -> StorageError {
    match of_statement(error) {
        StorageError::Unavailable { reason } => {
            StorageError::Unavailable { reason: format!("{}: {reason}", path.display()) }
        }
        StorageError::Other(reason) => StorageError::Other(format!("{}: {reason}", path.display())),
        other => other,
    }
}

/// The meaning of the end of a task that did not return: it panicked, or the runtime stops.
pub(super) fn of_task(error: &tokio::task::JoinError) -> StorageError {
    if error.is_cancelled() {
        return StorageError::Unavailable { reason: "the program is stopping".to_owned() };
    }
    StorageError::Other("a write ended in a panic; see the log above".to_owned())
}

/// The meaning of a write that nobody has answered: whoever did it came to no end.
pub(super) fn abandoned() -> StorageError {
    StorageError::Unavailable { reason: "a write beside it was broken off".to_owned() }
}

/// Another connection holds a lock.
pub(super) fn is_locked(error: &sqlx::Error) -> bool {
    error
        .as_database_error()
        .and_then(primary_code)
        .is_some_and(|code| matches!(code, BUSY | LOCKED))
}

/// A row with the same unique columns is there already.
pub(super) fn is_duplicate(error: &sqlx::Error) -> bool {
    error.as_database_error().is_some_and(DatabaseError::is_unique_violation)
}

fn of_database(cause: &dyn DatabaseError) -> StorageError {
    let reason = cause.to_string();
    match primary_code(cause) {
        Some(BUSY | LOCKED | NOMEM | READONLY | IOERR | FULL | CANTOPEN | PROTOCOL) => {
            StorageError::Unavailable { reason }
        }
        Some(CORRUPT | NOTADB) => StorageError::Other(format!(
            "the file is damaged or is no SQLite database ({reason}): restore it from a backup"
        )),
        _ => StorageError::Other(reason),
    }
}

/// sqlx hands out the extended code; its low byte is the primary one.
fn primary_code(cause: &(dyn DatabaseError + 'static)) -> Option<u32> {
    cause.code()?.parse::<u32>().ok().map(|code| code & 0xff)
}
