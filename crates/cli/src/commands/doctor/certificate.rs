//! What the server's certificate is worth: its names, its dates, and who trusts it.
//!
//! Each question is asked by itself, so that a wrong name is not taken for a wrong authority.

use std::path::Path;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use rustls::client::{verify_server_cert_signed_by_trust_anchor, verify_server_name};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, Error, RootCertStore};
use x509_cert::Certificate;
use x509_cert::der::Decode as _;

use super::report::Line;
use super::target::Target;
use super::trusted::Roots;
use crate::greeting::shell_word;

const NAME: &str = "host name";
const DATES: &str = "expiry";
const NO_CERTIFICATE: &str = "the server shows no certificate that can be read";
const REPLACE: &str = "give the server a certificate in X.509 version 3";

/// Less than this left is worth a warning, or a third of the certificate's life if that is less.
const SOON: TimeDelta = TimeDelta::days(30);

/// Judges whether the certificate holds the host of the URL.
pub(super) fn name(chain: &[CertificateDer<'_>], target: &Target) -> Line {
    let Some(leaf) = chain.first().and_then(|der| ParsedCertificate::try_from(der).ok()) else {
        return Line::fail(NAME, NO_CERTIFICATE, REPLACE);
    };
    let Ok(name) = ServerName::try_from(target.host.as_str()) else {
        let found = format!("{} is a name that no certificate can hold", target.host);
        return Line::fail(NAME, found, "use a DNS name or an IP address");
    };
    match verify_server_name(&leaf, &name) {
        Ok(()) => Line::ok(NAME, format!("the certificate holds {}", target.host)),
        Err(error) => Line::fail(
            NAME,
            format!("the certificate does not hold {}{}", target.host, presented(&error)),
            format!("use a name that it holds, or start the server with --host {}", target.host),
        ),
    }
}

fn presented(error: &Error) -> String {
    match error {
        Error::InvalidCertificate(CertificateError::NotValidForNameContext {
            presented, ..
        }) if !presented.is_empty() => format!(", it holds {}", presented.join(", ")),
        _ => String::new(),
    }
}

/// Judges the dates of the server's own certificate.
pub(super) fn dates(chain: &[CertificateDer<'_>], now: DateTime<Utc>) -> Line {
    let Some((from, until)) = chain.first().and_then(validity) else {
        return Line::fail(DATES, NO_CERTIFICATE, REPLACE);
    };
    let day = |time: DateTime<Utc>| time.format("%Y-%m-%d %H:%M UTC");
    if now < from {
        let found = format!("the certificate is valid from {} on", day(from));
        return Line::fail(DATES, found, "set this machine's clock, or wait");
    }
    let left = until - now;
    if left < TimeDelta::zero() {
        let found = format!("the certificate expired on {}", day(until));
        return Line::fail(DATES, found, "renew it; if it is valid, set this machine's clock");
    }
    let found = format!("the certificate is valid until {} ({} days)", day(until), left.num_days());
    if left < SOON.min((until - from) / 3) {
        return Line::warn(DATES, found, "renew it");
    }
    Line::ok(DATES, found)
}

/// The authorities that are asked about, by who trusts them.
pub(super) struct Authorities {
    /// Those of `--ca`.
    pub(super) own: Option<Roots>,
    pub(super) docker: Option<Roots>,
    pub(super) notary: Option<Roots>,
    pub(super) system: Roots,
}

impl Authorities {
    /// Judges who trusts the certificate, apart from its names and its own dates.
    pub(super) fn judge(
        &self,
        chain: &[CertificateDer<'_>],
        target: &Target,
        now: DateTime<Utc>,
    ) -> Vec<Line> {
        let system = trust(chain, &self.system.certificates, now);
        let mut lines: Vec<Line> = self.own.iter().map(|own| of_own(own, chain, now)).collect();
        let docker = self.of_docker(&system, chain, now);
        let notary = self.of_notary(&system, chain, target, now);
        if self.own.is_none() && [&docker, &notary].iter().all(|line| line.mend.is_some()) {
            lines.push(Line::fail(
                "authority",
                format!("nobody on this machine trusts it: {}", reason(&system)),
                "get ca.crt from the server's operator (countersign certs show) and name it \
                 with --ca",
            ));
        }
        lines.extend([docker, notary]);
        lines
    }

    fn of_docker(&self, system: &Trust, chain: &[CertificateDer<'_>], now: DateTime<Utc>) -> Line {
        const CHECK: &str = "docker's CA";
        if *system == Trust::Trusted {
            return Line::ok(CHECK, "docker trusts it: the system does");
        }
        let Some(roots) = &self.docker else {
            return Line::warn(CHECK, "docker has no directory: HOME is not set", "set HOME");
        };
        let place = &roots.place;
        let file = Path::new(place);
        let mend = match (&self.own, file.parent()) {
            (Some(own), Some(dir)) => format!(
                "mkdir -p {} && cp {} {}",
                shell_word(dir),
                shell_word(Path::new(&own.place)),
                shell_word(file)
            ),
            _ => format!("put the certificate of the server's authority into {place}"),
        };
        if let Some(why) = &roots.broken {
            return Line::fail(CHECK, format!("{place} cannot be used: {why}"), mend);
        }
        match trust(chain, &roots.certificates, now) {
            Trust::Trusted => Line::ok(CHECK, format!("docker trusts it by {place}")),
            _ if roots.certificates.is_empty() => {
                Line::warn(CHECK, format!("docker will refuse it: {place} is not there"), mend)
            }
            other => {
                let found = format!("docker will refuse it, by {place}: {}", reason(&other));
                Line::fail(CHECK, found, mend)
            }
        }
    }

    fn of_notary(
        &self,
        system: &Trust,
        chain: &[CertificateDer<'_>],
        target: &Target,
        now: DateTime<Utc>,
    ) -> Line {
        const CHECK: &str = "notary's CA";
        let mend = match &self.own {
            Some(own) => {
                format!(
                    "notary -s {} --tlscacert {}",
                    target.url,
                    shell_word(Path::new(&own.place))
                )
            }
            None => format!("notary -s {} --tlscacert CA.crt", target.url),
        };
        // notary asks the system only when its configuration names no file.
        let Some(roots) = &self.notary else {
            if *system == Trust::Trusted {
                return Line::ok(CHECK, "notary trusts it: the system does");
            }
            let found = "notary needs to be told: its config.json names no root_ca for this server";
            return Line::warn(CHECK, found, mend);
        };
        let place = &roots.place;
        if let Some(why) = &roots.broken {
            return Line::fail(CHECK, format!("{place} cannot be used: {why}"), mend);
        }
        match trust(chain, &roots.certificates, now) {
            Trust::Trusted => Line::ok(CHECK, format!("notary trusts it by {place}")),
            other => {
                let found = format!("notary will refuse it, by {place}: {}", reason(&other));
                Line::fail(CHECK, found, mend)
            }
        }
    }
}

fn of_own(own: &Roots, chain: &[CertificateDer<'_>], now: DateTime<Utc>) -> Line {
    const CHECK: &str = "authority";
    let place = &own.place;
    if let Some(why) = &own.broken {
        let found = format!("{place} (--ca) cannot be used: {why}");
        return Line::fail(CHECK, found, "name a PEM file that this user can read");
    }
    match trust(chain, &own.certificates, now) {
        Trust::Trusted => Line::ok(CHECK, format!("signed by the authority in {place}")),
        other => Line::fail(
            CHECK,
            format!("{place} (--ca): {}", reason(&other)),
            "get ca.crt from the server's operator (countersign certs show); if that does not \
             help, somebody stands between you and the server",
        ),
    }
}

/// Whether a chain leads to one of some authorities.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Trust {
    Trusted,
    /// A certificate above the server's own is out of its dates.
    IssuerExpired,
    UnknownIssuer,
    Other(String),
}

/// Judges a chain at the moment of its leaf's life that is nearest to `now`, so that the leaf's
/// own dates do not matter.
fn trust(chain: &[CertificateDer<'_>], roots: &[CertificateDer<'_>], now: DateTime<Utc>) -> Trust {
    // The clients take a certificate that is itself among the authorities.
    if chain.first().is_some_and(|leaf| roots.contains(leaf)) {
        return Trust::Trusted;
    }
    let Some((from, until)) = chain.first().and_then(validity) else {
        return Trust::Other(NO_CERTIFICATE.to_owned());
    };
    let at = now.clamp(from, until);
    // The clients look at an authority's dates too, the library does not.
    let in_their_dates = |root: &&CertificateDer<'_>| {
        validity(root).is_some_and(|(from, until)| (from..=until).contains(&at))
    };
    match leads_to(chain, roots.iter().filter(in_their_dates), at) {
        Trust::UnknownIssuer if leads_to(chain, roots.iter(), at) == Trust::Trusted => {
            Trust::IssuerExpired
        }
        other => other,
    }
}

/// Whether a chain leads to one of `roots`, whatever the dates of those.
fn leads_to<'a>(
    chain: &[CertificateDer<'_>],
    roots: impl Iterator<Item = &'a CertificateDer<'a>>,
    at: DateTime<Utc>,
) -> Trust {
    let Some((leaf, rest)) = chain.split_first() else {
        return Trust::Other(NO_CERTIFICATE.to_owned());
    };
    let Ok(leaf) = ParsedCertificate::try_from(leaf) else {
        return Trust::Other(NO_CERTIFICATE.to_owned());
    };
    let mut store = RootCertStore::empty();
    store.add_parsable_certificates(roots.map(|root| root.clone().into_owned()));
    let seconds = u64::try_from(at.timestamp()).unwrap_or_default();
    let at = UnixTime::since_unix_epoch(Duration::from_secs(seconds));
    let algorithms = rustls::crypto::ring::default_provider().signature_verification_algorithms;
    match verify_server_cert_signed_by_trust_anchor(&leaf, &store, rest, at, algorithms.all) {
        Ok(()) => Trust::Trusted,
        Err(Error::InvalidCertificate(
            CertificateError::UnknownIssuer | CertificateError::BadSignature,
        )) => Trust::UnknownIssuer,
        Err(Error::InvalidCertificate(
            CertificateError::Expired
            | CertificateError::ExpiredContext { .. }
            | CertificateError::NotValidYet
            | CertificateError::NotValidYetContext { .. },
        )) => Trust::IssuerExpired,
        Err(other) => Trust::Other(other.to_string()),
    }
}

fn reason(trust: &Trust) -> String {
    match trust {
        Trust::Trusted => "trusted".to_owned(),
        Trust::IssuerExpired => "a certificate of its authority is out of its dates".to_owned(),
        Trust::UnknownIssuer => "the server's certificate is by another authority".to_owned(),
        Trust::Other(why) => why.clone(),
    }
}

fn validity(der: &CertificateDer<'_>) -> Option<(DateTime<Utc>, DateTime<Utc>)> {
    let parsed = Certificate::from_der(der).ok()?;
    let validity = parsed.tbs_certificate().validity();
    Some((validity.not_before.to_system_time().into(), validity.not_after.to_system_time().into()))
}

#[cfg(test)]
mod tests;
