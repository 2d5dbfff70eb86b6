//! Health: can the service reach what it needs, right now?

use std::future::Future;
use std::time::Duration;

use crate::Trust;

/// How long an answer is waited for.
const WAIT: Duration = Duration::from_secs(5);

/// What the service can reach now. An error text is for the operator.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Health {
    /// The database.
    pub database: Result<(), String>,
    /// The server's keys.
    pub custody: Result<(), String>,
}

impl Trust {
    /// Looks whether database and keys can be reached.
    pub async fn health(&self) -> Health {
        let (database, custody) =
            tokio::join!(within(self.store.check()), within(self.custody.check()));
        Health { database, custody }
    }
}

async fn within<E: std::fmt::Display>(
    check: impl Future<Output = Result<(), E>>,
) -> Result<(), String> {
    match tokio::time::timeout(WAIT, check).await {
        Ok(answer) => answer.map_err(|error| error.to_string()),
        Err(_) => Err(format!("no answer within {} s", WAIT.as_secs())),
    }
}
