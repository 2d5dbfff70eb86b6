//! The real `notary` client, one trust directory per handle.
//!
//! It never sees a terminal, takes its passphrases from the environment, and is killed when it
//! takes longer than a minute.
//! What never comes in: what its words mean.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use tokio::io::AsyncWriteExt;
use tokio::process::Command;
use tokio::time::timeout;

use super::process::find;
use crate::wire::Endpoint;

/// The passphrase that opens the client's root keys.
pub const ROOT_PASSPHRASE: &str = "root passphrase";

/// The passphrase that opens the client's targets keys.
pub const TARGETS_PASSPHRASE: &str = "targets passphrase";

/// The passphrase that opens the client's delegation keys.
pub const DELEGATION_PASSPHRASE: &str = "delegation passphrase";

const TIME_LIMIT: Duration = Duration::from_secs(60);

/// A user with a trust directory.
#[derive(Debug, Clone)]
pub struct NotaryClient {
    program: PathBuf,
    trust_dir: PathBuf,
    endpoint: Endpoint,
    /// What `NOTARY_AUTH` holds.
    credentials: Option<String>,
}

impl NotaryClient {
    /// A user whose trust directory is `trust_dir`, made when missing.
    ///
    /// # Errors
    /// `notary` is not installed (the message names the package).
    pub fn new(trust_dir: &Path, endpoint: &Endpoint) -> Result<Self> {
        fs::create_dir_all(trust_dir)?;
        Ok(Self {
            program: find("notary", "notary")?,
            trust_dir: trust_dir.to_owned(),
            endpoint: endpoint.clone(),
            credentials: None,
        })
    }

    /// Another user that starts from a copy of this one's trust directory as it is now.
    ///
    /// # Errors
    /// The directory cannot be copied.
    pub fn copy_to(&self, trust_dir: &Path) -> Result<Self> {
        copy_folder(&self.trust_dir, trust_dir)?;
        Ok(Self { trust_dir: trust_dir.to_owned(), ..self.clone() })
    }

    /// The same user, asking elsewhere.
    #[must_use]
    pub fn asking(&self, endpoint: &Endpoint) -> Self {
        Self { endpoint: endpoint.clone(), ..self.clone() }
    }

    /// The same user with a name and a password in `NOTARY_AUTH`.
    #[must_use]
    pub fn named(&self, user: &str, password: &str) -> Self {
        let credentials = Some(STANDARD.encode(format!("{user}:{password}")));
        Self { credentials, ..self.clone() }
    }

    /// The exact bytes that the client keeps of a role (`root`, `targets/alice`, …).
    ///
    /// # Errors
    /// The client keeps none.
    pub fn cached(&self, gun: &str, role: &str) -> Result<Vec<u8>> {
        let file = self.cache_file(gun, role);
        fs::read(&file).with_context(|| format!("the client keeps no {}", file.display()))
    }

    /// Makes the client keep these bytes of a role instead: what it kept has grown old meanwhile.
    ///
    /// # Errors
    /// The client keeps none.
    pub fn age_cached(&self, gun: &str, role: &str, bytes: &[u8]) -> Result<()> {
        self.cached(gun, role)?;
        Ok(fs::write(self.cache_file(gun, role), bytes)?)
    }

    /// Runs one command without input.
    ///
    /// # Errors
    /// The client cannot be started or does not end.
    pub async fn run(&self, arguments: &[&str]) -> Result<Outcome> {
        self.run_with_input(arguments, "").await
    }

    /// Runs one command that reads `input`.
    ///
    /// # Errors
    /// The client cannot be started or does not end.
    pub async fn run_with_input(&self, arguments: &[&str], input: &str) -> Result<Outcome> {
        let mut child = Command::new(&self.program)
            .arg("--server")
            .arg(self.endpoint.url())
            .arg("--tlscacert")
            .arg(self.endpoint.ca())
            .arg("--trustDir")
            .arg(&self.trust_dir)
            .args(arguments)
            .env_clear()
            .env("HOME", &self.trust_dir)
            .env("NOTARY_ROOT_PASSPHRASE", ROOT_PASSPHRASE)
            .env("NOTARY_TARGETS_PASSPHRASE", TARGETS_PASSPHRASE)
            .env("NOTARY_SNAPSHOT_PASSPHRASE", "snapshot passphrase")
            .env("NOTARY_DELEGATION_PASSPHRASE", DELEGATION_PASSPHRASE)
            .envs(self.credentials.iter().map(|credentials| ("NOTARY_AUTH", credentials)))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()?;
        let mut stdin = child.stdin.take().context("a client without input")?;
        // A client that ends without reading closes the pipe; that is its right.
        stdin.write_all(input.as_bytes()).await.ok();
        drop(stdin);
        let Ok(output) = timeout(TIME_LIMIT, child.wait_with_output()).await else {
            bail!("`notary {}` did not end in a minute", arguments.join(" "));
        };
        let output = output?;
        Ok(Outcome {
            code: output.status.code(),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        })
    }

    fn cache_file(&self, gun: &str, role: &str) -> PathBuf {
        self.trust_dir.join(format!("tuf/{gun}/metadata/{role}.json"))
    }
}

/// How a command ended and what it said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// The exit code; none when a signal ended it.
    pub code: Option<i32>,
    /// Everything on standard output.
    pub stdout: String,
    /// Everything on standard error.
    pub stderr: String,
}

impl Outcome {
    /// Whether the exit code is 0.
    #[must_use]
    pub fn succeeded(&self) -> bool {
        self.code == Some(0)
    }

    /// Whether either output contains `text`.
    #[must_use]
    pub fn says(&self, text: &str) -> bool {
        self.stdout.contains(text) || self.stderr.contains(text)
    }
}

pub(super) fn copy_folder(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let copy = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy_folder(&entry.path(), &copy)?;
        } else {
            fs::copy(entry.path(), copy)?;
        }
    }
    Ok(())
}
