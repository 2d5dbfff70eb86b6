//! Somebody else holds the registry or the trust server: what users get is what was signed, or
//! nothing.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use countersign_tests::peers::countersign::Countersign;
use serde_json::Value;

use crate::world::{Pushed, World, fails, ok, runs, runs_nothing};

#[tokio::test]
async fn an_image_swapped_under_a_signed_tag_is_not_what_users_get() -> Result<()> {
    let world = World::start().await?;
    let (alice, bob) = (world.user("alice")?, world.user("bob")?);
    let one = format!("{}:one", world.app());
    world.image(&one, "signed").await?;
    let signed = Pushed::told_by(&ok(&alice, &["push", &one]).await?)?;
    world.image(&one, "swapped").await?;
    let swapped = world.push_unsigned(&one).await?;
    ensure!(swapped.sha256 != signed.sha256);
    world.forget_images().await?;
    ok(&bob.without_trust(), &["pull", &one]).await?;
    runs(&bob.without_trust(), &one, "swapped").await?;

    // The tag on this very daemon is the swapped image now; trust leads back to the signed one.
    runs(&bob, &one, "signed").await?;
    world.forget_images().await?;
    let pulled = ok(&bob, &["pull", &one]).await?;
    ensure!(pulled.says(&format!("Digest: sha256:{}", signed.sha256)), "{pulled:?}");
    runs(&bob, &one, "signed").await?;
    Ok(())
}

#[tokio::test]
async fn other_bytes_under_a_signed_digest_are_refused() -> Result<()> {
    let world = World::start().await?;
    let (alice, bob) = (world.user("alice")?, world.user("bob")?);
    let one = format!("{}:one", world.app());
    world.image(&one, "one").await?;
    let signed = Pushed::told_by(&ok(&alice, &["push", &one]).await?)?;
    world.forget_images().await?;

    let manifest = world.registry.blob(&signed.sha256);
    let genuine = fs::read(&manifest)?;
    let layer = layer_of(&genuine)?;
    let mut spaced = genuine.clone();
    spaced.push(b'\n');
    fs::write(&manifest, &spaced)?;
    let refusal = "manifest verification failed for digest";
    fails(&bob, &["pull", &one], refusal).await?;
    runs_nothing(&bob, &one, refusal).await?;
    fs::write(&manifest, &genuine)?;

    let layer = world.registry.blob(&layer);
    let genuine = fs::read(&layer)?;
    fs::write(&layer, with_one_bit_flipped(&genuine)?)?;
    fails(&bob, &["pull", &one], "filesystem layer verification failed").await?;
    fails(&bob, &["image", "inspect", &one], "No such image").await?;

    fs::write(&layer, &genuine)?;
    ok(&bob, &["pull", &one]).await?;
    runs(&bob, &one, "one").await?;
    Ok(())
}

#[tokio::test]
async fn an_old_database_brings_no_revoked_signature_back_to_who_saw_it_go() -> Result<()> {
    let mut world = World::start().await?;
    let (alice, bob) = (world.user("alice")?, world.user("bob")?);
    let (one, two) = (format!("{}:one", world.app()), format!("{}:two", world.app()));
    for tag in [&one, &two] {
        world.image(tag, "a word").await?;
        ok(&alice, &["push", tag]).await?;
    }
    let old = world.folder().join("old");
    stop(&mut world.server).await?;
    copy_files(world.server.data(), &old)?;
    world.server.start_again().await?;
    ok(&alice, &["trust", "revoke", &one]).await?;
    fails(&bob, &["pull", &one], "No valid trust data for one").await?;

    stop(&mut world.server).await?;
    copy_files(&old, world.server.data())?;
    world.server.start_again().await?;
    ensure!(world.signed_tags(&world.app()).await? == ["one", "two"]);
    let refusal = "potential malicious behavior - trust data version is lower than expected";
    for tag in [&one, &two] {
        fails(&bob, &["pull", tag], refusal).await?;
        runs_nothing(&bob, tag, refusal).await?;
    }
    Ok(())
}

#[tokio::test]
async fn another_servers_repository_of_the_same_name_is_refused_by_who_knows_the_first()
-> Result<()> {
    let world = World::start().await?;
    let (alice, bob) = (world.user("alice")?, world.user("bob")?);
    let one = format!("{}:one", world.app());
    world.image(&one, "genuine").await?;
    ok(&alice, &["push", &one]).await?;
    ok(&bob, &["pull", &one]).await?;

    let other = Countersign::start().await?;
    let mallory = world.user_of("mallory", other.endpoint())?;
    world.image(&one, "forged").await?;
    ok(&mallory, &["push", &one]).await?;
    let misled = bob.asking(other.endpoint())?;
    let refusal = "could not rotate trust to a new trusted root";
    fails(&misled, &["pull", &one], refusal).await?;
    runs_nothing(&misled, &one, refusal).await?;
    fails(&misled, &["push", &one], refusal).await?;
    ok(&bob, &["pull", &one]).await?;
    runs(&bob, &one, "genuine").await?;
    Ok(())
}

/// The digest of the first layer that a manifest names, in hex.
fn layer_of(manifest: &[u8]) -> Result<String> {
    let manifest: Value = serde_json::from_slice(manifest)?;
    let digest = manifest["layers"][0]["digest"].as_str().context("no layer")?;
    Ok(digest.trim_start_matches("sha256:").to_owned())
}

fn with_one_bit_flipped(bytes: &[u8]) -> Result<Vec<u8>> {
    let mut changed = bytes.to_vec();
    let middle = changed.len() / 2;
    *changed.get_mut(middle).context("no bytes")? ^= 1;
    Ok(changed)
}

/// Stops the server as an operator does, so that its database is whole.
async fn stop(server: &mut Countersign) -> Result<()> {
    server.ask_to_stop()?;
    let status = server.ended().await?;
    ensure!(status.success(), "countersign ended with {status}");
    Ok(())
}

/// Copies the files of a data directory, without those of its subdirectories.
fn copy_files(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        if entry.file_type()?.is_file() {
            fs::copy(entry.path(), to.join(entry.file_name()))?;
        }
    }
    Ok(())
}
