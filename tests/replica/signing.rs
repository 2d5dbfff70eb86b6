//! Signing ahead of expiry by several servers at once.

use std::fs;

use anyhow::{Context as _, Result, ensure};
use countersign_tests::peers::process::PATIENCE;
use countersign_tests::wire::Wire;
use serde_json::Value;
use tokio::time::{Duration, Instant, interval};

use crate::bench::{Replicas, publish_new};

const GUNS: usize = 24;

/// Signed for an hour, then three servers start with the usual lives at the same time: all find all
/// of them due.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_due_is_signed_once_by_all_servers_together() -> Result<()> {
    let mut replicas = Replicas::start(3, "[expiry]\ntimestamp_hours = 1\n").await?;
    let wires = replicas.wires()?;
    let guns: Vec<String> = (0..GUNS).map(|number| format!("example.com/due/{number}")).collect();
    for gun in &guns {
        publish_new(&wires[0], gun).await?;
    }
    ensure!(changes(&wires[0]).await? == GUNS);
    for server in &mut replicas.servers {
        let file = server.data().join("countersign.toml");
        let settings = fs::read_to_string(&file)?.replace("[expiry]\ntimestamp_hours = 1\n", "");
        fs::write(&file, format!("{settings}[log]\nlevel = 'debug'\n"))?;
        server.ask_to_stop()?;
    }
    for server in &mut replicas.servers {
        ensure!(server.ended().await?.success(), "{}", server.log());
    }
    let starts = replicas.servers.iter_mut().map(|server| server.start_again());
    for started in futures_util::future::join_all(starts).await {
        started?;
    }
    let deadline = Instant::now() + PATIENCE;
    let mut pace = interval(Duration::from_millis(50));
    for server in &replicas.servers {
        while !server.log().contains("signing ahead: a round ended") {
            pace.tick().await;
            ensure!(Instant::now() < deadline, "no round ended\n{}", server.log());
        }
    }
    let wires = replicas.wires()?;
    for gun in &guns {
        for wire in &wires {
            let timestamp = wire.document(gun, "timestamp.json").await?;
            let timestamp: Value = serde_json::from_slice(&timestamp.body)?;
            ensure!(timestamp["signed"]["version"] == 2, "{gun}: {timestamp}");
        }
    }
    ensure!(changes(&wires[0]).await? == 2 * GUNS, "{} rows", changes(&wires[0]).await?);
    Ok(())
}

/// How many rows the changefeed has.
async fn changes(wire: &Wire) -> Result<usize> {
    let answer = wire.get("/v2/_trust/changefeed?records=1000").await?;
    let feed: Value = serde_json::from_slice(&answer.body)?;
    Ok(feed["records"].as_array().context("no records")?.len())
}
