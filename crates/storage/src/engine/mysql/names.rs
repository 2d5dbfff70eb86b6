//! Exact names on columns that may not compare exactly.
//!
//! Notary's columns are case-insensitive, so an index finds what is alike, and the bytes decide
//! which of it was meant. Columns of our own making are binary, where both say the same. Each
//! condition takes its name twice. Roles and algorithms need none of this: they are lower-case ASCII.

macro_rules! gun_is {
    () => {
        "gun = ? AND CAST(gun AS BINARY) = CAST(? AS BINARY)"
    };
}

macro_rules! key_id_is {
    () => {
        "key_id = ? AND CAST(key_id AS BINARY) = CAST(? AS BINARY)"
    };
}

pub(super) use {gun_is, key_id_is};

use countersign_tuf::names::Gun;
use sqlx::mysql::MySqlConnection;

use super::row::TableRow;
use super::transaction::Stop;
use crate::contract::{StorageError, StorageResult, Unstorable};

const TABLE: &str = "tuf_files";

/// A GUN that Notary's index takes for this one.
pub(super) const ALIKE: &str = "SELECT id, gun FROM tuf_files \
    WHERE gun = ? AND CAST(gun AS BINARY) <> CAST(? AS BINARY) LIMIT 1";

/// Every statement of this file.
#[cfg(any(test, feature = "suite"))]
pub(super) const STATEMENTS: &[&str] = &[ALIKE];

/// What is found under a name that the tables cannot hold: nothing.
pub(super) fn or_nothing<T: Default>(found: StorageResult<T>) -> StorageResult<T> {
    match found {
        Err(StorageError::Unstorable { what: Unstorable::Gun, .. }) => Ok(T::default()),
        other => other,
    }
}

/// The first documents of a GUN are refused beside those of one that the index takes for it: the
/// versions of both would be one row of numbers.
pub(super) async fn refuse_alike(connection: &mut MySqlConnection, gun: &Gun) -> Result<(), Stop> {
    let query = sqlx::query(ALIKE).bind(gun.as_str()).bind(gun.as_str());
    match query.fetch_optional(connection).await? {
        Some(alike) => {
            let other = TableRow::new(&alike, TABLE).text("gun")?;
            Err(collides(gun, &other).into())
        }
        None => Ok(()),
    }
}

/// The table takes `gun` for the other one.
pub(super) fn collides(gun: &Gun, other: &str) -> StorageError {
    let gun = gun.as_str();
    let reason = format!(
        "to the tables that Notary made, GUN {gun:?} is the same as {other:?}, which is stored"
    );
    StorageError::Unstorable { what: Unstorable::Gun, reason }
}
