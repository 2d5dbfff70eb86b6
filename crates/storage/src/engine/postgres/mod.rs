//! PostgreSQL: metadata and changefeed, and sealed keys, in Notary's own tables.
//!
//! Any number of processes may share a database. What must not happen at once is kept apart by
//! locks of the database that last as long as a transaction, and nothing is cached here. Never in
//! here: other engines, and any lock of one process.

mod address;
mod aliases;
mod archive;
mod change_numbers;
mod changefeed;
mod commit;
mod connect;
mod connections;
mod errors;
mod findings;
mod heads;
mod inventory;
mod key_bindings;
mod key_catalogue;
mod key_upkeep;
mod keys;
mod lending;
mod locks;
mod metadata;
mod migrations;
mod own_table;
mod passphrase_moves;
mod published;
mod retention;
mod root_walk;
mod row;
#[cfg(any(test, feature = "suite"))]
pub mod statements;
mod transaction;
mod usage;

pub use address::PostgresAddress;

use std::sync::Arc;

pub use super::server::{ServerOptions as PostgresOptions, Tables};

use self::connections::Connections;
use self::findings::Findings;
use self::heads::HeadsTogether;
use self::own_table::OwnTable;
use super::together::Together;
use crate::contract::StorageResult;

/// A store in one PostgreSQL database. Implements [`MetadataStore`](crate::MetadataStore),
/// [`KeyStore`](crate::KeyStore), [`KeyCatalogue`](crate::KeyCatalogue) and
/// [`KeyAliases`](crate::KeyAliases).
///
/// Times are kept to the microsecond.
#[derive(Debug)]
pub struct PostgresStore {
    readers: Connections,
    heads: Arc<Together<HeadsTogether>>,
    writers: Connections,
    findings: Findings,
    own: OwnTables,
}

/// What may be missing where this user may not make tables.
#[derive(Debug)]
struct OwnTables {
    bindings: OwnTable,
    /// The last table that its migration makes stands for all of it.
    passphrase_moves: OwnTable,
    walks: OwnTable,
}

impl Default for OwnTables {
    fn default() -> Self {
        Self {
            bindings: OwnTable::named("countersign_key_bindings"),
            passphrase_moves: OwnTable::named("countersign_key_processes"),
            walks: OwnTable::named("countersign_root_walks"),
        }
    }
}

impl PostgresStore {
    /// Opens the store at `address` and brings its tables up to date: those of an empty database
    /// are made, those that Notary made stay as they are and get indexes beside them. Of several
    /// processes that start at once, one does it and the others find it done.
    ///
    /// Where this user may not alter the tables, they are used as they are, and
    /// [`PostgresStore::what_is_off`] says what that costs.
    ///
    /// # Errors
    /// [`Unavailable`](crate::StorageError::Unavailable) when the server cannot be reached or does
    /// not answer now; [`Newer`](crate::StorageError::Newer) when a newer version of this program
    /// migrated the database; [`Other`](crate::StorageError::Other) for what trying again does not
    /// mend: a wrong user, password, database or certificate, no tables and no right to make them,
    /// or tables that something else migrated.
    pub async fn open(address: &PostgresAddress, options: &PostgresOptions) -> StorageResult<Self> {
        let mut first = connect::first(address, options).await?;
        let missing = migrations::migrate(&mut first, options.tables).await?;
        let findings = findings::look(&mut first, missing).await?;
        connect::close(first).await;
        let readers = connect::pool(address, options, options.readers);
        Ok(Self {
            heads: Together::new(HeadsTogether { readers: readers.clone() }),
            readers,
            writers: connect::pool(address, options, options.writers),
            findings,
            own: OwnTables::default(),
        })
    }

    /// Opens the store at `address` for reading, beside whoever else uses it: nothing is made,
    /// migrated or written, and every call that writes fails as
    /// [`Unavailable`](crate::StorageError::Unavailable).
    ///
    /// # Errors
    /// As [`PostgresStore::open`]; [`Unavailable`](crate::StorageError::Unavailable) when there are
    /// no tables yet.
    pub async fn open_read_only(
        address: &PostgresAddress,
        options: &PostgresOptions,
    ) -> StorageResult<Self> {
        let mut first = connect::first(address, options).await?;
        migrations::refuse_others(&mut first, options.tables).await?;
        let findings = findings::look(&mut first, Vec::new()).await?;
        connect::close(first).await;
        let address = address.for_reading();
        let readers = connect::pool(&address, options, options.readers);
        Ok(Self {
            heads: Together::new(HeadsTogether { readers: readers.clone() }),
            writers: readers.clone(),
            readers,
            findings,
            own: OwnTables::default(),
        })
    }

    /// What an operator should mend although the store can be used, one sentence each.
    #[must_use]
    pub fn what_is_off(&self) -> &[String] {
        self.findings.sentences()
    }

    /// Waits for the calls that are under way, then closes all connections. Later calls fail as
    /// [`Unavailable`](crate::StorageError::Unavailable).
    pub async fn close(&self) {
        self.readers.close().await;
        self.writers.close().await;
    }
}
