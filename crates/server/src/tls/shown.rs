//! What a client has shown in its handshake, judged again as long as its connection lives.
//!
//! A handshake is judged once, a connection may live for days. So each request asks whether what
//! the client has shown still counts: after every reload, and from time to time, since dates pass.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rustls::server::danger::ClientCertVerifier as _;
use rustls_pki_types::{CertificateDer, UnixTime};
use thiserror::Error;

use super::clients::{ClientAuthorities, Presence};
use super::live::Setup;
use super::user_name::user_name;
use super::{ClientPolicy, LiveTls};
use crate::peer::Handshake;

/// How long a verdict stands while nothing is reloaded: by so much a certificate may be used
/// beyond its end.
const STANDS_FOR: Duration = Duration::from_secs(60);

/// The certificates that the client of one connection has shown, or that it showed none.
pub(crate) struct Shown {
    tls: LiveTls,
    /// The client's own first; empty when it showed none.
    chain: Vec<CertificateDer<'static>>,
    judged: Mutex<Judged>,
}

/// Why the client of an open connection is not served any more.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub(crate) enum NotLetIn {
    /// What it has shown does not count, or not any more; holds why.
    #[error("its certificate does not count any more: {0}")]
    Refused(String),
    /// It has shown none, and must by now.
    #[error("it has shown no certificate, and must by now")]
    Missing,
}

type Verdict = Result<Option<String>, NotLetIn>;

struct Judged {
    under: Arc<Setup>,
    /// `None` when the time was not known.
    at: Option<UnixTime>,
    verdict: Verdict,
}

impl Shown {
    /// What `chain` is, which has just passed the handshake under `setup`.
    pub(super) fn new(
        tls: LiveTls,
        setup: Arc<Setup>,
        chain: Vec<CertificateDer<'static>>,
    ) -> Self {
        let verdict = match (&setup.clients, chain.first()) {
            (ClientPolicy::Certified(authorities), Some(leaf)) => Ok(name(authorities, leaf)),
            _ => Ok(None),
        };
        let at = setup.config.time_provider.current_time();
        let judged = Mutex::new(Judged { under: setup, at, verdict });
        Self { tls, chain, judged }
    }

    /// Whether the client has shown a certificate.
    pub(crate) fn handshake(&self) -> Handshake {
        if self.chain.is_empty() { Handshake::Anonymous } else { Handshake::Certified }
    }

    /// The name of the client by what is in place now; `None` when it has none.
    ///
    /// # Errors
    /// [`NotLetIn`] when it would not pass a handshake now.
    pub(crate) fn judge(&self) -> Verdict {
        let setup = self.tls.setup();
        let now = || setup.config.time_provider.current_time();
        let mut judged = self.judged.lock().unwrap_or_else(PoisonError::into_inner);
        let stands = Arc::ptr_eq(&judged.under, &setup)
            && (self.chain.is_empty() || is_recent(judged.at, now()));
        if !stands {
            let at = now();
            let verdict = self.judge_under(&setup, at);
            *judged = Judged { under: setup, at, verdict };
        }
        judged.verdict.clone()
    }

    fn judge_under(&self, setup: &Setup, now: Option<UnixTime>) -> Verdict {
        // A name that nobody vouches for any more is none.
        let ClientPolicy::Certified(authorities) = &setup.clients else { return Ok(None) };
        let Some((leaf, intermediates)) = self.chain.split_first() else {
            return match authorities.terms().presence {
                Presence::Optional => Ok(None),
                Presence::Required => Err(NotLetIn::Missing),
            };
        };
        let now = now.ok_or_else(|| NotLetIn::Refused("the time is not known".to_owned()))?;
        match authorities.verifier().verify_client_cert(leaf, intermediates, now) {
            Ok(_) => Ok(name(authorities, leaf)),
            Err(error) => Err(NotLetIn::Refused(error.to_string())),
        }
    }
}

/// Whether a verdict of `at` stands; not when the clock went back since.
fn is_recent(at: Option<UnixTime>, now: Option<UnixTime>) -> bool {
    let (Some(at), Some(now)) = (at, now) else { return false };
    now.as_secs().checked_sub(at.as_secs()).is_some_and(|age| age < STANDS_FOR.as_secs())
}

fn name(authorities: &ClientAuthorities, leaf: &CertificateDer<'_>) -> Option<String> {
    user_name(leaf, authorities.terms().name)
        .inspect_err(|reason| tracing::info!(%reason, "a client's certificate names nobody"))
        .ok()
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};

    use rustls::ServerConfig;
    use rustls::time_provider::TimeProvider;
    use rustls_pki_types::pem::PemObject as _;

    use super::*;
    use crate::testing::now;
    use crate::tls::{ClientTerms, Identity, ensure_client, generated, validity_in};

    /// Seconds since the epoch, moved by the test.
    #[derive(Debug)]
    struct Time(AtomicU64);

    impl TimeProvider for Time {
        fn current_time(&self) -> Option<UnixTime> {
            Some(UnixTime::since_unix_epoch(Duration::from_secs(self.0.load(Ordering::Relaxed))))
        }
    }

    #[test]
    fn a_certificate_that_ends_is_used_for_a_minute_more_at_most() {
        let dir = tempfile::tempdir().unwrap();
        let files = generated::ensure(dir.path(), &[], now()).unwrap();
        let client = ensure_client(dir.path(), &"ci".parse().unwrap(), now()).unwrap();
        let end = validity_in(&client.cert).unwrap().not_after.timestamp();
        let end = u64::try_from(end).unwrap();
        let terms = ClientTerms::required(&files.ca_cert);
        let clients = ClientPolicy::Certified(ClientAuthorities::load(&terms, now()).unwrap());
        let identity = Identity::load(&files.cert, &files.key).unwrap();
        let setup = LiveTls::new(identity, &clients).unwrap().setup();
        let time = Arc::new(Time(AtomicU64::new(end)));
        let mut config = ServerConfig::clone(&setup.config);
        config.time_provider = Arc::clone(&time) as _;
        let identity = setup.identity.clone();
        let tls = LiveTls::of(Setup { config: Arc::new(config), clients, identity });
        let chain = vec![CertificateDer::from_pem_file(&client.cert).unwrap()];
        let shown = Shown::new(tls.clone(), tls.setup(), chain);
        let ci = Ok(Some("ci".to_owned()));
        assert_eq!(shown.judge(), ci);
        time.0.store(end + 59, Ordering::Relaxed);
        assert_eq!(shown.judge(), ci);
        time.0.store(end + 60, Ordering::Relaxed);
        let refused = shown.judge().unwrap_err().to_string();
        assert!(refused.contains("expired"), "{refused}");
        time.0.store(end - 10, Ordering::Relaxed);
        assert_eq!(shown.judge(), ci, "a clock that was set right");
    }
}
