//! GUNs that the tables cannot hold, or not beside another: Notary's columns know 65,536 characters,
//! and no difference of case, accents and trailing blanks.

use anyhow::{Result, ensure};
use countersign_storage::engine::mysql::MySqlStore;
use countersign_storage::{
    ChangeRange, Commit, Heads, Inventory as _, KeyHome, KeyStore as _, MetadataStore as _,
    SealedKey, StorageError, Unstorable,
};
use countersign_tuf::accepted::{AcceptedDocument, AcceptedUpdate};
use countersign_tuf::names::{Gun, RoleName, Version};

use super::{Bench, app, commit, execute, newest, now, timestamp};

const ALL: ChangeRange = ChangeRange::After { id: 0, limit: 100 };

/// To an index of Notary's the same as `a/b`, or none of its characters.
const UNSTORABLE: [&str; 5] = ["A/b", "a/B ", "a/b ", "á/b", "a/\u{1d49c}"];

async fn commit_as(store: &MySqlStore, gun: &str, number: i64) -> Result<Commit, StorageError> {
    let gun = Gun::parse(gun).map_err(|error| StorageError::Other(error.to_string()))?;
    store.commit(&gun, &Heads::new(), &timestamp(number), now()).await
}

fn is_unstorable<T>(result: &Result<T, StorageError>) -> bool {
    matches!(result, Err(StorageError::Unstorable { what: Unstorable::Gun, .. }))
}

/// Also at a version that is free: the versions of both would be one row of numbers.
#[tokio::test]
async fn what_collides_is_refused_at_any_version_and_read_as_absent() -> Result<()> {
    let mut bench = Bench::start().await?;
    let database = bench.notary_database().await?;
    let store = bench.open(&database).await?;
    for number in [1, 2] {
        ensure!(commit(&store, number).await? == Commit::Done);
    }
    for name in UNSTORABLE {
        for number in [1, 2, 3] {
            let refused = commit_as(&store, name, number).await;
            ensure!(is_unstorable(&refused), "{name:?} {number}: {refused:?}");
        }
        let gun = Gun::parse(name)?;
        ensure!(store.newest(&gun, &RoleName::Timestamp).await?.is_none(), "{name:?}");
        let heads = store.heads(&gun, &[RoleName::Timestamp]).await?;
        ensure!(heads.values().all(Option::is_none), "{name:?}: {heads:?}");
        ensure!(store.changes(Some(&gun), ALL).await?.is_empty(), "{name:?}");
        ensure!(!store.delete(&gun, now()).await?, "{name:?}");
    }
    ensure!(newest(&store).await? == Some(2));
    ensure!(store.changes(None, ALL).await?.len() == 2);
    ensure!(commit(&store, 3).await? == Commit::Done);
    Ok(())
}

/// A name is free again once the other is gone.
#[tokio::test]
async fn a_deletion_makes_room_for_the_other_spelling() -> Result<()> {
    let mut bench = Bench::start().await?;
    let database = bench.notary_database().await?;
    let store = bench.open(&database).await?;
    commit(&store, 1).await?;
    ensure!(is_unstorable(&commit_as(&store, "A/B", 1).await));
    ensure!(store.delete(&app(), now()).await?);
    ensure!(commit_as(&store, "A/B", 1).await? == Commit::Done);
    ensure!(is_unstorable(&commit(&store, 1).await));
    Ok(())
}

/// Keys have no such index: a key of each spelling is kept, and found under its own.
#[tokio::test]
async fn keys_of_names_that_are_alike_stay_apart() -> Result<()> {
    let mut bench = Bench::start().await?;
    let database = bench.notary_database().await?;
    let store = bench.open(&database).await?;
    let names = ["a/b", "A/b", "a/b "];
    for (number, gun) in names.into_iter().enumerate() {
        let key = key(&format!("{number:02}"), gun);
        ensure!(store.insert_unless_pending(&key, now()).await? == key);
    }
    for (number, gun) in names.into_iter().enumerate() {
        let found = store.pending(gun, "timestamp", "ecdsa", KeyHome::Sealed).await?;
        ensure!(found == Some(key(&format!("{number:02}"), gun)), "{gun:?}: {found:?}");
    }
    let refused = store.insert_unless_pending(&key("09", "a/\u{1d49c}"), now()).await;
    ensure!(is_unstorable(&refused), "{refused:?}");
    ensure!(store.pending("a/\u{1d49c}", "timestamp", "ecdsa", KeyHome::Sealed).await?.is_none());
    ensure!(store.by_id("09").await?.is_none());
    Ok(())
}

/// Notary's column has room for 50 characters: what is too long there is no fault of the GUN.
#[tokio::test]
async fn an_alias_that_does_not_fit_is_told_as_that() -> Result<()> {
    let mut bench = Bench::start().await?;
    let database = bench.notary_database().await?;
    let store = bench.open(&database).await?;
    for alias in ["x".repeat(51), "\u{1d49c}".to_owned()] {
        let key = SealedKey { passphrase_alias: alias, ..key("01", "a/b") };
        let refused = store.insert_unless_pending(&key, now()).await;
        let Err(StorageError::Other(reason)) = refused else { anyhow::bail!("{refused:?}") };
        ensure!(reason.contains("the column passphrase_alias cannot hold"), "{reason}");
        ensure!(store.by_id("01").await?.is_none());
    }
    Ok(())
}

/// Notary's server does not see that it stores two GUNs for one; what it stored is still gone
/// through name by name.
#[tokio::test]
async fn spellings_that_notary_stored_beside_each_other_are_all_gone_through() -> Result<()> {
    let mut bench = Bench::start().await?;
    let database = bench.notary_database().await?;
    let store = bench.open(&database).await?;
    let mut connection = bench.connect(&database).await?;
    for (name, version) in [("a/a", 1), ("a/b", 1), ("A/B", 2), ("A/b", 3), ("a/b", 4), ("a/c", 1)]
    {
        let statement = format!(
            "INSERT INTO tuf_files (created_at, gun, role, version, data, sha256) \
             VALUES (NOW(), '{name}', 'timestamp', {version}, 'x', SHA2('x', 256))"
        );
        execute(&mut connection, &statement).await?;
    }
    for most in [1, 2, 3, 10] {
        let mut seen: Vec<String> = Vec::new();
        loop {
            let page = store.guns(seen.last().map(String::as_str), most).await?;
            if page.is_empty() {
                break;
            }
            seen.extend(page);
        }
        ensure!(seen == ["a/a", "A/B", "A/b", "a/b", "a/c"], "{most}: {seen:?}");
    }
    ensure!(store.versions("a/b").await?.len() == 2);
    // Whose versions they are cannot be told from the numbers, so the occupant's spelling counts.
    ensure!(is_unstorable(&commit_as(&store, "a/B", 9).await));
    ensure!(store.delete(&Gun::parse("A/b")?, now()).await?);
    ensure!(store.versions("a/b").await?.len() == 2);
    Ok(())
}

/// More than the server takes in one piece is refused before it is sent.
#[tokio::test]
async fn a_document_of_more_than_max_allowed_packet_is_refused_in_clear_words() -> Result<()> {
    let mut bench = Bench::start_with(&["--max-allowed-packet=1M"]).await?;
    let database = bench.database().await?;
    let store = bench.open(&database).await?;
    let said = store.what_is_off().join("\n");
    ensure!(said.contains("max_allowed_packet is 1048576"), "{said}");
    let of_size = |bytes: usize| {
        let version = Version::new(1).unwrap();
        let document =
            AcceptedDocument::new(RoleName::Timestamp, version, vec![b'x'; bytes].into());
        AcceptedUpdate::from_unchecked(Vec::new(), document)
    };
    let refused = store.commit(&app(), &Heads::new(), &of_size(1_048_576), now()).await;
    let Err(StorageError::Unstorable { what: Unstorable::Document, reason }) = refused else {
        anyhow::bail!("{refused:?}")
    };
    ensure!(reason.contains("raise its max_allowed_packet"), "{reason}");
    ensure!(newest(&store).await?.is_none());
    ensure!(store.commit(&app(), &Heads::new(), &of_size(1_040_000), now()).await? == Commit::Done);
    Ok(())
}

fn key(key_id: &str, gun: &str) -> SealedKey {
    SealedKey {
        key_id: key_id.to_owned(),
        encryption_alg: "A256GCM".to_owned(),
        keywrap_alg: "PBES2-HS256+A128KW".to_owned(),
        algorithm: "ecdsa".to_owned(),
        passphrase_alias: "first".to_owned(),
        public: vec![1],
        sealed: b"a.b.c.d.e".to_vec(),
        gun: gun.to_owned(),
        role: "timestamp".to_owned(),
        last_used: None,
    }
}
