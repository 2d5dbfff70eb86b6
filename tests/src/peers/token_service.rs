//! A token service that is not ours: a small program on Debian's `python3-jwt`
//! (`token_service.py`), which issues what docker_auth, Harbor and GitLab issue.
//!
//! What never comes in: our crates; keys and certificates are brought by whoever starts it.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Result, bail};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::process::{Process, Program, free_port, missing};

const PYTHON: &str = "/usr/bin/python3";

/// Where the Debian package `python3-jwt` puts what the program needs most.
const LIBRARY: &str = "/usr/lib/python3/dist-packages/jwt/__init__.py";

const PROGRAM: &str = include_str!("token_service.py");

/// What its tokens say and how they are signed.
#[derive(Debug, Clone)]
pub struct Tokens {
    /// The private key, a PEM file.
    pub key: PathBuf,
    /// Certificates as PEM files, the key's own first.
    pub certificates: Vec<PathBuf>,
    /// `RS256`, `ES256` and so on.
    pub algorithm: &'static str,
    /// How the header names the key: `kid`, `jwk` (EC keys only) or `x5c`.
    pub form: &'static str,
    /// The claim `iss`.
    pub issuer: &'static str,
}

/// Whether it gives out refresh tokens, which clients then keep in place of passwords.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refresh {
    /// It does, and takes them by `POST`.
    Given,
    /// It knows neither.
    Unknown,
}

/// A running service.
#[derive(Debug)]
pub struct TokenService {
    // Dropped in this order: the process ends before its directory goes.
    process: Process,
    port: u16,
    _directory: TempDir,
}

impl TokenService {
    /// Starts it for these users: `{name: {"password": …, "may": {pattern: [action, …]}}}`, where
    /// the name `""` is anonymous.
    ///
    /// # Errors
    /// Something is not installed (the message names the package) or it does not start.
    pub async fn start(tokens: &Tokens, users: &Value, refresh: Refresh) -> Result<Self> {
        if !Path::new(LIBRARY).is_file() {
            return Err(missing(LIBRARY, "python3-jwt"));
        }
        let (directory, port) = (TempDir::new()?, free_port()?);
        let program = directory.path().join("token_service.py");
        fs::write(&program, PROGRAM)?;
        let settings = directory.path().join("settings.json");
        let text = json!({
            "listen": ["127.0.0.1", port],
            "key": tokens.key,
            "certificates": tokens.certificates,
            "algorithm": tokens.algorithm,
            "form": tokens.form,
            "issuer": tokens.issuer,
            "users": users,
            "refresh": refresh == Refresh::Given,
        });
        fs::write(&settings, text.to_string())?;
        let program = Program::new(PYTHON.into())
            .args([program.to_string_lossy(), settings.to_string_lossy()]);
        let mut process = Process::spawn("token service", &program, None)?;
        process.line(|line| (line == "ready").then_some(())).await?;
        Ok(Self { process, port, _directory: directory })
    }

    /// The URL that servers name as the realm.
    #[must_use]
    pub fn realm(&self) -> String {
        format!("http://127.0.0.1:{}/token", self.port)
    }

    /// What it was asked so far, one request a line: `gave HOW 'USER' SERVICE SCOPES` or
    /// `refused HOW`.
    #[must_use]
    pub fn log(&self) -> String {
        self.process.log()
    }

    /// Fails when nobody asked in this way.
    ///
    /// # Errors
    /// No line of its log is this one.
    pub fn was_asked(&self, line: &str) -> Result<()> {
        if !self.log().lines().any(|said| said == line) {
            bail!("the token service never said {line:?} but\n{}", self.log());
        }
        Ok(())
    }
}
