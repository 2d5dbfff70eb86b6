//! Very many collections, put straight into a database: publishing them would take hours. Each has
//! the two documents that reading a timestamp takes, really signed, and its own.

use std::path::Path;

use anyhow::{Context as _, Result};
use chrono::SecondsFormat;
use countersign_forge::document::Document;
use countersign_forge::key::Key;
use countersign_forge::repository::{Repository, ServerKeys, meta_entry};
use countersign_tests::upload;
use ring::digest::{SHA256, digest};
use serde_json::{Value, json};
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{ConnectOptions as _, Connection as _};

const SQLITE: &str = "INSERT INTO tuf_files \
    (created_at, updated_at, gun, role, version, sha256, data) \
    VALUES (?1, NULL, ?2, ?3, 1, ?4, ?5)";

/// The documents of one collection after the other.
struct Filler {
    key: Key,
    snapshot: Document,
    timestamp: Document,
}

impl Filler {
    fn new() -> Result<Self> {
        let key = Key::ed25519([1; 32]);
        let keys = ServerKeys { timestamp: key.to_json(), snapshot: None };
        let forged = Repository::new("example.com/filled", 2, upload::now(), &keys);
        let snapshot = forged.document("snapshot").context("no snapshot")?.clone();
        let timestamp = Document::unsigned(&json!({"_type": "Timestamp",
            "expires": forged.in_days(14), "meta": {}, "version": 1}));
        Ok(Self { key, snapshot, timestamp })
    }

    /// Role and bytes of the documents of a GUN.
    fn documents(&mut self, gun: &str) -> [(&'static str, Vec<u8>); 2] {
        self.snapshot.edit(|signed| {
            if let Some(entry) = signed.pointer_mut("/meta/targets") {
                *entry = meta_entry(gun.as_bytes());
            }
        });
        self.snapshot.sign([&self.key]);
        let snapshot = self.snapshot.to_bytes();
        self.timestamp.edit(|signed| {
            if let Some(meta) = signed.get_mut("meta").and_then(Value::as_object_mut) {
                meta.insert("snapshot".to_owned(), meta_entry(&snapshot));
            }
        });
        self.timestamp.sign([&self.key]);
        [("snapshot", snapshot), ("timestamp", self.timestamp.to_bytes())]
    }
}

fn gun(number: u32) -> String {
    format!("example.com/filled/{number}")
}

/// Fills the migrated file of a server that does not run.
pub(crate) async fn sqlite(file: &Path, guns: u32) -> Result<()> {
    let stored_at = upload::now().to_rfc3339_opts(SecondsFormat::Micros, true);
    let options = SqliteConnectOptions::new().filename(file);
    let mut connection: SqliteConnection = options.connect().await?;
    let mut all = connection.begin().await?;
    let mut filler = Filler::new()?;
    for number in 0..guns {
        let gun = gun(number);
        for (role, bytes) in filler.documents(&gun) {
            let digest = hex::encode(digest(&SHA256, &bytes));
            let insert = sqlx::query(SQLITE).bind(&stored_at).bind(&gun).bind(role);
            insert.bind(digest).bind(bytes).execute(&mut *all).await?;
        }
    }
    all.commit().await?;
    Ok(connection.close().await?)
}
