//! The revocation lists of clients, taken over while the server runs: when their file changes.
//!
//! Never in here: an end of the server. A file that does not load leaves the lists in use.

use chrono::{DateTime, Utc};
use countersign_config::Settings;
use countersign_server::tls::{ClientPolicy, LiveTls};

use crate::certificates::{client_policy, warn_of_lists};
use crate::watched::Watched;

/// The file of `tls.client_crl`, as it was when it was last looked at.
#[derive(Debug)]
pub(crate) struct Revocation {
    file: Watched,
    /// Why it could not be taken over at the last look: then it is tried again, since the reason may
    /// be in another file.
    trouble: Option<String>,
}

impl Revocation {
    /// As the server starts with it.
    pub(crate) fn of(settings: &Settings) -> Self {
        Self { file: Watched::of(settings.tls.client_crl()), trouble: None }
    }

    /// Takes over what the file says, if that is something else than what is in use.
    pub(crate) fn look(&mut self, settings: &Settings, tls: &LiveTls, now: DateTime<Utc>) {
        let changed = self.file.has_changed(settings.tls.client_crl());
        if !changed && self.trouble.is_none() {
            return;
        }
        let replaced = client_policy(settings, now).and_then(|clients| {
            tls.replace_clients(&clients)?;
            Ok(clients)
        });
        match replaced {
            Ok(clients) => {
                self.trouble = None;
                let ClientPolicy::Certified(authorities) = clients else { return };
                let Some(lists) = authorities.revocation() else { return };
                tracing::info!(crl = %lists.path().display(), "revocation lists read again");
                warn_of_lists(&authorities, now);
            }
            Err(error) => self.say(&error.to_string()),
        }
    }

    /// Writes to the log what is in the way, once.
    fn say(&mut self, error: &str) {
        if self.trouble.as_deref() != Some(error) {
            tracing::error!(error, "the revocation lists cannot be read again; those in use stay");
            self.trouble = Some(error.to_owned());
        }
    }
}
