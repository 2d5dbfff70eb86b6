//! Debian's `haproxy` under a configuration that the caller brings.
//!
//! What never comes in: what it is to do.

use std::path::Path;

use anyhow::Result;
use tempfile::TempDir;

use super::process::{Process, Program, missing};

const PROGRAM: &str = "/usr/sbin/haproxy";

/// A running load balancer.
#[derive(Debug)]
pub struct Haproxy {
    // Dropped in this order: the process ends before its configuration goes.
    process: Process,
    _directory: TempDir,
}

impl Haproxy {
    /// Starts it with this configuration and waits until it takes connections on `port`.
    ///
    /// # Errors
    /// It is not installed (the message names the package), or refuses the configuration.
    pub async fn start(configuration: &str, port: u16) -> Result<Self> {
        if !Path::new(PROGRAM).is_file() {
            return Err(missing(PROGRAM, "haproxy"));
        }
        let directory = TempDir::new()?;
        let file = directory.path().join("haproxy.cfg");
        std::fs::write(&file, configuration)?;
        let file = file.to_string_lossy().into_owned();
        // In the foreground, as in a container.
        let program = Program::new(PROGRAM.into()).args(["-db".to_owned(), "-f".to_owned(), file]);
        let mut process = Process::spawn("haproxy", &program, None)?;
        process.listens(port).await?;
        Ok(Self { process, _directory: directory })
    }

    /// Waits until it has said this.
    ///
    /// # Errors
    /// It has ended, or has not said it in time.
    pub async fn says(&mut self, text: &str) -> Result<()> {
        self.process.line(|line| line.contains(text).then_some(())).await
    }

    /// What it has written so far.
    #[must_use]
    pub fn log(&self) -> String {
        self.process.log()
    }
}
