//! Delegates who publish, take turns, vouch for each other, and leave.

use anyhow::{Result, ensure};
use countersign_tests::peers::notary_client::NotaryClient;
use countersign_tests::session::{OwnWords, Session};
use countersign_tests::signer::Signer;

pub(crate) const GUN: &str = "example.com/lab/app";

/// A published collection whose snapshot key the server holds, as delegates need it.
pub(crate) async fn owner(s: &mut Session) -> Result<NotaryClient> {
    let owner = s.client("owner")?;
    s.ok(&owner, &["init", "-p", GUN]).await?;
    s.ok(&owner, &["key", "rotate", GUN, "snapshot", "-r"]).await?;
    Ok(owner)
}

pub(crate) async fn a_delegate_below_a_delegate_publishes_within_its_paths(
    s: &mut Session,
) -> Result<()> {
    let owner = owner(s).await?;
    let (alice, bob) = (Signer::with_ecdsa(s, "alice").await?, Signer::with_rsa(s, "bob").await?);
    let file = s.file("file", b"content")?;
    let add = ["delegation", "add", "-p", GUN, "targets/alice", &alice.certificate];
    s.ok(&owner, &[&add[..], &["--paths", "app/,lib/"]].concat()).await?;
    let deep = ["delegation", "add", "-p", GUN, "targets/alice/deep", &bob.certificate];
    let lost = "could not find necessary signing keys";
    s.fails(&owner, &[&deep[..], &["--paths", "app/deep/"]].concat(), lost).await?;
    s.ok(&owner, &["reset", GUN, "--all"]).await?;
    s.ok(&alice.client, &[&deep[..], &["--paths", "app/deep/"]].concat()).await?;
    s.ok(&owner, &["delegation", "list", GUN]).await?;
    let role = ["--roles", "targets/alice/deep"];
    s.ok(&bob.client, &[&["add", "-p", GUN, "app/deep/v1", &file], &role[..]].concat()).await?;
    s.prints(&owner, &["list", GUN], "targets/alice/deep").await?;
    s.prints(&s.client("reader")?, &["lookup", GUN, "app/deep/v1"], "sha256:").await?;
    let outside = [&["add", "-p", GUN, "elsewhere", &file], &role[..]].concat();
    s.run(&bob.client, &outside).await?;
    s.ok(&bob.client, &["reset", GUN, "--all"]).await?;
    s.fails(&owner, &["lookup", GUN, "elsewhere"], "No valid trust data").await?;
    Ok(())
}

pub(crate) async fn a_witness_signs_again_what_others_wrote(s: &mut Session) -> Result<()> {
    let owner = owner(s).await?;
    let (alice, bob) = (Signer::with_ecdsa(s, "alice").await?, Signer::with_ecdsa(s, "bob").await?);
    let file = s.file("file", b"content")?;
    let add = ["delegation", "add", "-p", GUN, "targets/team"];
    s.ok(&owner, &[&add[..], &[&alice.certificate, "--all-paths"]].concat()).await?;
    s.ok(&alice.client, &["add", "-p", GUN, "v1", &file, "--roles", "targets/team"]).await?;
    // Alice's key is replaced by bob's: what she signed stands again once bob witnesses it.
    s.ok(&owner, &[&add[..], &[bob.certificate.as_str()]].concat()).await?;
    let gone = ["delegation", "remove", "-p", GUN, "targets/team", &alice.key_id];
    s.ok(&owner, &gone).await?;
    s.fails(&owner, &["lookup", GUN, "v1"], "No valid trust data").await?;
    s.ok(&bob.client, &["witness", GUN, "targets/team"]).await?;
    s.ok(&bob.client, &["status", GUN]).await?;
    s.ok(&bob.client, &["publish", GUN]).await?;
    s.prints(&owner, &["lookup", GUN, "v1"], "v1 sha256:").await?;
    let lost = "signing keys not available: need 1 keys";
    s.fails(&alice.client, &["witness", "-p", GUN, "targets/team"], lost).await?;
    s.fails(&alice.client, &["witness", "-p", GUN, "targets/nobody"], "").await?;
    Ok(())
}

pub(crate) async fn keys_and_paths_leave_a_delegation_until_it_is_gone(
    s: &mut Session,
) -> Result<()> {
    let owner = owner(s).await?;
    let (alice, bob) = (Signer::with_ecdsa(s, "alice").await?, Signer::with_rsa(s, "bob").await?);
    let add = ["delegation", "add", "-p", GUN, "targets/team"];
    let both = [&add[..], &[&alice.certificate, &bob.certificate, "--paths", "app/,lib/"]];
    s.ok(&owner, &both.concat()).await?;
    s.prints(&owner, &["delegation", "list", GUN], &bob.key_id).await?;
    let remove = ["delegation", "remove", "-p", GUN, "targets/team"];
    s.ok(&owner, &[&remove[..], &["--paths", "lib/"]].concat()).await?;
    s.ok(&owner, &[&remove[..], &[bob.key_id.as_str()]].concat()).await?;
    let listed = s.ok(&owner, &["delegation", "list", GUN]).await?;
    ensure!(listed.says(&alice.key_id) && !listed.says(&bob.key_id), "{listed:?}");
    ensure!(listed.says("app/") && !listed.says("lib/"), "{listed:?}");
    // The last key may go too: nobody can then sign for the role.
    s.ok(&owner, &[&remove[..], &[alice.key_id.as_str()]].concat()).await?;
    s.ok(&owner, &["delegation", "list", GUN]).await?;
    s.ok(&owner, &[&remove[..], &["--yes"]].concat()).await?;
    s.prints(&owner, &["delegation", "list", GUN], "No delegations present").await?;
    // Removing what is not there is no error.
    s.ok(&owner, &[&remove[..], &["--yes"]].concat()).await?;
    Ok(())
}

pub(crate) async fn two_delegates_of_one_role_take_turns(s: &mut Session) -> Result<()> {
    let owner = owner(s).await?;
    let (alice, bob) = (Signer::with_ecdsa(s, "alice").await?, Signer::with_rsa(s, "bob").await?);
    let file = s.file("file", b"content")?;
    let keys = [&alice.certificate, &bob.certificate, "--all-paths"];
    s.ok(&owner, &[&["delegation", "add", "-p", GUN, "targets/team"][..], &keys].concat()).await?;
    for round in 0..3 {
        for (name, signer) in [("alice", &alice), ("bob", &bob)] {
            let target = format!("{name}-{round}");
            let add = ["add", "-p", GUN, &target, &file, "--roles", "targets/team"];
            s.ok(&signer.client, &add).await?;
        }
    }
    let gone = ["remove", "-p", GUN, "alice-0", "--roles", "targets/team"];
    s.ok(&bob.client, &gone).await?;
    let reader = s.client("reader")?;
    let listed = s.ok(&reader, &["list", GUN]).await?;
    ensure!(listed.stdout.lines().count() == 2 + 5 && !listed.says("alice-0"), "{listed:?}");
    let cached: serde_json::Value = serde_json::from_slice(&reader.cached(GUN, "targets/team")?)?;
    ensure!(cached.pointer("/signed/version") == Some(&7.into()), "{cached}");
    Ok(())
}

/// C-069. The Go server with a remote signer passes on what the signer says instead.
pub(crate) async fn a_delegate_cannot_publish_where_the_client_holds_the_snapshot_key(
    s: &mut Session,
) -> Result<()> {
    let owner = s.client("owner")?;
    let alice = Signer::with_ecdsa(s, "alice").await?;
    let file = s.file("file", b"content")?;
    s.ok(&owner, &["init", "-p", GUN]).await?;
    let add = ["delegation", "add", "-p", GUN, "targets/alice", &alice.certificate];
    s.ok(&owner, &[&add[..], &["--all-paths"]].concat()).await?;
    let add = ["add", "-p", GUN, "v1", &file, "--roles", "targets/alice"];
    let words = OwnWords {
        go: "rpc error: code = NotFound",
        countersign: "Metadata hierarchy is incomplete: no snapshot was included in update \
                      and server does not hold current snapshot key for repository",
    };
    s.fails_in_own_words(&alice.client, &add, words).await?;
    s.ok(&owner, &["key", "rotate", GUN, "snapshot", "-r"]).await?;
    s.ok(&alice.client, &["publish", GUN]).await?;
    s.prints(&owner, &["list", GUN], "targets/alice").await?;
    Ok(())
}
