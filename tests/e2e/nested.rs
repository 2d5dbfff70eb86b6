//! Delegations below delegations: three signers, each with one key, and paths that only narrow.

use anyhow::{Result, ensure};
use countersign_tests::compare::alike;
use countersign_tests::peers::notary_client::NotaryClient;
use countersign_tests::session::Session;
use countersign_tests::signer::Signer;

const GUN: &str = "example.com/lab/app";
const NOT_LISTED: &str = "No valid trust data";

/// An owner, and below the owner three signers who each delegated to the next.
struct Chain {
    owner: NotaryClient,
    levels: [Signer; 3],
}

const ROLES: [&str; 3] = ["targets/one", "targets/one/two", "targets/one/two/three"];

async fn delegate(s: &mut Session, from: &NotaryClient, to: (&str, &Signer, &str)) -> Result<()> {
    let (role, signer, paths) = to;
    let add = ["delegation", "add", "-p", GUN, role, &signer.certificate, "--paths", paths];
    s.prints(from, &add, "Successfully published changes").await?;
    Ok(())
}

async fn chain(s: &mut Session) -> Result<Chain> {
    let owner = s.client("owner")?;
    s.ok(&owner, &["init", "-p", GUN]).await?;
    s.ok(&owner, &["key", "rotate", GUN, "snapshot", "-r"]).await?;
    let one = Signer::with_ecdsa(s, "one").await?;
    let two = Signer::with_rsa(s, "two").await?;
    let three = Signer::with_ecdsa(s, "three").await?;
    delegate(s, &owner, (ROLES[0], &one, "app/,lib/")).await?;
    delegate(s, &one.client, (ROLES[1], &two, "app/deep/,lib/")).await?;
    delegate(s, &two.client, (ROLES[2], &three, "app/deep/er/,lib/")).await?;
    Ok(Chain { owner, levels: [one, two, three] })
}

#[tokio::test]
async fn signers_on_three_levels_each_publish_with_their_one_key() -> Result<()> {
    alike(async |s: &mut Session| {
        let Chain { owner, levels } = chain(s).await?;
        let file = s.file("file", b"content")?;
        let targets = ["app/v1", "app/deep/v1", "app/deep/er/v1"];
        for ((signer, role), target) in levels.iter().zip(ROLES).zip(targets) {
            s.ok(&signer.client, &["add", "-p", GUN, target, &file, "--roles", role]).await?;
        }
        let reader = s.client("reader")?;
        let listed = s.ok(&reader, &["list", GUN]).await?;
        for (role, target) in ROLES.iter().zip(targets) {
            let fits = |row: &str| row.starts_with(target) && row.ends_with(&format!(" {role}"));
            ensure!(listed.stdout.lines().any(fits), "{target} of {role}: {listed:?}");
            s.prints(&reader, &["lookup", GUN, target], &format!("{target} sha256:")).await?;
        }
        s.ok(&reader, &["list", GUN, "--roles", ROLES[2]]).await?;
        s.ok(&owner, &["delegation", "list", GUN]).await?;
        for role in ROLES {
            let cached: serde_json::Value = serde_json::from_slice(&reader.cached(GUN, role)?)?;
            ensure!(cached.pointer("/signed/_type") == Some(&"Targets".into()), "{cached}");
        }
        Ok(())
    })
    .await
}

#[tokio::test]
async fn a_child_is_given_no_path_that_its_parent_does_not_have() -> Result<()> {
    alike(async |s: &mut Session| {
        let Chain { owner, levels: [one, two, three] } = chain(s).await?;
        let wide = ["delegation", "add", "-p", GUN, "targets/one/wide", &three.certificate];
        let refused = "invalid paths to add to role";
        s.fails(&one.client, &[&wide[..], &["--paths", "elsewhere/"]].concat(), refused).await?;
        s.ok(&one.client, &["reset", GUN, "--all"]).await?;
        s.fails(&one.client, &[&wide[..], &["--all-paths"]].concat(), refused).await?;
        s.ok(&one.client, &["reset", GUN, "--all"]).await?;
        let deep = ["delegation", "add", "-p", GUN, ROLES[2], "--paths", "app/"];
        s.fails(&two.client, &deep, refused).await?;
        s.ok(&two.client, &["reset", GUN, "--all"]).await?;
        s.ok(&owner, &["delegation", "list", GUN]).await?;
        Ok(())
    })
    .await
}

#[tokio::test]
async fn targets_outside_the_paths_of_any_level_are_not_shown() -> Result<()> {
    alike(async |s: &mut Session| {
        let Chain { owner, levels: [one, two, three] } = chain(s).await?;
        let file = s.file("file", b"content")?;
        let add = |target| ["add", "-p", GUN, target, &file, "--roles", ROLES[2]];
        for target in ["app/deep/v1", "elsewhere", "app/deep/er"] {
            s.run(&three.client, &add(target)).await?;
            s.ok(&three.client, &["reset", GUN, "--all"]).await?;
            s.fails(&owner, &["lookup", GUN, target], NOT_LISTED).await?;
        }
        s.ok(&three.client, &add("app/deep/er/v1")).await?;
        s.ok(&three.client, &add("lib/v1")).await?;
        let reader = s.client("reader")?;
        s.prints(&reader, &["lookup", GUN, "lib/v1"], "lib/v1 sha256:").await?;
        // A path that the middle level loses is lost to the one below, whose list still has it.
        let narrow = ["delegation", "remove", "-p", GUN, ROLES[1], "--paths", "lib/"];
        s.ok(&one.client, &narrow).await?;
        let strangers_view = s.client("stranger")?;
        for client in [&reader, &strangers_view, &two.client] {
            s.fails(client, &["lookup", GUN, "lib/v1"], NOT_LISTED).await?;
            let listed = s.prints(client, &["list", GUN], "app/deep/er/v1 ").await?;
            ensure!(!listed.says("lib/v1"), "{listed:?}");
        }
        // A level that goes takes what is below it along.
        s.ok(&owner, &["delegation", "remove", "-p", GUN, ROLES[0], "--yes"]).await?;
        s.prints(&reader, &["list", GUN], "No targets present").await?;
        Ok(())
    })
    .await
}
