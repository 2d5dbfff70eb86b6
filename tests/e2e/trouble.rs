//! When the server is away, dies, restarts, or is not the one that is trusted.

use anyhow::{Result, ensure};
use countersign_tests::compare::{alike, alike_across_restarts};
use countersign_tests::peers::certs::Authority;
use countersign_tests::peers::countersign::Countersign;
use countersign_tests::peers::process::free_port;
use countersign_tests::session::{Server, Session};
use countersign_tests::wire::Endpoint;

const GUN: &str = "example.com/lab/app";
const OFFLINE: &str = "client is offline";

#[tokio::test]
async fn without_a_server_nothing_starts() -> Result<()> {
    alike(async |s: &mut Session| {
        let nowhere = Endpoint::new(free_port()?, s.server().endpoint().ca().to_owned());
        s.hide_port(nowhere.port());
        let alice = s.client("alice")?.asking(&nowhere);
        s.fails(&alice, &["list", GUN], OFFLINE).await?;
        s.fails(&alice, &["init", "-p", GUN], OFFLINE).await?;
        s.fails(&alice, &["publish", GUN], "").await?;
        Ok(())
    })
    .await
}

#[tokio::test]
async fn what_was_staged_while_the_server_was_away_is_published_when_it_returns() -> Result<()> {
    alike(async |s: &mut Session| {
        let alice = s.client("alice")?;
        let file = s.file("file", b"content")?;
        s.ok(&alice, &["init", "-p", GUN]).await?;
        s.ok(&alice, &["add", "-p", GUN, "before", &file]).await?;
        s.ok(&alice, &["list", GUN]).await?;
        s.server_dies()?;
        s.prints(&alice, &["list", GUN], "before ").await?;
        s.prints(&alice, &["lookup", GUN, "before"], "before sha256:").await?;
        s.fails(&alice, &["add", "-p", GUN, "during", &file], OFFLINE).await?;
        s.fails(&alice, &["publish", GUN], OFFLINE).await?;
        s.fails(&alice, &["key", "rotate", GUN, "snapshot", "-r"], OFFLINE).await?;
        s.fails(&alice, &["delete", "--remote", GUN], OFFLINE).await?;
        s.server_returns().await?;
        s.ok(&alice, &["status", GUN]).await?;
        s.run(&alice, &["publish", GUN]).await?;
        s.run(&alice, &["list", GUN]).await?;
        s.prints(&s.client("reader")?, &["list", GUN], "before ").await?;
        Ok(())
    })
    .await
}

#[tokio::test]
async fn a_server_with_a_strangers_certificate_is_not_believed() -> Result<()> {
    alike(async |s: &mut Session| {
        let alice = s.client("alice")?;
        let file = s.file("file", b"content")?;
        s.ok(&alice, &["init", "-p", GUN]).await?;
        let strangers = Authority::create(s.directory(), "a stranger's CA")?.certificate();
        let endpoint = Endpoint::new(s.server().endpoint().port(), strangers);
        let misled = alice.asking(&endpoint);
        s.fails(&misled, &["add", "-p", GUN, "v1", &file], "signed by unknown authority").await?;
        s.ok(&alice, &["publish", GUN]).await?;
        s.prints(&alice, &["list", GUN], "v1 ").await?;
        Ok(())
    })
    .await
}

#[tokio::test]
async fn restarts_between_any_two_commands_are_not_noticed() -> Result<()> {
    alike_across_restarts(async |s: &mut Session| {
        let (alice, reader) = (s.client("alice")?, s.client("reader")?);
        let file = s.file("file", b"content")?;
        s.ok(&alice, &["init", "-p", GUN]).await?;
        s.ok(&reader, &["list", GUN]).await?;
        s.ok(&alice, &["add", "-p", GUN, "v1", &file]).await?;
        s.prints(&reader, &["list", GUN], "v1 ").await?;
        s.ok(&alice, &["key", "rotate", GUN, "snapshot", "-r"]).await?;
        s.ok(&alice, &["add", "-p", GUN, "v2", &file]).await?;
        s.ok(&alice, &["key", "rotate", GUN, "timestamp", "-r"]).await?;
        s.prints(&reader, &["list", GUN], "v2 ").await?;
        s.ok(&alice, &["key", "rotate", GUN, "targets"]).await?;
        s.ok_with_input(&alice, &["key", "rotate", GUN, "root"], "yes\n").await?;
        s.ok(&alice, &["remove", "-p", GUN, "v1"]).await?;
        s.prints(&reader, &["list", GUN], "v2 ").await?;
        s.ok(&alice, &["key", "rotate", GUN, "snapshot"]).await?;
        s.ok(&alice, &["add", "-p", GUN, "v3", &file]).await?;
        s.prints(&reader, &["verify", GUN, "v3", "-i", &file], "content").await?;
        s.ok(&alice, &["delete", "--remote", GUN]).await?;
        s.fails(&s.client("stranger")?, &["list", GUN], "does not have trust data").await?;
        Ok(())
    })
    .await
}

#[tokio::test]
async fn what_was_acknowledged_survives_kill_9() -> Result<()> {
    let mut s = Session::with(Server::Countersign(Countersign::start().await?))?;
    let alice = s.client("alice")?;
    let file = s.file("file", b"content")?;
    s.ok(&alice, &["init", "-p", GUN]).await?;
    s.ok(&alice, &["key", "rotate", GUN, "snapshot", "-r"]).await?;
    for round in ["v1", "v2", "v3"] {
        s.ok(&alice, &["add", "-p", GUN, round, &file]).await?;
        s.server_dies()?;
        s.server_returns().await?;
        let reader = s.client(round)?;
        let listed = s.prints(&reader, &["list", GUN], round).await?;
        ensure!(listed.says("v1 "), "{listed:?}");
    }
    Ok(())
}
