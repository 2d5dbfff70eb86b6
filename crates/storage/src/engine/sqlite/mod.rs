//! The embedded engine: metadata, changefeed and keys in one SQLite file.
//!
//! One connection writes, several read; both see every commit of every process at once, because
//! nothing is cached here. Never in here: other engines, and any lock beyond the database's own.

mod aliases;
mod archive;
mod backup;
mod change_numbers;
mod changefeed;
mod commit;
mod connect;
mod errors;
mod file;
mod group;
mod heads;
mod inventory;
mod key_bindings;
mod key_catalogue;
mod key_upkeep;
mod keys;
mod metadata;
mod migrations;
mod passphrase_moves;
mod published;
mod retention;
mod root_walk;
mod row;
#[cfg(test)]
mod tests;
mod transaction;
mod usage;
mod wal_index;

use std::num::NonZeroU32;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use sqlx::sqlite::{SqliteConnection, SqlitePool};

pub use migrations::Applied;

use self::transaction::Work;
use self::wal_index::WalIndex;
use crate::contract::StorageResult;

/// A store in one SQLite file. Implements [`MetadataStore`](crate::MetadataStore) and
/// [`KeyStore`](crate::KeyStore).
///
/// Several stores, also of several processes, may share a file. Times are kept to the microsecond.
#[derive(Debug)]
pub struct SqliteStore {
    path: PathBuf,
    identity: file::Identity,
    writer: SqlitePool,
    /// What waits for the writer and may share a transaction.
    queue: Arc<group::Queue>,
    readers: SqlitePool,
    /// `None` for one that only looks.
    wal_index: Option<WalIndex>,
}

/// How a [`SqliteStore`] uses its file.
#[derive(Clone, Debug)]
pub struct SqliteOptions {
    /// How long a call waits for a connection, and then for the lock of another writer, before it
    /// fails as [`Unavailable`](crate::StorageError::Unavailable). 5 seconds unless told.
    pub wait: Duration,
    /// How many reads may run at once. 4 unless told.
    pub readers: NonZeroU32,
}

impl Default for SqliteOptions {
    fn default() -> Self {
        Self { wait: Duration::from_secs(5), readers: NonZeroU32::MIN.saturating_add(3) }
    }
}

impl SqliteStore {
    /// Opens the store with the usual [`SqliteOptions`]: see [`SqliteStore::open_with`].
    ///
    /// # Errors
    /// As [`SqliteStore::open_with`].
    pub async fn open(path: &Path) -> StorageResult<Self> {
        Self::open_with(path, &SqliteOptions::default()).await
    }

    /// Opens the store in the file at `path`, makes the file when it is missing (mode 0600, and so
    /// are the files that SQLite puts beside it), and brings its tables up to date. The directory
    /// must exist; its owner decides who may look into it.
    ///
    /// # Errors
    /// [`Unavailable`](crate::StorageError::Unavailable) when the file cannot be made, opened or
    /// locked now; [`Newer`](crate::StorageError::Newer) when a newer version of this program
    /// migrated it; [`Other`](crate::StorageError::Other) when it is damaged, is no SQLite
    /// database, or was migrated by something else.
    pub async fn open_with(path: &Path, options: &SqliteOptions) -> StorageResult<Self> {
        file::create_private(path)?;
        let writer =
            connect::writer(path, options).await.map_err(|error| errors::at_file(&error, path))?;
        match Self::finish_open(path, options, writer.clone()).await {
            Ok(store) => Ok(store),
            Err(error) => {
                writer.close().await;
                Err(error)
            }
        }
    }

    /// Opens the store in the file at `path` for reading, beside whoever else uses it: nothing is
    /// made, migrated or written, and every call that writes fails as
    /// [`Unavailable`](crate::StorageError::Unavailable).
    ///
    /// # Errors
    /// As [`SqliteStore::open_with`]; also [`Unavailable`](crate::StorageError::Unavailable) when
    /// the file is missing or its tables are older than this program.
    pub async fn open_read_only(path: &Path) -> StorageResult<Self> {
        let identity = file::identify(path)?;
        let options = SqliteOptions::default();
        let readers = connect::looking(path, &options)
            .await
            .map_err(|error| errors::at_file(&error, path))?;
        if let Err(error) = migrations::refuse_others(&readers, path).await {
            readers.close().await;
            return Err(error);
        }
        let (writer, queue) = (readers.clone(), Arc::default());
        Ok(Self { path: path.to_owned(), identity, writer, queue, readers, wal_index: None })
    }

    /// Waits for the calls that are under way, then closes the file. Later calls fail as
    /// [`Unavailable`](crate::StorageError::Unavailable).
    pub async fn close(&self) {
        if let Some(wal_index) = &self.wal_index {
            wal_index.close().await;
        }
        self.readers.close().await;
        self.writer.close().await;
    }

    /// The connections to read by, while the file is the one that was opened: what is read from a
    /// file that is gone looks like the truth and is not.
    fn reading(&self) -> StorageResult<&SqlitePool> {
        file::same_file(&self.path, self.identity)?;
        Ok(&self.readers)
    }

    /// The connection to write by, while the file is the one that was opened.
    fn writing(&self) -> StorageResult<&SqlitePool> {
        file::same_file(&self.path, self.identity)?;
        Ok(&self.writer)
    }

    /// Runs a short write of everyday use, durable together with others that wait at the same time:
    /// see [`group::write`].
    async fn write<T, W>(&self, work: W) -> StorageResult<T>
    where
        T: Send + 'static,
        W: for<'c> Fn(&'c mut SqliteConnection) -> Work<'c, T> + Send + 'static,
    {
        group::write(self.writing()?, &self.queue, work).await
    }

    async fn finish_open(
        path: &Path,
        options: &SqliteOptions,
        writer: SqlitePool,
    ) -> StorageResult<Self> {
        migrations::migrate(&writer, path).await?;
        let readers =
            connect::readers(path, options).await.map_err(|error| errors::at_file(&error, path))?;
        let anchor =
            connect::anchor(path, options).await.map_err(|error| errors::at_file(&error, path))?;
        let identity = file::identify(path)?;
        let (queue, wal_index) = (Arc::default(), Some(WalIndex::of(path, identity, anchor)));
        Ok(Self { path: path.to_owned(), identity, writer, queue, readers, wal_index })
    }
}
