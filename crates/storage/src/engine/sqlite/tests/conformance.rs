//! The conformance suite on SQLite: on a new file, after a reopen, and with two stores on a file.

use std::sync::Arc;

use tempfile::TempDir;

use super::{fresh, place};
use crate::engine::sqlite::SqliteStore;

async fn reopened() -> (Arc<SqliteStore>, TempDir) {
    let (directory, path) = place();
    SqliteStore::open(&path).await.unwrap().close().await;
    (Arc::new(SqliteStore::open(&path).await.unwrap()), directory)
}

async fn two_stores() -> (Arc<SqliteStore>, Arc<SqliteStore>, TempDir) {
    let (directory, path) = place();
    let one = Arc::new(SqliteStore::open(&path).await.unwrap());
    let two = Arc::new(SqliteStore::open(&path).await.unwrap());
    (one, two, directory)
}

async fn one_store_twice() -> (Arc<SqliteStore>, Arc<SqliteStore>, TempDir) {
    let (one, directory) = fresh().await;
    (one.clone(), one, directory)
}

mod on_a_new_file {
    crate::conformance_tests!(crate::engine::sqlite::tests::fresh);
}

mod on_a_reopened_file {
    crate::conformance_tests!(crate::engine::sqlite::tests::conformance::reopened);
}

mod with_two_stores {
    crate::racing_tests!(crate::engine::sqlite::tests::conformance::two_stores);
}

mod with_one_store {
    crate::racing_tests!(crate::engine::sqlite::tests::conformance::one_store_twice);
}

#[tokio::test]
async fn what_was_stored_is_there_after_a_reopen() {
    let (_directory, path) = place();
    let store = SqliteStore::open(&path).await.unwrap();
    crate::suite::durable::leave(&store, &store).await;
    store.close().await;
    let store = SqliteStore::open(&path).await.unwrap();
    crate::suite::durable::find(&store, &store).await;
}

#[tokio::test]
async fn what_was_stored_is_there_after_a_process_that_did_not_close() {
    let (directory, path) = place();
    let store = SqliteStore::open(&path).await.unwrap();
    crate::suite::durable::leave(&store, &store).await;
    let copy = directory.path().join("copy.db");
    for end in ["", "-wal"] {
        let from = format!("{}{end}", path.display());
        std::fs::copy(from, format!("{}{end}", copy.display())).unwrap();
    }
    let store = SqliteStore::open(&copy).await.unwrap();
    crate::suite::durable::find(&store, &store).await;
}
