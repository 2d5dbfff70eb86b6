//! The tables' history. Metadata and keys have one each, because Notary keeps them in two databases;
//! Notary's own note of its migrations is neither read nor changed.
//!
//! A change of tables cannot be undone here by a transaction. So every statement of a migration may
//! be run again, each migration is noted once all of it has run, and one that was broken off is
//! done again by the next start. All of it happens under a lock: of several processes that start at
//! once one migrates and the others find it done.

use countersign_tuf::digest::Sha256Digest;
use sqlx::SqlSafeStr as _;
use sqlx::mysql::{MySqlConnection, MySqlRow};

use super::locks::{Lock, release};
use super::row::TableRow;
use super::transaction::Stop;
use super::{Tables, errors};
use crate::contract::{StorageError, StorageResult};

/// One history: its migrations, the table that notes which have run, and Notary's tables.
#[derive(Clone, Copy)]
struct History {
    notes_table: &'static str,
    make_notes_table: &'static str,
    notes: &'static str,
    note: &'static str,
    needed: &'static [&'static str],
    costs: &'static [Cost],
    files: &'static [File],
}

/// Up to which migration something goes without, and what.
type Cost = (i64, &'static str);

/// A migration's number, its name and its statements.
type File = (i64, &'static str, &'static str);

/// Ends each statement of a migration.
const END: &str = ";\n";

macro_rules! file {
    ($number:literal, $folder:literal, $digits:literal, $name:literal) => {
        (
            $number,
            $name,
            include_str!(concat!(
                "../../../../../migrations/mysql/",
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

const MAKE_METADATA_NOTES: &str = "CREATE TABLE IF NOT EXISTS countersign_metadata_migrations \
    (version bigint NOT NULL PRIMARY KEY, name varchar(255) NOT NULL, checksum char(64) NOT NULL) \
    ENGINE=InnoDB DEFAULT CHARSET=ascii";

const MAKE_KEYS_NOTES: &str = "CREATE TABLE IF NOT EXISTS countersign_keys_migrations \
    (version bigint NOT NULL PRIMARY KEY, name varchar(255) NOT NULL, checksum char(64) NOT NULL) \
    ENGINE=InnoDB DEFAULT CHARSET=ascii";

const METADATA_NOTES: &str =
    "SELECT version, checksum FROM countersign_metadata_migrations ORDER BY version";

const KEYS_NOTES: &str =
    "SELECT version, checksum FROM countersign_keys_migrations ORDER BY version";

const NOTE_METADATA: &str =
    "INSERT INTO countersign_metadata_migrations (version, name, checksum) VALUES (?, ?, ?)";

const NOTE_KEYS: &str =
    "INSERT INTO countersign_keys_migrations (version, name, checksum) VALUES (?, ?, ?)";

const EXISTS: &str = "SELECT COUNT(*) FROM information_schema.tables \
    WHERE table_schema = DATABASE() AND table_name = ?";

/// An index over many rows takes longer to make than a statement may.
const TAKE_TIME: &str =
    "SET SESSION lock_wait_timeout = @countersign_wait /*M! , max_statement_time = 0 */";

/// Every statement of this file.
#[cfg(any(test, feature = "suite"))]
pub(super) const STATEMENTS: &[&str] = &[
    MAKE_METADATA_NOTES,
    MAKE_KEYS_NOTES,
    METADATA_NOTES,
    KEYS_NOTES,
    NOTE_METADATA,
    NOTE_KEYS,
    EXISTS,
    TAKE_TIME,
];

/// `tuf_files` and `changefeed`.
const METADATA: History = History {
    notes_table: "countersign_metadata_migrations",
    make_notes_table: MAKE_METADATA_NOTES,
    notes: METADATA_NOTES,
    note: NOTE_METADATA,
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
    make_notes_table: MAKE_KEYS_NOTES,
    notes: KEYS_NOTES,
    note: NOTE_KEYS,
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
    connection: &mut MySqlConnection,
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
    connection: &mut MySqlConnection,
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

/// Whether this user sees a table of that name.
pub(super) async fn exists(connection: &mut MySqlConnection, table: &str) -> StorageResult<bool> {
    let tables: i64 = sqlx::query_scalar(EXISTS)
        .bind(table)
        .fetch_one(connection)
        .await
        .map_err(|error| errors::of_statement(&error))?;
    Ok(tables > 0)
}

impl History {
    async fn run(self, connection: &mut MySqlConnection) -> StorageResult<Option<Missing>> {
        self.refuse_newer(connection).await?;
        if self.missing(connection).await?.is_empty() {
            return Ok(None);
        }
        match self.migrate(connection).await {
            Ok(()) => Ok(None),
            Err(Stop::Sql(error)) if errors::is_forbidden(&error) => {
                let reason = error.as_database_error().map_or("", |said| said.message());
                self.as_it_is(connection, reason.to_owned()).await.map(Some)
            }
            Err(Stop::Sql(error)) => Err(self.failed(&error)),
            Err(Stop::Store(error)) => Err(error),
        }
    }

    async fn migrate(self, connection: &mut MySqlConnection) -> Result<(), Stop> {
        sqlx::raw_sql(TAKE_TIME).execute(&mut *connection).await?;
        Lock::Migrations.take(connection).await?;
        let done = self.apply(connection).await;
        release(connection).await?;
        done
    }

    async fn apply(self, connection: &mut MySqlConnection) -> Result<(), Stop> {
        sqlx::raw_sql(self.make_notes_table).execute(&mut *connection).await?;
        // Another process may have done it while this one waited.
        for (version, name, text) in self.missing(connection).await? {
            for statement in text.split_inclusive(END) {
                match sqlx::raw_sql(statement.into_sql_str()).execute(&mut *connection).await {
                    Ok(_) => {}
                    Err(error) if errors::is_made_already(&error) => {}
                    Err(error) => return Err(error.into()),
                }
            }
            sqlx::query(self.note)
                .bind(version)
                .bind(name)
                .bind(checksum(text))
                .execute(&mut *connection)
                .await?;
        }
        Ok(())
    }

    /// The migrations that have not run, or not to their end. Whoever may only read and write needs
    /// no right to make tables when there are none.
    async fn missing(self, connection: &mut MySqlConnection) -> StorageResult<Vec<File>> {
        let applied = self.applied(connection).await?;
        let mut missing = Vec::new();
        for file in self.files {
            match applied.iter().find(|(version, _)| *version == file.0) {
                None => missing.push(*file),
                Some((_, checksum_then)) if *checksum_then == checksum(file.2) => {}
                Some((version, _)) => return Err(self.another(*version)),
            }
        }
        Ok(missing)
    }

    /// The migrations that are noted, with the checksums of what they were.
    async fn applied(self, connection: &mut MySqlConnection) -> StorageResult<Vec<(i64, String)>> {
        if !exists(connection, self.notes_table).await? {
            return Ok(Vec::new());
        }
        let noted: Vec<MySqlRow> = sqlx::query(self.notes)
            .fetch_all(connection)
            .await
            .map_err(|error| errors::of_statement(&error))?;
        noted
            .iter()
            .map(|row| {
                let row = TableRow::new(row, self.notes_table);
                Ok((row.column("version")?, row.text("checksum")?))
            })
            .collect()
    }

    /// The newest migration that is noted; `None` before the first.
    async fn newest(self, connection: &mut MySqlConnection) -> StorageResult<Option<i64>> {
        let applied = self.applied(connection).await?;
        Ok(applied.into_iter().map(|(version, _)| version).max())
    }

    /// Old code on new tables would not know what it breaks.
    async fn refuse_newer(self, connection: &mut MySqlConnection) -> StorageResult<()> {
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
        connection: &mut MySqlConnection,
        reason: String,
    ) -> StorageResult<Missing> {
        for table in self.needed {
            if !exists(connection, table).await? {
                return Err(StorageError::Other(format!(
                    "table {table} is missing, and this user may not make it ({reason}): start \
                     once as a user who may, or grant it CREATE, INDEX and REFERENCES on the \
                     database"
                )));
            }
        }
        let newest = self.newest(connection).await?.unwrap_or_default();
        Ok(Missing { history: self, newest, reason })
    }

    fn another(self, version: i64) -> StorageError {
        StorageError::Other(format!(
            "table {}: migration {version} of this database is not the one this program knows: use \
             the version of the program that made it, or restore a backup",
            self.notes_table
        ))
    }

    fn failed(self, error: &sqlx::Error) -> StorageError {
        match errors::of_statement(error) {
            StorageError::Other(reason) => {
                StorageError::Other(format!("{}: {reason}", self.notes_table))
            }
            other => other,
        }
    }
}

fn checksum(text: &str) -> String {
    Sha256Digest::of(text.as_bytes()).to_hex()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_statement_of_a_migration_ends_its_line() {
        for history in [METADATA, KEYS] {
            for (_, name, text) in history.files {
                assert_eq!(text.matches(';').count(), text.matches(END).count(), "{name}");
                assert!(text.ends_with(END), "{name}");
            }
        }
    }
}
