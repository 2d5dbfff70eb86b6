//! Opening connections, and what every session is told first.

use std::num::NonZeroU32;
use std::time::Duration;

use sqlx::mysql::{MySqlConnection, MySqlPoolOptions};
use sqlx::{ConnectOptions as _, Connection as _};

use super::connections::Connections;
use super::{MySqlAddress, MySqlOptions, errors};
use crate::contract::{StorageError, StorageResult};

/// How long a connection may say good-bye.
const CLOSE_WITHIN: Duration = Duration::from_secs(1);

/// The server ends a session that only reads and says nothing for so long.
const SILENCE: Duration = Duration::from_secs(60);

/// The two limits, for [`SESSION`]: a comment that only one of the two servers reads cannot hold a
/// placeholder.
pub(super) const LIMITS: &str = "SET @countersign_wait = ?, @countersign_statement = ?, \
    @countersign_silence = ?";

/// What cannot be stored as it is, is refused. Every statement sees what was committed before it
/// began. Nothing waits for ever, and a process that stands still with locks that all others wait
/// for loses its session, and with it the locks, before their patience ends. MariaDB alone reads `M!`, MySQL alone `!80000`; fractions that a
/// column does not hold are cut off by both.
pub(super) const SESSION: &str = "SET SESSION \
    sql_mode = CONCAT('STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION' \
        /*!80000 , ',TIME_TRUNCATE_FRACTIONAL' */), \
    time_zone = '+00:00', \
    innodb_lock_wait_timeout = @countersign_wait, \
    lock_wait_timeout = @countersign_wait, \
    wait_timeout = @countersign_silence \
    /*M! , max_statement_time = @countersign_statement */ \
    /*!80000 , max_execution_time = @countersign_statement * 1000 */";

const ISOLATION: &str = "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED";

const READ_ONLY: &str = "SET SESSION TRANSACTION READ ONLY";

/// Every statement of this file.
#[cfg(any(test, feature = "suite"))]
pub(super) const STATEMENTS: &[&str] = &[LIMITS, SESSION, ISOLATION, READ_ONLY];

/// What the sessions of a pool may do.
#[derive(Clone, Copy)]
pub(super) enum Use {
    Read,
    Write,
}

impl Use {
    /// For how long the server bears a session of which it hears nothing.
    fn silence(self, options: &MySqlOptions) -> Duration {
        match self {
            Self::Read => SILENCE.max(options.statement),
            Self::Write => options.wait / 2,
        }
    }
}

/// One connection, outside any pool, whose failure says why.
pub(super) async fn first(
    address: &MySqlAddress,
    options: &MySqlOptions,
) -> StorageResult<MySqlConnection> {
    address.tls_files().refuse_unreadable(address).await?;
    let connecting = async {
        let mut connection = address.options().connect().await?;
        begin_session(&mut connection, options, Use::Write).await?;
        Ok(connection)
    };
    match tokio::time::timeout(options.wait, connecting).await {
        Ok(connected) => connected.map_err(|error| errors::at(&error, address)),
        Err(_) => Err(StorageError::Unavailable {
            reason: format!("{address}: no answer within {} s", options.wait.as_secs_f32()),
        }),
    }
}

/// Ends a connection, politely while that takes no time.
pub(super) async fn close(connection: MySqlConnection) {
    // A server that does not take the good-bye notices that the connection is gone.
    tokio::time::timeout(CLOSE_WITHIN, connection.close()).await.ok();
}

/// Up to `most` connections, made when they are needed and tested before each use.
pub(super) fn pool(
    address: &MySqlAddress,
    options: &MySqlOptions,
    most: NonZeroU32,
    may: Use,
) -> Connections {
    let session = options.clone();
    let pool = MySqlPoolOptions::new()
        .max_connections(most.get())
        .acquire_timeout(options.wait)
        // Before the server ends it, and writes that into its log.
        .idle_timeout(may.silence(options) / 2)
        .after_connect(move |connection, _| {
            let session = session.clone();
            Box::pin(async move { begin_session(connection, &session, may).await })
        })
        .connect_lazy_with(address.options());
    Connections::new(pool, options)
}

/// Whole seconds, and never none: the server counts in them.
pub(super) fn seconds(time: Duration) -> i64 {
    let whole = time.as_secs().saturating_add(u64::from(time.subsec_nanos() > 0));
    i64::try_from(whole.max(1)).unwrap_or(i64::MAX)
}

async fn begin_session(
    connection: &mut MySqlConnection,
    options: &MySqlOptions,
    may: Use,
) -> Result<(), sqlx::Error> {
    sqlx::query(LIMITS)
        .bind(seconds(options.wait))
        .bind(seconds(options.statement))
        .bind(seconds(may.silence(options)))
        .execute(&mut *connection)
        .await?;
    sqlx::raw_sql(SESSION).execute(&mut *connection).await?;
    sqlx::raw_sql(ISOLATION).execute(&mut *connection).await?;
    match may {
        Use::Read => {
            sqlx::raw_sql(READ_ONLY).execute(connection).await?;
        }
        Use::Write => {}
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_of_a_second_counts_as_a_whole_one() {
        assert_eq!(seconds(Duration::ZERO), 1);
        assert_eq!(seconds(Duration::from_millis(400)), 1);
        assert_eq!(seconds(Duration::from_secs(5)), 5);
        assert_eq!(seconds(Duration::from_millis(5001)), 6);
    }
}
