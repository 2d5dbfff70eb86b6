//! `countersign doctor`: what a client of a trust server will meet, step by step.
//!
//! - `target` judges the URL, `certificate` what the server shows, `answers` what it says,
//!   `clients` what docker and notary on this machine would do. They judge and do no network.
//! - `connection` is the network, `report` what is printed.
//!
//! Never in here: credentials. Nothing is sent that a stranger may not see, because the connection
//! is made before its certificate is judged; a client certificate is shown only when it is given.

mod answers;
mod certificate;
mod clients;
mod connection;
mod report;
mod shown;
mod target;
mod trusted;

use std::io::{self, Write as _};
use std::path::PathBuf;

use clap::Args;
use countersign_trust::{Clock as _, SystemClock};
use tokio::runtime::Runtime;

use crate::exit::Failure;
use connection::Opened;
use report::{Line, Report};
use shown::Shown;
use target::Target;
use trusted::{Environment, Roots};

/// Check from the client's side that a trust server can be used.
///
/// Run it where docker or notary run. It checks the URL, the name and the connection, the
/// certificate and who trusts it, the clock, what the server answers, and what docker and notary
/// on this machine would do. One line per check: ok, warn or FAIL; below it what mends it. It sends
/// no credentials, changes nothing, and ends within half a minute.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  countersign doctor https://localhost:4443 --ca countersign-data/certs/ca.crt
  countersign doctor https://trust.example.com
  countersign doctor https://trust.example.com --client-cert ci.crt --client-key ci.key

Ends with 0 when no check failed, warnings or not, and with 11 when one did.")]
pub(crate) struct Doctor {
    /// The server, as DOCKER_CONTENT_TRUST_SERVER and notary's -s name it
    url: String,
    /// The certificate of the server's authority in PEM, which clients shall trust
    #[arg(long, value_name = "FILE")]
    ca: Option<PathBuf>,
    /// A client certificate in PEM, shown to the server if it asks for one; needs --client-key
    #[arg(long, value_name = "FILE", requires = "client_key")]
    client_cert: Option<PathBuf>,
    /// The private key of the client certificate in PEM; it is not sent
    #[arg(long, value_name = "FILE", requires = "client_cert")]
    client_key: Option<PathBuf>,
}

impl Doctor {
    /// Runs every check that can be run, and prints each.
    pub(crate) fn run(self) -> Result<(), Failure> {
        let runtime = Runtime::new().map_err(|error| Failure::System {
            action: "start threads",
            reason: error.to_string(),
        })?;
        let report = runtime.block_on(self.examine());
        // A name that is still being looked up must not hold the end up.
        runtime.shutdown_background();
        let mut stdout = io::stdout().lock();
        write!(stdout, "{report}").and_then(|()| stdout.flush()).map_err(Failure::Output)?;
        match report.failed() {
            0 => Ok(()),
            failed => Err(Failure::Ailing { failed, all: report.checks() }),
        }
    }

    async fn examine(self) -> Report {
        let environment = Environment::of_this_process();
        let mut report = Report::default();
        let target = match Target::parse(&self.url) {
            Ok((target, line)) => {
                report.add(line);
                target
            }
            Err(line) => {
                report.add(line);
                return report;
            }
        };
        report.add_all(clients::proxies(&environment));
        match Shown::load(self.client_cert.as_deref().zip(self.client_key.as_deref())) {
            Ok(shown) => self.visit(&target, &shown, &environment, &mut report).await,
            Err(line) => report.add(line),
        }
        report.add_all(clients::settings(&target, &environment));
        report.add_all(connection::docker_version().await.map(|said| clients::version(&said)));
        report
    }

    async fn visit(
        &self,
        target: &Target,
        shown: &Shown,
        environment: &Environment,
        report: &mut Report,
    ) {
        if let Some(opened) = self.reach(target, shown, report).await {
            self.judge_certificate(target, &opened, environment, report);
            ask(target, opened, shown, report).await;
        }
    }

    async fn reach(&self, target: &Target, shown: &Shown, report: &mut Report) -> Option<Opened> {
        let addresses = match connection::resolve(target).await {
            Ok(addresses) => addresses,
            Err(line) => {
                report.add(line);
                return None;
            }
        };
        let found: Vec<String> = addresses.iter().map(|a| a.ip().to_string()).collect();
        report.add(Line::ok("name", format!("{} is {}", target.host, found.join(", "))));
        match connection::open(target, &addresses, shown).await {
            Ok(opened) => {
                report.add(Line::ok("connection", format!("{} answers with TLS", opened.address)));
                Some(opened)
            }
            Err(line) => {
                report.add(line);
                None
            }
        }
    }

    fn judge_certificate(
        &self,
        target: &Target,
        opened: &Opened,
        environment: &Environment,
        report: &mut Report,
    ) {
        let now = SystemClock.now();
        report.add(certificate::name(&opened.chain, target));
        report.add(certificate::dates(&opened.chain, now));
        let own = self.ca.as_deref().map(Roots::of_file);
        let docker = Roots::of_docker(environment, target);
        let notary = Roots::of_notary(environment, target);
        let system = Roots::of_system();
        let judged = certificate::Authorities { own, docker, notary, system };
        report.add_all(judged.judge(&opened.chain, target, now));
    }
}

async fn ask(target: &Target, opened: Opened, shown: &Shown, report: &mut Report) {
    let (addresses, asked) = ([opened.address], opened.was_asked());
    match connection::get(opened, target, "/v2/").await {
        Ok(answer) => {
            report.add_all(asked.then(|| shown.taken()));
            report.add(answers::clock(&answer, SystemClock.now()));
            let (line, realm) = answers::ping(&answer);
            report.add(line);
            if let Some(realm) = realm {
                report.add(connection::token_server(&realm).await);
            }
        }
        Err(line) => {
            report.add(line);
            return;
        }
    }
    let health = match connection::open(target, &addresses, shown).await {
        Ok(again) => connection::get(again, target, "/_notary_server/health").await,
        Err(line) => Err(line),
    };
    report.add(health.map_or_else(|line| line, |answer| answers::health(&answer)));
}
