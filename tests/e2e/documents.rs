//! The documents that Countersign sends: exact bytes, a chain of digests, and the headers that
//! caches obey.

use anyhow::{Context, Result, ensure};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use countersign_tests::peers::certs::Pair;
use countersign_tests::peers::countersign::Countersign;
use countersign_tests::peers::notary_client::NotaryClient;
use countersign_tests::session::{Server, Session, sha256_hex};
use countersign_tests::wire::{Answer, Wire};
use serde_json::Value;

const GUN: &str = "example.com/lab/app";
const ROLES: [&str; 5] = ["root", "targets", "targets/alice", "snapshot", "timestamp"];
const MAY_CHANGE: &str = "public, max-age=300, s-maxage=300, must-revalidate";
const NEVER_CHANGES: &str = "public, max-age=2592000, s-maxage=2592000";

/// A collection with a delegation and a server-held snapshot, and a reader who has just listed it.
async fn published() -> Result<(Session, Wire, NotaryClient)> {
    let mut s = Session::with(Server::Countersign(Countersign::start().await?))?;
    let owner = s.client("owner")?;
    let file = s.file("file", b"content")?;
    let pair = Pair::ecdsa(s.directory(), "alice", "alice")?;
    let (key, certificate) = (pair.key.to_string_lossy(), pair.certificate.to_string_lossy());
    s.ok(&owner, &["key", "import", &key, "--role", "alice"]).await?;
    s.ok(&owner, &["init", "-p", GUN]).await?;
    s.ok(&owner, &["key", "rotate", GUN, "snapshot", "-r"]).await?;
    s.ok(&owner, &["delegation", "add", GUN, "targets/alice", &certificate, "--all-paths"]).await?;
    s.ok(&owner, &["add", GUN, "v1", &file]).await?;
    s.ok(&owner, &["add", "-p", GUN, "v2", &file, "--roles", "targets/alice"]).await?;
    let reader = s.client("reader")?;
    s.ok(&reader, &["list", GUN]).await?;
    let wire = Wire::to(s.server().endpoint())?;
    Ok((s, wire, reader))
}

async fn current(wire: &Wire, role: &str) -> Result<Answer> {
    let answer = wire.document(GUN, &format!("{role}.json")).await?;
    ensure!(answer.status == 200, "{role}: {answer:?}");
    Ok(answer)
}

/// The hex SHA-256 that a document gives for `role`.
fn named_digest(document: &Answer, role: &str) -> Result<String> {
    let document: Value = serde_json::from_slice(&document.body)?;
    let meta = document.pointer("/signed/meta").and_then(|meta| meta.get(role));
    let digest = meta.and_then(|meta| meta.pointer("/hashes/sha256")).and_then(Value::as_str);
    Ok(hex::encode(STANDARD.decode(digest.with_context(|| format!("no digest of {role}"))?)?))
}

#[tokio::test]
async fn every_document_is_the_bytes_that_the_client_keeps() -> Result<()> {
    let (_session, wire, reader) = published().await?;
    for role in ROLES {
        let kept = reader.cached(GUN, role)?;
        ensure!(current(&wire, role).await?.body == kept, "{role} differs");
    }
    Ok(())
}

#[tokio::test]
async fn each_document_is_named_by_its_digest_in_the_one_above() -> Result<()> {
    let (_session, wire, _) = published().await?;
    let timestamp = current(&wire, "timestamp").await?;
    let snapshot = current(&wire, "snapshot").await?;
    ensure!(named_digest(&timestamp, "snapshot")? == sha256_hex(&snapshot.body));
    for role in ["root", "targets", "targets/alice"] {
        let digest = sha256_hex(&current(&wire, role).await?.body);
        ensure!(named_digest(&snapshot, role)? == digest, "{role}");
    }
    Ok(())
}

#[tokio::test]
async fn a_document_by_digest_or_by_version_is_the_same_bytes() -> Result<()> {
    let (_session, wire, _) = published().await?;
    for role in ROLES {
        let body = current(&wire, role).await?.body;
        let signed: Value = serde_json::from_slice(&body)?;
        let version = signed["signed"]["version"].as_i64().context("no version")?;
        let by_digest = wire.document(GUN, &format!("{role}.{}.json", sha256_hex(&body))).await?;
        ensure!(by_digest.status == 200 && by_digest.body == body, "{role} by digest");
        let by_version = wire.document(GUN, &format!("{version}.{role}.json")).await?;
        ensure!(by_version.status == 200 && by_version.body == body, "{role} by version");
        for answer in [by_digest, by_version] {
            ensure!(answer.header("cache-control") == NEVER_CHANGES, "{role}: {answer:?}");
        }
    }
    Ok(())
}

#[tokio::test]
async fn current_documents_may_be_cached_for_five_minutes_and_have_a_strong_etag() -> Result<()> {
    let (_session, wire, _) = published().await?;
    for role in ROLES {
        let answer = current(&wire, role).await?;
        ensure!(answer.header("cache-control") == MAY_CHANGE, "{role}: {answer:?}");
        ensure!(answer.header("etag") == format!("\"{}\"", sha256_hex(&answer.body)), "{role}");
        ensure!(!answer.header("last-modified").is_empty(), "{role}");
    }
    Ok(())
}

#[tokio::test]
async fn what_is_not_there_is_404_and_not_cached() -> Result<()> {
    let (_session, wire, _) = published().await?;
    let body = sha256_hex(&current(&wire, "root").await?.body);
    let absent = [
        "targets/nobody.json".to_owned(),
        "99.root.json".to_owned(),
        "0.root.json".to_owned(),
        format!("targets.{body}.json"),
        format!("root.{}.json", "0".repeat(64)),
    ];
    for file in absent {
        let answer = wire.document(GUN, &file).await?;
        ensure!(answer.status == 404 && answer.header("cache-control").is_empty(), "{file}");
        let error: Value = serde_json::from_slice(&answer.body)?;
        ensure!(error["errors"][0]["code"] == "METADATA_NOT_FOUND", "{file}: {error}");
    }
    Ok(())
}
