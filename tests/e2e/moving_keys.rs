//! Server keys that are replaced by others of another kind: the operator prepares them, the owner
//! of the root has them used, and readers with old caches follow.

use std::fs;

use anyhow::{Context as _, Result, ensure};
use countersign_tests::key_commands::{keys, named, objects, text};
use countersign_tests::peers::countersign::Countersign;
use countersign_tests::session::{Server, Session};
use countersign_tests::upload;
use countersign_tests::wire::Wire;
use reqwest::Method;
use serde_json::Value;

const GUN: &str = "example.com/lab/app";

fn ours(session: &Session) -> Result<&Countersign> {
    match session.server() {
        Server::Countersign(server) => Ok(server),
        _ => anyhow::bail!("another server"),
    }
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
        let old = named(&wire, GUN, role).await?;
        let prepared = objects(&data, &["rotate", GUN, role]).await?.remove(0);
        let next = text(&prepared, "key_id")?.to_owned();
        ensure!(text(&prepared, "algorithm")? == "ed25519" && next != old, "{prepared}");
        ensure!(named(&wire, GUN, role).await? == old, "only prepared");
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
        ensure!(named(&wire, GUN, role).await? == next, "the root names the prepared key");
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
    let key = named(&wire, GUN, "timestamp").await?;
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

/// A collection whose timestamp key was replaced twice; gives the two old keys, the oldest first.
async fn replaced_twice(server: &Countersign) -> Result<Vec<String>> {
    let wire = Wire::to(server.endpoint())?;
    let mut collection = upload::collection_with_server_snapshot(&wire, GUN).await?;
    let answer = upload::publish(&wire, GUN, &collection.parts(&["root", "targets"])).await?;
    ensure!(answer.status == 200, "{answer:?}");
    let mut old = Vec::new();
    for _ in 0..2 {
        old.push(named(&wire, GUN, "timestamp").await?);
        let path = format!("/v2/{GUN}/_trust/tuf/timestamp.key");
        let key = wire.send(Method::POST, &path, None, Vec::new()).await?;
        collection.rotate_to_server("timestamp", &serde_json::from_slice(&key.body)?);
        let answer = upload::publish(&wire, GUN, &collection.parts(&["root"])).await?;
        ensure!(answer.status == 200, "{answer:?}");
    }
    Ok(old)
}

/// Whether it names a key is not known then, so none is let go of.
#[tokio::test(flavor = "multi_thread")]
async fn no_key_is_let_go_of_while_the_current_root_cannot_be_read() -> Result<()> {
    let server = Countersign::start().await?;
    let data = server.data();
    let [oldest, old] = replaced_twice(&server).await?.try_into().ok().context("two keys")?;
    ensure!(objects(data, &["retire", &oldest]).await?.len() == 1);
    let before = objects(data, &["list"]).await?;
    ensure!(before.len() == 3 && before.iter().any(|key| key["in_root"] == "no"), "{before:?}");

    let url = format!("sqlite://{}", data.join("countersign.db").display());
    let mut database = <sqlx::SqliteConnection as sqlx::Connection>::connect(&url).await?;
    sqlx::raw_sql(
        "CREATE TABLE kept AS SELECT * FROM tuf_files WHERE role = 'root' AND version = 3;
         UPDATE tuf_files SET data = CAST('{' AS BLOB) WHERE id = (SELECT id FROM kept)",
    )
    .execute(&mut database)
    .await?;
    let listed = objects(data, &["list"]).await?;
    ensure!(listed.iter().all(|key| key["in_root"] == "unreadable root"), "{listed:?}");
    for arguments in [&["retire", &old][..], &["retire", &old, "--dry-run"]] {
        let (code, said) = keys(data, arguments).await?;
        ensure!(code == 21 && said.contains(&format!("a root of {GUN} cannot be read")), "{said}");
    }
    ensure!(objects(data, &["retire", "--gun", GUN]).await?.is_empty());
    let left = objects(data, &["purge", "--older-than", "0"]).await?;
    ensure!(left.len() == 1 && left[0]["key_id"] == *oldest && left[0]["done"].is_null());
    ensure!(left[0]["reason"] == "the root of its GUN cannot be read", "{left:?}");
    let (code, said) = keys(data, &["verify"]).await?;
    ensure!(code == 21 && said.contains("no root that can be read"), "{code}: {said}");

    sqlx::raw_sql(
        "UPDATE tuf_files SET data = (SELECT data FROM kept) WHERE id = (SELECT id FROM kept);
         DROP TABLE kept",
    )
    .execute(&mut database)
    .await?;
    ensure!(objects(data, &["list"]).await? == before, "nothing was changed");
    ensure!(objects(data, &["retire", "--gun", GUN]).await?.len() == 1);
    let purged = objects(data, &["purge", "--older-than", "0"]).await?;
    ensure!(purged.len() == 2 && purged.iter().all(|key| key["done"] == "removed"), "{purged:?}");
    Ok(())
}
