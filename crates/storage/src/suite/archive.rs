//! Putting in what another store held: exactly, all or nothing, and so that the store goes on well.

use countersign_tuf::digest::Sha256Digest;

use super::must::Must as _;
use super::samples::{ALL, document, gun, head, heads, key, moment, state, store, update};
use crate::contract::StorageError;
use crate::contract::archive::{ArchivedDocument, ArchivedKey, KeyArchive, MetadataArchive};
use crate::contract::changefeed::{Change, ChangeCategory};
use crate::contract::inventory::Inventory;
use crate::contract::keys::{KeyCatalogue, KeyStore, SealedKey};
use crate::contract::metadata::MetadataStore;

fn archived(name: &str, number: i64, at: i64) -> ArchivedDocument {
    let made = document("archived", name, number);
    ArchivedDocument {
        role: made.role,
        version: made.version,
        bytes: made.bytes,
        stored_at: moment(at),
    }
}

fn change(id: i64, name: &str, version: i32) -> Change {
    let (sha256, category) = match version {
        0 => (String::new(), ChangeCategory::Deletion),
        _ => (Sha256Digest::of(name.as_bytes()).to_hex(), ChangeCategory::Update),
    };
    Change { id, created_at: moment(id), gun: name.to_owned(), version, sha256, category }
}

fn is_other<T: std::fmt::Debug>(result: &Result<T, StorageError>) -> bool {
    matches!(result, Err(StorageError::Other(_)))
}

/// Versions, dates and bytes come back, gaps included, and the changefeed says nothing.
pub async fn archived_documents_come_back_with_their_dates<S>(to: &S)
where
    S: MetadataArchive + MetadataStore + Inventory,
{
    let app = gun("a/b");
    let documents = [archived("root", 1, 5), archived("root", 7, 3), archived("timestamp", 2, 9)];
    to.put_unjudged(&app, &documents).await.must();
    for document in &documents {
        let found = to.by_version(&app, &document.role, document.version).await.must().must();
        assert_eq!((&found.bytes, found.stored_at), (&document.bytes, document.stored_at));
        assert_eq!(found.sha256, Sha256Digest::of(&document.bytes));
    }
    assert_eq!(to.versions("a/b").await.must().len(), 3);
    assert_eq!(to.changes(None, ALL).await.must(), []);
}

/// A version that is stored keeps the whole call out.
pub async fn an_archived_version_that_is_stored_keeps_all_out<S>(to: &S)
where
    S: MetadataArchive + MetadataStore,
{
    let app = gun("a/b");
    store(to, &app, &update("x", &[("targets", 2)], 1)).await;
    let before = state(to, &app, &["root", "targets", "timestamp"]).await;
    let put = to.put_unjudged(&app, &[archived("root", 1, 1), archived("targets", 2, 1)]).await;
    assert!(is_other(&put), "{put:?}");
    assert_eq!(state(to, &app, &["root", "targets", "timestamp"]).await, before);
}

/// A publish goes on above what was put in.
pub async fn a_publish_follows_archived_documents<S>(to: &S)
where
    S: MetadataArchive + MetadataStore,
{
    let app = gun("a/b");
    to.put_unjudged(&app, &[archived("targets", 4, 1), archived("timestamp", 9, 1)]).await.must();
    store(to, &app, &update("new", &[("targets", 5)], 10)).await;
    let now = heads(to, &app, &["targets"]).await;
    assert!(now.values().any(|found| *found == head(&document("new", "targets", 5))), "{now:?}");
}

/// Removal takes exactly one GUN, whole, and says nothing in the changefeed.
pub async fn an_unannounced_removal_is_of_one_gun_and_no_change<S>(to: &S)
where
    S: MetadataArchive + MetadataStore + Inventory,
{
    for name in ["a/b", "a/B", "a/b/c"] {
        to.put_unjudged(&gun(name), &[archived("root", 1, 1), archived("root", 2, 1)]).await.must();
    }
    to.remove_unannounced(&gun("a/b")).await.must();
    to.remove_unannounced(&gun("not/there")).await.must();
    assert_eq!(to.versions("a/b").await.must(), []);
    for name in ["a/B", "a/b/c"] {
        assert_eq!(to.versions(name).await.must().len(), 2);
    }
    assert_eq!(to.changes(None, ALL).await.must(), []);
}

/// Changes keep number, date and order, in whatever order they are put in; the next one is above.
pub async fn archived_changes_keep_their_numbers_and_new_ones_follow<S>(to: &S)
where
    S: MetadataArchive + MetadataStore,
{
    let (late, early) = ([change(40, "a", 2), change(57, "b", 0)], [change(3, "a", 1)]);
    to.put_changes_unannounced(&late).await.must();
    to.put_changes_unannounced(&early).await.must();
    let expected = [early.to_vec(), late.to_vec()].concat();
    assert_eq!(to.changes(None, ALL).await.must(), expected);
    store(to, &gun("c"), &update("c", &[], 1)).await;
    let after = to.changes(None, ALL).await.must();
    let newest = after.last().must();
    assert!(newest.gun == "c" && newest.id > 57, "{newest:?}");
}

/// A number that is taken keeps the whole call out.
pub async fn an_archived_number_that_is_taken_keeps_all_out<S>(to: &S)
where
    S: MetadataArchive + MetadataStore,
{
    to.put_changes_unannounced(&[change(5, "a", 1)]).await.must();
    let put = to.put_changes_unannounced(&[change(4, "b", 1), change(5, "b", 2)]).await;
    assert!(is_other(&put), "{put:?}");
    assert_eq!(to.changes(None, ALL).await.must(), [change(5, "a", 1)]);
}

/// A key comes back as it was, whether it has signed or not, and replaces the one of its ID.
pub async fn an_archived_key_comes_back_and_replaces_its_like<S>(to: &S)
where
    S: KeyArchive + KeyStore + KeyCatalogue,
{
    let used = SealedKey { last_used: Some(moment(8)), ..key("aa", "a/b") };
    let old = SealedKey { gun: String::new(), role: String::new(), ..key("bb", "") };
    let keys =
        [used.clone(), old.clone()].map(|key| ArchivedKey { key, created_at: Some(moment(2)) });
    to.put_keys_unjudged(&keys).await.must();
    assert_eq!(to.by_id("aa").await.must(), Some(used.clone()));
    assert_eq!(to.by_id("bb").await.must(), Some(old.clone()));
    let sealed = SealedKey { passphrase_alias: "new".to_owned(), sealed: b"f".to_vec(), ..used };
    let again = ArchivedKey { key: sealed.clone(), created_at: None };
    to.put_keys_unjudged(&[again]).await.must();
    assert_eq!(to.by_id("aa").await.must(), Some(sealed));
    let records = to.records(None, None, 10).await.must();
    let dates: Vec<_> = records.iter().map(|record| record.created_at).collect();
    assert_eq!(dates, [Some(moment(2)), None]);
}

/// A role that no server key has keeps the whole call out.
pub async fn an_archived_key_of_another_role_keeps_all_out<S>(to: &S)
where
    S: KeyArchive + KeyStore,
{
    let wrong = SealedKey { role: "targets".to_owned(), ..key("bb", "a/b") };
    let keys = [key("aa", "a/b"), wrong].map(|key| ArchivedKey { key, created_at: None });
    let put = to.put_keys_unjudged(&keys).await;
    assert!(is_other(&put), "{put:?}");
    assert_eq!(to.by_id("aa").await.must(), None);
}

/// Exactly one key goes; nothing that is gone counts as marked.
pub async fn a_key_is_removed_by_its_exact_id<S>(to: &S)
where
    S: KeyArchive + KeyStore,
{
    let keys = ["aa", "ab"].map(|id| ArchivedKey { key: key(id, "a/b"), created_at: None });
    to.put_keys_unjudged(&keys).await.must();
    to.remove_key("aa").await.must();
    to.remove_key("AB").await.must();
    assert_eq!(to.by_id("aa").await.must(), None);
    assert!(to.by_id("ab").await.must().is_some());
    for id in ["aa", "ab", ""] {
        assert!(!to.is_marked_deleted(id).await.must(), "{id}");
    }
}
