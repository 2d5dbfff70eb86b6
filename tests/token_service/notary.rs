//! `notary` with `NOTARY_AUTH`, as the start-up lines say.

use std::fs;

use anyhow::{Result, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::world::{Issuing, NOT_AUTHORIZED, PASSWORD, notary_fails, notary_ok};

const GUN: &str = "registry.example/team/app";

#[tokio::test]
async fn a_collection_lives_its_whole_life_under_tokens_of_our_own() -> Result<()> {
    let issuing = Issuing::start("").await?;
    let (alice, nobody) =
        (issuing.notary("alice")?.named("alice", PASSWORD), issuing.notary("nobody")?);
    let bob = issuing.notary("bob")?.named("bob", PASSWORD);
    let file = issuing.folder().join("file");
    fs::write(&file, "content")?;
    let file = file.to_string_lossy();

    notary_ok(&alice, &["init", "--publish", GUN]).await?;
    notary_ok(&alice, &["add", "--publish", GUN, "v1", &file]).await?;
    for reader in [&alice, &bob] {
        ensure!(notary_ok(reader, &["list", GUN]).await?.says("v1"));
    }
    notary_fails(&nobody, &["list", GUN], NOT_AUTHORIZED).await?;
    let guessing = issuing.notary("guessing")?.named("alice", "a guess");
    notary_fails(&guessing, &["list", GUN], "incorrect user name or password").await?;
    let unknown = issuing.notary("unknown")?.named("mallory", PASSWORD);
    notary_fails(&unknown, &["list", GUN], "incorrect user name or password").await?;

    notary_ok(&alice, &["key", "rotate", GUN, "snapshot", "-r"]).await?;
    notary_ok(&alice, &["key", "rotate", GUN, "timestamp", "-r"]).await?;
    notary_ok(&alice, &["add", "--publish", GUN, "v2", &file]).await?;
    let listed = notary_ok(&bob, &["list", GUN]).await?;
    ensure!(listed.says("v1") && listed.says("v2"), "{listed:?}");
    notary_ok(&alice, &["delete", "--remote", GUN]).await?;
    let late = issuing.notary("late")?.named("bob", PASSWORD);
    notary_fails(&late, &["list", GUN], "does not have trust data").await
}

#[tokio::test]
async fn rules_say_what_each_user_may_and_what_nobody_in_particular_may() -> Result<()> {
    let issuing = Issuing::start_under_rules().await?;
    let client = |name: &str| Ok::<_, anyhow::Error>(issuing.notary(name)?.named(name, PASSWORD));
    let (alice, bob, carol) = (client("alice")?, client("bob")?, client("carol")?);
    let nobody = issuing.notary("nobody")?;
    let file = issuing.folder().join("file");
    fs::write(&file, "content")?;
    let file = file.to_string_lossy();
    let public = "registry.example/public/app";
    for gun in [GUN, public] {
        notary_ok(&alice, &["init", "--publish", gun]).await?;
        notary_ok(&alice, &["add", "--publish", gun, "v1", &file]).await?;
    }
    ensure!(notary_ok(&nobody, &["list", public]).await?.says("v1"));
    ensure!(notary_ok(&carol, &["list", public]).await?.says("v1"));
    ensure!(notary_ok(&bob, &["list", GUN]).await?.says("v1"));
    for stranger in [&nobody, &carol] {
        notary_fails(stranger, &["list", GUN], NOT_AUTHORIZED).await?;
    }
    // Bob has keys that would do, and no right to publish with them.
    let thief = alice.copy_to(&issuing.folder().join("thief"))?.named("bob", PASSWORD);
    notary_fails(&thief, &["add", "--publish", GUN, "v2", &file], NOT_AUTHORIZED).await?;
    notary_fails(&thief, &["key", "rotate", GUN, "snapshot", "-r"], NOT_AUTHORIZED).await?;
    notary_fails(&thief, &["delete", "--remote", GUN], NOT_AUTHORIZED).await?;
    let listed = notary_ok(&bob, &["list", GUN]).await?;
    ensure!(listed.says("v1") && !listed.says("v2"), "{listed:?}");
    notary_ok(&alice, &["key", "rotate", GUN, "snapshot", "-r"]).await?;
    notary_ok(&alice, &["delete", "--remote", GUN]).await?;
    Ok(())
}

/// The second line under "To log in:".
#[tokio::test]
async fn the_line_for_notary_gives_what_the_client_wants() -> Result<()> {
    let issuing = Issuing::start("").await?;
    let log = issuing.server.log();
    let line = log.lines().find(|line| line.contains("export NOTARY_AUTH=")).unwrap_or_default();
    let line = line.trim().replace("NAME:PASSWORD", "alice:a b");
    let script = format!("{line}\nprintf %s \"$NOTARY_AUTH\"");
    let output = std::process::Command::new("/bin/sh").args(["-c", &script]).output()?;
    let printed = String::from_utf8(output.stdout)?;
    ensure!(printed == STANDARD.encode("alice:a b"), "{printed}");
    Ok(())
}
