//! What the errors of MySQL and MariaDB mean for the caller: can trying again help, or must a
//! person act?

use std::io::ErrorKind;

use sqlx::error::DatabaseError;
use sqlx::mysql::MySqlDatabaseError;

use super::MySqlAddress;
use crate::contract::{StorageError, Unstorable};

// Error numbers (dev.mysql.com/doc/mysql-errors, mariadb.com/kb/en/mariadb-error-codes).
const CHECKREAD: u16 = 1020;
const LOCK_DEADLOCK: u16 = 1213;
const DUP_FIELDNAME: u16 = 1060;
const DUP_KEYNAME: u16 = 1061;
const PACKET_TOO_LARGE: u16 = 1153;

/// What trying again can mend: the server stops, starts, is full, is busy or only reads for now.
const PASSING: [u16; 31] = [
    1021, // disk full
    1026, // write failed
    1030, // the storage engine failed, mostly on a full disk
    1037,
    1038, // out of memory
    1040, // too many connections
    1041, // out of memory
    1043, // bad handshake
    1053, // shutting down
    1114, // table full
    1129, // this host failed too often
    1135, // no new thread
    1158,
    1159,
    1160,
    1161, // the link
    1180, // a commit failed
    1203, // too many connections of this user
    1205, // lock wait timeout
    1226, // a user's limit
    1290, // --read-only
    1317, // interrupted
    1792, // a session that only reads
    1836, // only reads
    1927, // killed (MariaDB)
    1969, // max_statement_time (MariaDB)
    3024, // max_execution_time (MySQL)
    3058, // a ring of named locks
    4031, // ended for its silence
    CHECKREAD,
    LOCK_DEADLOCK,
];

/// This user may not do that: on a database, a table, a column or the server.
const FORBIDDEN: [u16; 4] = [1044, 1142, 1143, 1227];

/// A damaged table or index.
const DAMAGED: [u16; 7] = [1033, 1034, 1035, 1194, 1195, 1712, 1932];

/// A name that the column's characters or its length cannot hold.
const UNSTORABLE: [u16; 4] = [
    1267, // compared with a column of other characters
    1270, // the same, of three
    1366, // incorrect string value
    1406, // too long
];

/// The columns whose names publishers choose. The error of a comparison names no column; what is
/// compared is such a name, or was stored before.
const NAMES: [&str; 2] = ["gun", "role"];

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
                "no TLS with this server ({cause}): give its authority in ssl-ca, or the name that \
                 its certificate holds"
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
pub(super) fn at(error: &sqlx::Error, address: &MySqlAddress) -> StorageError {
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

/// The database itself said so: the connection is as it was.
pub(super) fn is_answer(error: &sqlx::Error) -> bool {
    matches!(error, sqlx::Error::Database(_) | sqlx::Error::RowNotFound)
}

/// Transactions stood in each other's way; this one was undone and may be tried again.
pub(super) fn is_conflict(error: &sqlx::Error) -> bool {
    [CHECKREAD, LOCK_DEADLOCK].contains(&number(error))
}

/// A row with the same unique columns is there already.
pub(super) fn is_duplicate(error: &sqlx::Error) -> bool {
    error.as_database_error().is_some_and(DatabaseError::is_unique_violation)
}

/// This user may not do that.
pub(super) fn is_forbidden(error: &sqlx::Error) -> bool {
    FORBIDDEN.contains(&number(error))
}

/// An index or a column of this name is there already.
pub(super) fn is_made_already(error: &sqlx::Error) -> bool {
    [DUP_FIELDNAME, DUP_KEYNAME].contains(&number(error))
}

fn number(error: &sqlx::Error) -> u16 {
    error
        .as_database_error()
        .and_then(|cause| cause.try_downcast_ref::<MySqlDatabaseError>())
        .map_or(0, MySqlDatabaseError::number)
}

fn of_database(cause: &dyn DatabaseError) -> StorageError {
    let reason = cause.to_string();
    let number = cause.try_downcast_ref::<MySqlDatabaseError>().map_or(0, |cause| cause.number());
    match number {
        _ if PASSING.contains(&number) => StorageError::Unavailable { reason },
        _ if UNSTORABLE.contains(&number) => match column(&reason) {
            Some(column) if !NAMES.contains(&column) => StorageError::Other(format!(
                "the column {column} cannot hold what is to be stored there ({reason}): take a \
                 shorter name, of letters and digits"
            )),
            Some(_) | None => StorageError::Unstorable { what: Unstorable::Gun, reason },
        },
        PACKET_TOO_LARGE => StorageError::Unstorable { what: Unstorable::Document, reason },
        _ if DAMAGED.contains(&number) => StorageError::Other(format!(
            "the database is damaged ({reason}): restore it from a backup"
        )),
        _ => StorageError::Other(reason),
    }
}

/// The column that a value does not fit, as the error tells: `…for column 'gun' at row 1`, or with
/// database and table before it and other quotes.
fn column(reason: &str) -> Option<&str> {
    let (_, rest) = reason.rsplit_once("for column ")?;
    let (name, _) = rest.split_once(" at row ")?;
    name.rsplit(['.', '`', '\'']).find(|part| !part.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_column_is_found_in_the_words_of_either_server() {
        for (reason, expected) in [
            ("Data too long for column 'passphrase_alias' at row 1", Some("passphrase_alias")),
            (
                r"Incorrect string value: '\xF0\x9D' for column `n`.`tuf_files`.`gun` at row 1",
                Some("gun"),
            ),
            (r"Incorrect string value: '\xF0\x9D' for column 'shown' at row 1", Some("shown")),
            ("for column 'a' at row 1 for column 'b' at row 1", Some("b")),
            ("Illegal mix of collations (utf8mb3_general_ci,IMPLICIT) for operation '='", None),
            ("for column '' at row 1", None),
        ] {
            assert_eq!(column(reason), expected, "{reason}");
        }
    }
}
