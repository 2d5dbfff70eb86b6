//! What must not happen at once, in any process: named locks of the server.
//!
//! They belong to a session and not to a transaction, so whoever took one gives it back after the
//! transaction's rows have become visible ([`release`]), or closes the connection: a session that
//! ends, for whatever reason, first undoes its transaction and then frees its locks.
//!
//! A transaction takes them in the order in which they stand here, so none waits for another in a
//! ring.

use countersign_tuf::digest::Sha256Digest;
use countersign_tuf::names::Gun;
use sqlx::mysql::MySqlConnection;

use super::transaction::Stop;
use crate::contract::StorageError;

/// Names are the server's and not the database's, of 64 characters at most, and not case-sensitive.
/// How long to wait was told when the session began.
pub(super) const LOCK: &str = "SELECT GET_LOCK(CONCAT('countersign ', \
    LEFT(SHA2(CONCAT(DATABASE(), '/', ?), 256), 40)), @countersign_wait)";

pub(super) const RELEASE: &str = "SELECT RELEASE_ALL_LOCKS()";

/// Every statement of this file.
#[cfg(any(test, feature = "suite"))]
pub(super) const STATEMENTS: &[&str] = &[LOCK, RELEASE];

/// What is locked.
pub(super) enum Lock<'a> {
    /// The tables' history.
    Migrations,
    /// Every version of one GUN.
    Gun(&'a Gun),
    /// The pending keys of one GUN, role and algorithm.
    PendingKey(&'a str, &'a str, &'a str),
    /// The numbers of the changefeed.
    Changefeed,
}

impl Lock<'_> {
    /// Waits until no other session holds it.
    pub(super) async fn take(self, connection: &mut MySqlConnection) -> Result<(), Stop> {
        let got: Option<i64> =
            sqlx::query_scalar(LOCK).bind(self.name()).fetch_one(connection).await?;
        match got {
            Some(1) => Ok(()),
            _ => Err(Stop::Store(StorageError::Unavailable {
                reason: format!("another writer holds {}: lock timeout", self.what()),
            })),
        }
    }

    fn what(&self) -> &'static str {
        match self {
            Self::Migrations => "the tables' history",
            Self::Gun(_) => "this GUN",
            Self::PendingKey(..) => "the pending keys of this GUN",
            Self::Changefeed => "the changefeed",
        }
    }

    /// In letters that any character set has.
    fn name(&self) -> String {
        let name = match self {
            Self::Migrations => "migrations".to_owned(),
            // Names that Notary's tables hold to be one share a lock.
            Self::Gun(gun) => format!("gun/{}", gun.as_str().to_lowercase().trim_end()),
            Self::PendingKey(gun, role, algorithm) => {
                format!("pending key/{role}/{algorithm}/{gun}")
            }
            Self::Changefeed => "changefeed".to_owned(),
        };
        Sha256Digest::of(name.as_bytes()).to_hex()
    }
}

/// Frees all locks of this session. Its transaction must have ended.
pub(super) async fn release(connection: &mut MySqlConnection) -> Result<(), sqlx::Error> {
    sqlx::query(RELEASE).execute(connection).await?;
    Ok(())
}
