//! Delegations: signers with their own keys, below targets and below each other.

use anyhow::{Result, ensure};
use countersign_tests::compare::alike;
use countersign_tests::peers::certs::Pair;
use countersign_tests::peers::notary_client::NotaryClient;
use countersign_tests::session::Session;
use countersign_tests::signer::Signer;

#[path = "flows/delegations.rs"]
mod flows;

use flows::{GUN, owner};

#[tokio::test]
async fn a_delegate_who_holds_only_an_ecdsa_key_publishes() -> Result<()> {
    alike(async |s: &mut Session| {
        let owner = owner(s).await?;
        let alice = Signer::with_ecdsa(s, "alice").await?;
        delegate_publishes(s, &owner, &alice).await
    })
    .await
}

#[tokio::test]
async fn a_delegate_who_holds_only_an_rsa_key_publishes() -> Result<()> {
    alike(async |s: &mut Session| {
        let owner = owner(s).await?;
        let alice = Signer::with_rsa(s, "alice").await?;
        delegate_publishes(s, &owner, &alice).await
    })
    .await
}

async fn delegate_publishes(s: &mut Session, owner: &NotaryClient, alice: &Signer) -> Result<()> {
    let file = s.file("file", b"content")?;
    let add = ["delegation", "add", "-p", GUN, "targets/alice", &alice.certificate];
    s.ok(owner, &[&add[..], &["--all-paths"]].concat()).await?;
    s.prints(owner, &["delegation", "list", GUN], &alice.key_id).await?;
    s.ok(&alice.client, &["add", "-p", GUN, "v1", &file, "--roles", "targets/alice"]).await?;
    s.prints(owner, &["list", GUN], "targets/alice").await?;
    s.prints(&s.client("reader")?, &["lookup", GUN, "v1"], "v1 sha256:").await?;
    s.ok(&alice.client, &["list", GUN, "--roles", "targets/alice"]).await?;
    let lost = "could not find necessary signing keys";
    s.fails(&alice.client, &["add", "-p", GUN, "v2", &file], lost).await?;
    s.ok(&alice.client, &["reset", GUN, "--all"]).await?;
    s.ok(&alice.client, &["remove", "-p", GUN, "v1", "--roles", "targets/alice"]).await?;
    s.fails(owner, &["lookup", GUN, "v1"], "No valid trust data").await?;
    Ok(())
}

#[tokio::test]
async fn a_delegate_below_a_delegate_publishes_within_its_paths() -> Result<()> {
    alike(flows::a_delegate_below_a_delegate_publishes_within_its_paths).await
}

#[tokio::test]
async fn a_delegation_created_and_filled_in_one_publish_is_accepted() -> Result<()> {
    alike(async |s: &mut Session| {
        let owner = owner(s).await?;
        let file = s.file("file", b"content")?;
        let pair = Pair::ecdsa(s.directory(), "own", "own")?;
        let key = pair.key.to_string_lossy();
        s.ok(&owner, &["key", "import", &key, "--role", "releases"]).await?;
        let certificate = pair.certificate.to_string_lossy();
        s.ok(&owner, &["delegation", "add", GUN, "targets/releases", &certificate, "--all-paths"])
            .await?;
        s.ok(&owner, &["add", GUN, "v1", &file, "--roles", "targets/releases"]).await?;
        s.ok(&owner, &["status", GUN]).await?;
        s.ok(&owner, &["publish", GUN]).await?;
        s.prints(&s.client("reader")?, &["list", GUN], "targets/releases").await?;
        Ok(())
    })
    .await
}

#[tokio::test]
async fn a_witness_signs_again_what_others_wrote() -> Result<()> {
    alike(flows::a_witness_signs_again_what_others_wrote).await
}

#[tokio::test]
async fn keys_and_paths_leave_a_delegation_until_it_is_gone() -> Result<()> {
    alike(flows::keys_and_paths_leave_a_delegation_until_it_is_gone).await
}

#[tokio::test]
async fn a_purged_key_signs_nowhere_any_more() -> Result<()> {
    alike(async |s: &mut Session| {
        let owner = owner(s).await?;
        let alice = Signer::with_ecdsa(s, "alice").await?;
        let file = s.file("file", b"content")?;
        for role in ["targets/one", "targets/two"] {
            let add = ["delegation", "add", "-p", GUN, role, &alice.certificate, "--all-paths"];
            s.ok(&owner, &add).await?;
            s.ok(&alice.client, &["add", "-p", GUN, role, &file, "--roles", role]).await?;
        }
        s.ok(&owner, &["list", GUN]).await?;
        s.ok(&owner, &["delegation", "purge", "-p", GUN, "--key", &alice.key_id]).await?;
        let listed = s.ok(&owner, &["delegation", "list", GUN]).await?;
        ensure!(!listed.says(&alice.key_id), "{listed:?}");
        s.prints(&owner, &["list", GUN], "No targets present").await?;
        s.fails(&owner, &["delegation", "purge", "-p", GUN], "at least one key ID").await?;
        let add = ["add", "-p", GUN, "v2", &file, "--roles", "targets/one"];
        s.fails(&alice.client, &add, "").await?;
        Ok(())
    })
    .await
}

#[tokio::test]
async fn several_keys_are_purged_from_several_roles_and_the_other_keys_stay() -> Result<()> {
    alike(async |s: &mut Session| {
        let owner = owner(s).await?;
        let alice = Signer::with_ecdsa(s, "alice").await?;
        let bob = Signer::with_rsa(s, "bob").await?;
        let carol = Signer::with_ecdsa(s, "carol").await?;
        let file = s.file("file", b"content")?;
        for (role, first, second) in [
            ("targets/x", &alice, &bob),
            ("targets/y", &alice, &carol),
            ("targets/z", &bob, &carol),
        ] {
            let keys = [first.certificate.as_str(), &second.certificate, "--all-paths"];
            s.ok(&owner, &[&["delegation", "add", GUN, role][..], &keys].concat()).await?;
        }
        s.ok(&owner, &["publish", GUN]).await?;
        s.ok(&carol.client, &["add", "-p", GUN, "v1", &file, "-r", "targets/y"]).await?;
        s.ok(&owner, &["delegation", "purge", GUN, "--key", &alice.key_id]).await?;
        s.prints(&owner, &["status", GUN], "targets/*").await?;
        s.ok(&owner, &["publish", GUN]).await?;
        let listed = s.prints(&owner, &["delegation", "list", GUN], &bob.key_id).await?;
        ensure!(!listed.says(&alice.key_id) && listed.says(&carol.key_id), "{listed:?}");
        s.prints(&owner, &["lookup", GUN, "v1"], "v1 sha256:").await?;
        let both = ["--key", &bob.key_id, "--key", &carol.key_id];
        s.ok(&owner, &[&["delegation", "purge", "-p", GUN][..], &both].concat()).await?;
        let listed = s.prints(&owner, &["delegation", "list", GUN], "targets/z").await?;
        ensure!(!listed.says(&bob.key_id) && !listed.says(&carol.key_id), "{listed:?}");
        s.prints(&s.client("reader")?, &["list", GUN], "No targets present").await?;
        // Purging a key that is nowhere is no error.
        s.ok(&owner, &["delegation", "purge", "-p", GUN, "--key", &bob.key_id]).await?;
        Ok(())
    })
    .await
}

#[tokio::test]
async fn a_delegation_without_paths_shows_nothing_until_it_has_some_again() -> Result<()> {
    alike(async |s: &mut Session| {
        let owner = owner(s).await?;
        let alice = Signer::with_ecdsa(s, "alice").await?;
        let file = s.file("file", b"content")?;
        let add = ["delegation", "add", "-p", GUN, "targets/team"];
        let remove = ["delegation", "remove", "-p", GUN, "targets/team"];
        let paths = [&alice.certificate, "--paths", "app/,lib/"];
        s.ok(&owner, &[&add[..], &paths].concat()).await?;
        s.ok(&alice.client, &["add", "-p", GUN, "app/v1", &file, "-r", "targets/team"]).await?;
        s.ok(&owner, &[&remove[..], &["--paths", "never-there/"]].concat()).await?;
        s.prints(&owner, &["lookup", GUN, "app/v1"], "app/v1 sha256:").await?;
        s.ok(&owner, &[&remove[..], &["--all-paths"]].concat()).await?;
        let listed = s.prints(&owner, &["delegation", "list", GUN], &alice.key_id).await?;
        ensure!(!listed.says("app/") && !listed.says("lib/"), "{listed:?}");
        s.fails(&owner, &["lookup", GUN, "app/v1"], "No valid trust data").await?;
        s.ok(&owner, &[&add[..], &["--paths", "app/"]].concat()).await?;
        s.prints(&owner, &["lookup", GUN, "app/v1"], "app/v1 sha256:").await?;
        // Keys and all paths in one go, and then the role itself, if the user says yes.
        s.ok(&owner, &[&remove[..], &["--all-paths", &alice.key_id]].concat()).await?;
        let listed = s.prints(&owner, &["delegation", "list", GUN], "targets/team").await?;
        ensure!(!listed.says(&alice.key_id) && !listed.says("app/"), "{listed:?}");
        s.fails(&owner, &remove, "Aborting action").await?;
        s.ok_with_input(&owner, &remove, "yes\n").await?;
        s.prints(&owner, &["delegation", "list", GUN], "No delegations present").await?;
        Ok(())
    })
    .await
}

#[tokio::test]
async fn two_delegates_of_one_role_take_turns() -> Result<()> {
    alike(flows::two_delegates_of_one_role_take_turns).await
}

/// C-069. The Go server with a remote signer passes on what the signer says instead.
#[tokio::test]
async fn a_delegate_cannot_publish_where_the_client_holds_the_snapshot_key() -> Result<()> {
    alike(flows::a_delegate_cannot_publish_where_the_client_holds_the_snapshot_key).await
}
