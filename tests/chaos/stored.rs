//! The database itself, looked at after the end of a run, past everything of ours but the digest.
//!
//! What never comes in: whether it is what it should be.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context as _, Result};
use countersign_tuf::digest::Sha256Digest;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions as _, Connection as _, PgConnection, Row as _};

use crate::history::{Change, Edition};

/// All documents and all changes.
#[derive(Clone, Debug, Default)]
pub(crate) struct Stored {
    pub(crate) documents: Vec<StoredDocument>,
    /// In the order of their IDs.
    pub(crate) changes: Vec<Change>,
}

/// A row of `tuf_files`.
#[derive(Clone, Debug)]
pub(crate) struct StoredDocument {
    pub(crate) gun: Arc<str>,
    /// By the bytes that are there.
    pub(crate) edition: Edition,
    /// The digest that stands beside the bytes.
    pub(crate) listed: String,
}

const DOCUMENTS: &str = "SELECT gun, role, CAST(version AS bigint) AS version, data, \
    CAST(sha256 AS text) AS sha256 FROM tuf_files WHERE deleted_at IS NULL ORDER BY id";
const CHANGES: &str = "SELECT CAST(id AS bigint) AS id, gun, CAST(version AS bigint) AS version, \
    CAST(sha256 AS text) AS sha256 FROM changefeed ORDER BY id";

impl Stored {
    /// What a PostgreSQL database holds.
    pub(crate) async fn in_postgres(url: &str) -> Result<Self> {
        let mut connection = PgConnection::connect(url).await?;
        let mut stored = Self::default();
        for row in sqlx::query(DOCUMENTS).fetch_all(&mut connection).await? {
            let (gun, role, version) =
                (row.try_get("gun")?, row.try_get("role")?, row.try_get("version")?);
            stored.add_document(gun, role, version, row.try_get("data")?, row.try_get("sha256")?);
        }
        for row in sqlx::query(CHANGES).fetch_all(&mut connection).await? {
            stored.changes.push(change(
                row.try_get("id")?,
                row.try_get("gun")?,
                row.try_get("version")?,
                row.try_get("sha256")?,
            ));
        }
        Ok(stored)
    }

    /// What a file of SQLite holds.
    pub(crate) async fn in_sqlite(file: &Path) -> Result<Self> {
        let options = SqliteConnectOptions::new().filename(file).read_only(true);
        let mut connection = options.connect().await.context("cannot open the database")?;
        let mut stored = Self::default();
        for row in sqlx::query(DOCUMENTS).fetch_all(&mut connection).await? {
            let (gun, role, version) =
                (row.try_get("gun")?, row.try_get("role")?, row.try_get("version")?);
            stored.add_document(gun, role, version, row.try_get("data")?, row.try_get("sha256")?);
        }
        for row in sqlx::query(CHANGES).fetch_all(&mut connection).await? {
            stored.changes.push(change(
                row.try_get("id")?,
                row.try_get("gun")?,
                row.try_get("version")?,
                row.try_get("sha256")?,
            ));
        }
        Ok(stored)
    }

    fn add_document(&mut self, gun: &str, role: &str, version: i64, data: &[u8], listed: String) {
        let sha256 = *Sha256Digest::of(data).as_bytes();
        let edition = Edition { role: role.into(), version, sha256 };
        self.documents.push(StoredDocument { gun: gun.into(), edition, listed });
    }
}

fn change(id: i64, gun: &str, version: i64, sha256: String) -> Change {
    Change { id, gun: gun.into(), version, sha256 }
}
