//! A server with an audit log, clients who change something without end, and what is in the log.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Context, Result, ensure};
use countersign_tests::peers::countersign::{Countersign, binary};
use countersign_tests::wire::{Answer, Endpoint, Wire};
use http::Method;
use serde_json::Value;
use tokio::process::Command;
use tokio::sync::watch;
use tokio::task::JoinSet;

/// How many clients there are.
const CLIENTS: usize = 8;

/// A server whose audit log is in its data directory.
pub(crate) struct Bench {
    pub(crate) server: Countersign,
    pub(crate) wire: Wire,
}

impl Bench {
    /// `settings` are more lines of `[audit]`.
    pub(crate) async fn with(settings: &str) -> Result<Self> {
        let settings = format!("[audit]\nfile = \"audit.log\"\n{settings}\n");
        let server = Countersign::start_with(&settings).await?;
        let wire = Wire::to(server.endpoint())?;
        Ok(Self { server, wire })
    }

    pub(crate) async fn again(&mut self) -> Result<()> {
        self.server.start_again().await?;
        self.wire = Wire::to(self.server.endpoint())?;
        Ok(())
    }

    pub(crate) async fn stop(&mut self) -> Result<()> {
        self.server.ask_to_stop()?;
        ensure!(self.server.ended().await?.success(), "{}", self.server.log());
        Ok(())
    }

    pub(crate) async fn delete(&self, gun: &str) -> Result<Answer> {
        delete(&self.wire, gun).await
    }

    /// Every file of the log, oldest first where numbers say so.
    pub(crate) fn files(&self) -> Result<Vec<PathBuf>> {
        let mut files = Vec::new();
        for entry in fs::read_dir(self.server.data())? {
            let path = entry?.path();
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            if name.starts_with("audit.log") && !name.ends_with(".lock") {
                files.push(path);
            }
        }
        Ok(files)
    }

    /// What `audit verify` says of them, with the exit code.
    pub(crate) async fn verify(&self) -> Result<(i32, Value)> {
        let (code, mut logs) = verify(&self.files()?).await?;
        ensure!(logs.len() == 1, "{logs:?}");
        Ok((code, logs.remove(0)))
    }

    /// Every line that is a record.
    pub(crate) fn records(&self) -> Result<Vec<Value>> {
        let mut records = Vec::new();
        for file in self.files()? {
            let text = fs::read_to_string(file)?;
            records.extend(text.lines().filter_map(|line| serde_json::from_str(line).ok()));
        }
        Ok(records)
    }

    /// Whether each of these changes has its record, once.
    pub(crate) fn has_all(&self, acknowledged: &[String]) -> Result<()> {
        let mut recorded = std::collections::BTreeMap::<String, u32>::new();
        for record in self.records()? {
            let text = |member: &str| record.get(member).and_then(Value::as_str);
            if text("outcome") == Some("accepted")
                && let Some(id) = text("request_id")
            {
                *recorded.entry(id.to_owned()).or_default() += 1;
            }
        }
        for id in acknowledged {
            ensure!(recorded.get(id) == Some(&1), "{id} was answered 200: {:?}", recorded.get(id));
        }
        Ok(())
    }
}

pub(crate) async fn delete(wire: &Wire, gun: &str) -> Result<Answer> {
    wire.send(Method::DELETE, &format!("/v2/{gun}/_trust/tuf/"), None, Vec::new()).await
}

/// What `audit verify` says of these files: its exit code, and one object per log.
pub(crate) async fn verify(files: &[PathBuf]) -> Result<(i32, Vec<Value>)> {
    let mut command = Command::new(binary()?);
    let output = command.args(["audit", "verify", "--format", "json"]).args(files).output().await?;
    let text = String::from_utf8(output.stdout)?;
    let logs: Result<Vec<Value>, _> = text.lines().map(serde_json::from_str).collect();
    Ok((output.status.code().context("killed")?, logs?))
}

/// Clients who delete until they are stopped or get no answer.
pub(crate) struct Load {
    clients: JoinSet<Vec<String>>,
    stop: Arc<AtomicBool>,
    answered: watch::Receiver<usize>,
}

impl Load {
    pub(crate) fn on(endpoint: &Endpoint) -> Result<Self> {
        let (count, answered) = watch::channel(0_usize);
        let count = Arc::new(count);
        let stop = Arc::new(AtomicBool::new(false));
        let mut clients = JoinSet::new();
        for client in 0..CLIENTS {
            let (wire, count, stop) = (Wire::to(endpoint)?, Arc::clone(&count), Arc::clone(&stop));
            clients.spawn(async move {
                let mut acknowledged = Vec::new();
                while !stop.load(Ordering::Relaxed) {
                    let Ok(answer) = delete(&wire, &format!("load/{client}")).await else { break };
                    if answer.status == 200 {
                        acknowledged.push(answer.header("x-request-id").to_owned());
                        count.send_modify(|count| *count += 1);
                    }
                }
                acknowledged
            });
        }
        Ok(Self { clients, stop, answered })
    }

    /// Waits until so many changes are acknowledged.
    pub(crate) async fn reaches(&mut self, changes: usize) -> Result<()> {
        self.answered.wait_for(|answered| *answered >= changes).await?;
        Ok(())
    }

    /// The IDs of those that were acknowledged.
    pub(crate) async fn end(self) -> Vec<String> {
        self.stop.store(true, Ordering::Relaxed);
        self.clients.join_all().await.concat()
    }
}

pub(crate) fn size(path: &Path) -> Result<u64> {
    Ok(fs::metadata(path)?.len())
}
