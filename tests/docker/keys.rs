//! Keys and their passphrases: where docker takes them from, and what is there without them.

use std::fs;

use anyhow::{Result, ensure};
use countersign_tests::peers::docker_client::{DockerClient, REPOSITORY_PASSPHRASE_VARIABLE};

use crate::world::{World, fails, ok, prints};

const ROOT: &str = "DOCKER_CONTENT_TRUST_ROOT_PASSPHRASE";

#[tokio::test]
async fn without_terminal_and_passphrases_the_first_push_signs_nothing() -> Result<()> {
    let world = World::start().await?;
    let app = world.app();
    let one = format!("{app}:one");
    world.image(&one, "one").await?;
    let alice = world.user("alice")?;
    let asked = "Enter passphrase for new root key";
    fails(&alice.without(ROOT), &["push", &one], asked).await?;
    let missing = "remote trust data does not exist";
    fails(&world.user("bob")?, &["pull", &one], missing).await?;
    // With the passphrases the same command makes up for it, and later ones need only the second.
    prints(&alice, &["push", &one], "Finished initializing").await?;
    prints(&alice.without(ROOT), &["push", &one], "Successfully signed").await?;
    Ok(())
}

#[tokio::test]
async fn a_wrong_passphrase_signs_nothing() -> Result<()> {
    let world = World::start().await?;
    let app = world.app();
    let (one, two) = (format!("{app}:one"), format!("{app}:two"));
    for tag in [&one, &two] {
        world.image(tag, "a word").await?;
    }
    let alice = world.user("alice")?;
    ok(&alice, &["push", &one]).await?;
    let mistaken = alice.with(REPOSITORY_PASSPHRASE_VARIABLE, "not the passphrase");
    fails(&mistaken, &["push", &two], "could not find necessary signing keys").await?;
    // The registry has the image by then; only its signature is missing.
    ok(&alice.without_trust(), &["pull", &two]).await?;
    fails(&alice, &["pull", &two], "No valid trust data for two").await?;
    ensure!(world.signed_tags(&app).await? == ["one"]);
    Ok(())
}

#[tokio::test]
async fn keys_from_a_backup_sign_where_new_ones_do_not() -> Result<()> {
    let world = World::start().await?;
    let app = world.app();
    let (one, two) = (format!("{app}:one"), format!("{app}:two"));
    for tag in [&one, &two] {
        world.image(tag, "a word").await?;
    }
    let lost = world.user("lost")?;
    ok(&lost, &["push", &one]).await?;
    let restored = world.user("restored")?;
    fails(&restored, &["push", &two], "could not find necessary signing keys").await?;
    restore_keys(&lost, &restored)?;
    prints(&restored, &["push", &two], "Successfully signed").await?;
    ensure!(world.signed_tags(&app).await? == ["one", "two"]);
    Ok(())
}

/// Copies the private keys, and nothing else, as a backup would bring them back.
fn restore_keys(from: &DockerClient, to: &DockerClient) -> Result<()> {
    let (from, to) = (from.trust_dir().join("private"), to.trust_dir().join("private"));
    fs::create_dir_all(&to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        fs::copy(entry.path(), to.join(entry.file_name()))?;
    }
    Ok(())
}
