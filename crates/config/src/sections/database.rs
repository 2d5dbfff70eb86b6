//! `[database]`: where metadata and sealed keys are kept.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::ConfigError;
use crate::database_url::DatabaseUrl;

/// The environment variable that names a file with the URL of the database.
pub(crate) const URL_FILE: &str = "COUNTERSIGN_DATABASE_URL_FILE";
/// The environment variable that names a file with the URL of the keys' database.
pub(crate) const KEYS_URL_FILE: &str = "COUNTERSIGN_KEYS_DATABASE_URL_FILE";

/// The section `[database]`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default)]
pub struct Database {
    /// The URL of the database: `sqlite:PATH`, `postgres://USER@HOST:PORT/NAME` or
    /// `mysql://USER@HOST:PORT/NAME`.
    ///
    /// Default: none; then it is the file `countersign.db` in the data directory.
    pub(crate) url: Option<DatabaseUrl>,
    /// The URL of the database with the sealed keys, where that is another one.
    ///
    /// Default: that of `url`.
    pub(crate) keys_url: Option<DatabaseUrl>,
}

/// Where one database is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Location {
    /// The file in the data directory.
    DataDir,
    /// A server of MySQL or MariaDB.
    MySql(DatabaseUrl),
    /// A PostgreSQL server.
    Postgres(DatabaseUrl),
    /// A file of SQLite.
    Sqlite(PathBuf),
}

impl Database {
    /// Where the metadata is, and everything else unless [`Database::keys`] says otherwise.
    ///
    /// # Errors
    /// When the URL is none of a database that is known here.
    pub fn metadata(&self) -> Result<Location, ConfigError> {
        self.url.as_ref().map_or(Ok(Location::DataDir), |url| url.location("database.url"))
    }

    /// Where the sealed keys are, if that is another database.
    ///
    /// # Errors
    /// As [`Database::metadata`].
    pub fn keys(&self) -> Result<Option<Location>, ConfigError> {
        let other = self.keys_url.as_ref().filter(|url| Some(*url) != self.url.as_ref());
        other.map(|url| url.location("database.keys_url")).transpose()
    }

    /// Whether the URL of `key` (such as `database.url`) has a password in it.
    #[must_use]
    pub fn holds_password(&self, key: &str) -> bool {
        let url = match key {
            "database.url" => &self.url,
            "database.keys_url" => &self.keys_url,
            _ => &None,
        };
        url.as_ref().is_some_and(DatabaseUrl::holds_password)
    }

    /// Takes the relative paths of a file from `base`.
    pub(crate) fn rebase(&mut self, base: &Path) {
        for url in [&mut self.url, &mut self.keys_url].into_iter().flatten() {
            url.rebase(base);
        }
    }
}
