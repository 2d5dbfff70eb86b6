//! Debian's `docker` client, one home directory per handle.
//!
//! It is called by its path, since another docker may stand first on `PATH`; `DOCKER_CLIENT_BIN`
//! names another one. It never sees a terminal, takes its passphrases from the environment, and is
//! killed when it takes longer than a minute. To it the registry's name leads to an address that is
//! not loopback and that nobody has: only the daemon talks to the registry (see
//! [`super::registry`] for the reason).
//! What never comes in: what its words mean.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Result, bail};
use tokio::process::Command;
use tokio::time::timeout;

use super::dockerd::Dockerd;
use super::notary_client::{Outcome, ROOT_PASSPHRASE, TARGETS_PASSPHRASE};
use super::process::{find, missing};
use super::registry;
use crate::wire::Endpoint;

/// The environment variable that names another client than Debian's.
const CLIENT_VARIABLE: &str = "DOCKER_CLIENT_BIN";

const CLIENT: &str = "/usr/bin/docker";
const TIME_LIMIT: Duration = Duration::from_secs(60);

/// The variable with the passphrase of every key but the root's.
pub const REPOSITORY_PASSPHRASE_VARIABLE: &str = "DOCKER_CONTENT_TRUST_REPOSITORY_PASSPHRASE";

/// Prepares the namespace; its first argument is the file of hosts, then comes the client.
const APART: &str = "mount --bind \"$0\" /etc/hosts && exec \"$@\"";

/// A user with a home directory.
#[derive(Debug, Clone)]
pub struct DockerClient {
    program: PathBuf,
    unshare: PathBuf,
    home: PathBuf,
    socket: PathBuf,
    environment: Vec<(&'static str, String)>,
}

impl DockerClient {
    /// A user of `daemon` with content trust switched on, whose home, made when missing, holds the
    /// CA of the trust server where docker looks for it.
    ///
    /// # Errors
    /// A program is missing (the message names the package) or the home cannot be written.
    pub fn new(home: &Path, daemon: &Dockerd, trust_server: &Endpoint) -> Result<Self> {
        let program: PathBuf = env::var_os(CLIENT_VARIABLE).unwrap_or_else(|| CLIENT.into()).into();
        if !program.is_file() {
            return Err(missing(&program.to_string_lossy(), "docker.io"));
        }
        fs::create_dir_all(home)?;
        let hosts = format!("127.0.0.1 localhost\n192.0.2.1 {}\n", registry::NAME);
        fs::write(home.join("hosts"), hosts)?;
        let client = Self {
            program,
            unshare: find("unshare", "util-linux")?,
            home: home.to_owned(),
            socket: daemon.socket(),
            environment: vec![
                ("DOCKER_CONTENT_TRUST", "1".to_owned()),
                ("DOCKER_CONTENT_TRUST_ROOT_PASSPHRASE", ROOT_PASSPHRASE.to_owned()),
                (REPOSITORY_PASSPHRASE_VARIABLE, TARGETS_PASSPHRASE.to_owned()),
            ],
        };
        client.asking(trust_server)
    }

    /// The same user, asking another trust server from now on.
    ///
    /// # Errors
    /// The home cannot be written.
    pub fn asking(&self, trust_server: &Endpoint) -> Result<Self> {
        let host = format!("localhost:{}", trust_server.port());
        let folder = self.home.join(".docker/tls").join(host);
        fs::create_dir_all(&folder)?;
        fs::copy(trust_server.ca(), folder.join("ca.crt"))?;
        Ok(self.with("DOCKER_CONTENT_TRUST_SERVER", &trust_server.url()))
    }

    /// The same user with content trust switched off.
    #[must_use]
    pub fn without_trust(&self) -> Self {
        self.with("DOCKER_CONTENT_TRUST", "0")
    }

    /// The same user with an environment variable set to something else.
    #[must_use]
    pub fn with(&self, name: &'static str, value: &str) -> Self {
        let mut changed = self.without(name);
        changed.environment.push((name, value.to_owned()));
        changed
    }

    /// The same user without an environment variable.
    #[must_use]
    pub fn without(&self, name: &str) -> Self {
        let mut changed = self.clone();
        changed.environment.retain(|(set, _)| *set != name);
        changed
    }

    /// The directory of keys and trust data, which `notary` can use too.
    #[must_use]
    pub fn trust_dir(&self) -> PathBuf {
        self.home.join(".docker/trust")
    }

    /// Runs one command without input.
    ///
    /// # Errors
    /// The client cannot be started or does not end.
    pub async fn run(&self, arguments: &[&str]) -> Result<Outcome> {
        let running = Command::new(&self.unshare)
            .args(["--mount", "--", "/bin/sh", "-c", APART])
            .arg(self.home.join("hosts"))
            .arg(&self.program)
            .args(arguments)
            .current_dir(&self.home)
            .env_clear()
            .env("HOME", &self.home)
            .env("PATH", "/usr/bin:/bin")
            .env("DOCKER_HOST", format!("unix://{}", self.socket.display()))
            .env("DOCKER_BUILDKIT", "0")
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .kill_on_drop(true)
            .output();
        let Ok(output) = timeout(TIME_LIMIT, running).await else {
            bail!("`docker {}` did not end in a minute", arguments.join(" "));
        };
        let output = output?;
        Ok(Outcome {
            code: output.status.code(),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        })
    }
}
