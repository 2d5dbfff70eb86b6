//! Memory under many collections: what a reader asks for once is not kept for ever.
//!
//! What never comes in: how fast anything is.

use std::ops::Range;

use anyhow::{Context as _, Result, ensure};
use chrono::SecondsFormat;
use countersign_forge::document::Document;
use countersign_forge::key::Key;
use countersign_forge::repository::{Repository, ServerKeys, meta_entry};
use countersign_tests::peers::countersign::Countersign;
use countersign_tests::session::sha256_hex;
use countersign_tests::upload;
use countersign_tests::wire::Wire;
use serde_json::json;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{ConnectOptions as _, Connection as _};
use tokio::task::JoinSet;

/// How many collections there are, and after how many memory is first measured.
const COLLECTIONS: usize = 100_000;
const FIRST: usize = 10_000;

/// How many readers ask at once.
const READERS: usize = 16;

const INSERT: &str = "INSERT INTO tuf_files \
    (created_at, updated_at, gun, role, version, sha256, data) \
    VALUES (?1, NULL, ?2, ?3, 1, ?4, ?5)";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hundred_thousand_collections_read_once_take_no_more_memory_than_ten_thousand()
-> Result<()> {
    // A line of the log for each read would be kept by this test. Documents have so little room
    // that it is full at the first measurement.
    let settings = "[log]\nlevel = \"warn\"\n[caching]\nbody_bytes = 4194304\n";
    let mut server = Countersign::start_with(settings).await?;
    server.ask_to_stop()?;
    ensure!(server.ended().await?.success(), "{}", server.log());
    fill(&server).await?;
    server.start_again().await?;
    let wire = Wire::to(server.endpoint())?;
    read(&wire, 0..FIRST).await?;
    let first = server.memory_kib()?;
    read(&wire, FIRST..COLLECTIONS).await?;
    let last = server.memory_kib()?;
    ensure!(last * 10 <= first * 12, "{first} KiB after {FIRST}, {last} KiB after {COLLECTIONS}");
    Ok(())
}

fn gun(number: usize) -> String {
    format!("example.com/load/{number}")
}

/// Writes the documents that reading a timestamp takes straight into the database: publishing all
/// collections would take an hour. Each has a snapshot of its own, for no two collections have
/// the same.
async fn fill(server: &Countersign) -> Result<()> {
    let key = Key::ed25519([1; 32]);
    let keys = ServerKeys { timestamp: key.to_json(), snapshot: None };
    let stored_at = upload::now().to_rfc3339_opts(SecondsFormat::Micros, true);
    let forged = Repository::new("example.com/load", 2, upload::now(), &keys);
    let mut snapshot = forged.document("snapshot").context("no snapshot")?.clone();
    let mut timestamp = Document::unsigned(&json!({"_type": "Timestamp",
        "expires": forged.in_days(14), "meta": {}, "version": 1}));
    let options = SqliteConnectOptions::new().filename(server.data().join("countersign.db"));
    let mut connection: SqliteConnection = options.connect().await?;
    let mut all = connection.begin().await?;
    for number in 0..COLLECTIONS {
        let gun = gun(number);
        snapshot.edit(|signed| {
            if let Some(entry) = signed.pointer_mut("/meta/targets") {
                *entry = meta_entry(gun.as_bytes());
            }
        });
        snapshot.sign([&key]);
        let snapshot = snapshot.to_bytes();
        timestamp.edit(|signed| signed["meta"] = json!({"snapshot": meta_entry(&snapshot)}));
        timestamp.sign([&key]);
        for (role, bytes) in [("snapshot", snapshot), ("timestamp", timestamp.to_bytes())] {
            let insert = sqlx::query(INSERT).bind(&stored_at).bind(&gun).bind(role);
            insert.bind(sha256_hex(&bytes)).bind(bytes).execute(&mut *all).await?;
        }
    }
    all.commit().await?;
    Ok(connection.close().await?)
}

/// Reads the timestamp of each once.
async fn read(wire: &Wire, numbers: Range<usize>) -> Result<()> {
    let mut readers = JoinSet::new();
    for reader in 0..READERS {
        let (wire, numbers) = (wire.clone(), numbers.clone());
        readers.spawn(async move {
            for number in numbers.skip(reader).step_by(READERS) {
                let answer = wire.document(&gun(number), "timestamp.json").await?;
                ensure!(answer.status == 200, "{number}: {answer:?}");
            }
            Ok(())
        });
    }
    readers.join_all().await.into_iter().collect()
}
