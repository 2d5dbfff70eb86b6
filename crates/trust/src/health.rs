//! Health: can the service reach what it needs, right now, and is the clock to be believed?

use std::future::Future;
use std::time::Duration;

use countersign_storage::ChangeRange;
use countersign_tuf::names::{Gun, RoleName};

use crate::{Trust, TrustError};

/// How long an answer is waited for.
const WAIT: Duration = Duration::from_secs(5);

/// What the service can reach now. An error text is for the operator.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Health {
    /// The database.
    pub database: Result<(), String>,
    /// The server's keys.
    pub custody: Result<(), String>,
    /// The clock: whether it went back. Good while the database cannot say.
    pub clock: Result<(), String>,
}

impl Trust {
    /// Looks whether database and keys can be reached, and whether the clock went back.
    pub async fn health(&self) -> Health {
        let (database, custody, clock) = tokio::join!(
            within(self.store.check()),
            within(self.custody.check()),
            tokio::time::timeout(WAIT, self.check_clock()),
        );
        let clock = match clock {
            Ok(Err(TrustError::ClockWentBack(went_back))) => Err(went_back.to_string()),
            // That the database does not answer is said by its own check.
            Ok(Ok(()) | Err(_)) | Err(_) => Ok(()),
        };
        Health { database, custody, clock }
    }

    /// Compares the clock with the newest change, and with the GUN that last showed a step back.
    async fn check_clock(&self) -> Result<(), TrustError> {
        self.check_clock_again().await?;
        let newest = self.store.changes(None, ChangeRange::Latest { limit: 1 }).await?;
        for change in newest {
            if let Ok(gun) = Gun::parse(&change.gun) {
                self.check_clock_by(&gun).await?;
            }
        }
        Ok(())
    }

    /// Looks whether the GUN that last showed a step back still does, and forgets it if not.
    pub(crate) async fn check_clock_again(&self) -> Result<(), TrustError> {
        if let Some(gun) = self.watch.shown_by() {
            self.check_clock_by(&gun).await?;
            self.watch.settled();
        }
        Ok(())
    }

    async fn check_clock_by(&self, gun: &Gun) -> Result<(), TrustError> {
        let newest = self.store.newest(gun, &RoleName::Timestamp).await?;
        match newest {
            Some(timestamp) => Ok(self.watch.check(gun, timestamp.stored_at, self.clock.now())?),
            None => Ok(()),
        }
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
