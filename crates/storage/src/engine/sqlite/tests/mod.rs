//! Tests of this engine: the conformance suite, and what only SQLite can get wrong.

mod backup;
mod conformance;
mod corrupt;
mod faults;
mod files;
mod group;
mod mark;
mod migrations;
mod read_only;
mod space;
mod statements;

use std::path::PathBuf;
use std::sync::Arc;

use countersign_tuf::accepted::{AcceptedDocument, AcceptedUpdate};
use countersign_tuf::names::{Gun, RoleName, Version};
use sqlx::AssertSqlSafe;
use tempfile::TempDir;

use super::SqliteStore;
use crate::contract::metadata::{Commit, Heads, MetadataStore as _};

/// An empty directory and the path of a database in it.
fn place() -> (TempDir, PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("countersign.db");
    (directory, path)
}

/// An empty store.
async fn fresh() -> (Arc<SqliteStore>, TempDir) {
    let (directory, path) = place();
    (Arc::new(SqliteStore::open(&path).await.unwrap()), directory)
}

/// Runs a statement of a test, past the store.
async fn execute(store: &SqliteStore, statement: &str) {
    sqlx::raw_sql(AssertSqlSafe(statement)).execute(&store.writer).await.unwrap();
}

fn gun() -> Gun {
    Gun::parse("a/b").unwrap()
}

fn timestamp(number: i64, size_bytes: usize) -> AcceptedUpdate {
    let version = Version::new(number).unwrap();
    let bytes = vec![b'x'; size_bytes].into();
    let document = AcceptedDocument::new(RoleName::Timestamp, version, bytes);
    AcceptedUpdate::from_unchecked(Vec::new(), document)
}

/// Commits a timestamp without looking at heads.
async fn commit(
    store: &SqliteStore,
    update: &AcceptedUpdate,
) -> crate::contract::StorageResult<Commit> {
    let now = "2026-11-24T11:02:35.785575Z".parse().unwrap();
    store.commit(&gun(), &Heads::new(), update, now).await
}
