//! The tables' history. Metadata and keys have one each, because they may live in two databases;
//! here both are in one file and run in one transaction, so of several processes that start at
//! once one migrates and the others find it done.

use std::path::Path;

use sqlx::SqlSafeStr as _;
use sqlx::migrate::{MigrateError, Migration, MigrationType, Migrator};
use sqlx::sqlite::{SqliteConnection, SqlitePool};

use super::errors;
use super::transaction::{Ending, write};
use crate::contract::{StorageError, StorageResult};

/// One history: its migrations and the table that notes which have run.
#[derive(Clone, Copy)]
pub(super) struct History {
    pub(super) notes_table: &'static str,
    newest_applied: &'static str,
    files: &'static [File],
}

/// One migration: its number, name and text.
type File = (i64, &'static str, &'static str);

/// What has been applied in this program's histories, in the order they run.
pub(super) const HISTORIES: [History; 2] = [METADATA, KEYS];

/// `tuf_files` and `changefeed`.
const METADATA: History = History {
    notes_table: "countersign_metadata_migrations",
    newest_applied: "SELECT max(version) FROM countersign_metadata_migrations",
    files: &[
        (
            1,
            "tuf_files",
            include_str!("../../../../../migrations/sqlite/metadata/0001_tuf_files.sql"),
        ),
        (
            2,
            "changefeed",
            include_str!("../../../../../migrations/sqlite/metadata/0002_changefeed.sql"),
        ),
        (
            3,
            "countersign_published_index",
            include_str!(
                "../../../../../migrations/sqlite/metadata/0003_countersign_published_index.sql"
            ),
        ),
        (
            4,
            "countersign_digest_index",
            include_str!(
                "../../../../../migrations/sqlite/metadata/0004_countersign_digest_index.sql"
            ),
        ),
        (
            5,
            "countersign_gun_prefix_index",
            include_str!(
                "../../../../../migrations/sqlite/metadata/0005_countersign_gun_prefix_index.sql"
            ),
        ),
        (
            6,
            "countersign_key_bindings",
            include_str!(
                "../../../../../migrations/sqlite/metadata/0006_countersign_key_bindings.sql"
            ),
        ),
        (
            7,
            "countersign_root_walks",
            include_str!(
                "../../../../../migrations/sqlite/metadata/0007_countersign_root_walks.sql"
            ),
        ),
    ],
};

/// `private_keys` and our own tables beside it.
const KEYS: History = History {
    notes_table: "countersign_keys_migrations",
    newest_applied: "SELECT max(version) FROM countersign_keys_migrations",
    files: &[
        (
            1,
            "private_keys",
            include_str!("../../../../../migrations/sqlite/keys/0001_private_keys.sql"),
        ),
        (
            2,
            "countersign_pending_index",
            include_str!(
                "../../../../../migrations/sqlite/keys/0002_countersign_pending_index.sql"
            ),
        ),
        (
            3,
            "countersign_passphrase_check",
            include_str!(
                "../../../../../migrations/sqlite/keys/0003_countersign_passphrase_check.sql"
            ),
        ),
        (
            4,
            "countersign_unsigned_index",
            include_str!(
                "../../../../../migrations/sqlite/keys/0004_countersign_unsigned_index.sql"
            ),
        ),
        (
            5,
            "countersign_alias_index",
            include_str!("../../../../../migrations/sqlite/keys/0005_countersign_alias_index.sql"),
        ),
        (
            6,
            "countersign_passphrase_moves",
            include_str!(
                "../../../../../migrations/sqlite/keys/0006_countersign_passphrase_moves.sql"
            ),
        ),
    ],
};

const TABLE_EXISTS: &str = "SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name = ?1";

/// The newest migration of each history.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Applied {
    /// Of `tuf_files` and `changefeed`.
    pub metadata: i64,
    /// Of `private_keys`.
    pub keys: i64,
}

/// What this program brings a file to.
pub(super) fn known() -> Applied {
    let newest = |history: History| history.newest_known().unwrap_or_default();
    Applied { metadata: newest(METADATA), keys: newest(KEYS) }
}

/// Brings every table of the file at `path` up to date.
pub(super) async fn migrate(pool: &SqlitePool, path: &Path) -> StorageResult<()> {
    let name = path.display().to_string();
    write(pool, move |connection| {
        Box::pin(async move {
            for history in HISTORIES {
                history.run(connection, &name).await?;
            }
            Ok(Ending::Commit(()))
        })
    })
    .await
}

/// Passes a file whose tables are exactly those that this program knows; changes nothing.
pub(super) async fn refuse_others(pool: &SqlitePool, path: &Path) -> StorageResult<()> {
    let mut connection = pool.acquire().await.map_err(|error| errors::at_file(&error, path))?;
    for history in HISTORIES {
        history.refuse_newer(&mut connection).await?;
        if history.newest_in(&mut connection).await? != history.newest_known() {
            let reason = "its tables are not up to date: start countersign serve once".to_owned();
            return Err(StorageError::Unavailable { reason });
        }
    }
    Ok(())
}

impl History {
    async fn run(self, connection: &mut SqliteConnection, file: &str) -> StorageResult<()> {
        self.refuse_newer(connection).await?;
        let mut migrator = Migrator::with_migrations(self.migrations());
        migrator.dangerous_set_table_name(self.notes_table);
        // `run` does not compile inside a boxed future; this is what it calls.
        migrator
            .run_direct(None, connection, false)
            .await
            .map_err(|error| self.failed(&error, file))
    }

    pub(super) fn migrations(self) -> Vec<Migration> {
        self.files
            .iter()
            .map(|(version, name, text)| {
                let text = text.into_sql_str();
                Migration::new(*version, (*name).into(), MigrationType::Simple, text, false)
            })
            .collect()
    }

    /// Old code on new tables would not know what it breaks.
    async fn refuse_newer(self, connection: &mut SqliteConnection) -> StorageResult<()> {
        match (self.newest_in(connection).await?, self.newest_known()) {
            (Some(found), Some(known)) if found > known => {
                Err(StorageError::Newer { found, known })
            }
            _ => Ok(()),
        }
    }

    /// The newest migration that has run here; `None` before the first.
    async fn newest_in(self, connection: &mut SqliteConnection) -> StorageResult<Option<i64>> {
        let failed = |error: sqlx::Error| errors::of_statement(&error);
        let tables: i64 = sqlx::query_scalar(TABLE_EXISTS)
            .bind(self.notes_table)
            .fetch_one(&mut *connection)
            .await
            .map_err(failed)?;
        if tables == 0 {
            return Ok(None);
        }
        sqlx::query_scalar(self.newest_applied).fetch_one(&mut *connection).await.map_err(failed)
    }

    fn newest_known(self) -> Option<i64> {
        self.files.iter().map(|(version, ..)| *version).max()
    }

    fn failed(self, error: &MigrateError, file: &str) -> StorageError {
        let because = |reason: String| {
            StorageError::Other(format!("{file}: table {}: {reason}", self.notes_table))
        };
        match error {
            MigrateError::Execute(cause) => errors::at_file(cause, Path::new(file)),
            MigrateError::ExecuteMigration(cause, version) => {
                match errors::at_file(cause, Path::new(file)) {
                    StorageError::Other(reason) => {
                        StorageError::Other(format!("migration {version}: {reason}"))
                    }
                    other => other,
                }
            }
            MigrateError::VersionMismatch(version) | MigrateError::VersionMissing(version) => {
                because(format!(
                    "migration {version} of this database is not the one this program knows: \
                     use the version of the program that made it, or restore a backup"
                ))
            }
            other => because(other.to_string()),
        }
    }
}
