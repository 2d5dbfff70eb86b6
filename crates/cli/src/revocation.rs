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
pub(crate) struct Revocation(Watched);

impl Revocation {
    /// As the server starts with it.
    pub(crate) fn of(settings: &Settings) -> Self {
        Self(Watched::of(settings.tls.client_crl()))
    }

    /// Takes over what the file says, if that is something else than at the last look.
    pub(crate) fn look(&mut self, settings: &Settings, tls: &LiveTls, now: DateTime<Utc>) {
        let crl = settings.tls.client_crl();
        if !self.0.has_changed(crl) {
            return;
        }
        let replaced = client_policy(settings, now).and_then(|clients| {
            tls.replace_clients(&clients)?;
            Ok(clients)
        });
        match replaced {
            Ok(clients) => {
                let ClientPolicy::Certified(authorities) = clients else { return };
                let Some(lists) = authorities.revocation() else { return };
                tracing::info!(crl = %lists.path().display(), "revocation lists read again");
                warn_of_lists(lists, now);
            }
            Err(error) => tracing::error!(
                %error,
                "the revocation lists cannot be read again; those in use stay"
            ),
        }
    }
}
