//! Two who publish at once: one overtakes the other at a gate, or they really race.

use anyhow::{Result, ensure};
use countersign_tests::peers::certs::Pair;
use countersign_tests::peers::notary_client::{NotaryClient, Outcome};
use countersign_tests::session::Session;

const GUN: &str = "example.com/lab/app";

/// Runs `slow` through a gate that holds its publish while `fast` runs to its end.
///
/// Both outcomes go into the transcript, the fast one first.
async fn overtake(
    s: &mut Session,
    (slow, slow_command): (&NotaryClient, &[&str]),
    (fast, fast_command): (&NotaryClient, &[&str]),
) -> Result<(Outcome, Outcome)> {
    let gate = s.gate().await?;
    gate.hold_next_publish();
    let held = slow.asking(gate.endpoint());
    let (slow, fast) = tokio::join!(held.run(slow_command), async {
        gate.publish_arrived().await?;
        let outcome = fast.run(fast_command).await;
        gate.release();
        outcome
    });
    let (slow, fast) = (slow?, fast?);
    s.record(fast_command, &fast);
    s.record(slow_command, &slow);
    ensure!(fast.succeeded(), "the first to arrive was to win: {fast:?}");
    Ok((slow, fast))
}

pub(crate) async fn the_loser_of_a_race_is_refused_and_its_next_publish_is_accepted(
    s: &mut Session,
) -> Result<()> {
    let alice = s.client("alice")?;
    let file = s.file("file", b"content")?;
    s.ok(&alice, &["init", "-p", GUN]).await?;
    let bob = s.copy(&alice, "bob")?;
    let (loser, _) = overtake(
        s,
        (&bob, &["add", "-p", GUN, "bobs", &file]),
        (&alice, &["add", "-p", GUN, "alices", &file]),
    )
    .await?;
    ensure!(loser.code == Some(1) && loser.says("* fatal: "), "{loser:?}");
    let reader = s.client("reader")?;
    let listed = s.prints(&reader, &["list", GUN], "alices ").await?;
    ensure!(!listed.says("bobs "), "{listed:?}");
    s.ok(&bob, &["status", GUN]).await?;
    s.ok(&bob, &["publish", GUN]).await?;
    let listed = s.prints(&reader, &["list", GUN], "alices ").await?;
    ensure!(listed.says("bobs "), "{listed:?}");
    Ok(())
}

pub(crate) async fn rivals_for_one_role_are_decided_also_where_the_server_holds_the_snapshot(
    s: &mut Session,
) -> Result<()> {
    let alice = s.client("alice")?;
    let file = s.file("file", b"content")?;
    s.ok(&alice, &["init", "-p", GUN]).await?;
    s.ok(&alice, &["key", "rotate", GUN, "snapshot", "-r"]).await?;
    let bob = s.copy(&alice, "bob")?;
    let (loser, _) = overtake(
        s,
        (&bob, &["add", "-p", GUN, "bobs", &file]),
        (&alice, &["add", "-p", GUN, "alices", &file]),
    )
    .await?;
    ensure!(loser.code == Some(1), "{loser:?}");
    s.ok(&bob, &["publish", GUN]).await?;
    let listed = s.prints(&alice, &["list", GUN], "alices ").await?;
    ensure!(listed.says("bobs "), "{listed:?}");
    Ok(())
}

pub(crate) async fn a_publish_built_on_keys_that_were_rotated_away_is_refused_with_the_reason(
    s: &mut Session,
) -> Result<()> {
    let alice = s.client("alice")?;
    let file = s.file("file", b"content")?;
    s.ok(&alice, &["init", "-p", GUN]).await?;
    let bob = s.copy(&alice, "bob")?;
    let (refused, _) = overtake(
        s,
        (&bob, &["add", "-p", GUN, "bobs", &file]),
        (&alice, &["key", "rotate", GUN, "snapshot", "-r"]),
    )
    .await?;
    ensure!(refused.code == Some(1) && refused.says("snapshot"), "{refused:?}");
    s.prints(&alice, &["list", GUN], "No targets present").await?;
    s.ok(&bob, &["publish", GUN]).await?;
    s.prints(&alice, &["list", GUN], "bobs ").await?;
    Ok(())
}

pub(crate) async fn a_publish_that_a_deletion_overtook_is_refused_with_the_reason(
    s: &mut Session,
) -> Result<()> {
    let alice = s.client("alice")?;
    let file = s.file("file", b"content")?;
    s.ok(&alice, &["init", "-p", GUN]).await?;
    let bob = s.copy(&alice, "bob")?;
    let (refused, _) = overtake(
        s,
        (&bob, &["add", "-p", GUN, "bobs", &file]),
        (&alice, &["delete", "--remote", GUN]),
    )
    .await?;
    ensure!(refused.code == Some(1) && refused.says("no pre-existing root"), "{refused:?}");
    s.fails(&s.client("reader")?, &["list", GUN], "does not have trust data").await?;
    s.ok(&alice, &["init", "-p", GUN]).await?;
    s.prints(&s.client("stranger")?, &["list", GUN], "No targets present").await?;
    Ok(())
}

pub(crate) async fn a_delegate_is_not_in_the_way_of_another_delegate(
    s: &mut Session,
) -> Result<()> {
    let (alice, bob) = two_delegates(s).await?;
    let file = s.file("file", b"content")?;
    let (second, _) = overtake(
        s,
        (&bob, &["add", "-p", GUN, "bobs", &file, "--roles", "targets/bob"]),
        (&alice, &["add", "-p", GUN, "alices", &file, "--roles", "targets/alice"]),
    )
    .await?;
    ensure!(second.succeeded(), "{second:?}");
    let listed = s.ok(&s.client("reader")?, &["list", GUN]).await?;
    ensure!(listed.says("alices ") && listed.says("bobs "), "{listed:?}");
    Ok(())
}

pub(crate) async fn delegates_who_publish_at_the_same_moment_both_succeed(
    s: &mut Session,
) -> Result<()> {
    let (alice, bob) = two_delegates(s).await?;
    let file = s.file("file", b"content")?;
    for round in 0..5 {
        let (alices, bobs) = (format!("alices-{round}"), format!("bobs-{round}"));
        let alices = ["add", "-p", GUN, &alices, &file, "--roles", "targets/alice"];
        let bobs = ["add", "-p", GUN, &bobs, &file, "--roles", "targets/bob"];
        let (first, second) = tokio::join!(alice.run(&alices), bob.run(&bobs));
        let (first, second) = (first?, second?);
        ensure!(first.succeeded() && second.succeeded(), "{first:?}\n{second:?}");
    }
    let listed = s.ok(&s.client("reader")?, &["list", GUN]).await?;
    ensure!(listed.stdout.lines().count() == 2 + 10, "{listed:?}");
    Ok(())
}

pub(crate) async fn publishers_at_the_same_moment_lose_nothing_that_was_acknowledged(
    s: &mut Session,
) -> Result<()> {
    let alice = s.client("alice")?;
    let file = s.file("file", b"content")?;
    s.ok(&alice, &["init", "-p", GUN]).await?;
    let bob = s.copy(&alice, "bob")?;
    let mut acknowledged = Vec::new();
    for round in 0..5 {
        let targets = [format!("alices-{round}"), format!("bobs-{round}")];
        let commands = targets.each_ref().map(|target| ["add", "-p", GUN, target, &file]);
        let (first, second) = tokio::join!(alice.run(&commands[0]), bob.run(&commands[1]));
        let outcomes = [first?, second?];
        ensure!(outcomes.iter().any(Outcome::succeeded), "nobody won: {outcomes:?}");
        for ((outcome, target), client) in outcomes.iter().zip(targets).zip([&alice, &bob]) {
            if !outcome.succeeded() {
                ensure!(outcome.code == Some(1) && outcome.says("* fatal: "), "{outcome:?}");
                s.ok(client, &["publish", GUN]).await?;
            }
            acknowledged.push(target);
        }
    }
    let listed = s.ok(&s.client("reader")?, &["list", GUN]).await?;
    for target in acknowledged {
        ensure!(listed.says(&format!("{target} ")), "{target} is lost: {listed:?}");
    }
    Ok(())
}

/// Alice and bob, each with a delegation and its key, below an owner whose snapshot key the server
/// holds.
async fn two_delegates(s: &mut Session) -> Result<(NotaryClient, NotaryClient)> {
    let owner = s.client("owner")?;
    s.ok(&owner, &["init", "-p", GUN]).await?;
    s.ok(&owner, &["key", "rotate", GUN, "snapshot", "-r"]).await?;
    for name in ["alice", "bob"] {
        let pair = Pair::ecdsa(s.directory(), name, name)?;
        let (key, certificate) = (pair.key.to_string_lossy(), pair.certificate.to_string_lossy());
        s.ok(&s.client(name)?, &["key", "import", &key, "--role", name]).await?;
        let role = format!("targets/{name}");
        s.ok(&owner, &["delegation", "add", "-p", GUN, &role, &certificate, "--all-paths"]).await?;
    }
    Ok((s.client("alice")?, s.client("bob")?))
}
