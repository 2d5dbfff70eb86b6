//! Runs of `countersign import`, and of the server on what they moved.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use countersign_tests::peers::countersign::{binary, healthy};
use countersign_tests::peers::go_notary::GoNotary;
use countersign_tests::peers::process::{PATIENCE, Process, Program, steady_port};
use countersign_tests::wire::Endpoint;
use serde_json::Value;
use tokio::time::{Duration, Instant, sleep};

/// Where an import moves to.
pub(crate) struct Target {
    pub(crate) data: PathBuf,
    /// A server's database, if not the embedded one.
    pub(crate) database: Option<String>,
}

impl Target {
    fn program(&self, command: &str) -> Result<Program> {
        let data = self.data.to_string_lossy().into_owned();
        let mut arguments = vec![command.to_owned(), "--data-dir".to_owned(), data];
        if let Some(url) = &self.database {
            arguments.extend(["--database".to_owned(), url.clone()]);
        }
        Ok(Program::new(binary()?).args(arguments))
    }

    /// An import that has begun, by the files of Notary's own.
    pub(crate) fn import(&self, go: &GoNotary, more: &[&str]) -> Result<Process> {
        let (server, signer) = (go.server_config(), go.signer_config());
        let (server, signer) = (server.to_string_lossy(), signer.to_string_lossy());
        let from = ["--from-config", &server, "--from-signer-config", &signer, "--format", "json"];
        let program = self.program("import")?.args([&from[..], more].concat());
        let program = program.env("NOTARY_SIGNER_FIRST", GoNotary::PASSPHRASE);
        Process::spawn("countersign import", &program, None)
    }

    /// An import to its end: the exit code and the report.
    pub(crate) async fn imported(&self, go: &GoNotary, more: &[&str]) -> Result<(i32, Value)> {
        let mut process = self.import(go, more)?;
        let code = process.ended().await?.code().context("an end by a signal")?;
        Ok((code, report(&process.log())?))
    }

    /// `countersign check`: the exit code and what it said.
    pub(crate) async fn check(&self) -> Result<(Option<i32>, String)> {
        let mut process = Process::spawn("countersign check", &self.program("check")?, None)?;
        Ok((process.ended().await?.code(), process.log()))
    }

    /// The server on it.
    pub(crate) async fn serve(&self, variables: &[(&str, &str)]) -> Result<(Process, Endpoint)> {
        let port = steady_port()?;
        let listen = format!("127.0.0.1:{port}");
        let mut program = self.program("serve")?.args(["--listen".to_owned(), listen]);
        for (name, value) in variables {
            program = program.env(name, value);
        }
        let mut process = Process::spawn("countersign", &program, None)?;
        process.line(|line| line.contains("listening on").then_some(())).await?;
        let endpoint = Endpoint::new(port, self.data.join("certs/ca.crt"));
        healthy(&mut process, &endpoint).await?;
        Ok((process, endpoint))
    }
}

/// The report among what a run wrote.
pub(crate) fn report(log: &str) -> Result<Value> {
    let line = log.lines().find(|line| line.starts_with('{'));
    Ok(serde_json::from_str(line.with_context(|| format!("no report:\n{log}"))?)?)
}

/// Waits until at least so many GUNs have arrived.
pub(crate) async fn arrived(path: &Path, guns: usize, process: &mut Process) -> Result<usize> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let there = super::stored::count_guns(path).await.unwrap_or(0);
        if there >= guns {
            return Ok(there);
        }
        process.still_runs()?;
        ensure!(Instant::now() < deadline, "{there} GUNs arrived\n{}", process.log());
        sleep(Duration::from_millis(5)).await;
    }
}
