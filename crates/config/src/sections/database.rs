//! `[database]`: where metadata and sealed keys are kept.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::ConfigError;
use crate::database_url::DatabaseUrl;
use crate::number::{count, in_seconds, seconds};

/// The environment variable that names a file with the URL of the database.
pub(crate) const URL_FILE: &str = "COUNTERSIGN_DATABASE_URL_FILE";
/// The environment variable that names a file with the URL of the keys' database.
pub(crate) const KEYS_URL_FILE: &str = "COUNTERSIGN_KEYS_DATABASE_URL_FILE";

/// The section `[database]`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
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
    /// The most connections to a server of databases that reads use at once, and the most that
    /// writes use, in each database.
    ///
    /// Default: 8. Range: 1 to 1000.
    #[serde(deserialize_with = "count::<_, _, 1, 1000>")]
    pub connections: u32,
    /// How long a call waits for a connection, and then for the lock of another writer.
    ///
    /// Unit: seconds. Default: 5. Range: 2 to 60.
    #[serde(
        rename = "wait_seconds",
        deserialize_with = "seconds::<_, 2, 60>",
        serialize_with = "in_seconds"
    )]
    pub wait: Duration,
    /// How long one statement may take.
    ///
    /// Unit: seconds. Default: 10. Range: 1 to 600.
    #[serde(
        rename = "statement_seconds",
        deserialize_with = "seconds::<_, 1, 600>",
        serialize_with = "in_seconds"
    )]
    pub statement: Duration,
}

impl Default for Database {
    fn default() -> Self {
        Self {
            url: None,
            keys_url: None,
            connections: 8,
            wait: Duration::from_secs(5),
            statement: Duration::from_secs(10),
        }
    }
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
