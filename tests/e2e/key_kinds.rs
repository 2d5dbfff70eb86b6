//! Keys of every kind that the client takes, in every role it takes them for.

use anyhow::{Result, ensure};
use countersign_tests::compare::alike;
use countersign_tests::peers::certs::{Curve, Pair};
use countersign_tests::peers::key_files;
use countersign_tests::peers::notary_client::{NotaryClient, ROOT_PASSPHRASE};
use countersign_tests::session::Session;
use countersign_tests::signer::Signer;

const GUN: &str = "example.com/lab/app";

/// The method of the first signature on what a new reader is served as `role`.
async fn method(s: &mut Session, name: &str, role: &str) -> Result<String> {
    let reader = s.client(name)?;
    s.ok(&reader, &["list", GUN]).await?;
    let document: serde_json::Value = serde_json::from_slice(&reader.cached(GUN, role)?)?;
    let method = document.pointer("/signatures/0/method").and_then(|method| method.as_str());
    Ok(method.unwrap_or_default().to_owned())
}

#[tokio::test]
async fn the_targets_key_rotates_to_an_rsa_key_and_on_to_an_ed25519_key() -> Result<()> {
    alike(async |s: &mut Session| {
        let alice = s.client("alice")?;
        let file = s.file("file", b"content")?;
        let rsa = key_files::rsa(s.directory(), "rsa").await?;
        let ed25519 = key_files::ed25519(s.directory(), "ed25519").await?;
        s.ok(&alice, &["init", GUN]).await?;
        s.ok(&alice, &["add", "-p", GUN, "by-ecdsa", &file]).await?;
        ensure!(method(s, "reader-of-ecdsa", "targets").await? == "ecdsa");
        for (name, key, signs) in [("rsa", rsa, "rsapss"), ("ed25519", ed25519, "eddsa")] {
            let rotate = ["key", "rotate", GUN, "targets", "-k", &key.to_string_lossy()];
            s.prints(&alice, &rotate, "Successfully rotated targets key").await?;
            s.ok(&alice, &["add", "-p", GUN, name, &file]).await?;
            s.prints(&alice, &["lookup", GUN, name], &format!("{name} sha256:")).await?;
            ensure!(method(s, &format!("reader-of-{name}"), "targets").await? == signs, "{name}");
        }
        s.ok(&alice, &["key", "rotate", GUN, "targets"]).await?;
        s.ok(&alice, &["remove", "-p", GUN, "rsa"]).await?;
        ensure!(method(s, "last-reader", "targets").await? == "ecdsa");
        s.prints(&s.client("reader-of-rsa")?, &["list", GUN], "ed25519 ").await?;
        Ok(())
    })
    .await
}

#[tokio::test]
async fn the_snapshot_key_rotates_to_an_ed25519_key_and_to_the_server() -> Result<()> {
    alike(async |s: &mut Session| {
        let alice = s.client("alice")?;
        let file = s.file("file", b"content")?;
        let key = key_files::ed25519(s.directory(), "ed25519").await?;
        s.ok(&alice, &["init", "-p", GUN]).await?;
        s.ok(&alice, &["key", "rotate", GUN, "snapshot", "-k", &key.to_string_lossy()]).await?;
        s.ok(&alice, &["add", "-p", GUN, "v1", &file]).await?;
        ensure!(method(s, "reader", "snapshot").await? == "eddsa");
        s.ok(&alice, &["key", "rotate", GUN, "snapshot", "-r"]).await?;
        s.ok(&alice, &["add", "-p", GUN, "v2", &file]).await?;
        ensure!(method(s, "later-reader", "snapshot").await? == "ecdsa");
        s.prints(&s.client("reader")?, &["list", GUN], "v2 ").await?;
        Ok(())
    })
    .await
}

#[tokio::test]
async fn delegates_with_keys_on_p384_and_p521_publish() -> Result<()> {
    alike(async |s: &mut Session| {
        let owner = s.client("owner")?;
        let file = s.file("file", b"content")?;
        s.ok(&owner, &["init", "-p", GUN]).await?;
        s.ok(&owner, &["key", "rotate", GUN, "snapshot", "-r"]).await?;
        for (name, curve) in [("p384", Curve::P384), ("p521", Curve::P521)] {
            let signer = Signer::with_curve(s, name, curve).await?;
            let role = format!("targets/{name}");
            let add = ["delegation", "add", "-p", GUN, &role, &signer.certificate, "--all-paths"];
            s.ok(&owner, &add).await?;
            s.ok(&signer.client, &["add", "-p", GUN, name, &file, "--roles", &role]).await?;
            s.prints(&owner, &["lookup", GUN, name], &format!("{name} sha256:")).await?;
            ensure!(method(s, &format!("reader-of-{name}"), &role).await? == "ecdsa", "{name}");
        }
        Ok(())
    })
    .await
}

/// Publishes with every role, so that a root key that cannot sign is noticed.
async fn lives_a_life(s: &mut Session, alice: &NotaryClient) -> Result<()> {
    let file = s.file("file", b"content")?;
    s.ok(alice, &["add", "-p", GUN, "v1", &file]).await?;
    s.ok(alice, &["key", "rotate", GUN, "snapshot", "-r"]).await?;
    s.ok(alice, &["key", "rotate", GUN, "timestamp", "-r"]).await?;
    s.ok(alice, &["key", "rotate", GUN, "targets"]).await?;
    s.ok(alice, &["add", "-p", GUN, "v2", &file]).await?;
    let reader = s.client("reader")?;
    s.prints(&reader, &["list", GUN], "v2 ").await?;
    s.ok_with_input(alice, &["key", "rotate", GUN, "root"], "yes\n").await?;
    s.prints(&reader, &["list", GUN], "v1 ").await?;
    s.prints(&s.client("stranger")?, &["list", GUN], "v2 ").await?;
    Ok(())
}

#[tokio::test]
async fn an_rsa_root_key_with_its_certificate_signs_every_root_until_it_is_rotated() -> Result<()> {
    alike(async |s: &mut Session| {
        let pair = Pair::rsa(s.directory(), "root", GUN).await?;
        pair.seal(ROOT_PASSPHRASE).await?;
        let (key, certificate) = (pair.key.to_string_lossy(), pair.certificate.to_string_lossy());
        let alice = s.client("alice")?;
        s.ok(&alice, &["init", "-p", GUN, "--rootkey", &key, "--rootcert", &certificate]).await?;
        ensure!(method(s, "first-reader", "root").await? == "rsapss");
        lives_a_life(s, &alice).await?;
        ensure!(method(s, "last-reader", "root").await? == "ecdsa");
        s.prints(&s.client("first-reader")?, &["list", GUN], "v2 ").await?;
        Ok(())
    })
    .await
}

#[tokio::test]
async fn an_imported_root_key_signs_with_a_certificate_that_comes_later() -> Result<()> {
    alike(async |s: &mut Session| {
        let pair = Pair::ecdsa(s.directory(), "root", GUN)?;
        let stranger = Pair::ecdsa(s.directory(), "stranger", GUN)?;
        let alice = s.client("alice")?;
        let key = pair.key.to_string_lossy();
        s.ok(&alice, &["key", "import", &key, "--role", "root"]).await?;
        let id = s.key_id(&alice, "root").await?;
        let other = stranger.certificate.to_string_lossy();
        s.fails(&alice, &["init", "-p", GUN, "--rootcert", &other], "").await?;
        let certificate = pair.certificate.to_string_lossy();
        s.ok(&alice, &["init", "-p", GUN, "--rootcert", &certificate]).await?;
        ensure!(s.key_id(&alice, "root").await? == id, "another root key was made");
        lives_a_life(s, &alice).await?;
        Ok(())
    })
    .await
}
