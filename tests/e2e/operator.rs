//! The operator's commands beside real peers: the Go server, and keys that a real client used.

use std::path::Path;
use std::process::Output;

use anyhow::{Context, Result, ensure};
use countersign_tests::peers::countersign::{Countersign, binary};
use countersign_tests::peers::go_notary::GoNotary;
use countersign_tests::peers::process::PATIENCE;
use countersign_tests::session::{Server, Session};
use countersign_tests::upload;
use countersign_tests::wire::{Endpoint, Wire};
use serde_json::Value;
use sqlx::{Connection as _, SqliteConnection};
use tempfile::TempDir;
use tokio::process::Command;
use tokio::time::{Duration, Instant, interval};

const GUN: &str = "example.com/lab/app";

/// Runs one of our commands, without docker and without what this machine trusts.
async fn run(home: &Path, arguments: &[&str]) -> Result<Output> {
    let mut command = Command::new(binary()?);
    command.args(arguments).env_clear().env("HOME", home).env("PATH", home).current_dir(home);
    Ok(command.output().await?)
}

async fn is_well(endpoint: &Endpoint) -> Result<()> {
    let home = TempDir::new()?;
    let (url, ca) = (endpoint.url(), endpoint.ca().to_string_lossy().into_owned());
    let output = run(home.path(), &["doctor", &url, "--ca", &ca]).await?;
    let said = String::from_utf8(output.stdout)?;
    ensure!(output.status.success(), "{said}");
    for check in ["host name", "expiry", "authority", "clock", "/v2/", "health"] {
        ensure!(said.contains(&format!("ok    {check:11}  ")), "{check}: {said}");
    }
    Ok(())
}

#[tokio::test]
async fn doctor_finds_the_go_server_and_ours_well() -> Result<()> {
    let (ours, theirs) = (Countersign::start().await?, GoNotary::start().await?);
    is_well(ours.endpoint()).await?;
    is_well(theirs.endpoint()).await
}

/// Contract section 3: as a signer left it that knew neither GUN nor role.
#[tokio::test(flavor = "multi_thread")]
async fn an_old_key_is_bound_by_a_start_to_the_collection_whose_root_names_it() -> Result<()> {
    let mut server = Countersign::start().await?;
    let wire = Wire::to(server.endpoint())?;
    for gun in [GUN, "example.com/lab/another"] {
        let collection = upload::collection(&wire, gun).await?;
        let answer = upload::publish(&wire, gun, &collection.all_parts()).await?;
        ensure!(answer.status == 200, "{answer:?}");
    }
    server.kill9()?;
    let url = format!("sqlite://{}", server.data().join("countersign.db").display());
    let mut database = SqliteConnection::connect(&url).await?;
    let forget = "UPDATE private_keys SET gun = '', role = '' WHERE gun = ?1";
    let done = sqlx::query(forget).bind(GUN).execute(&mut database).await?;
    ensure!(done.rows_affected() == 1, "{done:?}");
    server.start_again().await?;
    let (bound, deadline) = ("SELECT gun, role FROM private_keys", Instant::now() + PATIENCE);
    let mut pace = interval(Duration::from_millis(20));
    loop {
        let keys: Vec<(String, String)> = sqlx::query_as(bound).fetch_all(&mut database).await?;
        if keys.iter().any(|(gun, role)| gun == GUN && role == "timestamp") {
            break;
        }
        ensure!(Instant::now() < deadline, "{keys:?}\n{}", server.log());
        pace.tick().await;
    }
    Ok(())
}

#[tokio::test]
async fn keys_that_a_client_used_and_rotated_are_told_apart() -> Result<()> {
    let mut s = Session::with(Server::Countersign(Countersign::start().await?))?;
    let alice = s.client("alice")?;
    s.ok(&alice, &["init", "-p", GUN]).await?;
    s.ok(&alice, &["key", "rotate", GUN, "snapshot", "-r"]).await?;
    s.ok(&alice, &["key", "rotate", GUN, "timestamp", "-r"]).await?;
    let Server::Countersign(server) = s.server() else { unreachable!("it was made so") };
    let data = server.data().to_string_lossy().into_owned();
    let home = s.directory();
    let output = run(home, &["keys", "list", "--data-dir", &data, "--format", "json"]).await?;
    ensure!(output.status.success(), "{output:?}");
    let mut told = Vec::new();
    for line in String::from_utf8(output.stdout)?.lines() {
        let key: Value = serde_json::from_str(line)?;
        let word = |name: &str| key[name].as_str().map(str::to_owned).context(line.to_owned());
        ensure!(word("gun")? == GUN && key["last_used"].is_string(), "{line}");
        told.push(format!("{} {}", word("role")?, word("in_root")?));
    }
    told.sort();
    ensure!(told == ["snapshot yes", "timestamp no", "timestamp yes"], "{told:?}");
    Ok(())
}
