//! The trust server is away, or is not the one that is trusted.

use anyhow::{Result, ensure};
use countersign_tests::peers::certs::Authority;
use countersign_tests::wire::Endpoint;

use crate::world::{World, fails, ok, prints, runs, runs_nothing};

const REFUSED: &str = "connection refused";

/// Its first word begins with a small letter from some version on.
const NOT_INSPECTED: &str = "o signatures or cannot access";

#[tokio::test]
async fn without_the_trust_server_a_newcomer_gets_nothing_and_nobody_signs() -> Result<()> {
    let mut world = World::start().await?;
    let (alice, bob) = (world.user("alice")?, world.user("bob")?);
    let (one, two) = (format!("{}:one", world.app()), format!("{}:two", world.app()));
    for tag in [&one, &two] {
        world.image(tag, "a word").await?;
    }
    ok(&alice, &["push", &one]).await?;
    world.push_unsigned(&two).await?;

    world.server.kill9()?;
    fails(&bob, &["pull", &one], REFUSED).await?;
    runs_nothing(&bob, &one, REFUSED).await?;
    fails(&bob, &["create", &one], REFUSED).await?;
    let context = world.build_context("context", &format!("FROM {one}\n"))?;
    // Docker takes the closed port of the trust server for that of its own daemon.
    let mistaken = "Cannot connect to the Docker daemon";
    fails(&bob, &["build", "--tag", "built", &context], mistaken).await?;
    fails(&bob.without_trust(), &["image", "inspect", "built"], "No such image").await?;
    fails(&bob, &["push", &two], REFUSED).await?;
    fails(&bob, &["trust", "inspect", &one], NOT_INSPECTED).await?;
    fails(&alice, &["push", &two], REFUSED).await?;
    fails(&alice, &["trust", "sign", &two], REFUSED).await?;
    fails(&alice, &["trust", "revoke", &one], REFUSED).await?;

    world.server.start_again().await?;
    ensure!(world.signed_tags(&world.app()).await? == ["one"]);
    ok(&bob, &["pull", &one]).await?;
    ok(&alice, &["push", &two]).await?;
    ensure!(world.signed_tags(&world.app()).await? == ["one", "two"]);
    Ok(())
}

#[tokio::test]
async fn who_saw_it_before_goes_on_with_what_was_signed_then_and_is_warned() -> Result<()> {
    let mut world = World::start().await?;
    let (alice, bob) = (world.user("alice")?, world.user("bob")?);
    let (one, two) = (format!("{}:one", world.app()), format!("{}:two", world.app()));
    for (tag, word) in [(&one, "one"), (&two, "two")] {
        world.image(tag, word).await?;
    }
    ok(&alice, &["push", &one]).await?;
    world.push_unsigned(&two).await?;
    ok(&bob, &["pull", &one]).await?;

    world.server.kill9()?;
    world.forget_images().await?;
    let warning = "this might not be the latest version available remotely";
    prints(&bob, &["pull", &one], warning).await?;
    ensure!(runs(&bob, &one, "one").await?.says(warning));
    fails(&bob, &["pull", &two], "No valid trust data for two").await?;
    runs_nothing(&bob, &two, "No valid trust data for two").await?;
    Ok(())
}

#[tokio::test]
async fn a_trust_server_with_a_strangers_certificate_is_not_believed() -> Result<()> {
    let world = World::start().await?;
    let one = format!("{}:one", world.app());
    world.image(&one, "one").await?;
    ok(&world.user("alice")?, &["push", &one]).await?;
    let strangers = Authority::create(world.folder(), "a stranger's CA")?.certificate();
    let port = world.server.endpoint().port();
    let misled = world.user_of("misled", &Endpoint::new(port, strangers))?;
    let refusal = "certificate signed by unknown authority";
    fails(&misled, &["pull", &one], refusal).await?;
    runs_nothing(&misled, &one, refusal).await?;
    fails(&misled, &["push", &one], refusal).await?;
    fails(&misled, &["trust", "inspect", &one], NOT_INSPECTED).await?;

    // Docker does not check at all when the registry's own name leads to loopback; what is not
    // signed is refused there as well.
    let local = format!("localhost:{}/team/app:one", world.registry.port());
    fails(&misled, &["pull", &local], "remote trust data does not exist").await?;
    Ok(())
}
