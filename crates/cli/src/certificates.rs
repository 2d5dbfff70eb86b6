//! The certificates of a server, where its settings say: loaded, and warned of in good time.
//!
//! Never in here: when to look at them.

use std::path::Path;

use chrono::{DateTime, TimeDelta, Utc};
use countersign_config::Settings;
use countersign_config::sections::tls::{ClientCertificates, ClientNameIn};
use countersign_server::tls::generated::{self, Action};
use countersign_server::tls::{
    ClientAuthorities, ClientPolicy, ClientTerms, Identity, NameSource, Presence, Stage, TlsError,
    Validity, validity_in,
};

use crate::data_dir::DataDir;
use crate::greeting::{Authority, certificate_address};

/// How long before its end an authority of our own making is warned of: every client must be given
/// the next one.
const AUTHORITY_NOTICE: TimeDelta = TimeDelta::days(365);

/// What a server shows in handshakes, and what it asks for.
#[derive(Debug)]
pub(crate) struct Certificates {
    pub(crate) identity: Identity,
    pub(crate) clients: ClientPolicy,
    pub(crate) authority: Authority,
}

impl Certificates {
    /// The operator's own certificate when there is one, else the data directory's, made or issued
    /// again when that is due. The caller holds `dir`.
    pub(crate) fn load(
        settings: &Settings,
        dir: &DataDir,
        now: DateTime<Utc>,
    ) -> Result<Self, TlsError> {
        let clients = client_policy(settings, now)?;
        let (identity, authority) = match settings.tls.own() {
            Some(own) => {
                let identity = Identity::load(own.cert, own.key)?.valid_at(now)?;
                (identity, Authority::Own(own.cert.to_owned()))
            }
            None => generated(settings, dir, now)?,
        };
        Ok(Self { identity, clients, authority })
    }

    /// As [`Certificates::load`], with a warning of those that end soon; none for plain HTTP.
    pub(crate) fn load_unless_plain(
        settings: &Settings,
        dir: &DataDir,
        now: DateTime<Utc>,
    ) -> Result<Option<Self>, TlsError> {
        if settings.tls.plain_http {
            return Ok(None);
        }
        let certificates = Self::load(settings, dir, now)?;
        certificates.warn_of_ends(now);
        Ok(Some(certificates))
    }

    /// Writes to the log which of them end soon, and what to do.
    pub(crate) fn warn_of_ends(&self, now: DateTime<Utc>) {
        let mend = match &self.authority {
            Authority::Own(_) => "renew it, then send SIGHUP",
            // With the authority's key it would have been issued again.
            Authority::Generated(_) => {
                "put its authority's ca.key beside it, or renew it, then send SIGHUP"
            }
        };
        warn_of_last_third(self.identity.cert_path(), self.identity.validity(), now, mend);
        if let ClientPolicy::Certified(authorities) = &self.clients {
            let mend = "add the authority that follows it to the file, then send SIGHUP";
            warn_of_last_third(authorities.path(), authorities.validity(), now, mend);
            warn_of_lists(authorities, now);
        }
        if let Authority::Generated(ca_cert) = &self.authority {
            warn_of_authority(ca_cert, now);
        }
    }
}

/// Who gets through a handshake.
pub(crate) fn client_policy(
    settings: &Settings,
    now: DateTime<Utc>,
) -> Result<ClientPolicy, TlsError> {
    let tls = &settings.tls;
    let Some(ca) = tls.client_ca() else { return Ok(ClientPolicy::Anyone) };
    let presence = match tls.client_certificates {
        ClientCertificates::Required => Presence::Required,
        ClientCertificates::Optional => Presence::Optional,
    };
    let name = match tls.client_name {
        ClientNameIn::CommonName => NameSource::CommonName,
        ClientNameIn::Dns => NameSource::Dns,
        ClientNameIn::Email => NameSource::Email,
        ClientNameIn::Uri => NameSource::Uri,
    };
    let crl = tls.client_crl().map(Path::to_owned);
    let terms = ClientTerms { ca: ca.to_owned(), crl, presence, name };
    Ok(ClientPolicy::Certified(ClientAuthorities::load(&terms, now)?))
}

/// The hosts that the settings want in a generated certificate.
pub(crate) fn wanted_hosts(settings: &Settings) -> Vec<String> {
    let named = settings.server.hosts.iter().map(ToString::to_string);
    named.chain(certificate_address(settings.server.listen)).collect()
}

fn generated(
    settings: &Settings,
    dir: &DataDir,
    now: DateTime<Utc>,
) -> Result<(Identity, Authority), TlsError> {
    let files = generated::ensure(&dir.certs(), &wanted_hosts(settings), now)?;
    let identity = Identity::load(&files.cert, &files.key)?;
    if files.action == Action::Reissued {
        let not_after = identity.validity().not_after;
        tracing::info!(cert = %files.cert.display(), %not_after, "certificate issued again");
    }
    Ok((identity, Authority::Generated(files.ca_cert)))
}

fn warn_of_last_third(cert: &Path, validity: Validity, now: DateTime<Utc>, mend: &'static str) {
    let (cert, not_after) = (cert.display(), validity.not_after);
    match validity.stage(now) {
        Stage::Fresh => {}
        Stage::LastThird => tracing::warn!(%cert, %not_after, mend, "a certificate ends soon"),
        Stage::NotYet | Stage::Over => {
            tracing::error!(%cert, %not_after, mend, "a certificate is not valid now");
        }
    }
}

/// Writes to the log which revocation lists end soon, have ended, or are not there.
pub(crate) fn warn_of_lists(authorities: &ClientAuthorities, now: DateTime<Utc>) {
    let Some(lists) = authorities.revocation() else { return };
    let crl = lists.path().display();
    for authority in authorities.unlisted() {
        let mend = "put its list into the file; one without entries will do";
        tracing::error!(
            authority, %crl, mend,
            "an authority of clients has no revocation list: its clients are refused"
        );
    }
    let mend = "put the authority's next list into the file";
    for validity in lists.validities() {
        let not_after = validity.not_after;
        match validity.stage(now) {
            Stage::Fresh | Stage::NotYet => {}
            Stage::LastThird => {
                tracing::warn!(%crl, %not_after, mend, "a revocation list ends soon")
            }
            Stage::Over => tracing::error!(
                %crl, %not_after, mend,
                "a revocation list has ended: clients of its authority are refused"
            ),
        }
    }
}

/// What `config check` says of revocation lists that have ended or are not there.
pub(crate) fn doubts_about_lists(clients: &ClientPolicy, now: DateTime<Utc>) -> Vec<String> {
    let ClientPolicy::Certified(authorities) = clients else { return Vec::new() };
    let Some(lists) = authorities.revocation() else { return Vec::new() };
    let crl = lists.path().display();
    let unlisted = authorities.unlisted().iter().map(|authority| {
        format!("{crl} holds no list of the authority {authority}: its clients are refused")
    });
    let ended = lists.validities().filter(|validity| validity.stage(now) == Stage::Over);
    let ended = ended.map(|Validity { not_after, .. }| {
        format!("a list in {crl} has ended on {not_after}: clients of its authority are refused")
    });
    unlisted.chain(ended).collect()
}

fn warn_of_authority(ca_cert: &Path, now: DateTime<Utc>) {
    // Clients need the file, the server does not: one that cannot be read has no date to warn of.
    let Ok(validity) = validity_in(ca_cert) else { return };
    if ends_within_notice(validity, now) {
        let mend = "move the certs directory away and restart, then give clients the new ca.crt";
        let (cert, not_after) = (ca_cert.display(), validity.not_after);
        tracing::warn!(%cert, %not_after, mend, "the authority ends within a year");
    }
}

fn ends_within_notice(authority: Validity, now: DateTime<Utc>) -> bool {
    authority.not_after - now < AUTHORITY_NOTICE
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_authority_is_warned_of_from_a_year_before_its_end() {
        let not_before = DateTime::from_timestamp(1_795_518_000, 0).unwrap();
        let authority = Validity { not_before, not_after: not_before + TimeDelta::days(3650) };
        for (day, expected) in [(0, false), (3285, false), (3286, true), (4000, true)] {
            let now = not_before + TimeDelta::days(day);
            assert_eq!(ends_within_notice(authority, now), expected, "{day}");
        }
    }
}
