//! A store that only looks: beside a server, after one, and where there is none.

use std::path::Path;

use super::{commit, gun, place, timestamp};
use crate::contract::StorageError;
use crate::contract::keys::KeyCatalogue as _;
use crate::contract::metadata::{Commit, MetadataStore as _};
use crate::engine::sqlite::SqliteStore;
use countersign_tuf::names::RoleName;

fn files(directory: &Path) -> Vec<String> {
    let entries = directory.read_dir().unwrap();
    let mut names: Vec<String> =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

fn unavailable(opened: Result<SqliteStore, StorageError>, word: &str) {
    let Err(StorageError::Unavailable { reason }) = opened else { panic!("{opened:?}") };
    assert!(reason.contains(word), "{reason}");
}

#[tokio::test]
async fn a_closed_database_is_read_and_no_file_is_made() {
    let (directory, path) = place();
    let store = SqliteStore::open(&path).await.unwrap();
    assert_eq!(commit(&store, &timestamp(1, 9)).await.unwrap(), Commit::Done);
    store.close().await;
    let before = files(directory.path());
    let bytes = std::fs::read(&path).unwrap();
    let looking = SqliteStore::open_read_only(&path).await.unwrap();
    assert!(looking.newest(&gun(), &RoleName::Timestamp).await.unwrap().is_some());
    assert_eq!(files(directory.path()), before);
    looking.close().await;
    assert_eq!(files(directory.path()), before);
    assert_eq!(std::fs::read(&path).unwrap(), bytes);
}

#[tokio::test]
async fn a_closed_database_is_found_whatever_its_directory_is_called() {
    let (directory, _) = place();
    let odd = directory.path().join("a b?c=d%41#e&ä");
    std::fs::create_dir(&odd).unwrap();
    let path = odd.join("countersign.db");
    SqliteStore::open(&path).await.unwrap().close().await;
    let looking = SqliteStore::open_read_only(&path).await.unwrap();
    assert_eq!(looking.records(None, None, 1).await.unwrap(), []);
    assert_eq!(files(&odd), ["countersign.db"]);
    assert_eq!(files(directory.path()).len(), 1);
}

#[tokio::test]
async fn a_database_that_was_not_closed_is_read_with_its_log() {
    let (directory, path) = place();
    let server = SqliteStore::open(&path).await.unwrap();
    assert_eq!(commit(&server, &timestamp(1, 9)).await.unwrap(), Commit::Done);
    let left = directory.path().join("left.db");
    for end in ["", "-wal"] {
        let from = format!("{}{end}", path.display());
        std::fs::copy(from, format!("{}{end}", left.display())).unwrap();
    }
    let looking = SqliteStore::open_read_only(&left).await.unwrap();
    assert!(looking.newest(&gun(), &RoleName::Timestamp).await.unwrap().is_some());
}

#[tokio::test]
async fn beside_a_server_each_of_its_commits_is_seen_and_it_goes_on() {
    let (directory, path) = place();
    let server = SqliteStore::open(&path).await.unwrap();
    let looking = SqliteStore::open_read_only(&path).await.unwrap();
    assert!(looking.newest(&gun(), &RoleName::Timestamp).await.unwrap().is_none());
    assert_eq!(commit(&server, &timestamp(1, 9)).await.unwrap(), Commit::Done);
    assert!(looking.newest(&gun(), &RoleName::Timestamp).await.unwrap().is_some());
    let before = files(directory.path());
    looking.close().await;
    assert_eq!(files(directory.path()), before);
    assert_eq!(commit(&server, &timestamp(2, 9)).await.unwrap(), Commit::Done);
}

#[tokio::test]
async fn a_write_is_refused() {
    let (_directory, path) = place();
    SqliteStore::open(&path).await.unwrap().close().await;
    let looking = SqliteStore::open_read_only(&path).await.unwrap();
    let refused = commit(&looking, &timestamp(1, 9)).await;
    assert!(matches!(refused, Err(StorageError::Unavailable { .. })), "{refused:?}");
    assert_eq!(looking.records(None, None, 1).await.unwrap(), []);
}

#[tokio::test]
async fn a_file_that_is_not_there_is_not_made() {
    let (directory, path) = place();
    unavailable(SqliteStore::open_read_only(&path).await, "countersign.db is gone");
    assert_eq!(files(directory.path()), Vec::<String>::new());
}

#[tokio::test]
async fn a_file_without_tables_is_left_as_it_is() {
    let (directory, path) = place();
    std::fs::write(&path, "").unwrap();
    unavailable(SqliteStore::open_read_only(&path).await, "start countersign serve once");
    assert_eq!(files(directory.path()), ["countersign.db"]);
    assert_eq!(std::fs::metadata(&path).unwrap().len(), 0);
}
