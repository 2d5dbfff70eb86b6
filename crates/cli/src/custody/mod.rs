//! Who holds the server's keys, opened for a server: every home that the settings have.
//!
//! To add a home: open it in a file of its own, and put it beside the others in [`Opening::open`].

mod following;
mod sealed;

use std::sync::Arc;

use countersign_custody::signature_log::LoggedCustody;
use countersign_custody::{Custody, Home, KeyHomes, KeysById};

use crate::exit::Failure;
pub(crate) use following::Following;
pub(crate) use sealed::Opening;

/// Custody that was opened, and what the operator should know of it.
pub(crate) struct Opened {
    /// Who holds the keys.
    pub(crate) custody: Arc<KeyHomes>,
    /// One line each.
    pub(crate) warnings: Vec<String>,
    /// What is to run beside whoever serves with it.
    pub(crate) following: Following,
}

/// The same for a signer.
pub(crate) struct OpenedForOthers {
    /// The keys.
    pub(crate) keys: Arc<dyn KeysById>,
    /// One line each.
    pub(crate) warnings: Vec<String>,
    /// What is to run beside whoever signs with it.
    pub(crate) following: Following,
}

impl Opening<'_> {
    /// Custody as the settings want it. Sealed keys are always at home: roots may name them,
    /// wherever new ones go.
    pub(crate) async fn open(&self) -> Result<Opened, Failure> {
        let (sealed, warnings) = self.sealed().await?;
        let sealed = Arc::new(sealed);
        let following = Following::new(self.stores, &sealed, self.passphrases);
        let homes: Vec<(Home, Arc<dyn Custody>)> = vec![(Home::Sealed, sealed)];
        let homes = homes.into_iter().map(LoggedCustody::in_home).collect();
        let custody = KeyHomes::new(Arc::clone(&self.plan), homes)
            .map_err(|missing| Failure::Usage(missing.to_string()))?;
        Ok(Opened { custody: Arc::new(custody), warnings, following })
    }

    /// What a signer makes and uses for others.
    pub(crate) async fn open_for_others(&self) -> Result<OpenedForOthers, Failure> {
        let (sealed, warnings) = self.sealed().await?;
        let sealed = Arc::new(sealed);
        let following = Following::new(self.stores, &sealed, self.passphrases);
        Ok(OpenedForOthers { keys: sealed, warnings, following })
    }
}
