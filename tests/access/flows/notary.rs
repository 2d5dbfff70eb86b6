//! The `notary` client with `NOTARY_AUTH`.

use std::fs;

use anyhow::{Result, ensure};
use countersign_tests::peers::notary_client::{NotaryClient, Outcome};
use countersign_tests::peers::token_service::Refresh;

use super::{
    ES256_BY_JWK, ES256_BY_KID, ES256_BY_X5C, ES512_BY_X5C, Make, NOT_AUTHORIZED, PASSWORD,
    RS256_BY_KID, RS256_BY_X5C, Trust,
};
use crate::server::Whose;

const GUN: &str = "registry.example/team/app";

async fn ok(client: &NotaryClient, arguments: &[&str]) -> Result<Outcome> {
    let outcome = client.run(arguments).await?;
    ensure!(outcome.succeeded(), "`notary {}` was to succeed: {outcome:#?}", arguments.join(" "));
    Ok(outcome)
}

async fn fails(client: &NotaryClient, arguments: &[&str], text: &str) -> Result<()> {
    let outcome = client.run(arguments).await?;
    let fits = outcome.code == Some(1) && outcome.says(text);
    ensure!(fits, "`notary {}` was to say {text:?}: {outcome:#?}", arguments.join(" "));
    Ok(())
}

/// A collection's whole life under tokens.
async fn life(trust: &Trust) -> Result<()> {
    let client = |name: &str| NotaryClient::new(&trust.folder.path().join(name), &trust.endpoint);
    let (alice, nobody) = (client("alice")?.named("alice", PASSWORD), client("nobody")?);
    let (bob, carol) =
        (client("bob")?.named("bob", PASSWORD), client("carol")?.named("carol", PASSWORD));
    let file = trust.folder.path().join("file");
    fs::write(&file, "content")?;
    let file = file.to_string_lossy();

    ok(&alice, &["init", "--publish", GUN]).await?;
    ok(&alice, &["add", "--publish", GUN, "v1", &file]).await?;
    trust.gave("basic", "alice", &format!("repository:{GUN}:push,pull"))?;
    for reader in [&alice, &bob] {
        let listed = ok(reader, &["list", GUN]).await?;
        ensure!(listed.says("v1"), "{listed:?}");
    }
    trust.gave("anonymous", "", &format!("repository:{GUN}:pull"))?;
    trust.gave("basic", "bob", &format!("repository:{GUN}:pull"))?;

    fails(&nobody, &["list", GUN], NOT_AUTHORIZED).await?;
    fails(&carol, &["list", GUN], NOT_AUTHORIZED).await?;
    fails(&client("eve")?.named("alice", "a guess"), &["list", GUN], "unauthorized").await?;

    // Bob has keys that would do, and no right to publish with them.
    let thief = alice.copy_to(&trust.folder.path().join("thief"))?.named("bob", PASSWORD);
    let refused = thief.run(&["add", "--publish", GUN, "v2", &file]).await?;
    // Go may close the connection while the client is still sending.
    let cut = trust.whose == Whose::Go && refused.says("broken pipe");
    let fits = refused.code == Some(1) && (cut || refused.says(NOT_AUTHORIZED));
    ensure!(fits, "Bob may not publish: {refused:#?}");
    fails(&thief, &["key", "rotate", GUN, "snapshot", "-r"], NOT_AUTHORIZED).await?;
    fails(&thief, &["delete", "--remote", GUN], NOT_AUTHORIZED).await?;
    let listed = ok(&bob, &["list", GUN]).await?;
    ensure!(listed.says("v1") && !listed.says("v2"), "{listed:?}");

    ok(&alice, &["key", "rotate", GUN, "snapshot", "-r"]).await?;
    ok(&alice, &["key", "rotate", GUN, "timestamp", "-r"]).await?;
    trust.gave("basic", "alice", &format!("repository:{GUN}:*"))?;
    ok(&alice, &["add", "--publish", GUN, "v3", &file]).await?;
    let listed = ok(&bob, &["list", GUN]).await?;
    ensure!(listed.says("v1") && listed.says("v3"), "{listed:?}");

    ok(&alice, &["delete", "--remote", GUN]).await?;
    let late = client("late")?.named("bob", PASSWORD);
    fails(&late, &["list", GUN], "does not have trust data").await
}

async fn everywhere(make: Make) -> Result<()> {
    for whose in Whose::EACH {
        let trust = Trust::start(*whose, make, Refresh::Unknown).await?;
        life(&trust).await.map_err(|error| error.context(format!("{whose:?} {make:?}")))?;
    }
    Ok(())
}

#[tokio::test]
async fn notary_lives_with_the_tokens_that_docker_auth_issues() -> Result<()> {
    everywhere(RS256_BY_KID).await
}

#[tokio::test]
async fn notary_lives_with_tokens_that_carry_their_certificate() -> Result<()> {
    everywhere(RS256_BY_X5C).await?;
    everywhere(ES256_BY_X5C).await?;
    everywhere(ES512_BY_X5C).await
}

#[tokio::test]
async fn notary_lives_with_tokens_of_an_elliptic_key_by_id_and_by_value() -> Result<()> {
    everywhere(ES256_BY_KID).await?;
    everywhere(ES256_BY_JWK).await
}
