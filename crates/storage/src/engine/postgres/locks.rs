//! What must not happen at once, in any process: locks of the database that end with their
//! transaction.
//!
//! A transaction takes them in the order in which they stand here, so none waits for another in a
//! ring. They are released after the transaction's rows have become visible.

use countersign_tuf::digest::Sha256Digest;
use countersign_tuf::names::Gun;
use sqlx::postgres::PgConnection;

pub(super) const LOCK: &str = "SELECT pg_advisory_xact_lock($1)";

/// Every statement of this file.
#[cfg(any(test, feature = "suite"))]
pub(super) const STATEMENTS: &[&str] = &[LOCK];

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
    /// Waits until no other transaction holds it.
    pub(super) async fn take(self, connection: &mut PgConnection) -> Result<(), sqlx::Error> {
        sqlx::query(LOCK).bind(self.number()).execute(connection).await?;
        Ok(())
    }

    /// A number that is the same in every process. Two names that share one wait for each other
    /// without need, which is all that happens.
    pub(super) fn number(&self) -> i64 {
        let name = match self {
            Self::Migrations => "countersign migrations".to_owned(),
            Self::Gun(gun) => format!("countersign gun\0{}", gun.as_str()),
            Self::PendingKey(gun, role, algorithm) => {
                format!("countersign pending key\0{gun}\0{role}\0{algorithm}")
            }
            Self::Changefeed => "countersign changefeed".to_owned(),
        };
        let digest = Sha256Digest::of(name.as_bytes());
        digest.as_bytes().first_chunk().map_or(0, |first| i64::from_be_bytes(*first))
    }
}
