//! How a store uses a database server: what the engines that need one have in common.

use std::num::NonZeroU32;
use std::time::Duration;

use crate::contract::StorageError;

/// How a store uses its database server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerOptions {
    /// How long a call waits for a connection, and then for the lock of another writer, before it
    /// fails as [`Unavailable`](crate::StorageError::Unavailable). 5 seconds unless told. Half of
    /// it is how long the database waits for the next statement of a transaction before it undoes
    /// it.
    pub wait: Duration,
    /// How long one statement may take. 10 seconds unless told.
    pub statement: Duration,
    /// How many connections reads may use at once. 8 unless told.
    pub readers: NonZeroU32,
    /// How many connections writes may use at once. 8 unless told.
    pub writers: NonZeroU32,
    /// What the database is for.
    pub tables: Tables,
}

/// Which of Notary's two databases a database is, or both in one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tables {
    /// Everything is in it.
    All,
    /// That of the signer: `private_keys`. Calls about metadata fail.
    Keys,
    /// That of the server: `tuf_files` and `changefeed`. Calls about keys fail.
    Metadata,
}

impl Default for ServerOptions {
    fn default() -> Self {
        let eight = NonZeroU32::MIN.saturating_add(7);
        Self {
            wait: Duration::from_secs(5),
            statement: Duration::from_secs(10),
            readers: eight,
            writers: eight,
            tables: Tables::All,
        }
    }
}

/// A table of this program's own is not there, and this user may not make it or look into it.
pub(super) fn missing_table(table: &str) -> StorageError {
    StorageError::Other(format!(
        "table {table} is missing, or this user may not use it: start once as the owner of the \
         tables, and grant this user SELECT, INSERT, UPDATE and DELETE on it"
    ))
}
