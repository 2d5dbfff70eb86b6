//! The passphrase of the keys changed under several servers, readers and publishers: one that
//! cannot read the new one is named, and no request fails.

use std::fs;

use anyhow::{Context as _, Result, ensure};
use countersign_tests::peers::countersign::{Countersign, binary};
use countersign_tests::peers::process::{Process, Program};
use countersign_tests::upload::server_key;
use countersign_tests::wire::Wire;
use serde_json::Value;

use crate::bench::{Replicas, publish_new, root_by_digest};
use crate::rolling::Clients;

/// The file that the command makes.
const MADE: &str = "secrets/key-passphrase.countersign_2";

/// The collection that is read.
const READ: &str = "example.com/read/app";

/// `countersign keys` with the settings and the data directory of `server`.
fn keys(server: &Countersign, arguments: &[&str]) -> Result<Process> {
    let data = server.data().to_string_lossy().into_owned();
    let config = format!("{data}/countersign.toml");
    let program = Program::new(binary()?).args(["keys"]).args(arguments.iter().copied()).args([
        "--config",
        &config,
        "--data-dir",
        &data,
    ]);
    Process::spawn("countersign keys", &program, None)
}

/// The aliases of all keys, each once.
async fn aliases(server: &Countersign) -> Result<Vec<String>> {
    let mut listed = keys(server, &["list", "--format", "json"])?;
    let ended = listed.ended().await?;
    ensure!(ended.success(), "{}", listed.log());
    let mut aliases = Vec::new();
    for line in listed.log().lines() {
        let key: Value = serde_json::from_str(line)?;
        aliases.push(key["passphrase_alias"].as_str().context("no alias")?.to_owned());
    }
    aliases.sort();
    aliases.dedup();
    Ok(aliases)
}

/// Readers and a publisher at each server.
async fn asked_all_the_time<D>(replicas: &Replicas<D>) -> Result<Clients> {
    let root = root_by_digest(&publish_new(&replicas.wires()?.remove(0), READ).await?);
    let mut clients = Clients::new();
    for (wire, gun) in replicas.wires()?.into_iter().zip(["example.com/one", "example.com/two"]) {
        clients.publisher(wire, gun);
    }
    for wire in replicas.wires()? {
        clients.reader(wire, READ, root.clone());
    }
    clients.go_on(50).await?;
    Ok(clients)
}

/// The command waits for the second server, which is given the new passphrase then.
async fn changes_as_the_other_gets_it<D>(
    replicas: &Replicas<D>,
    clients: &mut Clients,
) -> Result<()> {
    let mut rotating = keys(&replicas.servers[0], &["rotate-passphrase"])?;
    rotating.line(|line| line.contains("waiting up to").then_some(())).await?;
    fs::create_dir_all(replicas.servers[1].data().join("secrets"))?;
    fs::copy(replicas.servers[0].data().join(MADE), replicas.servers[1].data().join(MADE))?;
    ensure!(rotating.ended().await?.success(), "{}", rotating.log());
    ensure!(aliases(&replicas.servers[1]).await? == ["countersign_2"]);
    clients.go_on(50).await?;
    for (number, wire) in replicas.wires()?.iter().enumerate() {
        server_key(wire, &format!("example.com/new/{number}"), "timestamp").await?;
    }
    ensure!(aliases(&replicas.servers[0]).await? == ["countersign_2"]);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_passphrase_changes_under_two_servers_on_mariadb_and_no_request_fails() -> Result<()> {
    let replicas = Replicas::start_on_mariadb(2, "[log]\nlevel = 'info'\n").await?;
    let mut clients = asked_all_the_time(&replicas).await?;
    changes_as_the_other_gets_it(&replicas, &mut clients).await?;
    clients.end().await
}

/// One process holds the file that the command writes to.
#[tokio::test(flavor = "multi_thread")]
async fn the_passphrase_changes_under_a_server_on_its_own_file_and_no_request_fails() -> Result<()>
{
    let server = Countersign::start_steady("").await?;
    let wire = || Wire::to(server.endpoint());
    let mut clients = Clients::new();
    let root = root_by_digest(&publish_new(&wire()?, READ).await?);
    clients.reader(wire()?, READ, root);
    for gun in ["example.com/one", "example.com/two"] {
        clients.publisher(wire()?, gun);
    }
    clients.go_on(50).await?;
    let mut rotating = keys(&server, &["rotate-passphrase"])?;
    ensure!(rotating.ended().await?.success(), "{}\n{}", rotating.log(), server.log());
    ensure!(aliases(&server).await? == ["countersign_2"]);
    clients.go_on(50).await?;
    server_key(&wire()?, "example.com/new/app", "timestamp").await?;
    ensure!(aliases(&server).await? == ["countersign_2"]);
    clients.end().await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_passphrase_changes_under_two_servers_once_both_can_read_it() -> Result<()> {
    let mut replicas = Replicas::start(2, "[log]\nlevel = 'info'\n").await?;
    let mut clients = asked_all_the_time(&replicas).await?;

    let mut refused = keys(&replicas.servers[0], &["rotate-passphrase", "--wait", "15"])?;
    ensure!(refused.ended().await?.code() == Some(20), "{}", refused.log());
    let log = refused.log();
    let line = log.lines().find(|line| line.contains("is not known to")).context("no line")?;
    ensure!(line.matches("process ").count() == 1, "one of both: {line}");
    ensure!(line.contains("and nothing was changed: put it into secrets/"), "{line}");
    ensure!(aliases(&replicas.servers[0]).await? == ["countersign"]);
    let told = replicas.servers[1].log();
    ensure!(told.contains("is not known here"), "the server says so too: {told}");
    clients.go_on(50).await?;

    // The same again, and the other server gets it while the command waits.
    changes_as_the_other_gets_it(&replicas, &mut clients).await?;
    clients.end().await?;

    // A server that was killed takes part in nothing, and stops nothing.
    replicas.servers[1].kill9()?;
    let mut rotating = keys(&replicas.servers[0], &["rotate-passphrase"])?;
    ensure!(rotating.ended().await?.success(), "{}", rotating.log());
    ensure!(rotating.log().contains("taken for dead: process "), "{}", rotating.log());
    ensure!(aliases(&replicas.servers[0]).await? == ["countersign_3"]);
    // It starts only with the passphrase that holds now, although it has the first one.
    let refused = replicas.servers[1].start_again().await;
    let Err(refused) = refused else { anyhow::bail!("it started without the passphrase") };
    let refused = format!("{refused:#}");
    ensure!(refused.contains("NOTARY_SIGNER_COUNTERSIGN_3"), "{refused}");
    let third = "secrets/key-passphrase.countersign_3";
    fs::copy(replicas.servers[0].data().join(third), replicas.servers[1].data().join(third))?;
    replicas.servers[1].start_again().await?;
    let after = Wire::to(replicas.servers[1].endpoint())?;
    ensure!(after.document(READ, "timestamp.json").await?.status == 200);
    publish_new(&after, "example.com/after").await?;
    ensure!(aliases(&replicas.servers[0]).await? == ["countersign_3"]);
    Ok(())
}
