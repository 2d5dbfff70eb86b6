//! The database that Notary's file names.

use std::fmt;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use secrecy::SecretString;

use super::source::Source;
use super::{dsn, keywords};
use crate::{ConfigError, DatabaseUrl, Origin};

/// Where the metadata is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NotaryStorage {
    /// In Notary nowhere but in memory. Here in the data directory.
    Memory,
    /// In a database.
    Database {
        /// Its engine.
        engine: Engine,
        /// Its address, in our form.
        url: DatabaseUrl,
    },
}

/// An engine that Notary's file can name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Engine {
    /// MySQL or MariaDB.
    MySql,
    /// PostgreSQL.
    Postgres,
    /// SQLite. Notary's releases know the name and have no driver for it.
    Sqlite,
}

/// A URL, and what is to be said of it. May hold a password, hence no `Debug`.
pub(super) struct Link {
    pub(super) url: String,
    pub(super) notes: Vec<String>,
}

/// Why a text is no address of a database; holds no part of it.
#[derive(Debug)]
pub(super) struct BadUrl {
    pub(super) cause: &'static str,
    pub(super) mend: &'static str,
}

/// The storage that a file names.
pub(super) struct Found {
    pub(super) storage: NotaryStorage,
    /// Where its engine was written.
    pub(super) place: String,
    /// Where its address was written; where there is none, its engine.
    pub(super) origin: Origin,
    /// What is to be said of the address.
    pub(super) notes: Vec<String>,
}

/// The storage that `source` names.
pub(super) fn read(source: &Source<'_>) -> Result<Found, ConfigError> {
    const ENGINES: &str = "write mysql, postgres or memory";
    let backend = source.needed("storage.backend", ENGINES)?;
    let engine = match backend.content.as_str() {
        "memory" => {
            let (storage, notes) = (NotaryStorage::Memory, Vec::new());
            return Ok(Found { storage, place: backend.place, origin: backend.origin, notes });
        }
        "mysql" => Engine::MySql,
        "postgres" => Engine::Postgres,
        "sqlite3" => Engine::Sqlite,
        "rethinkdb" => {
            let mend = "move to mysql or postgres with Notary's own tools first";
            return Err(backend.refused("countersign opens no RethinkDB", mend));
        }
        other => {
            let cause = format!("{other:?} is not a supported storage backend");
            return Err(backend.refused(&cause, ENGINES));
        }
    };
    let db_url = source.needed("storage.db_url", "write the address of the database")?;
    let link = match engine {
        Engine::MySql => dsn::to_url(&db_url.content),
        Engine::Postgres => keywords::to_url(&db_url.content),
        Engine::Sqlite => Ok(Link { url: format!("sqlite:{}", db_url.content), notes: Vec::new() }),
    };
    let Link { url, notes } = link.map_err(|bad| db_url.refused(bad.cause, bad.mend))?;
    let storage =
        NotaryStorage::Database { engine, url: DatabaseUrl::from(SecretString::from(url)) };
    Ok(Found { storage, place: backend.place, origin: db_url.origin, notes })
}

/// `text` as one piece of a URL.
pub(super) fn encoded(text: &str) -> String {
    const PIECE: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
    utf8_percent_encode(text, PIECE).to_string()
}

impl fmt::Display for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::MySql => "MySQL",
            Self::Postgres => "PostgreSQL",
            Self::Sqlite => "SQLite",
        })
    }
}
