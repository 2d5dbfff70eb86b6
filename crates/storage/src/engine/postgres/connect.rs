//! Opening connections, and what every session is told first.

use std::num::NonZeroU32;
use std::time::Duration;

use sqlx::postgres::{PgConnection, PgPoolOptions};
use sqlx::{ConnectOptions as _, Connection as _};

use super::connections::Connections;
use super::{PostgresAddress, PostgresOptions, errors};
use crate::contract::{StorageError, StorageResult};

/// How long a connection may say good-bye.
const CLOSE_WITHIN: Duration = Duration::from_secs(1);

/// A commit is on disk when it returns, whatever the server's default; a stronger one stays. Every
/// statement sees what was committed before it began. Nothing waits for ever, and a process that
/// stands still in the middle of a transaction loses it, and with it the locks that all others
/// wait for, before their patience ends. A statement is planned once: each goes by an index whatever
/// is asked for, and planning takes longer than running it.
pub(super) const SESSION: &str = "SELECT \
    set_config('synchronous_commit', CASE current_setting('synchronous_commit') \
        WHEN 'remote_apply' THEN 'remote_apply' ELSE 'on' END, false), \
    set_config('default_transaction_isolation', 'read committed', false), \
    set_config('plan_cache_mode', 'force_generic_plan', false), \
    set_config('lock_timeout', $1, false), \
    set_config('statement_timeout', $2, false), \
    set_config('idle_in_transaction_session_timeout', $3, false)";

/// Every statement of this file.
#[cfg(any(test, feature = "suite"))]
pub(super) const STATEMENTS: &[&str] = &[SESSION];

/// One connection, outside any pool, whose failure says why.
pub(super) async fn first(
    address: &PostgresAddress,
    options: &PostgresOptions,
) -> StorageResult<PgConnection> {
    address.tls_files().refuse_unreadable(address).await?;
    let connecting = async {
        let mut connection = address.options().connect().await?;
        begin_session(&mut connection, options).await?;
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
pub(super) async fn close(connection: PgConnection) {
    // A server that does not take the good-bye notices that the connection is gone.
    tokio::time::timeout(CLOSE_WITHIN, connection.close()).await.ok();
}

/// Up to `most` connections, made when they are needed.
pub(super) fn pool(
    address: &PostgresAddress,
    options: &PostgresOptions,
    most: NonZeroU32,
) -> Connections {
    let session = options.clone();
    // None comes back to it: see `lending`.
    let pool = PgPoolOptions::new()
        .max_connections(most.get())
        .acquire_timeout(options.wait)
        .idle_timeout(None)
        .max_lifetime(None)
        .after_connect(move |connection, _| {
            let session = session.clone();
            Box::pin(async move { begin_session(connection, &session).await })
        })
        .connect_lazy_with(address.options());
    Connections::new(pool, options, most)
}

async fn begin_session(
    connection: &mut PgConnection,
    options: &PostgresOptions,
) -> Result<(), sqlx::Error> {
    sqlx::query(SESSION)
        .bind(milliseconds(options.wait))
        .bind(milliseconds(options.statement))
        .bind(milliseconds(options.wait / 2))
        .execute(connection)
        .await?;
    Ok(())
}

/// PostgreSQL takes 0 for "never".
fn milliseconds(time: Duration) -> String {
    time.as_millis().max(1).to_string()
}
