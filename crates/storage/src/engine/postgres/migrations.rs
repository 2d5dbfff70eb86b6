//! The tables' history. Metadata and keys have one each, because Notary keeps them in two databases;
//! Notary's own note of its migrations is neither read nor changed.
//!
//! Each history runs in one transaction under a lock, so of several processes that start at once
//! one migrates and the others find it done.

use sqlx::migrate::{Migrate as _, MigrateError, Migration, MigrationType, Migrator};
use sqlx::postgres::PgConnection;
use sqlx::{Connection as _, SqlSafeStr as _};

use super::locks::Lock;
use super::{Tables, errors};
use crate::contract::{StorageError, StorageResult};

/// Up to which migration something goes without, and what.
type Cost = (i64, &'static str);

/// One history: its migrations, the table that notes which have run, and Notary's tables.
#[derive(Clone, Copy)]
struct History {
    notes_table: &'static str,
    newest_applied: &'static str,
    needed: &'static [&'static str],
    costs: &'static [Cost],
    files: &'static [(i64, &'static str, &'static str)],
}

macro_rules! file {
    ($number:literal, $folder:literal, $digits:literal, $name:literal) => {
        (
            $number,
            $name,
            include_str!(concat!(
                "../../../../../migrations/postgres/",
                $folder,
                "/",
                $digits,
                "_",
                $name,
                ".sql"
            )),
        )
    };
}

const NEWEST_METADATA: &str = "SELECT max(version) FROM countersign_metadata_migrations";

const NEWEST_KEYS: &str = "SELECT max(version) FROM countersign_keys_migrations";

const EXISTS: &str = "SELECT to_regclass($1) IS NOT NULL";

/// An index over many rows takes longer to make than a statement may.
const TAKE_TIME: &str = "SET LOCAL statement_timeout = 0";

/// Every statement of this file.
#[cfg(any(test, feature = "suite"))]
pub(super) const STATEMENTS: &[&str] = &[NEWEST_METADATA, NEWEST_KEYS, EXISTS, TAKE_TIME];

/// `tuf_files` and `changefeed`.
const METADATA: History = History {
    notes_table: "countersign_metadata_migrations",
    newest_applied: NEWEST_METADATA,
    needed: &["tuf_files", "changefeed"],
    costs: &[
        (5, "documents and what is to be signed again are looked for without their indexes"),
        (6, "what the keys of a remote signer are for is known only until this process ends"),
        (7, "all stored roots are looked through at each start with a remote signer"),
    ],
    files: &[
        file!(1, "metadata", "0001", "tuf_files"),
        file!(2, "metadata", "0002", "changefeed"),
        file!(3, "metadata", "0003", "countersign_published_index"),
        file!(4, "metadata", "0004", "countersign_digest_index"),
        file!(5, "metadata", "0005", "countersign_gun_prefix_index"),
        file!(6, "metadata", "0006", "countersign_key_bindings"),
        file!(7, "metadata", "0007", "countersign_root_walks"),
    ],
};

/// `private_keys` and our own tables beside it.
const KEYS: History = History {
    notes_table: "countersign_keys_migrations",
    newest_applied: NEWEST_KEYS,
    needed: &["private_keys"],
    costs: &[
        (3, "a wrong passphrase is noticed only by the first key that it does not open"),
        (5, "keys are looked for without an index"),
        (6, "the passphrase cannot be changed while others use it"),
    ],
    files: &[
        file!(1, "keys", "0001", "private_keys"),
        file!(2, "keys", "0002", "countersign_pending_index"),
        file!(3, "keys", "0003", "countersign_passphrase_check"),
        file!(4, "keys", "0004", "countersign_unsigned_index"),
        file!(5, "keys", "0005", "countersign_alias_index"),
        file!(6, "keys", "0006", "countersign_passphrase_moves"),
    ],
};

/// A history that could not be brought up to date, on tables that can be used all the same.
pub(super) struct Missing {
    history: History,
    newest: i64,
    reason: String,
}

impl Missing {
    /// What that means, for an operator.
    pub(super) fn sentence(&self) -> String {
        let tables = self.history.needed.join(" and ");
        let costs: Vec<&str> = self
            .history
            .costs
            .iter()
            .filter(|(number, _)| *number > self.newest)
            .map(|(_, cost)| *cost)
            .collect();
        let cost = costs.join(", and ");
        format!(
            "the tables {tables} are used as they are, because this user may not alter them \
             ({}): {cost}; start once as their owner",
            self.reason
        )
    }
}

/// Brings every table of the database up to date, and tells what could not be for want of rights.
pub(super) async fn migrate(
    connection: &mut PgConnection,
    tables: Tables,
) -> StorageResult<Vec<Missing>> {
    let mut missing = Vec::new();
    for history in histories(tables) {
        missing.extend(history.run(connection).await?);
    }
    Ok(missing)
}

/// Passes a database whose tables this program can read; changes nothing.
pub(super) async fn refuse_others(
    connection: &mut PgConnection,
    tables: Tables,
) -> StorageResult<()> {
    for history in histories(tables) {
        history.refuse_newer(connection).await?;
        for table in history.needed {
            if !exists(connection, table).await? {
                let reason = format!("table {table} is missing: start countersign serve once");
                return Err(StorageError::Unavailable { reason });
            }
        }
    }
    Ok(())
}

fn histories(tables: Tables) -> &'static [History] {
    match tables {
        Tables::All => &[METADATA, KEYS],
        Tables::Keys => &[KEYS],
        Tables::Metadata => &[METADATA],
    }
}

/// Whether a table is there, wherever this user looks for tables.
pub(super) async fn exists(connection: &mut PgConnection, table: &str) -> StorageResult<bool> {
    sqlx::query_scalar(EXISTS)
        .bind(table)
        .fetch_one(connection)
        .await
        .map_err(|error| errors::of_statement(&error))
}

impl History {
    async fn run(self, connection: &mut PgConnection) -> StorageResult<Option<Missing>> {
        self.refuse_newer(connection).await?;
        if self.is_done(connection).await? {
            return Ok(None);
        }
        match self.migrate(connection).await {
            Ok(()) => Ok(None),
            Err(error) => match refusal(&error) {
                Some(reason) => self.as_it_is(connection, reason).await.map(Some),
                None => Err(self.failed(&error)),
            },
        }
    }

    async fn migrate(self, connection: &mut PgConnection) -> Result<(), MigrateError> {
        let mut transaction = connection.begin().await?;
        sqlx::query(TAKE_TIME).execute(&mut *transaction).await?;
        Lock::Migrations.take(&mut transaction).await?;
        let mut migrator = Migrator::with_migrations(self.migrations());
        migrator.dangerous_set_table_name(self.notes_table);
        migrator.set_locking(false);
        // `run` does not compile inside a boxed future; this is what it calls.
        migrator.run_direct(None, &mut *transaction, false).await?;
        Ok(transaction.commit().await?)
    }

    /// Whether exactly the known migrations have run: whoever may only read and write needs no
    /// right to make tables then.
    async fn is_done(self, connection: &mut PgConnection) -> StorageResult<bool> {
        if !exists(connection, self.notes_table).await? {
            return Ok(false);
        }
        let applied = connection
            .list_applied_migrations(self.notes_table)
            .await
            .map_err(|error| self.failed(&error))?;
        let known = self.migrations();
        Ok(applied.len() == known.len()
            && applied.iter().zip(&known).all(|(one, other)| {
                (one.version, &one.checksum) == (other.version, &other.checksum)
            }))
    }

    /// The newest migration that has run; `None` before the first.
    async fn newest(self, connection: &mut PgConnection) -> StorageResult<Option<i64>> {
        if !exists(connection, self.notes_table).await? {
            return Ok(None);
        }
        sqlx::query_scalar(self.newest_applied)
            .fetch_one(connection)
            .await
            .map_err(|error| errors::of_statement(&error))
    }

    /// Old code on new tables would not know what it breaks.
    async fn refuse_newer(self, connection: &mut PgConnection) -> StorageResult<()> {
        match (
            self.newest(connection).await?,
            self.files.iter().map(|(version, ..)| *version).max(),
        ) {
            (Some(found), Some(known)) if found > known => {
                Err(StorageError::Newer { found, known })
            }
            _ => Ok(()),
        }
    }

    /// The tables as they are, if they are there.
    async fn as_it_is(
        self,
        connection: &mut PgConnection,
        reason: String,
    ) -> StorageResult<Missing> {
        for table in self.needed {
            if !exists(connection, table).await? {
                return Err(StorageError::Other(format!(
                    "table {table} is missing, and this user may not make it ({reason}): start \
                     once as a user who may, or grant it CREATE on the schema"
                )));
            }
        }
        let newest = self.newest(connection).await?.unwrap_or_default();
        Ok(Missing { history: self, newest, reason })
    }

    fn migrations(self) -> Vec<Migration> {
        self.files
            .iter()
            .map(|(version, name, text)| {
                let text = text.into_sql_str();
                Migration::new(*version, (*name).into(), MigrationType::Simple, text, false)
            })
            .collect()
    }

    fn failed(self, error: &MigrateError) -> StorageError {
        let notes = self.notes_table;
        match error {
            MigrateError::Execute(cause) => errors::of_statement(cause),
            MigrateError::ExecuteMigration(cause, version) => match errors::of_statement(cause) {
                StorageError::Other(reason) => {
                    StorageError::Other(format!("{notes}: migration {version}: {reason}"))
                }
                other => other,
            },
            MigrateError::VersionMismatch(version) | MigrateError::VersionMissing(version) => {
                StorageError::Other(format!(
                    "table {notes}: migration {version} of this database is not the one this \
                     program knows: use the version of the program that made it, or restore a \
                     backup"
                ))
            }
            other => StorageError::Other(format!("table {notes}: {other}")),
        }
    }
}

/// The words of PostgreSQL when it refused for want of rights.
fn refusal(error: &MigrateError) -> Option<String> {
    match error {
        MigrateError::Execute(cause) | MigrateError::ExecuteMigration(cause, _)
            if errors::is_forbidden(cause) =>
        {
            Some(
                cause
                    .as_database_error()
                    .map_or_else(String::new, |said| said.message().to_owned()),
            )
        }
        _ => None,
    }
}
