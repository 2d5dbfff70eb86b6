//! Connections: one that writes, several that cannot.

use std::path::Path;
use std::time::Duration;

use sqlx::ConnectOptions as _;
use sqlx::sqlite::{
    SqliteAutoVacuum, SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqlitePool,
    SqlitePoolOptions, SqliteSynchronous,
};
use tokio::time::Instant;

use super::{SqliteOptions, errors};

/// After a checkpoint the write-ahead log is cut back to this size.
const LOG_LIMIT_BYTES: &str = "67108864";

/// How many pages of 4 KiB the write-ahead log has before they are put into the file, which takes two
/// more flushes. A page of an index that was changed many times by then is put there once; and one
/// block of the wal-index, which reads look into, still names them all.
const LOG_PAGES: &str = "4000";

/// How long to wait before asking again for a lock that SQLite does not wait for itself.
const LOCK_RETRY: Duration = Duration::from_millis(20);

/// The writing connection. There is one, so writers of this process queue in order.
///
/// The change to write-ahead logging needs an exclusive lock that SQLite does not wait for; when
/// several processes start on a new file, all but one find it locked and ask again.
pub(super) async fn writer(
    path: &Path,
    options: &SqliteOptions,
) -> Result<SqlitePool, sqlx::Error> {
    let connect = connection(path, options)
        // Counts for a new file; an older one gets it when its space is given back first.
        .auto_vacuum(SqliteAutoVacuum::Incremental)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .pragma("wal_autocheckpoint", LOG_PAGES)
        .pragma("journal_size_limit", LOG_LIMIT_BYTES);
    let deadline = Instant::now() + options.wait;
    loop {
        match pool(options, 1).connect_with(connect.clone()).await {
            Err(error) if errors::is_locked(&error) && Instant::now() < deadline => {
                tokio::time::sleep(LOCK_RETRY).await;
            }
            other => return other,
        }
    }
}

/// The reading connections. SQLite refuses every write on them.
pub(super) async fn readers(
    path: &Path,
    options: &SqliteOptions,
) -> Result<SqlitePool, sqlx::Error> {
    pool(options, options.readers.get())
        .connect_with(connection(path, options).read_only(true))
        .await
}

/// A connection that keeps the files beside the database in use, by having read something.
pub(super) async fn anchor(
    path: &Path,
    options: &SqliteOptions,
) -> Result<SqliteConnection, sqlx::Error> {
    let mut anchor = connection(path, options).read_only(true).connect().await?;
    sqlx::query(LOOK).execute(&mut anchor).await?;
    Ok(anchor)
}

const LOOK: &str = "SELECT count(*) FROM sqlite_schema";

/// One connection for whoever only looks, also when no server runs.
///
/// A file in write-ahead mode that nobody has open has no `-wal` file, and even a reader would make
/// one. Such a file is read as it is, without locks; a server that starts to write at that moment
/// can make the look fail, and the next one will find its `-wal` file.
pub(super) async fn looking(
    path: &Path,
    options: &SqliteOptions,
) -> Result<SqlitePool, sqlx::Error> {
    let connect = connection(path, options).read_only(true).immutable(!is_in_use(path));
    pool(options, 1).connect_with(connect).await
}

/// One connection beside whoever else uses the file. It may make the files that SQLite puts beside
/// it, which a reader needs who wants to see what others have just written.
pub(super) async fn beside(
    path: &Path,
    options: &SqliteOptions,
) -> Result<SqlitePool, sqlx::Error> {
    pool(options, 1).connect_with(connection(path, options)).await
}

/// How to read a file that nobody writes to, without leaving anything beside it.
pub(super) fn alone(path: &Path) -> SqliteConnectOptions {
    connection(path, &SqliteOptions::default()).read_only(true).immutable(true)
}

/// Whether the file has a write-ahead log beside it: somebody has it open, or did not close it.
fn is_in_use(path: &Path) -> bool {
    let mut log = path.as_os_str().to_owned();
    log.push("-wal");
    Path::new(&log).exists()
}

/// Statements are not logged one by one: they would drown everything else.
fn connection(path: &Path, options: &SqliteOptions) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(path)
        .create_if_missing(false)
        .foreign_keys(true)
        .busy_timeout(options.wait)
        .pragma("trusted_schema", "OFF")
        .pragma("cell_size_check", "ON")
        .disable_statement_logging()
}

/// Connections to a file do not go stale, so none is tested or replaced by age.
fn pool(options: &SqliteOptions, connections: u32) -> SqlitePoolOptions {
    SqlitePoolOptions::new()
        .min_connections(1)
        .max_connections(connections)
        .acquire_timeout(options.wait)
        .idle_timeout(None)
        .max_lifetime(None)
        .test_before_acquire(false)
}
