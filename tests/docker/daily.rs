//! What users do every day with content trust on: push, pull, run, create and build, and take a
//! signature back.

use anyhow::{Result, ensure};

use crate::world::{Pushed, World, fails, ok, prints, runs, runs_nothing};

#[tokio::test]
async fn a_signed_tag_is_pulled_run_created_and_built_from() -> Result<()> {
    let world = World::start().await?;
    let (alice, bob) = (world.user("alice")?, world.user("bob")?);
    let tag = format!("{}:one", world.app());
    world.image(&tag, "one").await?;
    let pushed = prints(&alice, &["push", &tag], &format!("Successfully signed {tag}")).await?;
    ensure!(pushed.says(&format!("Finished initializing \"{}\"", world.app())), "{pushed:?}");
    let digest = Pushed::told_by(&pushed)?.sha256;
    let row = ("one".to_owned(), digest.clone(), "targets".to_owned());
    ensure!(world.signed(&world.app()).await? == [row]);

    world.forget_images().await?;
    let by_digest = format!("{}@sha256:{digest}", world.app());
    prints(&bob, &["pull", &tag], &format!("Tagging {by_digest} as {tag}")).await?;
    runs(&bob, &tag, "one").await?;
    let created = ok(&bob, &["create", "--network=none", &tag]).await?;
    prints(&bob, &["start", "--attach", created.stdout.trim()], "one").await?;
    let dockerfile = format!("FROM {tag}\nRUN [\"/bin/busybox\", \"touch\", \"/built\"]\n");
    let context = world.build_context("context", &dockerfile)?;
    let build = ["build", "--network=none", "--tag", "built", &context];
    prints(&bob, &build, &format!("FROM {by_digest}")).await?;
    // What was built here is signed by nobody, so content trust does not run it by its name.
    runs(&bob.without_trust(), "built", "one").await?;
    Ok(())
}

#[tokio::test]
async fn an_unsigned_tag_is_not_pulled_run_created_or_built_from() -> Result<()> {
    let world = World::start().await?;
    let (alice, bob) = (world.user("alice")?, world.user("bob")?);
    let (signed, unsigned) = (format!("{}:one", world.app()), format!("{}:two", world.app()));
    let stranger = format!("{}:one", world.registry.repository("team/stranger"));
    for tag in [&signed, &unsigned, &stranger] {
        world.image(tag, "a word").await?;
    }
    ok(&alice, &["push", &signed]).await?;
    // These stay on the daemon too: that it has them makes them no better.
    world.push_unsigned(&unsigned).await?;
    world.push_unsigned(&stranger).await?;

    for (tag, refusal) in [
        (&unsigned, "No valid trust data for two"),
        (&stranger, "Error: remote trust data does not exist for"),
    ] {
        fails(&bob, &["pull", tag], refusal).await?;
        runs_nothing(&bob, tag, refusal.trim_start_matches("Error: ")).await?;
        fails(&bob, &["create", tag], refusal).await?;
        let context = world.build_context("context", &format!("FROM {tag}\n"))?;
        let refusal = refusal.trim_start_matches("Error: ");
        fails(&bob, &["build", "--tag", "built", &context], refusal).await?;
        ok(&bob.without_trust(), &["pull", tag]).await?;
    }
    fails(&bob.without_trust(), &["image", "inspect", "built"], "No such image").await?;
    ensure!(world.signed_tags(&world.app()).await? == ["one"]);
    Ok(())
}

#[tokio::test]
async fn a_revoked_tag_is_refused_and_the_others_stay_until_all_are_revoked() -> Result<()> {
    let world = World::start().await?;
    let (alice, bob) = (world.user("alice")?, world.user("bob")?);
    let app = world.app();
    let (one, two) = (format!("{app}:one"), format!("{app}:two"));
    for (tag, word) in [(&one, "one"), (&two, "two")] {
        world.image(tag, word).await?;
        ok(&alice, &["push", tag]).await?;
    }
    ok(&bob, &["pull", &one]).await?;

    let revoked = format!("Successfully deleted signature for {one}");
    prints(&alice, &["trust", "revoke", &one], &revoked).await?;
    fails(&bob, &["pull", &one], "No valid trust data for one").await?;
    ok(&bob, &["pull", &two]).await?;
    ensure!(world.signed_tags(&app).await? == ["two"]);
    fails(&alice, &["trust", "revoke", &one], "could not remove signature").await?;

    let all = format!("Successfully deleted signature for {app}");
    prints(&alice, &["trust", "revoke", "--yes", &app], &all).await?;
    fails(&bob, &["pull", &two], "No valid trust data for two").await?;
    ensure!(world.signed(&app).await?.is_empty());
    prints(&bob, &["trust", "inspect", "--pretty", &app], "No signatures for").await?;
    ok(&alice, &["trust", "sign", &one]).await?;
    ok(&bob, &["pull", &one]).await?;
    Ok(())
}
