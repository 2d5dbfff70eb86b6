//! Server keys that are replaced by others of another kind: the operator prepares them, the owner
//! of the root has them used, and readers with old caches follow.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use countersign_tests::peers::countersign::{Countersign, binary};
use countersign_tests::session::{Server, Session};
use countersign_tests::upload;
use countersign_tests::wire::Wire;
use reqwest::Method;
use serde_json::Value;
use tokio::process::Command;

const GUN: &str = "example.com/lab/app";

fn ours(session: &Session) -> Result<&Countersign> {
    match session.server() {
        Server::Countersign(server) => Ok(server),
        _ => anyhow::bail!("another server"),
    }
}

/// Runs `countersign keys` under the settings of the server; gives the exit code and what it says.
async fn keys(data: &Path, arguments: &[&str]) -> Result<(i32, String)> {
    let mut command = Command::new(binary()?);
    command.arg("keys").args(arguments).arg("--data-dir").arg(data);
    command.arg("--config").arg(data.join("countersign.toml")).kill_on_drop(true);
    let done = command.output().await?;
    let said = String::from_utf8([done.stdout, done.stderr].concat())?;
    Ok((done.status.code().context("ended by a signal")?, said))
}

/// The same, which must go well; each line is an object.
async fn objects(data: &Path, arguments: &[&str]) -> Result<Vec<Value>> {
    let (code, said) = keys(data, &[arguments, &["--format", "json"]].concat()).await?;
    ensure!(code == 0, "{arguments:?}: {code}: {said}");
    said.lines().map(|line| Ok(serde_json::from_str(line)?)).collect()
}

fn text<'v>(value: &'v Value, name: &str) -> Result<&'v str> {
    value.get(name).and_then(Value::as_str).with_context(|| format!("{name}: {value}"))
}

/// What the current root names for a role.
async fn named(wire: &Wire, role: &str) -> Result<String> {
    let root: Value = serde_json::from_slice(&wire.document(GUN, "root.json").await?.body)?;
    let id = root.pointer(&format!("/signed/roles/{role}/keyids/0")).and_then(Value::as_str);
    Ok(id.with_context(|| root.to_string())?.to_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_go_from_one_algorithm_to_another_and_a_reader_with_an_old_cache_follows() -> Result<()>
{
    let mut s = Session::with(Server::Countersign(Countersign::start().await?))?;
    let alice = s.client("alice")?;
    let file = s.file("file", b"content")?;
    s.ok(&alice, &["init", "-p", GUN]).await?;
    s.ok(&alice, &["key", "rotate", GUN, "snapshot", "-r"]).await?;
    s.ok(&alice, &["add", "-p", GUN, "v1", &file]).await?;
    let reader = s.client("reader")?;
    s.prints(&reader, &["list", GUN], "v1 ").await?;

    let data = ours(&s)?.data().to_owned();
    let settings = "[[keys.rules]]\ngun = 'example.com/lab/app'\nalgorithm = 'ed25519'\n";
    fs::write(data.join("countersign.toml"), settings)?;
    if let Server::Countersign(server) = s.server_mut() {
        server.restart().await?;
    }
    let wire = Wire::to(ours(&s)?.endpoint())?;
    for role in ["timestamp", "snapshot"] {
        let old = named(&wire, role).await?;
        let prepared = objects(&data, &["rotate", GUN, role]).await?.remove(0);
        let next = text(&prepared, "key_id")?.to_owned();
        ensure!(text(&prepared, "algorithm")? == "ed25519" && next != old, "{prepared}");
        ensure!(named(&wire, role).await? == old, "only prepared");
        let again = objects(&data, &["rotate", GUN, role]).await?.remove(0);
        ensure!(text(&again, "key_id")? == next, "the same key: {again}");
        // What the client asks for is what was prepared.
        let path = format!("/v2/{GUN}/_trust/tuf/{role}.key");
        let answer = wire.send(Method::POST, &path, None, Vec::new()).await?;
        let offered: Value = serde_json::from_slice(&answer.body)?;
        ensure!(offered["keyval"]["public"] == prepared["public"], "{offered} {prepared}");
        let line = text(&prepared, "owner_gives")?.to_owned();
        let words: Vec<&str> = line.split(' ').skip(1).collect();
        ensure!(words == ["key", "rotate", GUN, role, "-r"], "{line}");
        s.ok(&alice, &words).await?;
        ensure!(named(&wire, role).await? == next, "the root names the prepared key");
    }
    s.prints(&reader, &["list", GUN], "v1 ").await?;
    s.ok(&alice, &["add", "-p", GUN, "v2", &file]).await?;
    s.prints(&reader, &["list", GUN], "v2 ").await?;

    let tried = objects(&data, &["verify"]).await?;
    ensure!(tried.len() == 2 && tried.iter().all(|role| role["well"] == true), "{tried:?}");
    let retired = objects(&data, &["retire", "--gun", GUN]).await?;
    ensure!(retired.len() == 2, "the two that were replaced: {retired:?}");
    s.ok(&alice, &["add", "-p", GUN, "v3", &file]).await?;
    s.prints(&reader, &["list", GUN], "v3 ").await?;
    let purged = objects(&data, &["purge", "--older-than", "0"]).await?;
    ensure!(purged.len() == 2, "{purged:?}");
    let left = objects(&data, &["list"]).await?;
    ensure!(left.len() == 2 && left.iter().all(|key| key["in_root"] == "yes"), "{left:?}");
    s.ok(&alice, &["add", "-p", GUN, "v4", &file]).await?;
    let newcomer = s.client("new")?;
    s.prints(&newcomer, &["list", GUN], "v4 ").await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_is_lost_is_found_by_verify_and_a_new_one_takes_its_place() -> Result<()> {
    let server = Countersign::start().await?;
    let wire = Wire::to(server.endpoint())?;
    let collection = upload::collection(&wire, GUN).await?;
    let answer = upload::publish(&wire, GUN, &collection.all_parts()).await?;
    ensure!(answer.status == 200, "{answer:?}");
    let key = named(&wire, "timestamp").await?;
    let (code, said) = keys(server.data(), &["retire", &key]).await?;
    ensure!(code == 21 && said.contains("the current root"), "{code}: {said}");
    let (code, said) = keys(server.data(), &["verify"]).await?;
    ensure!(code == 0 && said.contains("signs, held by: sealed"), "{code}: {said}");
    let url = format!("sqlite://{}", server.data().join("countersign.db").display());
    let mut database = <sqlx::SqliteConnection as sqlx::Connection>::connect(&url).await?;
    sqlx::query("DELETE FROM private_keys").execute(&mut database).await?;
    let (code, said) = keys(server.data(), &["verify"]).await?;
    ensure!(code == 21 && said.contains("NOT HELD"), "{code}: {said}");
    let (code, said) = keys(server.data(), &["rotate", GUN, "timestamp"]).await?;
    ensure!(code == 0 && said.contains("notary key rotate"), "{code}: {said}");
    Ok(())
}
