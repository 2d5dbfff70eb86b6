//! Very many collections, put straight into a database: publishing them would take hours. Each has
//! the two documents that reading a timestamp takes, really signed, and its own.

use std::path::Path;

use anyhow::{Context as _, Result};
use bytes::Bytes;
use chrono::SecondsFormat;
use countersign_forge::document::Document;
use countersign_forge::key::Key;
use countersign_forge::repository::{Repository, ServerKeys, meta_entry};
use countersign_tests::upload;
use ring::digest::{SHA256, digest};
use serde_json::{Value, json};
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{ConnectOptions as _, Connection as _, PgConnection};

const SQLITE: &str = "INSERT INTO tuf_files \
    (created_at, updated_at, gun, role, version, sha256, data) \
    VALUES (?1, NULL, ?2, ?3, 1, ?4, ?5)";

const POSTGRES: &str = "INSERT INTO tuf_files \
    (created_at, updated_at, gun, role, version, sha256, data) \
    VALUES ($1, NULL, $2, $3, 1, $4, $5)";

/// The documents of one GUN.
#[derive(Clone, Debug)]
pub(crate) struct Filled {
    pub(crate) gun: String,
    /// Role and bytes.
    pub(crate) documents: [(&'static str, Bytes); 2],
}

/// Makes one collection after the other.
pub(crate) struct Filler {
    key: Key,
    snapshot: Document,
    timestamp: Document,
    made: u32,
}

impl Filler {
    pub(crate) fn new() -> Result<Self> {
        let key = Key::ed25519([1; 32]);
        let keys = ServerKeys { timestamp: key.to_json(), snapshot: None };
        let forged = Repository::new("example.com/filled", 2, upload::now(), &keys);
        let snapshot = forged.document("snapshot").context("no snapshot")?.clone();
        let timestamp = Document::unsigned(&json!({"_type": "Timestamp",
            "expires": forged.in_days(14), "meta": {}, "version": 1}));
        Ok(Self { key, snapshot, timestamp, made: 0 })
    }
}

impl Iterator for Filler {
    type Item = Filled;

    fn next(&mut self) -> Option<Filled> {
        let gun = format!("example.com/filled/{}", self.made);
        self.made = self.made.checked_add(1)?;
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
        let timestamp = self.timestamp.to_bytes().into();
        Some(Filled { gun, documents: [("snapshot", snapshot.into()), ("timestamp", timestamp)] })
    }
}

/// Fills the migrated file of a server that does not run.
pub(crate) async fn sqlite(file: &Path, collections: impl Iterator<Item = Filled>) -> Result<()> {
    let stored_at = upload::now().to_rfc3339_opts(SecondsFormat::Micros, true);
    let options = SqliteConnectOptions::new().filename(file);
    let mut connection: SqliteConnection = options.connect().await?;
    let mut all = connection.begin().await?;
    for Filled { gun, documents } in collections {
        for (role, bytes) in documents {
            let insert = sqlx::query(SQLITE).bind(&stored_at).bind(&gun).bind(role);
            let insert = insert.bind(hex::encode(digest(&SHA256, &bytes))).bind(bytes.to_vec());
            insert.execute(&mut *all).await?;
        }
    }
    all.commit().await?;
    Ok(connection.close().await?)
}

/// Fills a migrated database, of ours or of Notary's.
pub(crate) async fn postgres(url: &str, collections: impl Iterator<Item = Filled>) -> Result<()> {
    let stored_at = upload::now().naive_utc();
    let mut connection = PgConnection::connect(url).await?;
    let mut all = connection.begin().await?;
    for Filled { gun, documents } in collections {
        for (role, bytes) in documents {
            let insert = sqlx::query(POSTGRES).bind(stored_at).bind(&gun).bind(role);
            let insert = insert.bind(hex::encode(digest(&SHA256, &bytes))).bind(bytes.to_vec());
            insert.execute(&mut *all).await?;
        }
    }
    all.commit().await?;
    Ok(connection.close().await?)
}
