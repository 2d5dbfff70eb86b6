//! A delegation whose time has run out: readers no longer see it, until it is signed again.
//!
//! The client gives a delegation three years. Here one with seconds left is signed with `openssl`
//! and published by hand; its end is then waited for, not computed.

use anyhow::{Context, Result, bail, ensure};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use countersign_tests::compare::alike;
use countersign_tests::peers::certs::Pair;
use countersign_tests::peers::key_files::sign_rsapss;
use countersign_tests::peers::notary_client::NotaryClient;
use countersign_tests::peers::process::PATIENCE;
use countersign_tests::session::Session;
use countersign_tests::signer::Signer;
use countersign_tests::wire::Wire;
use http::{HeaderValue, Method};
use serde_json::Value;
use tokio::time::Instant;

const GUN: &str = "example.com/lab/app";
const ROLE: &str = "targets/team";
const NOT_LISTED: &str = "No valid trust data";
const LIFE: TimeDelta = TimeDelta::seconds(6);

/// Publishes `ROLE` once more, signed with `pair`'s RSA key and with [`LIFE`] left by the server's
/// own clock.
async fn publish_ephemeral(s: &mut Session, pair: &Pair) -> Result<()> {
    let wire = Wire::to(s.server().endpoint())?;
    let answer = wire.document(GUN, &format!("{ROLE}.json")).await?;
    let now = DateTime::parse_from_rfc2822(answer.header("date"))?.with_timezone(&Utc);
    let mut document: Value = serde_json::from_slice(&answer.body)?;
    let version = document.pointer("/signed/version").and_then(Value::as_i64);
    set(&mut document, "/signed/version", (version.context("no version")? + 1).into())?;
    let end = now + LIFE;
    s.hide_time(end);
    let expires = end.to_rfc3339_opts(SecondsFormat::Secs, true);
    set(&mut document, "/signed/expires", expires.into())?;
    // Sorted members and plain ASCII: this is the canonical form.
    let message = serde_json::to_vec(document.get("signed").context("nothing signed")?)?;
    let signature = sign_rsapss(s.directory(), &pair.key, &message).await?;
    set(&mut document, "/signatures/0/sig", STANDARD.encode(signature).into())?;
    // The Go server serves only what is written in the client's own order (Q-05).
    let signed = String::from_utf8(message)?;
    let signatures = document.get("signatures").context("no signatures")?;
    let body = format!(
        "--part\r\nContent-Disposition: form-data; name=\"files\"; filename=\"{ROLE}\"\r\n\r\n\
         {{\"signed\":{signed},\"signatures\":{signatures}}}\r\n--part--\r\n"
    );
    let kind = HeaderValue::from_static("multipart/form-data; boundary=part");
    let path = format!("/v2/{GUN}/_trust/tuf/");
    let answer = wire.send(Method::POST, &path, Some(&kind), body.into_bytes()).await?;
    ensure!(answer.status == 200, "{}", String::from_utf8_lossy(&answer.body));
    Ok(())
}

fn set(document: &mut Value, pointer: &str, to: Value) -> Result<()> {
    *document.pointer_mut(pointer).with_context(|| format!("no {pointer}"))? = to;
    Ok(())
}

/// Asks again and again until `client` no longer finds the target; none of it is compared.
async fn until_it_is_gone(client: &NotaryClient, target: &str) -> Result<()> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let outcome = client.run(&["lookup", GUN, target]).await?;
        if outcome.code == Some(1) && outcome.says(NOT_LISTED) {
            return Ok(());
        }
        ensure!(outcome.succeeded(), "{outcome:?}");
        if Instant::now() > deadline {
            bail!("the delegation never expired");
        }
    }
}

#[tokio::test]
async fn an_expired_delegation_is_not_shown_until_a_witness_signs_it_again() -> Result<()> {
    alike(async |s: &mut Session| {
        let owner = s.client("owner")?;
        let file = s.file("file", b"content")?;
        let pair = Pair::rsa(s.directory(), "alice", "alice").await?;
        let alice = Signer::join(s, "alice", &pair).await?;
        s.ok(&owner, &["init", "-p", GUN]).await?;
        s.ok(&owner, &["key", "rotate", GUN, "snapshot", "-r"]).await?;
        let add = ["delegation", "add", "-p", GUN, ROLE, &alice.certificate, "--all-paths"];
        s.ok(&owner, &add).await?;
        s.ok(&owner, &["add", "-p", GUN, "of-the-owner", &file]).await?;
        s.ok(&alice.client, &["add", "-p", GUN, "v1", &file, "--roles", ROLE]).await?;
        publish_ephemeral(s, &pair).await?;
        until_it_is_gone(&s.client("waiting")?, "v1").await?;
        let reader = s.client("reader")?;
        s.fails(&reader, &["lookup", GUN, "v1"], NOT_LISTED).await?;
        let listed = s.prints(&reader, &["list", GUN], "of-the-owner ").await?;
        ensure!(!listed.stdout.contains("v1 "), "{listed:?}");
        s.ok(&alice.client, &["witness", "-p", GUN, ROLE]).await?;
        s.prints(&reader, &["lookup", GUN, "v1"], "v1 sha256:").await?;
        s.prints(&owner, &["list", GUN], "v1 ").await?;
        Ok(())
    })
    .await
}
