//! Keys that move between users, and keys that are sealed anew.

use std::fs;

use anyhow::{Context, Result, ensure};
use countersign_tests::compare::alike;
use countersign_tests::session::Session;

const GUN: &str = "example.com/lab/app";

#[tokio::test]
async fn a_user_who_imports_anothers_exported_keys_publishes() -> Result<()> {
    alike(async |s: &mut Session| {
        let (alice, bob) = (s.client("alice")?, s.client("bob")?);
        let file = s.file("file", b"content")?;
        let lost = "could not find necessary signing keys";
        s.ok(&alice, &["init", "-p", GUN]).await?;
        s.ok(&alice, &["init", "-p", "example.com/lab/other"]).await?;
        let bundle = s.directory().join("bundle.pem").to_string_lossy().into_owned();
        s.ok(&alice, &["key", "export", "--gun", GUN, "--output", &bundle]).await?;
        s.fails(&bob, &["add", "-p", GUN, "v1", &file], lost).await?;
        s.ok(&bob, &["key", "import", &bundle]).await?;
        s.ok(&bob, &["status", GUN]).await?;
        s.ok(&bob, &["publish", GUN]).await?;
        s.prints(&alice, &["list", GUN], "v1 ").await?;
        // Only the keys of that collection came along, and the root key did not.
        s.fails(&bob, &["add", "-p", "example.com/lab/other", "v1", &file], lost).await?;
        s.fails(&bob, &["key", "rotate", GUN, "snapshot", "-r"], "").await?;
        s.prints(&s.client("reader")?, &["list", GUN], "v1 ").await?;
        Ok(())
    })
    .await
}

#[tokio::test]
async fn a_user_who_imports_every_exported_key_takes_the_collection_over() -> Result<()> {
    alike(async |s: &mut Session| {
        let (alice, bob) = (s.client("alice")?, s.client("bob")?);
        let file = s.file("file", b"content")?;
        s.ok(&alice, &["init", "-p", GUN]).await?;
        let bundle = s.directory().join("bundle.pem").to_string_lossy().into_owned();
        s.ok(&alice, &["key", "export", "--output", &bundle]).await?;
        s.ok(&bob, &["key", "import", &bundle]).await?;
        for role in ["root", "targets", "snapshot"] {
            ensure!(s.key_id(&alice, role).await? == s.key_id(&bob, role).await?, "{role}");
        }
        s.ok(&bob, &["key", "rotate", GUN, "snapshot", "-r"]).await?;
        s.ok(&bob, &["key", "rotate", GUN, "targets"]).await?;
        s.ok(&bob, &["add", "-p", GUN, "v1", &file]).await?;
        s.prints(&alice, &["list", GUN], "v1 ").await?;
        let lost = "could not find necessary signing keys";
        s.fails(&alice, &["add", "-p", GUN, "v2", &file], lost).await?;
        Ok(())
    })
    .await
}

#[tokio::test]
async fn keys_that_were_sealed_anew_still_sign() -> Result<()> {
    alike(async |s: &mut Session| {
        let alice = s.client("alice")?;
        let file = s.file("file", b"content")?;
        s.ok(&alice, &["init", "-p", GUN]).await?;
        for role in ["root", "targets", "snapshot"] {
            let id = s.key_id(&alice, role).await?;
            let sealed = s.directory().join(format!("alice/private/{id}.key"));
            let before = fs::read(&sealed).context("the client's key file")?;
            let changed = "Successfully updated passphrase for key ID";
            s.prints(&alice, &["key", "passwd", &id], changed).await?;
            ensure!(fs::read(&sealed)? != before, "the {role} key was not sealed anew");
        }
        s.ok(&alice, &["add", "-p", GUN, "v1", &file]).await?;
        s.ok(&alice, &["key", "rotate", GUN, "snapshot", "-r"]).await?;
        s.ok(&alice, &["add", "-p", GUN, "v2", &file]).await?;
        s.prints(&s.client("reader")?, &["list", GUN], "v2 ").await?;
        s.fails(&alice, &["key", "passwd", "no-id"], "invalid key ID provided").await?;
        s.fails(&alice, &["key", "passwd", &"ab".repeat(32)], "could not retrieve local key")
            .await?;
        Ok(())
    })
    .await
}
