//! A copy of the file of one moment, made while others read and write it, and the judgement of one.

use std::path::Path;

use sqlx::Connection as _;
use sqlx::sqlite::SqliteConnection;

use super::migrations::{self, Applied};
use super::{SqliteOptions, SqliteStore, connect, errors, file};
use crate::contract::{StorageError, StorageResult};

/// Writes what is committed when it begins; the copy has no free pages.
const COPY: &str = "VACUUM INTO ?1";

/// Reads every page, and compares every index with its table.
const INTEGRITY: &str = "PRAGMA integrity_check(1)";

/// Every statement of this file.
#[cfg(test)]
pub(super) const STATEMENTS: &[&str] = &[COPY, INTEGRITY];

impl SqliteStore {
    /// Copies the database in the file `from` to the new file `to` (mode 0600), as it is at one
    /// moment, and tells which migrations it has. Others may use `from` meanwhile.
    ///
    /// # Errors
    /// [`Unavailable`](StorageError::Unavailable) when either file cannot be used, or the tables
    /// are older than this program; [`Newer`](StorageError::Newer) when they are newer.
    pub async fn copy(from: &Path, to: &Path) -> StorageResult<Applied> {
        file::identify(from)?;
        let source = connect::beside(from, &SqliteOptions::default())
            .await
            .map_err(|error| errors::at_file(&error, from))?;
        let copied = async {
            migrations::refuse_others(&source, from).await?;
            file::create_private(to)?;
            let target = to.to_str().ok_or_else(|| {
                StorageError::Other(format!("{} is not UTF-8: choose another path", to.display()))
            })?;
            sqlx::query(COPY)
                .bind(target)
                .execute(&source)
                .await
                .map_err(|error| errors::at_file(&error, to))?;
            Ok(migrations::known())
        };
        let copied = copied.await;
        source.close().await;
        copied
    }

    /// Reads all of a file that nobody uses, and fails when anything in it is damaged. Does not
    /// change it.
    ///
    /// # Errors
    /// [`Other`](StorageError::Other) for damage; else as [`SqliteStore::open_read_only`].
    pub async fn examine(path: &Path) -> StorageResult<()> {
        let failed = |error: sqlx::Error| errors::at_file(&error, path);
        let options = connect::alone(path);
        let mut connection = SqliteConnection::connect_with(&options).await.map_err(failed)?;
        let found: Result<String, _> =
            sqlx::query_scalar(INTEGRITY).fetch_one(&mut connection).await;
        connection.close().await.map_err(failed)?;
        match found.map_err(failed)?.as_str() {
            "ok" => Ok(()),
            damage => Err(StorageError::Other(format!("{}: {damage}", path.display()))),
        }
    }
}
