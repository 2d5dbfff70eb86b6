//! What an operator does to keys: sealed anew, retired, brought back, and found for it.

use super::must::Must as _;
use super::samples::{in_token, key, moment};
use crate::contract::StorageError;
use crate::contract::archive::{ArchivedKey, KeyArchive};
use crate::contract::key_upkeep::KeyUpkeep;
use crate::contract::keys::{KeyCatalogue, KeyHome, KeyStore, SealedKey};

/// The key as it is once it is sealed under another passphrase.
fn anew(key: &SealedKey) -> SealedKey {
    SealedKey {
        encryption_alg: "A128GCM".to_owned(),
        keywrap_alg: "PBES2-HS512+A256KW".to_owned(),
        passphrase_alias: "Alias_2".to_owned(),
        sealed: b"f.g.h\0\xff".to_vec(),
        ..key.clone()
    }
}

async fn put(to: &dyn KeyStore, keys: &[SealedKey]) {
    for key in keys {
        assert_eq!(to.insert_unless_pending(key, moment(0)).await.must(), *key);
    }
}

/// The IDs that are found page by page, in pages of `most`.
async fn walk<F>(most: u32, page: impl Fn(Option<String>) -> F) -> Vec<String>
where
    F: Future<Output = Vec<String>>,
{
    let mut seen: Vec<String> = Vec::new();
    loop {
        let found = page(seen.last().cloned()).await;
        assert!(found.len() <= usize::try_from(most).must());
        if found.is_empty() {
            return seen;
        }
        seen.extend(found);
    }
}

async fn under<S: KeyUpkeep>(to: &S, alias: &str, most: u32) -> Vec<String> {
    walk(most, |after| async move {
        let found = to.sealed_under(alias, after.as_deref(), most).await.must();
        assert!(found.iter().all(|key| key.passphrase_alias == alias));
        found.into_iter().map(|key| key.key_id).collect()
    })
    .await
}

async fn retired_ids<S: KeyUpkeep>(to: &S, before: i64, most: u32) -> Vec<String> {
    walk(most, |after| async move {
        let found = to.retired(moment(before), after.as_deref(), most).await.must();
        found.into_iter().map(|retired| retired.record.key_id).collect()
    })
    .await
}

async fn waiting<S: KeyUpkeep>(to: &S, before: i64, most: u32) -> Vec<String> {
    walk(most, |after| async move {
        let found = to.pending_since(moment(before), after.as_deref(), most).await.must();
        assert!(found.iter().all(|record| record.last_used.is_none()));
        found.into_iter().map(|record| record.key_id).collect()
    })
    .await
}

/// Absence is an answer.
pub async fn a_store_without_keys_has_nothing_to_keep_up<S: KeyUpkeep>(to: &S) {
    assert_eq!(to.sealed_under("p", None, 10).await.must(), []);
    assert_eq!(to.retired(moment(9), None, 10).await.must(), []);
    assert_eq!(to.pending_since(moment(9), None, 10).await.must(), []);
    assert!(!to.retire("aa", moment(0)).await.must());
    assert!(!to.bring_back("aa", moment(0)).await.must());
    assert!(!to.reseal(&key("aa", "a/b"), &anew(&key("aa", "a/b")), moment(0)).await.must());
}

/// Every key of an alias comes once, whatever the size of the pages; an alias is compared byte for
/// byte.
pub async fn keys_under_an_alias_are_of_no_other<S: KeyUpkeep + KeyStore>(to: &S) {
    let aliased = |id: &str, alias: &str| {
        let gun = format!("a/{id}");
        SealedKey { passphrase_alias: alias.to_owned(), ..key(id, &gun) }
    };
    let keys = [("03", "b"), ("01", "b"), ("05", "B"), ("02", "b"), ("04", "b "), ("06", "b_")];
    put(to, &keys.map(|(id, alias)| aliased(id, alias))).await;
    to.mark_used("02", moment(1)).await.must();
    for most in [1, 2, 3, 10] {
        assert_eq!(under(to, "b", most).await, ["01", "02", "03"], "{most}");
        assert_eq!(under(to, "B", most).await, ["05"]);
        assert!(under(to, "_", most).await.is_empty());
    }
    let first = to.sealed_under("b", None, 1).await.must();
    assert_eq!(first, [aliased("01", "b")]);
}

/// A key in a token is sealed under no passphrase, whatever its row says.
pub async fn keys_in_a_token_are_under_no_alias<S: KeyUpkeep + KeyStore>(to: &S) {
    let sealed = SealedKey { passphrase_alias: "PKCS11".to_owned(), ..key("01", "a/b") };
    put(to, &[sealed, in_token("02", "a/b")]).await;
    assert_eq!(under(to, "PKCS11", 10).await, ["01"]);
}

/// Every key in a token comes once, whole, whatever the size of the pages; retired ones too, as
/// long as their rows are there.
pub async fn keys_in_a_token_are_gone_through_with_the_retired_ones<S>(to: &S)
where
    S: KeyUpkeep + KeyStore,
{
    assert_eq!(to.in_token(None, 10).await.must(), []);
    let sealed = SealedKey { passphrase_alias: "PKCS11".to_owned(), ..key("02", "a/02") };
    let odd = SealedKey { keywrap_alg: "pkcs11".to_owned(), ..key("05", "a/05") };
    let (one, three, four) =
        (in_token("01", "a/01"), in_token("03", "a/03"), in_token("04", "a/04"));
    put(to, &[four.clone(), sealed, one.clone(), three.clone(), odd]).await;
    assert!(to.retire("03", moment(4)).await.must());
    for most in [1, 2, 3, 10] {
        let ids = walk(most, |after| async move {
            let found = to.in_token(after.as_deref(), most).await.must();
            found.into_iter().map(|row| row.key_id).collect()
        });
        assert_eq!(ids.await, ["01", "03", "04"], "{most}");
    }
    assert_eq!(to.in_token(None, 10).await.must(), [one.clone(), three, four.clone()]);
    assert!(to.erase("03", moment(5)).await.must());
    assert_eq!(to.in_token(None, 10).await.must(), [one, four]);
}

/// What seals a key is put in place of what sealed it; nothing else of its row changes.
pub async fn a_key_is_sealed_anew_and_stays_the_same<S>(to: &S)
where
    S: KeyUpkeep + KeyStore + KeyCatalogue,
{
    let (was, other) = (key("aa", "a/b"), key("ab", "a/c"));
    put(to, &[was.clone(), other.clone()]).await;
    to.mark_used("aa", moment(3)).await.must();
    let records = to.records(None, None, 10).await.must();
    assert!(to.reseal(&was, &anew(&was), moment(5)).await.must());
    let resealed = SealedKey { last_used: Some(moment(3)), ..anew(&was) };
    assert_eq!(to.by_id("aa").await.must().must(), resealed);
    assert_eq!(to.by_id("ab").await.must().must(), other);
    let after = to.records(None, None, 10).await.must();
    for (before, after) in records.iter().zip(&after) {
        assert_eq!((before.created_at, before.last_used), (after.created_at, after.last_used));
    }
    assert_eq!(under(to, "Alias_2", 10).await, ["aa"]);
}

/// A row that somebody else has sealed anew meanwhile stays as they left it.
pub async fn a_key_that_is_no_longer_sealed_so_is_not_sealed_anew<S>(to: &S)
where
    S: KeyUpkeep + KeyStore,
{
    let was = key("aa", "a/b");
    put(to, std::slice::from_ref(&was)).await;
    for another in [
        SealedKey { sealed: b"A.b.c.d.e".to_vec(), ..was.clone() },
        SealedKey { passphrase_alias: "alias_1".to_owned(), ..was.clone() },
        SealedKey { keywrap_alg: "x".to_owned(), ..was.clone() },
        SealedKey { encryption_alg: "x".to_owned(), ..was.clone() },
    ] {
        assert!(!to.reseal(&another, &anew(&was), moment(1)).await.must(), "{another:?}");
    }
    let upper = SealedKey { key_id: "AA".to_owned(), ..was.clone() };
    assert!(!to.reseal(&upper, &anew(&upper), moment(1)).await.must());
    assert_eq!(to.by_id("aa").await.must().must(), was);
}

/// The sealed half of one key is never put into the row of another.
pub async fn one_key_is_not_sealed_in_the_place_of_another<S: KeyUpkeep + KeyStore>(to: &S) {
    let (was, other) = (key("aa", "a/b"), key("bb", "a/c"));
    put(to, &[was.clone(), other.clone()]).await;
    let another_public = SealedKey { public: vec![1], ..anew(&was) };
    for wrong in [anew(&other), another_public] {
        let refused = to.reseal(&was, &wrong, moment(1)).await;
        assert!(matches!(refused, Err(StorageError::Other(_))), "{refused:?}");
    }
    assert_eq!(to.by_id("aa").await.must().must(), was);
    assert_eq!(to.by_id("bb").await.must().must(), other);
}

/// The same row goes into a token and comes out of it.
pub async fn a_key_moves_into_a_token_and_back<S: KeyUpkeep + KeyStore>(to: &S) {
    let (sealed, token) = (key("aa", "a/b"), in_token("aa", "a/b"));
    put(to, std::slice::from_ref(&sealed)).await;
    for (was, is) in [(&sealed, &token), (&token, &sealed)] {
        assert!(to.reseal(was, is, moment(1)).await.must());
        assert_eq!(to.by_id("aa").await.must().as_ref(), Some(is));
        let found = to.pending("a/b", "timestamp", "ecdsa", is.home()).await.must();
        assert_eq!(found.as_ref(), Some(is));
    }
    assert_eq!(to.pending("a/b", "timestamp", "ecdsa", KeyHome::Token).await.must(), None);
}

/// A retired key is nowhere any more, and others are where they were.
pub async fn a_retired_key_is_not_seen<S>(to: &S)
where
    S: KeyUpkeep + KeyStore + KeyCatalogue + KeyArchive,
{
    let (retired, other) = (key("aa", "a/b"), key("ab", "a/c"));
    put(to, &[retired, other.clone()]).await;
    for not_there in ["AA", "aa ", "a", "%"] {
        assert!(!to.retire(not_there, moment(4)).await.must(), "{not_there:?}");
    }
    assert!(to.retire("aa", moment(4)).await.must());
    assert!(!to.retire("aa", moment(5)).await.must());
    assert_eq!(to.by_id("aa").await.must(), None);
    let pending = to.pending("a/b", "timestamp", "ecdsa", KeyHome::Sealed).await.must();
    assert_eq!(pending, None);
    assert_eq!(to.count_pending(10).await.must(), 1);
    assert_eq!(to.bind("aa", "a/b", "timestamp", moment(6)).await.must(), None);
    to.mark_used("aa", moment(6)).await.must();
    let left: Vec<String> =
        to.records(None, None, 10).await.must().into_iter().map(|record| record.key_id).collect();
    assert_eq!(left, ["ab"]);
    assert_eq!(to.by_id("ab").await.must().must(), other);
    assert!(to.is_marked_deleted("aa").await.must());
    let found = to.retired(moment(5), None, 10).await.must();
    assert_eq!(found.len(), 1, "{found:?}");
    let found = found.first().must();
    assert_eq!((found.record.key_id.as_str(), found.retired_at), ("aa", moment(4)));
    assert_eq!((found.record.created_at, found.record.last_used), (Some(moment(0)), None));
}

/// A retired key still has its ID, and comes back as it was.
pub async fn a_retired_key_comes_back_as_it_was<S: KeyUpkeep + KeyStore>(to: &S) {
    let was = key("aa", "a/b");
    put(to, std::slice::from_ref(&was)).await;
    to.mark_used("aa", moment(2)).await.must();
    let used = SealedKey { last_used: Some(moment(2)), ..was.clone() };
    assert!(!to.bring_back("aa", moment(3)).await.must());
    assert!(to.retire("aa", moment(4)).await.must());
    let taken = to.insert_unless_pending(&was, moment(5)).await;
    assert!(matches!(taken, Err(StorageError::Other(_))), "{taken:?}");
    assert!(!to.bring_back("AA", moment(6)).await.must());
    assert!(to.bring_back("aa", moment(6)).await.must());
    assert!(!to.bring_back("aa", moment(7)).await.must());
    assert_eq!(to.by_id("aa").await.must().must(), used);
    assert_eq!(to.retired(moment(9), None, 10).await.must(), []);
}

/// A change of passphrases takes retired keys along, so that the old one may be forgotten.
pub async fn a_retired_key_is_sealed_anew<S: KeyUpkeep + KeyStore>(to: &S) {
    let was = key("aa", "a/b");
    put(to, std::slice::from_ref(&was)).await;
    assert!(to.retire("aa", moment(1)).await.must());
    assert_eq!(to.sealed_under("Alias_1", None, 10).await.must(), std::slice::from_ref(&was));
    assert!(to.reseal(&was, &anew(&was), moment(2)).await.must());
    assert_eq!(to.by_id("aa").await.must(), None);
    assert_eq!(under(to, "Alias_1", 10).await, [""; 0]);
    assert!(to.bring_back("aa", moment(3)).await.must());
    assert_eq!(to.by_id("aa").await.must().must(), anew(&was));
}

/// Only what was retired is removed, and only what was retired before then.
pub async fn only_a_retired_key_is_removed_for_good<S>(to: &S)
where
    S: KeyUpkeep + KeyStore,
{
    let (erased, other) = (key("aa", "a/b"), key("AA", "a/c"));
    put(to, &[erased.clone(), other.clone()]).await;
    assert!(!to.erase("aa", moment(9)).await.must());
    assert_eq!(to.by_id("aa").await.must().must(), erased);
    assert!(to.retire("aa", moment(4)).await.must());
    assert!(!to.erase("aa", moment(4)).await.must());
    assert!(!to.erase("AA", moment(9)).await.must());
    assert_eq!(retired_ids(to, 9, 10).await, ["aa"]);
    assert!(to.erase("aa", moment(5)).await.must());
    assert!(!to.erase("aa", moment(5)).await.must());
    assert!(!to.bring_back("aa", moment(6)).await.must());
    assert_eq!(retired_ids(to, 9, 10).await, [""; 0]);
    assert_eq!(to.by_id("AA").await.must().must(), other);
    // Its ID is free again.
    assert_eq!(to.insert_unless_pending(&erased, moment(7)).await.must(), erased);
}

/// Retired keys are found by when they were, page by page.
pub async fn retired_keys_are_found_by_their_age<S: KeyUpkeep + KeyStore>(to: &S) {
    for (id, at) in [("03", 3), ("01", 5), ("02", 4), ("05", 3), ("04", 9)] {
        put(to, &[key(id, &format!("a/{id}"))]).await;
        assert!(to.retire(id, moment(at)).await.must());
    }
    put(to, &[key("06", "a/06")]).await;
    for most in [1, 2, 10] {
        assert_eq!(retired_ids(to, 5, most).await, ["02", "03", "05"], "{most}");
    }
    assert_eq!(retired_ids(to, 3, 10).await, [""; 0]);
    assert_eq!(retired_ids(to, 100, 10).await, ["01", "02", "03", "04", "05"]);
}

/// Keys that wait for their first signature are found by when they were made, page by page; those
/// that have signed, are retired, or do not say when they were made are not among them.
pub async fn pending_keys_are_found_by_their_age<S>(to: &S)
where
    S: KeyUpkeep + KeyStore + KeyArchive,
{
    for (id, at) in [("03", 3), ("01", 5), ("02", 4), ("05", 3), ("06", 1), ("07", 1)] {
        let made = to.insert_unless_pending(&key(id, &format!("a/{id}")), moment(at)).await;
        assert_eq!(made.must().key_id, id);
    }
    to.put_keys_unjudged(&[ArchivedKey { key: key("04", "a/04"), created_at: None }]).await.must();
    to.mark_used("06", moment(6)).await.must();
    assert!(to.retire("07", moment(6)).await.must());
    for most in [1, 2, 10] {
        assert_eq!(waiting(to, 5, most).await, ["02", "03", "05"], "{most}");
    }
    assert_eq!(waiting(to, 3, 10).await, [""; 0]);
    assert_eq!(waiting(to, 100, 10).await, ["01", "02", "03", "05"]);
}
