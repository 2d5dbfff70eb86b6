//! What PostgreSQL's errors mean for the caller: can trying again help, or must a person act?

use std::io::ErrorKind;

use sqlx::error::DatabaseError;
use sqlx::postgres::{PgDatabaseError, PgSeverity};

use super::PostgresAddress;
use crate::contract::StorageError;

// PostgreSQL's SQLSTATE codes (postgresql.org/docs/current/errcodes-appendix.html).
const SERIALIZATION_FAILURE: &str = "40001";
const DEADLOCK_DETECTED: &str = "40P01";
const INSUFFICIENT_PRIVILEGE: &str = "42501";

/// What trying again can mend: the server stops, starts, is full, is busy or only reads for now.
const PASSING: [&str; 6] =
    ["25006", "25P03", "25P04", "55P03", SERIALIZATION_FAILURE, DEADLOCK_DETECTED];

/// The classes of the same: no connection, no resources, an operator's intervention, the system.
const PASSING_CLASSES: [&str; 4] = ["08", "53", "57", "58"];

/// The class of a damaged table or index.
const DAMAGED: [&str; 2] = ["XX001", "XX002"];

/// The meaning of an error of a statement.
pub(super) fn of_statement(error: &sqlx::Error) -> StorageError {
    match error {
        sqlx::Error::Database(cause) => of_database(cause.as_ref()),
        sqlx::Error::PoolTimedOut => StorageError::Unavailable {
            reason: "no connection is free, or none can be made".to_owned(),
        },
        sqlx::Error::PoolClosed => {
            StorageError::Unavailable { reason: "the store is closed".to_owned() }
        }
        // So the TLS library says that it does not believe the server's certificate.
        sqlx::Error::Io(cause) if cause.kind() == ErrorKind::InvalidData => {
            StorageError::Other(format!(
                "no TLS with this server ({cause}): give its authority in sslrootcert, or the \
                 name that its certificate holds"
            ))
        }
        // An answer that cannot be read is most often half of one.
        sqlx::Error::Io(_) | sqlx::Error::Protocol(_) | sqlx::Error::WorkerCrashed => {
            StorageError::Unavailable { reason: error.to_string() }
        }
        other => StorageError::Other(other.to_string()),
    }
}

/// The meaning of an error while a database is opened; names it.
pub(super) fn at(error: &sqlx::Error, address: &PostgresAddress) -> StorageError {
    match of_statement(error) {
        StorageError::Unavailable { reason } => {
            StorageError::Unavailable { reason: format!("{address}: {reason}") }
        }
        StorageError::Other(reason) => StorageError::Other(format!("{address}: {reason}")),
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

/// The database itself said so, and the connection is as it was: an error that ends the session, as
/// when the server stops, is none.
pub(super) fn is_answer(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Database(cause) => {
            let cause = cause.try_downcast_ref::<PgDatabaseError>();
            !matches!(
                cause.map(PgDatabaseError::severity),
                Some(PgSeverity::Fatal | PgSeverity::Panic)
            )
        }
        sqlx::Error::RowNotFound => true,
        _ => false,
    }
}

/// Transactions stood in each other's way; this one was undone and may be tried again.
pub(super) fn is_conflict(error: &sqlx::Error) -> bool {
    has_code(error, SERIALIZATION_FAILURE) || has_code(error, DEADLOCK_DETECTED)
}

/// A row with the same unique columns is there already.
pub(super) fn is_duplicate(error: &sqlx::Error) -> bool {
    error.as_database_error().is_some_and(DatabaseError::is_unique_violation)
}

/// This user may not do that.
pub(super) fn is_forbidden(error: &sqlx::Error) -> bool {
    has_code(error, INSUFFICIENT_PRIVILEGE)
}

fn has_code(error: &sqlx::Error, code: &str) -> bool {
    error.as_database_error().and_then(DatabaseError::code).is_some_and(|found| found == code)
}

fn of_database(cause: &dyn DatabaseError) -> StorageError {
    let reason = cause.to_string();
    let code = cause.code().unwrap_or_default();
    if PASSING.contains(&&*code) || PASSING_CLASSES.iter().any(|class| code.starts_with(class)) {
        return StorageError::Unavailable { reason };
    }
    if DAMAGED.contains(&&*code) {
        return StorageError::Other(format!(
            "the database is damaged ({reason}): restore it from a backup"
        ));
    }
    StorageError::Other(format!("{reason} (SQLSTATE {code})"))
}
