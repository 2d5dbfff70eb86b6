//! Key rotation of every role, and readers who slept through it.

use anyhow::Result;
use countersign_tests::compare::alike;
use countersign_tests::session::Session;

#[path = "flows/keys.rs"]
mod flows;

use flows::{GUN, publish, rotate_root};

#[tokio::test]
async fn the_snapshot_key_moves_to_the_server_and_back() -> Result<()> {
    alike(flows::the_snapshot_key_moves_to_the_server_and_back).await
}

#[tokio::test]
async fn the_timestamp_key_rotates_on_the_server_only() -> Result<()> {
    alike(flows::the_timestamp_key_rotates_on_the_server_only).await
}

#[tokio::test]
async fn the_targets_key_rotates_on_the_client_only() -> Result<()> {
    alike(flows::the_targets_key_rotates_on_the_client_only).await
}

#[tokio::test]
async fn the_root_key_rotates_when_the_user_says_yes() -> Result<()> {
    alike(async |s: &mut Session| {
        let (alice, reader) = (s.client("alice")?, s.client("reader")?);
        s.ok(&alice, &["init", "-p", GUN]).await?;
        s.ok(&reader, &["list", GUN]).await?;
        s.prints(&alice, &["key", "rotate", GUN, "root"], "Aborting action").await?;
        rotate_root(s, &alice).await?;
        publish(s, &alice, "v1").await?;
        s.prints(&reader, &["list", GUN], "v1 ").await?;
        s.prints(&s.client("stranger")?, &["list", GUN], "v1 ").await?;
        Ok(())
    })
    .await
}

#[tokio::test]
async fn a_reader_three_root_rotations_behind_catches_up() -> Result<()> {
    alike(flows::a_reader_three_root_rotations_behind_catches_up).await
}

#[tokio::test]
async fn a_publisher_behind_every_kind_of_rotation_catches_up_before_publishing() -> Result<()> {
    alike(flows::a_publisher_behind_every_kind_of_rotation_catches_up_before_publishing).await
}

#[tokio::test]
async fn only_base_roles_rotate() -> Result<()> {
    alike(async |s: &mut Session| {
        let alice = s.client("alice")?;
        s.ok(&alice, &["init", "-p", GUN]).await?;
        let refused = "does not currently permit rotating the targets/releases key";
        s.fails(&alice, &["key", "rotate", GUN, "targets/releases"], refused).await?;
        Ok(())
    })
    .await
}

#[tokio::test]
async fn rotating_a_key_of_an_unknown_collection_gets_the_same_answer() -> Result<()> {
    alike(async |s: &mut Session| {
        let alice = s.client("alice")?;
        for (role, remote) in [("snapshot", true), ("timestamp", true), ("targets", false)] {
            let gun = format!("example.com/unknown/{role}");
            let command = ["key", "rotate", &gun, role, "-r"];
            s.run(&alice, command.get(..if remote { 5 } else { 4 }).unwrap_or_default()).await?;
            s.run(&alice, &["list", &gun]).await?;
        }
        Ok(())
    })
    .await
}
