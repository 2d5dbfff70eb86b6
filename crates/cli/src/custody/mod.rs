//! Who holds the server's keys, opened for a server.

mod sealed;

use std::sync::Arc;

use countersign_custody::Custody;

use crate::exit::Failure;
pub(crate) use sealed::Opening;

/// Custody that was opened, and what the operator should know of it.
pub(crate) struct Opened {
    /// Who holds the keys.
    pub(crate) custody: Arc<dyn Custody>,
    /// One line each.
    pub(crate) warnings: Vec<String>,
}

impl Opening<'_> {
    /// Custody as the settings want it.
    pub(crate) async fn open(&self) -> Result<Opened, Failure> {
        let (sealed, warnings) = self.sealed().await?;
        Ok(Opened { custody: Arc::new(sealed), warnings })
    }
}
