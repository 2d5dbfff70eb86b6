//! What publishers, delegates and readers do with any deployment, whoever holds its keys: played with
//! the real client.

use anyhow::{Result, ensure};
use countersign_tests::peers::notary_client::NotaryClient;
use countersign_tests::session::Session;
use countersign_tests::signer::Signer;

pub(crate) const GUN: &str = "example.com/lab/app";

/// A new collection goes through publishes of all kinds and every rotation that the server has a part
/// in; a reader who came early and one who comes late both see all of it.
pub(crate) async fn play(s: &mut Session) -> Result<()> {
    let (owner, early, file) =
        (s.client("owner")?, s.client("early")?, s.file("file", b"content")?);
    s.ok(&owner, &["init", "-p", GUN]).await?;
    s.ok(&owner, &["add", "-p", GUN, "client-held", &file]).await?;
    s.prints(&early, &["list", GUN], "client-held ").await?;

    s.prints(&owner, &["key", "rotate", GUN, "snapshot", "-r"], "Successfully rotated").await?;
    s.ok(&owner, &["add", "-p", GUN, "server-held", &file]).await?;
    let delegate = Signer::with_ecdsa(s, "delegate").await?;
    let add = ["delegation", "add", "-p", GUN, "targets/team", &delegate.certificate];
    s.ok(&owner, &[&add[..], &["--all-paths"]].concat()).await?;
    let role = ["--roles", "targets/team"];
    let add = [&["add", "-p", GUN, "delegated", &file], &role[..]].concat();
    s.ok(&delegate.client, &add).await?;

    for role in ["timestamp", "snapshot"] {
        let before = server_key(&owner, role)?;
        s.prints(&owner, &["key", "rotate", GUN, role, "-r"], "Successfully rotated").await?;
        let target = format!("after-{role}");
        s.ok(&owner, &["add", "-p", GUN, &target, &file]).await?;
        s.prints(&owner, &["lookup", GUN, &target], "sha256:").await?;
        ensure!(server_key(&owner, role)? != before, "the {role} key is the old one");
    }
    let targets = ["client-held", "server-held", "delegated", "after-timestamp", "after-snapshot"];
    for reader in [early, s.client("late")?] {
        let listed = s.ok(&reader, &["list", GUN]).await?;
        for target in targets {
            ensure!(listed.says(&format!("{target} ")), "{target} is not in {listed:?}");
        }
        let verify = ["verify", GUN, "delegated", "-i", &file, "-q"];
        s.ok(&reader, &verify).await?;
    }
    Ok(())
}

/// The ID of the key of a role in the root that the client keeps.
fn server_key(client: &NotaryClient, role: &str) -> Result<String> {
    let root: serde_json::Value = serde_json::from_slice(&client.cached(GUN, "root")?)?;
    let key = root.pointer(&format!("/signed/roles/{role}/keyids/0"));
    Ok(key.map(ToString::to_string).unwrap_or_default())
}
