//! Two people who publish to one repository at the same time.

use anyhow::{Result, ensure};

use crate::signers::signer;
use crate::world::{World, fails, ok};

/// How often the two meet.
const ROUNDS: [&str; 4] = ["1", "2", "3", "4"];

#[tokio::test]
async fn two_signers_at_once_lose_nothing_and_a_refused_one_signs_again() -> Result<()> {
    let world = World::start().await?;
    let app = world.app();
    let owner = world.user("owner")?;
    let (alice, alices_key) = signer(&world, "alice").await?;
    let (bob, bobs_key) = signer(&world, "bob").await?;
    for (name, key) in [("alice", &alices_key), ("bob", &bobs_key)] {
        ok(&owner, &["trust", "signer", "add", "--key", key, name, &app]).await?;
    }
    let mut expected = Vec::new();
    for round in ROUNDS {
        let (alices, bobs) = (format!("{app}:alice-{round}"), format!("{app}:bob-{round}"));
        for tag in [&alices, &bobs] {
            world.image(tag, "a word").await?;
        }
        let (hers, his) = (["push", &alices], ["push", &bobs]);
        let (by_alice, by_bob) = tokio::join!(alice.run(&hers), bob.run(&his));
        let (by_alice, by_bob) = (by_alice?, by_bob?);
        ensure!(by_alice.succeeded() || by_bob.succeeded(), "{by_alice:#?}\n{by_bob:#?}");
        for (user, tag, outcome) in [(&alice, &alices, by_alice), (&bob, &bobs, by_bob)] {
            if !outcome.succeeded() {
                let clean = outcome.code == Some(1) && outcome.says("failed to sign");
                ensure!(clean, "neither signed nor refused: {outcome:#?}");
                ok(user, &["trust", "sign", tag]).await?;
            }
        }
        expected.extend([format!("alice-{round}"), format!("bob-{round}")]);
        expected.sort();
        ensure!(world.signed_tags(&app).await? == expected, "after round {round}");
    }
    let reader = world.user("reader")?;
    for tag in &expected {
        ok(&reader, &["pull", &format!("{app}:{tag}")]).await?;
    }
    fails(&reader, &["pull", &format!("{app}:alice-5")], "No valid trust data").await?;
    Ok(())
}
