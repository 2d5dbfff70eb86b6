//! The way to one signer: one connection, a deadline for each call, and a few tries where trying
//! again is safe and can help.
//!
//! Each call of the protocol may be sent twice: looking changes nothing, a key that was made and
//! has not signed is the one that is made again, and a second signature is as good as the first.
//!
//! Never in here: what the messages mean.
//!
//! Source: signer spec 1.3 and 1.5.

use std::error::Error as _;
use std::fmt;
use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use http::Uri;
use rustls_pki_types::ServerName;
use tokio::sync::Semaphore;
use tokio::time::{Instant, sleep, timeout_at};
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Response, Status};

use super::connector::Connector;
use super::fault::{Fault, one_line};
use super::signer_tls::SignerTls;

/// The pauses between tries: a signer that is started again is met within them, and one that is
/// away is known to be so soon.
const PAUSES: [Duration; 5] = [
    Duration::from_millis(25),
    Duration::from_millis(75),
    Duration::from_millis(200),
    Duration::from_millis(400),
    Duration::from_millis(800),
];

/// The most calls at a time; others wait for their turn, within their deadline.
const CALLS_AT_A_TIME: usize = 128;

/// The longest time that a connection is waited for.
const CONNECT_WITHIN: Duration = Duration::from_secs(5);

/// Where a signer is, and how long it is waited for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignerAt {
    /// The name or address that its certificate is for.
    pub host: String,
    /// The port.
    pub port: u16,
    /// The longest time that one call may take, tries and connecting included.
    pub deadline: Duration,
}

impl fmt::Display for SignerAt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { host, port, .. } = self;
        if host.contains(':') { write!(f, "[{host}]:{port}") } else { write!(f, "{host}:{port}") }
    }
}

/// The way to a signer.
pub struct SignerLink {
    at: SignerAt,
    line: Mutex<Line>,
    turns: Semaphore,
}

/// The connection, and what the next one is made with.
struct Line {
    channel: Channel,
    tls: SignerTls,
    /// How often the connection was given up.
    renewed: u64,
}

impl SignerLink {
    /// The way to the signer `at`, known by `tls`. Connects when it is first needed. Must be
    /// called within a Tokio runtime.
    ///
    /// # Errors
    /// [`BadAddress`] when that is no address.
    pub fn new(at: SignerAt, tls: SignerTls) -> Result<Self, BadAddress> {
        let channel = channel(&at, &tls)?;
        let line = Mutex::new(Line { channel, tls, renewed: 0 });
        Ok(Self { at, line, turns: Semaphore::new(CALLS_AT_A_TIME) })
    }

    /// Where the signer is.
    #[must_use]
    pub fn at(&self) -> &SignerAt {
        &self.at
    }

    /// Makes new connections by `tls` from now on; calls under way end on the one that there is.
    pub fn renew_tls(&self, tls: SignerTls) {
        let mut line = self.lock();
        line.tls = tls;
        self.renew(&mut line);
    }

    /// The answer to a call, in its time. `None`: the signer has not found what the call is about.
    pub(super) async fn call<T, F>(&self, call: impl Fn(Channel) -> F) -> Result<Option<T>, Fault>
    where
        F: Future<Output = Result<Response<T>, Status>>,
    {
        let deadline = Instant::now().checked_add(self.at.deadline);
        let deadline = deadline.unwrap_or_else(Instant::now);
        let (channel, renewed) = {
            let line = self.lock();
            (line.channel.clone(), line.renewed)
        };
        let outcome = timeout_at(deadline, async {
            let Ok(_turn) = self.turns.acquire().await else { return Err(Fault::Closed) };
            self.tries(channel, &call).await
        });
        match outcome.await {
            Ok(outcome) => outcome,
            Err(_) => {
                // Perhaps nobody is there any more: nothing would say so on this connection.
                self.renew_since(renewed);
                Err(Fault::Late { seconds: self.at.deadline.as_secs() })
            }
        }
    }

    /// One call with a deadline of its own and a single try, for what is asked again soon anyway.
    pub(super) async fn call_once<T, F>(
        &self,
        within: Duration,
        call: impl FnOnce(Channel) -> F,
    ) -> Result<Option<T>, Fault>
    where
        F: Future<Output = Result<Response<T>, Status>>,
    {
        let channel = self.lock().channel.clone();
        let within = within.min(self.at.deadline);
        match tokio::time::timeout(within, call(channel)).await {
            Ok(answer) => answered(answer),
            Err(_) => Err(Fault::Late { seconds: within.as_secs() }),
        }
    }

    async fn tries<T, F>(
        &self,
        channel: Channel,
        call: &impl Fn(Channel) -> F,
    ) -> Result<Option<T>, Fault>
    where
        F: Future<Output = Result<Response<T>, Status>>,
    {
        for pause in PAUSES {
            match call(channel.clone()).await {
                Err(status) if may_pass(&status) => {
                    tracing::debug!(signer = %self.at, %status, "the signer is asked again");
                    sleep(pause).await;
                }
                answer => return answered(answer),
            }
        }
        answered(call(channel).await)
    }

    /// Gives the connection up that calls had at the time of `renewed`, unless another has.
    fn renew_since(&self, renewed: u64) {
        let mut line = self.lock();
        if line.renewed == renewed {
            self.renew(&mut line);
        }
    }

    fn renew(&self, line: &mut Line) {
        line.renewed = line.renewed.saturating_add(1);
        // The address was good when the first channel was made.
        if let Ok(channel) = channel(&self.at, &line.tls) {
            line.channel = channel;
        }
    }

    fn lock(&self) -> MutexGuard<'_, Line> {
        self.line.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for SignerLink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SignerLink").field("at", &self.at).finish_non_exhaustive()
    }
}

/// A signer's address that cannot be one.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0} is no address of a signer: write HOST:PORT")]
pub struct BadAddress(String);

fn channel(at: &SignerAt, tls: &SignerTls) -> Result<Channel, BadAddress> {
    let bad = || BadAddress(at.to_string());
    let name = ServerName::try_from(at.host.clone()).map_err(|_| bad())?;
    let uri = |scheme: &str| format!("{scheme}://{at}").parse::<Uri>().map_err(|_| bad());
    // TLS is the connector's, so that tonic must not make it; the signer is told what it is.
    let endpoint = Endpoint::from(uri("http")?).origin(uri("https")?);
    let within = CONNECT_WITHIN.min(at.deadline);
    Ok(endpoint.connect_with_connector_lazy(Connector::new(
        Arc::clone(&tls.config()),
        name,
        within,
    )))
}

/// Whether the same call can fare better in a moment: the signer says so, or the connection ended
/// under it.
fn may_pass(status: &Status) -> bool {
    // What the signer itself says has no source here.
    status.code() == Code::Unavailable
        || status.code() == Code::Cancelled
        || status.source().is_some()
}

/// Only one answer means that there is no such thing; anything else is no answer.
fn answered<T>(answer: Result<Response<T>, Status>) -> Result<Option<T>, Fault> {
    match answer {
        Ok(response) => Ok(Some(response.into_inner())),
        Err(status) if status.code() == Code::NotFound => Ok(None),
        Err(status) => {
            let said = one_line(&whole_reason(&status));
            Err(match status.code() {
                Code::FailedPrecondition | Code::DataLoss => Fault::Unusable { said },
                code => Fault::Refused { code, said },
            })
        }
    }
}

/// What a status says, with the reasons below it: "transport error" alone helps nobody.
fn whole_reason(status: &Status) -> String {
    let mut reason = status.message().to_owned();
    let mut below = status.source();
    while let Some(error) = below {
        let said = error.to_string();
        if !reason.contains(&said) {
            reason = format!("{reason}: {said}");
        }
        below = error.source();
    }
    reason
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(host: &str) -> SignerAt {
        SignerAt { host: host.to_owned(), port: 7899, deadline: Duration::from_secs(10) }
    }

    #[test]
    fn addresses_are_written_as_they_are_read() {
        assert_eq!(at("signer.internal").to_string(), "signer.internal:7899");
        assert_eq!(at("::1").to_string(), "[::1]:7899");
    }

    #[test]
    fn only_not_found_means_that_there_is_none() {
        for code in (0..=16).map(Code::from).filter(|code| *code != Code::Ok) {
            let answer = answered::<()>(Err(Status::new(code, "so it says")));
            assert_eq!(answer.is_ok(), code == Code::NotFound, "{code:?}");
        }
    }

    #[test]
    fn what_the_signer_refuses_is_not_asked_again() {
        for code in [Code::PermissionDenied, Code::Internal, Code::Unknown, Code::NotFound] {
            assert!(!may_pass(&Status::new(code, "no")), "{code:?}");
        }
        assert!(may_pass(&Status::unavailable("starting")));
    }
}
