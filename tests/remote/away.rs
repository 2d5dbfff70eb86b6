//! A real signer that is away: what is stored and has not ended is read, what has ended is answered
//! 503, publishes are refused as a whole; and all is well again once the signer is.

use anyhow::{Context as _, Result, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, Utc};
use countersign_custody::remote::protocol::{KeyId, Signature, SignatureRequest};
use countersign_forge::canonical;
use countersign_forge::repository::Repository;
use countersign_tests::grpc::call;
use countersign_tests::peers::countersign::Countersign;
use countersign_tests::peers::countersign_signer::CountersignSigner;
use countersign_tests::peers::go_notary::GoNotary;
use countersign_tests::peers::notary_client::NotaryClient;
use countersign_tests::session::sha256_hex;
use countersign_tests::upload;
use countersign_tests::wire::{Answer, Wire};
use prost::Message as _;
use serde_json::{Value, json};
use sqlx::Connection as _;
use sqlx::sqlite::SqliteConnection;
use tempfile::TempDir;

use crate::real_signer::RealSigner;

/// The GUN whose timestamp is valid.
const VALID: &str = "example.com/lab/valid";

/// The GUN whose timestamp has ended.
const ENDED: &str = "example.com/lab/ended";

/// The current timestamp of a GUN as it would be years later: the same, ended, and signed by the key
/// at the signer.
async fn ended(signer: &impl RealSigner, wire: &Wire) -> Result<Vec<u8>> {
    let answer = wire.document(ENDED, "timestamp.json").await?;
    let mut timestamp: Value = serde_json::from_slice(&answer.body)?;
    timestamp["signed"]["expires"] = json!("2020-01-01T00:00:00Z");
    let id = timestamp["signatures"][0]["keyid"].as_str().context("no signature")?.to_owned();
    let content = canonical::to_bytes(&timestamp["signed"]);
    let wanted = SignatureRequest { key_id: Some(KeyId { id }), content };
    let channel = signer.channel().await?;
    let signed = call(&channel, "/proto.Signer/Sign", wanted.encode_to_vec()).await?;
    let signed = Signature::decode(signed.as_slice())?;
    timestamp["signatures"][0]["sig"] = json!(STANDARD.encode(signed.content));
    Ok(canonical::to_bytes(&timestamp))
}

/// Puts it in the place of the current one, in the database of a server that is down.
async fn put(server: &Countersign, timestamp: &[u8]) -> Result<()> {
    let url = format!("sqlite://{}", server.data().join("countersign.db").display());
    let mut database = SqliteConnection::connect(&url).await?;
    let sql = "UPDATE tuf_files SET data = ?1, sha256 = ?2 WHERE gun = ?3 AND role = 'timestamp'";
    let update = sqlx::query(sql).bind(timestamp).bind(sha256_hex(timestamp)).bind(ENDED);
    ensure!(update.execute(&mut database).await?.rows_affected() == 1);
    Ok(database.close().await?)
}

/// 503 with `Retry-After`, in the envelope with this code: something to try again, not an absence.
fn is_later(answer: &Answer, code: &str) -> Result<()> {
    let said: Value = serde_json::from_slice(&answer.body)?;
    ensure!(answer.status == 503 && !answer.header("retry-after").is_empty(), "{answer:?} {said}");
    ensure!(said["errors"][0]["code"] == code, "{said}");
    Ok(())
}

/// What is read of both without the timestamp that has ended; and the changefeed.
async fn seen(wire: &Wire) -> Result<Vec<(u16, Vec<u8>)>> {
    let mut seen = Vec::new();
    for (gun, files) in [
        (VALID, &["root.json", "timestamp.json", "snapshot.json", "targets.json"][..]),
        (ENDED, &["root.json", "targets.json"]),
    ] {
        for file in files {
            let answer = wire.document(gun, file).await?;
            seen.push((answer.status, answer.body));
        }
    }
    let feed = wire.get("/v2/_trust/changefeed?records=100").await?;
    seen.push((feed.status, feed.body));
    Ok(seen)
}

/// Publishes the next targets of a collection, which are its newest if that is accepted.
async fn publish(wire: &Wire, collection: &mut Repository) -> Result<Answer> {
    let mut next = collection.clone();
    next.bump("targets");
    let answer = upload::publish(wire, next.gun(), &next.parts(&["targets"])).await?;
    if answer.status == 200 {
        *collection = next;
    }
    Ok(answer)
}

/// A server without its signer, with one timestamp that is valid and one that has ended.
struct Left {
    server: Countersign,
    wire: Wire,
    collections: Vec<Repository>,
    before: Vec<(u16, Vec<u8>)>,
    /// The snapshot that the ended timestamp names.
    snapshot: Vec<u8>,
}

impl Left {
    async fn by(signer: &mut impl RealSigner) -> Result<Self> {
        let mut server = Countersign::start_with(&signer.section()).await?;
        let wire = Wire::to(server.endpoint())?;
        let mut collections = Vec::new();
        for gun in [VALID, ENDED] {
            let collection = upload::collection_with_server_snapshot(&wire, gun).await?;
            let parts = collection.parts(&["root", "targets"]);
            let answer = upload::publish(&wire, gun, &parts).await?;
            ensure!(answer.status == 200, "{answer:?}");
            collections.push(collection);
        }
        let before = seen(&wire).await?;
        ensure!(before.iter().all(|(status, _)| *status == 200), "{before:?}");
        let snapshot = wire.document(ENDED, "snapshot.json").await?.body;
        let stale = ended(signer, &wire).await?;
        server.ask_to_stop()?;
        ensure!(server.ended().await?.success(), "{}", server.log());
        put(&server, &stale).await?;
        signer.kill()?;
        server.start_again_unready().await?;
        Ok(Self { server, wire, collections, before, snapshot })
    }
}

async fn play(signer: &mut impl RealSigner) -> Result<()> {
    let Left { mut server, wire, mut collections, before, snapshot } = Left::by(signer).await?;
    let folder = TempDir::new()?;
    let client = |name: &str| NotaryClient::new(&folder.path().join(name), server.endpoint());
    let reader = client("reader")?;
    let health = wire.get("/_notary_server/health").await?;
    ensure!(health.status == 503, "{health:?}");
    ensure!(seen(&wire).await? == before, "what is valid is read as before");
    // By its name the snapshot is what the current timestamp leads to, and there is none now.
    for file in ["timestamp.json", "snapshot.json", "timestamp.key"] {
        is_later(&wire.document(ENDED, file).await?, "UNKNOWN").context(file)?;
    }
    let by_digest = format!("snapshot.{}.json", sha256_hex(&snapshot));
    ensure!(wire.document(ENDED, &by_digest).await?.body == snapshot, "it is there by its digest");
    let listed = reader.run(&["list", VALID]).await?;
    ensure!(listed.succeeded(), "{listed:?}");
    let refused = reader.run(&["list", ENDED]).await?;
    ensure!(!refused.succeeded() && refused.says("503"), "{refused:?}");
    for collection in &mut collections {
        is_later(&publish(&wire, collection).await?, "UPDATING").context("a publish")?;
    }
    ensure!(seen(&wire).await? == before, "a publish that was refused left something");

    let late = client("late reader")?;
    signer.start_again().await?;
    server.healthy().await?;
    let renewed = wire.document(ENDED, "timestamp.json").await?;
    let said: Value = serde_json::from_slice(&renewed.body)?;
    let expires = said["signed"]["expires"].as_str().context("no expiry")?;
    ensure!(renewed.status == 200 && said["signed"]["version"] == 2, "{said}");
    ensure!(expires.parse::<DateTime<Utc>>()? > upload::now(), "{said}");
    for collection in &mut collections {
        let answer = publish(&wire, collection).await?;
        ensure!(answer.status == 200, "{answer:?}\n{}", server.log());
        for reader in [&reader, &late] {
            let listed = reader.run(&["list", collection.gun()]).await?;
            ensure!(listed.succeeded(), "{listed:?}");
        }
    }
    Ok(())
}

#[tokio::test]
async fn without_our_signer_what_is_valid_is_read_and_what_has_ended_is_503() -> Result<()> {
    play(&mut CountersignSigner::start().await?).await
}

#[tokio::test]
async fn without_notarys_signer_what_is_valid_is_read_and_what_has_ended_is_503() -> Result<()> {
    play(&mut GoNotary::start().await?).await
}
