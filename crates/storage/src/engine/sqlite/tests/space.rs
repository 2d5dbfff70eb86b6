//! The file gets shorter when what is old is removed, also beside readers and writers.

use std::path::Path;
use std::sync::Arc;

use countersign_tuf::names::RoleName;
use sqlx::Connection as _;

use super::{commit, execute, fresh, gun, place, timestamp};
use crate::contract::metadata::MetadataStore as _;
use crate::contract::retention::{Forgotten, GivingBack, Retention as _};
use crate::engine::sqlite::SqliteStore;

const MIB: usize = 1 << 20;

/// A store whose last of ten large timestamps is the only one left.
async fn with_room(store: &SqliteStore) {
    for number in 1..=10 {
        commit(store, &timestamp(number, MIB)).await.unwrap();
    }
    let base = store.heads(&gun(), &[RoleName::Timestamp]).await.unwrap();
    let ids: Vec<i64> = (1..=10).collect();
    assert_eq!(store.forget(&gun(), &base, &ids).await.unwrap(), Forgotten::Done(9));
}

fn length(path: &Path) -> u64 {
    path.metadata().unwrap().len()
}

#[tokio::test]
async fn the_file_gets_shorter_in_slices() {
    let (store, directory) = fresh().await;
    let path = directory.path().join("countersign.db");
    with_room(&store).await;
    store.give_back(GivingBack::Beside).await.unwrap();
    assert!(length(&path) < 2 * MIB as u64, "{}", length(&path));
    let newest = store.newest(&gun(), &RoleName::Timestamp).await.unwrap().unwrap();
    assert_eq!(newest.bytes.len(), MIB);
}

/// Files of earlier versions did not keep track of their free pages.
#[tokio::test]
async fn a_file_that_does_not_track_free_pages_gets_shorter_and_tracks_them_from_then_on() {
    let (directory, path) = place();
    let mut old = sqlx::SqliteConnection::connect(&format!("sqlite:{}?mode=rwc", path.display()))
        .await
        .unwrap();
    sqlx::query("CREATE TABLE older (x)").execute(&mut old).await.unwrap();
    old.close().await.unwrap();
    let store = SqliteStore::open(&path).await.unwrap();
    let mode: i64 =
        sqlx::query_scalar("PRAGMA auto_vacuum").fetch_one(&store.readers).await.unwrap();
    assert_eq!(mode, 0, "the file is to be one that does not track them");
    with_room(&store).await;
    store.give_back(GivingBack::Beside).await.unwrap();
    assert!(length(&path) < 2 * MIB as u64, "{}", length(&path));
    // A connection that has not read since does not know.
    let later = SqliteStore::open(&path).await.unwrap();
    let mode: i64 =
        sqlx::query_scalar("PRAGMA auto_vacuum").fetch_one(&later.readers).await.unwrap();
    assert_eq!(mode, 2);
    drop(directory);
}

/// A reader that holds on to what it saw keeps the log from being written back, no more.
#[tokio::test]
async fn a_reader_in_the_middle_is_not_disturbed() {
    let (store, directory) = fresh().await;
    let path = directory.path().join("countersign.db");
    with_room(&store).await;
    let mut reader = store.readers.acquire().await.unwrap();
    let mut seeing = reader.begin().await.unwrap();
    let count = "SELECT count(*) FROM tuf_files";
    let rows: i64 = sqlx::query_scalar(count).fetch_one(&mut *seeing).await.unwrap();
    store.give_back(GivingBack::Beside).await.unwrap();
    commit(&store, &timestamp(11, 9)).await.unwrap();
    assert_eq!(sqlx::query_scalar::<_, i64>(count).fetch_one(&mut *seeing).await.unwrap(), rows);
    seeing.rollback().await.unwrap();
    drop(reader);
    store.give_back(GivingBack::Beside).await.unwrap();
    assert!(length(&path) < 2 * MIB as u64, "{}", length(&path));
}

#[tokio::test(flavor = "multi_thread")]
async fn writers_get_their_turn_while_the_file_is_cut() {
    let (store, directory) = fresh().await;
    with_room(&store).await;
    let other =
        Arc::new(SqliteStore::open(&directory.path().join("countersign.db")).await.unwrap());
    let cutting = tokio::spawn(async move { store.give_back(GivingBack::Beside).await });
    for number in 11..=30 {
        commit(&other, &timestamp(number, 9)).await.unwrap();
    }
    let space = cutting.await.unwrap().unwrap();
    assert!(space.after < space.before, "{space:?}");
    execute(&other, "PRAGMA integrity_check").await;
}
