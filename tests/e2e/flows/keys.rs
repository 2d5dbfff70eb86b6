//! Keys that move, and readers and publishers who slept through it.

use anyhow::{Result, ensure};
use countersign_tests::peers::notary_client::NotaryClient;
use countersign_tests::session::Session;

pub(crate) const GUN: &str = "example.com/lab/app";
const NO_TARGETS: &str = "No targets present in this repository.";

/// Publishes one more target, so that a key that cannot sign is noticed.
pub(crate) async fn publish(s: &mut Session, client: &NotaryClient, target: &str) -> Result<()> {
    let file = s.file("file", b"content")?;
    s.ok(client, &["add", "-p", GUN, target, &file]).await?;
    s.prints(client, &["lookup", GUN, target], &format!("{target} sha256:")).await?;
    Ok(())
}

pub(crate) async fn rotate_root(s: &mut Session, client: &NotaryClient) -> Result<()> {
    let rotated = s.ok_with_input(client, &["key", "rotate", GUN, "root"], "yes\n").await?;
    ensure!(rotated.says("Successfully rotated root key"), "{rotated:?}");
    Ok(())
}

pub(crate) async fn the_snapshot_key_moves_to_the_server_and_back(s: &mut Session) -> Result<()> {
    let (alice, reader) = (s.client("alice")?, s.client("reader")?);
    s.ok(&alice, &["init", "-p", GUN]).await?;
    s.ok(&reader, &["list", GUN]).await?;
    s.prints(&alice, &["key", "rotate", GUN, "snapshot", "-r"], "Successfully rotated").await?;
    publish(s, &alice, "server-held").await?;
    s.prints(&reader, &["list", GUN], "server-held ").await?;
    s.ok(&alice, &["key", "rotate", GUN, "snapshot", "-r"]).await?;
    publish(s, &alice, "server-held-again").await?;
    s.ok(&alice, &["key", "rotate", GUN, "snapshot"]).await?;
    publish(s, &alice, "client-held").await?;
    s.prints(&reader, &["list", GUN], "client-held ").await?;
    s.ok(&alice, &["key", "list"]).await?;
    Ok(())
}

pub(crate) async fn the_timestamp_key_rotates_on_the_server_only(s: &mut Session) -> Result<()> {
    let (alice, reader) = (s.client("alice")?, s.client("reader")?);
    s.ok(&alice, &["init", "-p", GUN]).await?;
    s.ok(&reader, &["list", GUN]).await?;
    s.ok(&alice, &["key", "rotate", GUN, "timestamp", "-r"]).await?;
    s.ok(&reader, &["list", GUN]).await?;
    publish(s, &alice, "v1").await?;
    s.ok(&alice, &["key", "rotate", GUN, "timestamp", "-r"]).await?;
    publish(s, &alice, "v2").await?;
    s.prints(&reader, &["list", GUN], "v2 ").await?;
    let permit = "does not permit the client managing the timestamp key";
    s.fails(&alice, &["key", "rotate", GUN, "timestamp"], permit).await?;
    Ok(())
}

pub(crate) async fn the_targets_key_rotates_on_the_client_only(s: &mut Session) -> Result<()> {
    let (alice, reader) = (s.client("alice")?, s.client("reader")?);
    s.ok(&alice, &["init", "-p", GUN]).await?;
    publish(s, &alice, "v1").await?;
    let before = s.copy(&alice, "before")?;
    s.ok(&alice, &["key", "rotate", GUN, "targets"]).await?;
    publish(s, &alice, "v2").await?;
    s.prints(&reader, &["list", GUN], "v2 ").await?;
    let file = s.file("file", b"content")?;
    let lost = "could not find necessary signing keys";
    s.fails(&before, &["add", "-p", GUN, "v3", &file], lost).await?;
    let permit = "does not permit the server managing the targets key";
    s.fails(&alice, &["key", "rotate", GUN, "targets", "-r"], permit).await?;
    s.ok(&alice, &["key", "list"]).await?;
    Ok(())
}

pub(crate) async fn a_reader_three_root_rotations_behind_catches_up(s: &mut Session) -> Result<()> {
    let alice = s.client("alice")?;
    s.ok(&alice, &["init", "-p", GUN]).await?;
    s.prints(&alice, &["list", GUN], NO_TARGETS).await?;
    let behind = s.copy(&alice, "behind")?;
    for _ in 0..3 {
        rotate_root(s, &alice).await?;
    }
    publish(s, &alice, "v1").await?;
    s.prints(&behind, &["list", GUN], "v1 ").await?;
    let root: serde_json::Value = serde_json::from_slice(&behind.cached(GUN, "root")?)?;
    ensure!(root.pointer("/signed/version") == Some(&4.into()), "{root}");
    Ok(())
}

pub(crate) async fn a_publisher_behind_every_kind_of_rotation_catches_up_before_publishing(
    s: &mut Session,
) -> Result<()> {
    let alice = s.client("alice")?;
    s.ok(&alice, &["init", "-p", GUN]).await?;
    s.ok(&alice, &["key", "rotate", GUN, "snapshot", "-r"]).await?;
    publish(s, &alice, "v1").await?;
    let bob = s.copy(&alice, "bob")?;
    rotate_root(s, &alice).await?;
    s.ok(&alice, &["key", "rotate", GUN, "timestamp", "-r"]).await?;
    s.ok(&alice, &["key", "rotate", GUN, "snapshot", "-r"]).await?;
    publish(s, &bob, "v2").await?;
    s.prints(&alice, &["list", GUN], "v2 ").await?;
    Ok(())
}
