//! Each signature leaves one line in the log: for whom, with which key of what, and never what was
//! signed.

use std::fs;
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use countersign_tests::peers::countersign::Countersign;
use countersign_tests::peers::process::PATIENCE;
use countersign_tests::upload;
use countersign_tests::wire::Wire;
use serde_json::Value;
use tempfile::TempDir;
use tokio::time::{Instant, interval};

const GUN: &str = "example.com/lab/app";

/// The lines about signatures in the log of a server.
pub(crate) fn signatures(log: &str) -> Vec<Value> {
    let lines = log.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    lines.filter(|line| line["target"] == "countersign::signatures").collect()
}

/// The members of the only line about `role`.
fn line_of<'a>(lines: &'a [Value], role: &str) -> Result<&'a Value> {
    let mut found = lines.iter().filter(|line| line["role"] == role);
    let line = found.next().with_context(|| format!("nothing of {role} in {lines:?}"))?;
    ensure!(found.next().is_none(), "{role} more than once in {lines:?}");
    Ok(line)
}

/// What stands at `path` in a document that the server sends.
async fn member(wire: &Wire, role: &str, path: &str) -> Result<String> {
    let document: Value =
        serde_json::from_slice(&wire.document(GUN, &format!("{role}.json")).await?.body)?;
    let found = document.pointer(path).and_then(Value::as_str);
    Ok(found.with_context(|| format!("no {path} in {document}"))?.to_owned())
}

#[tokio::test]
async fn each_signature_of_a_publish_is_logged_with_key_and_caller_and_without_content()
-> Result<()> {
    publish_and_look("").await?;
    // Where changes are recorded, each is carried out by a task of its own.
    let folder = TempDir::new()?;
    publish_and_look(&format!("[audit]\nfile = {:?}\n", folder.path().join("audit.log"))).await
}

async fn publish_and_look(settings: &str) -> Result<()> {
    let server = Countersign::start_with(settings).await?;
    let wire = Wire::to(server.endpoint())?;
    let collection = upload::collection_with_server_snapshot(&wire, GUN).await?;
    ensure!(signatures(&server.log()).is_empty(), "{}", server.log());
    let answer = upload::publish(&wire, GUN, &collection.all_parts()).await?;
    ensure!(answer.status == 200, "{answer:?}");
    let log = server.log();
    let lines = signatures(&log);
    ensure!(lines.len() == 2, "{lines:?}");
    for role in ["timestamp", "snapshot"] {
        let line = line_of(&lines, role)?;
        let key_id = member(&wire, "root", &format!("/signed/roles/{role}/keyids/0")).await?;
        ensure!(line["key_id"] == *key_id, "{line}");
        for (name, value) in [
            ("level", "INFO"),
            ("message", "signed"),
            ("gun", GUN),
            ("caller", "anonymous (127.0.0.1)"),
            ("home", "sealed"),
        ] {
            ensure!(line[name] == value, "{name} in {line}");
        }
        let signature = member(&wire, role, "/signatures/0/sig").await?;
        let expiry = member(&wire, role, "/signed/expires").await?;
        ensure!(!log.contains(&signature) && !log.contains(&expiry), "{log}");
    }
    Ok(())
}

#[tokio::test]
async fn what_is_signed_ahead_of_expiry_is_logged_as_asked_for_by_the_server() -> Result<()> {
    let mut server = Countersign::start_with("[expiry]\ntimestamp_hours = 1\n").await?;
    let wire = Wire::to(server.endpoint())?;
    let collection = upload::collection(&wire, GUN).await?;
    let answer = upload::publish(&wire, GUN, &collection.all_parts()).await?;
    ensure!(answer.status == 200, "{answer:?}");
    // With the usual lives the timestamp is due at once.
    fs::write(server.data().join("countersign.toml"), "")?;
    server.restart().await?;
    let deadline = Instant::now() + PATIENCE;
    let mut pace = interval(Duration::from_millis(50));
    let lines = loop {
        let lines = signatures(&server.log());
        if !lines.is_empty() {
            break lines;
        }
        if Instant::now() > deadline {
            bail!("nothing was signed\n{}", server.log());
        }
        pace.tick().await;
    };
    let line = line_of(&lines, "timestamp")?;
    ensure!(line["caller"] == "server" && line["gun"] == GUN, "{line}");
    Ok(())
}
