//! Several people who sign one repository, each with a key of their own.

use anyhow::{Context, Result, ensure};
use countersign_tests::peers::docker_client::{DockerClient, REPOSITORY_PASSPHRASE_VARIABLE};
use countersign_tests::peers::go_notary::GoNotary;
use countersign_tests::peers::key_files;
use countersign_tests::peers::notary_client::{DELEGATION_PASSPHRASE, NotaryClient};
use countersign_tests::wire::Endpoint;
use serde_json::{Value, json};

use crate::world::{World, fails, ok, prints};

/// A new user with a key of their own, and the file of its public half.
pub(crate) async fn signer(world: &World, name: &str) -> Result<(DockerClient, String)> {
    signer_of(world, name, world.server.endpoint()).await
}

/// The same with another trust server. The key has the passphrase that `notary` has for it too.
async fn signer_of(
    world: &World,
    name: &str,
    trust_server: &Endpoint,
) -> Result<(DockerClient, String)> {
    let user = world.user_of(name, trust_server)?;
    let user = user.with(REPOSITORY_PASSPHRASE_VARIABLE, DELEGATION_PASSPHRASE);
    let folder = world.folder().to_string_lossy().into_owned();
    let generate = ["trust", "key", "generate", name, "--dir", &folder];
    prints(&user, &generate, "Successfully generated and loaded private key").await?;
    Ok((user, format!("{folder}/{name}.pub")))
}

/// What `docker trust inspect` prints, as JSON.
async fn inspected(user: &DockerClient, name: &str) -> Result<Value> {
    let outcome = ok(user, &["trust", "inspect", name]).await?;
    let value: Value = serde_json::from_str(&outcome.stdout)?;
    value.get(0).cloned().context("an empty list")
}

/// The words of the row of a table that begins with `first`.
fn row<'a>(table: &'a str, first: &str) -> Vec<&'a str> {
    let rows = table.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
    rows.into_iter().find(|row| row.first() == Some(&first)).unwrap_or_default()
}

#[tokio::test]
async fn signers_are_added_and_sign_with_their_own_keys() -> Result<()> {
    let world = World::start().await?;
    let app = world.app();
    let (one, two) = (format!("{app}:one"), format!("{app}:two"));
    let owner = world.user("owner")?;
    let (alice, alices_key) = signer(&world, "alice").await?;
    let bob = world.user("bob")?;
    let bobs_pair = key_files::rsa(world.folder(), "bob").await?;
    let bobs_key = key_files::public_half(&bobs_pair).await?;
    let load = ["trust", "key", "load", "--name", "bob", &*bobs_pair.to_string_lossy()];
    prints(&bob, &load, "Successfully imported key from").await?;

    let add = ["trust", "signer", "add", "--key", &alices_key, "alice", &app];
    let added = prints(&owner, &add, "Successfully added signer: alice").await?;
    ensure!(added.says(&format!("Successfully initialized \"{app}\"")), "{added:?}");
    let add = ["trust", "signer", "add", "--key", &*bobs_key.to_string_lossy(), "bob", &app];
    prints(&owner, &add, "Successfully added signer: bob").await?;
    for tag in [&one, &two] {
        world.image(tag, "a word").await?;
    }
    prints(&alice, &["trust", "sign", &one], &format!("Successfully signed {one}")).await?;
    prints(&alice, &["push", &two], &format!("Successfully signed {two}")).await?;
    prints(&bob, &["trust", "sign", &two], "Existing signatures for tag two").await?;

    // Who owns the repository does not sign any more once it has signers.
    let refusal = "no valid signing keys for delegation roles";
    fails(&owner, &["push", &one], refusal).await?;
    let listed = world.user("reader")?;
    let pretty = ok(&listed, &["trust", "inspect", "--pretty", &app]).await?.stdout;
    ensure!(row(&pretty, "one").last() == Some(&"alice"), "{pretty}");
    ensure!(row(&pretty, "two").ends_with(&["alice,", "bob"]), "{pretty}");
    let json = inspected(&listed, &two).await?;
    ensure!(json["SignedTags"][0]["SignedTag"] == "two", "{json}");
    ensure!(json["SignedTags"][0]["Signers"] == json!(["alice", "bob"]), "{json}");
    ensure!(json["AdministrativeKeys"].as_array().is_some_and(|keys| keys.len() == 2), "{json}");
    ok(&listed, &["pull", &two]).await?;
    let notary = world.with_notary(&listed)?;
    let by_bob = notary.run(&["list", &app, "--roles", "targets/bob"]).await?;
    ensure!(by_bob.says("two ") && by_bob.says("targets/bob"), "{by_bob:?}");
    Ok(())
}

#[tokio::test]
async fn a_removed_signer_signs_no_more_and_what_the_others_signed_stays() -> Result<()> {
    let world = World::start().await?;
    let app = world.app();
    let (one, two) = (format!("{app}:one"), format!("{app}:two"));
    let owner = world.user("owner")?;
    let (bob, bobs_key) = signer(&world, "bob").await?;
    let (alice, alices_key) = signer(&world, "alice").await?;
    for (name, key) in [("bob", &bobs_key), ("alice", &alices_key)] {
        ok(&owner, &["trust", "signer", "add", "--key", key, name, &app]).await?;
    }
    for (tag, signer) in [(&two, &bob), (&one, &alice)] {
        world.image(tag, "a word").await?;
        ok(signer, &["trust", "sign", tag]).await?;
    }

    let remove = ["trust", "signer", "remove", "--force", "bob", &app];
    prints(&owner, &remove, "Successfully removed bob").await?;
    fails(&owner, &remove, "No signer bob for repository").await?;
    let refusal = "no valid signing keys for delegation roles";
    fails(&bob, &["trust", "sign", &one], refusal).await?;
    fails(&bob, &["trust", "revoke", &one], refusal).await?;
    let reader = world.user("reader")?;
    ok(&reader, &["pull", &one]).await?;
    let json = inspected(&reader, &app).await?;
    ensure!(json["Signers"].as_array().is_some_and(|signers| signers.len() == 1), "{json}");
    ensure!(json["Signers"][0]["Name"] == "alice", "{json}");

    // Nobody is left who may sign, so nothing is signed.
    let remove = ["trust", "signer", "remove", "--force", "alice", &app];
    prints(&owner, &remove, "Successfully removed alice").await?;
    fails(&reader, &["pull", &one], "No valid trust data for one").await?;
    fails(&alice, &["trust", "sign", &one], refusal).await?;
    ok(&owner, &["trust", "signer", "add", "--key", &alices_key, "alice", &app]).await?;
    ok(&alice, &["trust", "sign", &one]).await?;
    ok(&reader, &["pull", &one]).await?;
    Ok(())
}

#[tokio::test]
async fn a_signer_removed_with_notary_signs_no_more() -> Result<()> {
    let world = World::start().await?;
    let app = world.app();
    let one = format!("{app}:one");
    world.image(&one, "one").await?;
    let owner = world.user("owner")?;
    let (bob, bobs_key) = signer(&world, "bob").await?;
    let (alice, alices_key) = signer(&world, "alice").await?;
    for (name, key) in [("bob", &bobs_key), ("alice", &alices_key)] {
        ok(&owner, &["trust", "signer", "add", "--key", key, name, &app]).await?;
    }
    ok(&alice, &["trust", "sign", &one]).await?;

    let owners_notary = world.with_notary(&owner)?;
    let listed = owners_notary.run(&["delegation", "list", &app]).await?;
    let key_id = row(&listed.stdout, "targets/bob").get(4).copied().context("bob has no key")?;
    for command in [
        &["delegation", "remove", &app, "targets/releases", key_id][..],
        &["delegation", "remove", &app, "targets/bob", "--yes"],
        &["publish", &app],
    ] {
        let outcome = owners_notary.run(command).await?;
        ensure!(outcome.succeeded(), "{outcome:?}");
    }
    fails(&bob, &["trust", "sign", &one], "no valid signing keys for delegation roles").await?;
    let reader = world.user("reader")?;
    let json = inspected(&reader, &app).await?;
    ensure!(json["Signers"].as_array().is_some_and(|signers| signers.len() == 1), "{json}");
    ok(&reader, &["pull", &one]).await?;
    Ok(())
}

/// Every signer signs the one list of released tags, so the signature of the last of them counts.
#[tokio::test]
async fn removing_the_last_one_who_signed_voids_all_tags_until_another_witnesses_them() -> Result<()>
{
    let world = World::start().await?;
    let go = GoNotary::start().await?;
    remove_who_signed_last(&world, "go", go.endpoint()).await.context("with the Go server")?;
    remove_who_signed_last(&world, "ours", world.server.endpoint()).await?;
    Ok(())
}

async fn remove_who_signed_last(world: &World, which: &str, trust_server: &Endpoint) -> Result<()> {
    let app = world.registry.repository(&format!("team/{which}"));
    let (one, two) = (format!("{app}:one"), format!("{app}:two"));
    let owner = world.user_of(&format!("{which}-owner"), trust_server)?;
    let reader = world.user_of(&format!("{which}-reader"), trust_server)?;
    let names = (format!("{which}-alice"), format!("{which}-bob"));
    let (alice, alices_key) = signer_of(world, &names.0, trust_server).await?;
    let (bob, bobs_key) = signer_of(world, &names.1, trust_server).await?;
    for (name, key) in [(&names.0, &alices_key), (&names.1, &bobs_key)] {
        ok(&owner, &["trust", "signer", "add", "--key", key, name, &app]).await?;
    }
    for (tag, signer) in [(&one, &alice), (&two, &bob)] {
        world.image(tag, "a word").await?;
        ok(signer, &["trust", "sign", tag]).await?;
    }

    ok(&owner, &["trust", "signer", "remove", "--force", &names.1, &app]).await?;
    fails(&reader, &["pull", &one], "No trust data for one").await?;
    fails(&reader, &["pull", &two], "No valid trust data for two").await?;
    fails(&alice, &["trust", "sign", &one], "trust server rejected operation").await?;
    let alices_notary = NotaryClient::new(&alice.trust_dir(), trust_server)?;
    let witnessed = alices_notary.run(&["witness", "-p", &app, "targets/releases"]).await?;
    ensure!(witnessed.succeeded(), "{witnessed:?}");
    ok(&reader, &["pull", &one]).await?;
    ok(&reader, &["pull", &two]).await?;
    ok(&alice, &["trust", "sign", &one]).await?;
    Ok(())
}
