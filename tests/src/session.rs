//! One server and the users of one scenario, with everything they do written down.
//!
//! A scenario says what must come out in absolute terms ([`Session::ok`], [`Session::prints`],
//! [`Session::fails`]); that both servers make the client say the same is [`crate::compare`]'s.
//! What never comes in: knowing which server it is, except to stop and start it.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use chrono::{DateTime, Utc};
use sha2::{Digest, Sha256};
use tempfile::TempDir;

use crate::peers::countersign::Countersign;
use crate::peers::gate::Gate;
use crate::peers::go_notary::GoNotary;
use crate::peers::mixed::Mixed;
use crate::peers::notary_client::{NotaryClient, Outcome};
use crate::transcript::Transcript;
use crate::wire::Endpoint;

/// The server that a scenario is played against.
#[derive(Debug)]
pub enum Server {
    /// Ours.
    Countersign(Countersign),
    /// Ours, restarted (SIGTERM, start on the same directory) before every command.
    CountersignRestarted(Countersign),
    /// The reference.
    Go(Box<GoNotary>),
    /// A server and a signer, each Go's or ours.
    Mixed(Box<Mixed>),
}

impl Server {
    /// Where it answers.
    #[must_use]
    pub fn endpoint(&self) -> &Endpoint {
        match self {
            Self::Countersign(server) | Self::CountersignRestarted(server) => server.endpoint(),
            Self::Go(server) => server.endpoint(),
            Self::Mixed(deployment) => deployment.endpoint(),
        }
    }

    fn stop(&mut self) -> Result<()> {
        match self {
            Self::Countersign(server) | Self::CountersignRestarted(server) => server.kill9(),
            Self::Go(server) => server.stop(),
            Self::Mixed(deployment) => deployment.stop_server(),
        }
    }

    async fn start_again(&mut self) -> Result<()> {
        match self {
            Self::Countersign(server) | Self::CountersignRestarted(server) => {
                server.start_again().await
            }
            Self::Go(server) => server.start_again().await,
            Self::Mixed(deployment) => deployment.start_server_again().await,
        }
    }
}

/// A scenario being played.
#[derive(Debug)]
pub struct Session {
    server: Server,
    directory: TempDir,
    transcript: Transcript,
}

impl Session {
    /// A scenario without users yet.
    ///
    /// # Errors
    /// No temporary directory can be made.
    pub fn with(server: Server) -> Result<Self> {
        let directory = TempDir::new()?;
        let mut transcript = Transcript::default();
        transcript.hide(directory.path().to_string_lossy().into_owned(), "<dir>");
        let port = server.endpoint().port();
        let mut session = Self { server, directory, transcript };
        session.hide_port(port);
        Ok(session)
    }

    /// Ends the scenario and gives back its server.
    #[must_use]
    pub fn into_server(self) -> Server {
        self.server
    }

    /// Does not show this port in the transcript.
    pub fn hide_port(&mut self, port: u16) {
        self.transcript.hide(format!(":{port}"), ":<port>");
    }

    /// Does not show this moment, in the client's own spelling, in the transcript.
    pub fn hide_time(&mut self, time: DateTime<Utc>) {
        self.transcript.hide(time.format("%a %b %e %H:%M:%S UTC %Y").to_string(), "<time>");
    }

    /// The server.
    #[must_use]
    pub fn server(&self) -> &Server {
        &self.server
    }

    /// The server, to be stopped and started.
    pub fn server_mut(&mut self) -> &mut Server {
        &mut self.server
    }

    /// What was said so far.
    #[must_use]
    pub fn transcript(&self) -> &Transcript {
        &self.transcript
    }

    /// The scenario's folder, for files that are not part of what the clients say.
    #[must_use]
    pub fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// A new user with an empty trust directory.
    ///
    /// # Errors
    /// `notary` is not installed.
    pub fn client(&self, name: &str) -> Result<NotaryClient> {
        NotaryClient::new(&self.directory.path().join(name), self.server.endpoint())
    }

    /// A user who has a copy of another's trust directory as it is now.
    ///
    /// # Errors
    /// The directory cannot be copied.
    pub fn copy(&self, client: &NotaryClient, name: &str) -> Result<NotaryClient> {
        client.copy_to(&self.directory.path().join(name))
    }

    /// Writes a file and returns its path; its digest stays readable in the transcript.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn file(&mut self, name: &str, content: &[u8]) -> Result<String> {
        let path = self.directory.path().join(name);
        fs::write(&path, content)?;
        self.transcript.keep(sha256_hex(content));
        path.into_os_string().into_string().ok().context("a temporary path that is not UTF-8")
    }

    /// A gate in front of the server, to hold a publish on its way.
    ///
    /// # Errors
    /// It cannot be opened.
    pub async fn gate(&mut self) -> Result<Gate> {
        let folder = self.directory.path().join("gate");
        fs::create_dir_all(&folder)?;
        let gate = Gate::open(&folder, self.server.endpoint()).await?;
        self.hide_port(gate.endpoint().port());
        Ok(gate)
    }

    /// Kills the server with signal 9.
    ///
    /// # Errors
    /// It cannot be killed.
    pub fn server_dies(&mut self) -> Result<()> {
        self.server.stop()
    }

    /// Starts the server again on what it had stored.
    ///
    /// # Errors
    /// It does not start.
    pub async fn server_returns(&mut self) -> Result<()> {
        self.server.start_again().await
    }

    /// Runs a command of which only sameness is expected.
    ///
    /// # Errors
    /// It cannot be run.
    pub async fn run(&mut self, client: &NotaryClient, arguments: &[&str]) -> Result<Outcome> {
        self.play(client, arguments, "").await
    }

    /// Runs a command that must end with exit code 0.
    ///
    /// # Errors
    /// It did not.
    pub async fn ok(&mut self, client: &NotaryClient, arguments: &[&str]) -> Result<Outcome> {
        self.ok_with_input(client, arguments, "").await
    }

    /// Runs a command that reads `input` and must end with exit code 0.
    ///
    /// # Errors
    /// It did not.
    pub async fn ok_with_input(
        &mut self,
        client: &NotaryClient,
        arguments: &[&str],
        input: &str,
    ) -> Result<Outcome> {
        let outcome = self.play(client, arguments, input).await?;
        ensure!(outcome.succeeded(), "this was to succeed:\n{}", self.transcript.last());
        Ok(outcome)
    }

    /// Runs a command that must end with exit code 0 and say `text`.
    ///
    /// # Errors
    /// It did not.
    pub async fn prints(
        &mut self,
        client: &NotaryClient,
        arguments: &[&str],
        text: &str,
    ) -> Result<Outcome> {
        let outcome = self.ok(client, arguments).await?;
        ensure!(outcome.says(text), "this was to say {text:?}:\n{}", self.transcript.last());
        Ok(outcome)
    }

    /// Runs a command that must end with exit code 1 and say `text`.
    ///
    /// # Errors
    /// It did not.
    pub async fn fails(
        &mut self,
        client: &NotaryClient,
        arguments: &[&str],
        text: &str,
    ) -> Result<Outcome> {
        let outcome = self.play(client, arguments, "").await?;
        let fits = outcome.code == Some(1) && outcome.says(text);
        ensure!(fits, "this was to fail with {text:?}:\n{}", self.transcript.last());
        Ok(outcome)
    }

    /// Runs a command that must end with exit code 1 for a reason that each server words its own
    /// way, by decision: an accepted difference, of which the texts are no part of the comparison.
    ///
    /// # Errors
    /// It did not fail, or gave another reason.
    pub async fn fails_in_own_words(
        &mut self,
        client: &NotaryClient,
        arguments: &[&str],
        words: OwnWords,
    ) -> Result<()> {
        let text = match self.server {
            Server::Go(_) => words.go,
            Server::Countersign(_) | Server::CountersignRestarted(_) | Server::Mixed(_) => {
                words.countersign
            }
        };
        let outcome = self.run_unrecorded(client, arguments, "").await?;
        let fits = outcome.code == Some(1) && outcome.says(text);
        ensure!(fits, "this was to fail with {text:?}: {outcome:?}");
        let stdout = "(each server's own words)".to_owned();
        self.record(arguments, &Outcome { stdout, stderr: String::new(), ..outcome });
        Ok(())
    }

    /// Writes down a command that a client ran on its own.
    pub fn record(&mut self, arguments: &[&str], outcome: &Outcome) {
        self.transcript.record(&format!("notary {}", arguments.join(" ")), outcome);
    }

    /// The ID of the one key that a client holds under `role`, asked with `notary key list`.
    ///
    /// # Errors
    /// The client holds none or several.
    pub async fn key_id(&self, client: &NotaryClient, role: &str) -> Result<String> {
        let listed = client.run(&["key", "list"]).await?.stdout;
        let rows = listed.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
        let ids: Vec<&str> = rows
            .filter(|row| row.first() == Some(&role))
            .flat_map(|row| row.into_iter().find(|word| is_id(word)))
            .collect();
        match ids.as_slice() {
            [id] => Ok((*id).to_owned()),
            other => anyhow::bail!("{} keys for {role}:\n{listed}", other.len()),
        }
    }

    async fn play(
        &mut self,
        client: &NotaryClient,
        arguments: &[&str],
        input: &str,
    ) -> Result<Outcome> {
        let outcome = self.run_unrecorded(client, arguments, input).await?;
        self.record(arguments, &outcome);
        Ok(outcome)
    }

    async fn run_unrecorded(
        &mut self,
        client: &NotaryClient,
        arguments: &[&str],
        input: &str,
    ) -> Result<Outcome> {
        if let Server::CountersignRestarted(server) = &mut self.server {
            server.restart().await?;
        }
        client.run_with_input(arguments, input).await
    }
}

/// What the client says against each server where the two differ by decision.
#[derive(Debug, Clone, Copy)]
pub struct OwnWords {
    /// Part of what it says against the Go server.
    pub go: &'static str,
    /// Part of what it says against Countersign.
    pub countersign: &'static str,
}

/// The SHA-256 of some bytes in lower-case hex.
#[must_use]
pub fn sha256_hex(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}

fn is_id(word: &str) -> bool {
    word.len() == 64 && word.bytes().all(|byte| byte.is_ascii_hexdigit())
}
