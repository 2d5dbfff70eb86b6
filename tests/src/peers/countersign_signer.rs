//! Our signer, as the binary that users run, with certificates for itself and for its clients.
//!
//! What never comes in: our crates; this is the product seen from outside.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitStatus;

use anyhow::{Result, bail};
use rustix::process::Signal;
use tempfile::TempDir;
use tokio::time::Duration;

use super::certs::{Authority, Pair};
use super::countersign::binary;
use super::process::{Process, Program, steady_port};

/// The file of settings, in its folder.
const SETTINGS: &str = "signer.toml";

/// A `countersign signer` with a folder of its own, on a port that nobody takes while it is down.
///
/// The folder has `ca.crt`, and for each of `signer` and `client` a certificate by that authority
/// with its key; the client's name is `client`.
#[derive(Debug)]
pub struct CountersignSigner {
    // Dropped in this order: the process ends before its folder goes.
    process: Process,
    port: u16,
    environment: Vec<(String, String)>,
    authority: Authority,
    folder: TempDir,
}

impl CountersignSigner {
    /// Starts it on a database file of its own and waits until it has its keys.
    ///
    /// # Errors
    /// The binary is not built (the message says how) or does not start.
    pub async fn start() -> Result<Self> {
        Self::start_with("", &[]).await
    }

    /// The same with these settings beside those of its certificates, and this environment. Both
    /// hold for later starts too.
    ///
    /// The settings may not have the sections `[tls]` and `[server]`.
    ///
    /// # Errors
    /// As [`CountersignSigner::start`], or the settings are refused.
    pub async fn start_with(settings: &str, environment: &[(&str, &str)]) -> Result<Self> {
        let mut signer = Self::start_unready(settings, environment)?;
        signer.ready().await?;
        Ok(signer)
    }

    /// The same without waiting for its keys.
    ///
    /// # Errors
    /// The binary is not built or is not started.
    pub fn start_unready(settings: &str, environment: &[(&str, &str)]) -> Result<Self> {
        let folder = TempDir::new()?;
        let authority = Authority::create(folder.path(), "CA of the signer and its clients")?;
        authority.leaf("signer")?;
        authority.leaf("client")?;
        let port = steady_port()?;
        let file = format!(
            "[server]\ndata_dir = 'data'\nlisten = '127.0.0.1:{port}'\n\
             [tls]\ncert = 'signer.crt'\nkey = 'signer.key'\nclient_ca = 'ca.crt'\n{settings}\n"
        );
        fs::write(folder.path().join(SETTINGS), file)?;
        let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        let environment: Vec<_> = environment.iter().map(owned).collect();
        let process = spawn(folder.path(), &environment)?;
        Ok(Self { process, port, environment, authority, folder })
    }

    /// Waits until it says that it has its keys.
    ///
    /// # Errors
    /// It ends, or is not in time.
    pub async fn ready(&mut self) -> Result<()> {
        self.process.line(|line| line.starts_with("listening on ").then_some(())).await
    }

    /// Where it says that it tells what it counts; it must be told to.
    ///
    /// # Errors
    /// It does not say so in time.
    pub async fn metrics(&mut self) -> Result<SocketAddr> {
        let address =
            |line: &str| line.strip_prefix("metrics at http://")?.split_once('/')?.0.parse().ok();
        self.process.line(address).await
    }

    /// Its port on loopback.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Its host and port, as `--signer` takes them.
    #[must_use]
    pub fn address(&self) -> String {
        format!("localhost:{}", self.port)
    }

    /// Where everything below is.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Its data directory.
    #[must_use]
    pub fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// Its file of settings.
    #[must_use]
    pub fn settings(&self) -> PathBuf {
        self.folder.path().join(SETTINGS)
    }

    /// Who issued its certificate and those of its clients.
    #[must_use]
    pub fn authority(&self) -> &Authority {
        &self.authority
    }

    /// The certificate and key of the client called `client`.
    #[must_use]
    pub fn client(&self) -> Pair {
        let path = |file: &str| self.folder.path().join(file);
        Pair { certificate: path("client.crt"), key: path("client.key") }
    }

    /// A server's section `[signer]` for it, as the client called `client`.
    #[must_use]
    pub fn signer_settings(&self) -> String {
        let (ca, client) = (self.authority.certificate(), self.client());
        format!(
            "[signer]\naddress = \"{}\"\nca = \"{}\"\ncert = \"{}\"\nkey = \"{}\"\n",
            self.address(),
            ca.display(),
            client.certificate.display(),
            client.key.display()
        )
    }

    /// What it has written so far.
    #[must_use]
    pub fn log(&self) -> String {
        self.process.log()
    }

    /// Fails when it has ended.
    ///
    /// # Errors
    /// It has; its log is in the message.
    pub fn still_runs(&mut self) -> Result<()> {
        self.process.still_runs()
    }

    /// The processor time that it has used so far.
    ///
    /// # Errors
    /// It is gone.
    pub fn processor_time(&self) -> Result<Duration> {
        self.process.processor_time()
    }

    /// The most memory that it has had in use, in KiB.
    ///
    /// # Errors
    /// It is gone.
    pub fn peak_memory_kib(&self) -> Result<u64> {
        self.process.peak_memory_kib()
    }

    /// The number of its process, for whoever reads below `/proc`.
    #[must_use]
    pub fn process_id(&self) -> u32 {
        self.process.id()
    }

    /// Asks it to stop (SIGTERM) and returns at once.
    ///
    /// # Errors
    /// It is already gone.
    pub fn ask_to_stop(&self) -> Result<()> {
        self.process.signal(Signal::TERM)
    }

    /// Asks it to read its files again (SIGHUP) and returns at once.
    ///
    /// # Errors
    /// It is already gone.
    pub fn hang_up(&self) -> Result<()> {
        self.process.signal(Signal::HUP)
    }

    /// Waits for its end.
    ///
    /// # Errors
    /// It does not end in time.
    pub async fn ended(&mut self) -> Result<ExitStatus> {
        self.process.ended().await
    }

    /// Stops it with SIGTERM.
    ///
    /// # Errors
    /// It does not stop with code 0.
    pub async fn stop(&mut self) -> Result<()> {
        self.ask_to_stop()?;
        let status = self.ended().await?;
        if !status.success() {
            bail!("SIGTERM ended the signer with {status}\n{}", self.log());
        }
        Ok(())
    }

    /// Kills it with signal 9.
    ///
    /// # Errors
    /// It cannot be killed.
    pub fn kill9(&mut self) -> Result<()> {
        self.process.kill9()
    }

    /// Stops it where it is (SIGSTOP), as a machine that hangs does.
    ///
    /// # Errors
    /// It is gone.
    pub fn pause(&self) -> Result<()> {
        self.process.pause()
    }

    /// Lets it go on.
    ///
    /// # Errors
    /// It is gone.
    pub fn resume(&self) -> Result<()> {
        self.process.resume()
    }

    /// Starts it again in the same folder and on the same port, and waits until it has its keys.
    ///
    /// # Errors
    /// It does not start.
    pub async fn start_again(&mut self) -> Result<()> {
        self.process = spawn(self.folder.path(), &self.environment)?;
        self.ready().await
    }
}

fn spawn(folder: &Path, environment: &[(String, String)]) -> Result<Process> {
    let mut program = Program::new(binary()?).args([
        "signer".to_owned(),
        "--config".to_owned(),
        folder.join(SETTINGS).to_string_lossy().into_owned(),
    ]);
    for (name, value) in environment {
        program = program.env(name, value);
    }
    Process::spawn("countersign signer", &program, None)
}
