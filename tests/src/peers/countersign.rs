//! Our own server, as the binary that users run.
//!
//! What never comes in: our crates; this is the product seen from outside.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitStatus;

use anyhow::{Context, Result, bail};
use rustix::process::Signal;
use tempfile::TempDir;
use tokio::time::{Duration, Instant, sleep};

use super::notary_client::copy_folder;
use super::process::{PATIENCE, Process, Program, free_port, steady_port};
use crate::wire::{Endpoint, Wire};

const POLL: Duration = Duration::from_millis(10);

/// The file of settings, kept in the data directory.
const SETTINGS: &str = "countersign.toml";

/// A `countersign serve` on a data directory of its own.
#[derive(Debug)]
pub struct Countersign {
    // Dropped in this order: the process ends before its directory goes.
    process: Process,
    endpoint: Endpoint,
    data: TempDir,
    /// The URL that its environment names, if any.
    database: Option<String>,
}

impl Countersign {
    /// Starts it on a free port and waits until it is healthy.
    ///
    /// # Errors
    /// The binary is not built (the message says how) or does not start.
    pub async fn start() -> Result<Self> {
        Self::start_with("").await
    }

    /// The same with a file of these settings, which a later start reads too.
    ///
    /// # Errors
    /// As [`Countersign::start`], or the settings are refused.
    pub async fn start_with(settings: &str) -> Result<Self> {
        let data = TempDir::new()?;
        fs::write(data.path().join(SETTINGS), settings)?;
        let (process, endpoint) = serve(data.path(), 0, None).await?;
        Ok(Self { process, endpoint, data, database: None })
    }

    /// The same on a port that nobody takes while it is down, for a test that ends it and starts
    /// it again beside many connections.
    ///
    /// # Errors
    /// As [`Countersign::start_with`].
    pub async fn start_steady(settings: &str) -> Result<Self> {
        let data = TempDir::new()?;
        fs::write(data.path().join(SETTINGS), settings)?;
        let (process, endpoint) = serve(data.path(), steady_port()?, None).await?;
        Ok(Self { process, endpoint, data, database: None })
    }

    /// Starts it on a copy of a data directory, or of a backup of one.
    ///
    /// # Errors
    /// As [`Countersign::start`], or the directory cannot be copied.
    pub async fn start_on(directory: &Path) -> Result<Self> {
        let data = TempDir::new()?;
        copy_folder(directory, data.path())?;
        fs::write(data.path().join(SETTINGS), "")?;
        let (process, endpoint) = serve(data.path(), 0, None).await?;
        Ok(Self { process, endpoint, data, database: None })
    }

    /// The same with a file of these settings.
    ///
    /// # Errors
    /// As [`Countersign::start_on`], or the settings are refused.
    pub async fn start_on_with(directory: &Path, settings: &str) -> Result<Self> {
        let data = TempDir::new()?;
        copy_folder(directory, data.path())?;
        fs::write(data.path().join(SETTINGS), settings)?;
        let (process, endpoint) = serve(data.path(), 0, None).await?;
        Ok(Self { process, endpoint, data, database: None })
    }

    /// Starts it with what a database server keeps, whose URL it finds in its environment.
    ///
    /// # Errors
    /// As [`Countersign::start`].
    pub async fn start_on_database(url: &str) -> Result<Self> {
        Self::start_on_database_with(url, "").await
    }

    /// The same with a file of these settings.
    ///
    /// # Errors
    /// As [`Countersign::start`], or the settings are refused.
    pub async fn start_on_database_with(url: &str, settings: &str) -> Result<Self> {
        let data = TempDir::new()?;
        fs::write(data.path().join(SETTINGS), settings)?;
        let (process, endpoint) = serve(data.path(), 0, Some(url)).await?;
        Ok(Self { process, endpoint, data, database: Some(url.to_owned()) })
    }

    /// As [`Countersign::start_with`] without waiting for its health, on a port that is known
    /// before it says so.
    ///
    /// # Errors
    /// The binary is not built or is not started.
    pub async fn start_unready(settings: &str) -> Result<Self> {
        let data = TempDir::new()?;
        fs::write(data.path().join(SETTINGS), settings)?;
        let port = free_port()?;
        let mut process = spawn(data.path(), port, None)?;
        process.listens(port).await?;
        let authority = data.path().join("certs/ca.crt");
        let deadline = Instant::now() + PATIENCE;
        while !authority.exists() {
            process.still_runs()?;
            if Instant::now() > deadline {
                bail!("countersign made no certificate\n{}", process.log());
            }
            sleep(POLL).await;
        }
        let endpoint = Endpoint::new(port, authority);
        Ok(Self { process, endpoint, data, database: None })
    }

    /// Waits until it is healthy.
    ///
    /// # Errors
    /// It ends, or is not in time.
    pub async fn healthy(&mut self) -> Result<()> {
        healthy(&mut self.process, &self.endpoint).await
    }

    /// Where it answers.
    #[must_use]
    pub fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// Its data directory.
    #[must_use]
    pub fn data(&self) -> &Path {
        self.data.path()
    }

    /// What it has written so far.
    #[must_use]
    pub fn log(&self) -> String {
        self.process.log()
    }

    /// The number of its process, for whoever reads below `/proc`.
    #[must_use]
    pub fn process_id(&self) -> u32 {
        self.process.id()
    }

    /// The processor time that it has used so far.
    ///
    /// # Errors
    /// It is gone.
    pub fn processor_time(&self) -> Result<Duration> {
        self.process.processor_time()
    }

    /// The memory that it has in use now, in KiB.
    ///
    /// # Errors
    /// It is gone.
    pub fn memory_kib(&self) -> Result<u64> {
        self.process.memory_kib()
    }

    /// The most memory that it has had in use, in KiB.
    ///
    /// # Errors
    /// It is gone.
    pub fn peak_memory_kib(&self) -> Result<u64> {
        self.process.peak_memory_kib()
    }

    /// The most bytes that a file may have which it writes to; `None`: any number.
    ///
    /// # Errors
    /// It is gone.
    pub fn limit_files(&self, bytes: Option<u64>) -> Result<()> {
        self.process.limit_files(bytes)
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

    /// Starts it again on the same directory and the same port.
    ///
    /// # Errors
    /// It does not start, or answers elsewhere.
    pub async fn start_again(&mut self) -> Result<()> {
        let database = self.database.as_deref();
        let (process, endpoint) = serve(self.data.path(), self.endpoint.port(), database).await?;
        self.process = process;
        self.endpoint = endpoint;
        Ok(())
    }

    /// The same without waiting for its health: only until it listens.
    ///
    /// # Errors
    /// It does not start, or answers elsewhere.
    pub async fn start_again_unready(&mut self) -> Result<()> {
        let (data, database) = (self.data.path(), self.database.as_deref());
        let mut process = spawn(data, self.endpoint.port(), database)?;
        let port = process.line(port_in).await?;
        self.endpoint = Endpoint::new(port, data.join("certs/ca.crt"));
        self.process = process;
        Ok(())
    }

    /// Stops it with SIGTERM and starts it again.
    ///
    /// # Errors
    /// It does not stop with code 0, or does not start again.
    pub async fn restart(&mut self) -> Result<()> {
        self.ask_to_stop()?;
        let status = self.ended().await?;
        if !status.success() {
            bail!("SIGTERM ended countersign with {status}\n{}", self.log());
        }
        self.start_again().await
    }
}

fn spawn(data: &Path, port: u16, database: Option<&str>) -> Result<Process> {
    let mut program = Program::new(binary()?).args([
        "serve".to_owned(),
        "--config".to_owned(),
        data.join(SETTINGS).to_string_lossy().into_owned(),
        "--data-dir".to_owned(),
        data.to_string_lossy().into_owned(),
        "--listen".to_owned(),
        format!("127.0.0.1:{port}"),
    ]);
    if let Some(url) = database {
        program = program.env("COUNTERSIGN_DATABASE_URL", url);
    }
    Process::spawn("countersign", &program, None)
}

async fn serve(data: &Path, port: u16, database: Option<&str>) -> Result<(Process, Endpoint)> {
    let mut process = spawn(data, port, database)?;
    let port = process.line(port_in).await?;
    let endpoint = Endpoint::new(port, data.join("certs/ca.crt"));
    healthy(&mut process, &endpoint).await?;
    Ok((process, endpoint))
}

/// The start-up lines name the real address as a URL.
fn port_in(line: &str) -> Option<u16> {
    let (_, rest) = line.split_once("https://localhost:")?;
    let digits = rest.split(|c: char| !c.is_ascii_digit()).next()?;
    digits.parse().ok()
}

/// Waits until a server that was started in another way is healthy.
///
/// # Errors
/// It ends, or is not in time.
pub async fn healthy(process: &mut Process, endpoint: &Endpoint) -> Result<()> {
    let wire = Wire::to(endpoint)?;
    let deadline = Instant::now() + PATIENCE;
    loop {
        let answer = wire.get("/_notary_server/health").await;
        if answer.as_ref().is_ok_and(|answer| answer.status == 200) {
            return Ok(());
        }
        process.still_runs()?;
        if Instant::now() > deadline {
            bail!("countersign is not healthy: {answer:?}\n{}", process.log());
        }
        sleep(POLL).await;
    }
}

/// `COUNTERSIGN_BIN`, else the binary that cargo builds beside tests and benches (`target/PROFILE/`).
///
/// # Errors
/// It is not built; the message says how.
pub fn binary() -> Result<PathBuf> {
    if let Some(path) = env::var_os("COUNTERSIGN_BIN") {
        return Ok(path.into());
    }
    let program = env::current_exe()?;
    let folder = program.parent().context("a program without a folder")?;
    // Tests are one folder deeper than programs.
    let profile = folder.parent().filter(|_| folder.ends_with("deps")).unwrap_or(folder);
    let binary = profile.join("countersign");
    if !binary.is_file() {
        bail!(
            "{} is not built: run `cargo build --bin countersign` (with the tests' profile) \
             or set COUNTERSIGN_BIN",
            binary.display()
        );
    }
    Ok(binary)
}
