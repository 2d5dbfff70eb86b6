//! Sealed keys: pending until they sign, found by exact names.

use super::must::Must as _;
use super::samples::{in_token, key, moment, precise};
use crate::contract::StorageError;
use crate::contract::keys::{KeyHome, KeyStore, SealedKey};

/// Absence is an answer, not an error.
pub async fn an_empty_store_has_no_keys(to: &dyn KeyStore) {
    assert_eq!(to.pending("a/b", "timestamp", "ecdsa", KeyHome::Sealed).await.must(), None);
    assert_eq!(to.by_id("aa").await.must(), None);
    assert_eq!(to.passphrase_check().await.must(), None);
}

/// Every column comes back as it went in.
pub async fn a_key_comes_back_exactly(to: &dyn KeyStore) {
    let stored = SealedKey {
        public: (0..=255).collect(),
        sealed: b"eyJhbGciOiJ4In0.\0\xff".to_vec(),
        role: "snapshot".to_owned(),
        algorithm: "ed25519".to_owned(),
        ..key("aa", "a/b ")
    };
    assert_eq!(to.insert_unless_pending(&stored, moment(0)).await.must(), stored);
    assert_eq!(to.by_id("aa").await.must().must(), stored);
    let pending = to.pending("a/b ", "snapshot", "ed25519", KeyHome::Sealed).await.must();
    assert_eq!(pending.must(), stored);
}

/// While a key is pending, no other is stored for its GUN, role and algorithm.
pub async fn a_second_key_gets_the_pending_one(to: &dyn KeyStore) {
    let (first, second) = (key("bb", "a/b"), key("aa", "a/b"));
    assert_eq!(to.insert_unless_pending(&first, moment(0)).await.must(), first);
    assert_eq!(to.insert_unless_pending(&second, moment(1)).await.must(), first);
    assert_eq!(to.by_id("aa").await.must(), None);
}

/// GUN, role and algorithm each make another pending key.
pub async fn pending_keys_are_per_gun_role_and_algorithm(to: &dyn KeyStore) {
    let keys = [
        key("01", "a/b"),
        key("02", "a/B"),
        key("03", "a/b "),
        key("04", "a/_"),
        key("05", ""),
        SealedKey { role: "snapshot".to_owned(), ..key("06", "a/b") },
        SealedKey { algorithm: "ed25519".to_owned(), ..key("07", "a/b") },
    ];
    for key in &keys {
        assert_eq!(to.insert_unless_pending(key, moment(0)).await.must(), *key);
    }
    for key in &keys {
        let pending = to.pending(&key.gun, &key.role, &key.algorithm, KeyHome::Sealed).await.must();
        assert_eq!(pending.as_ref(), Some(key));
    }
}

/// A key that waits in one home leaves room in the other, and each is found in its own.
pub async fn pending_keys_are_per_home(to: &dyn KeyStore) {
    let (sealed, other) = (key("02", "a/b"), key("04", "a/b"));
    let (token, second) = (in_token("01", "a/b"), in_token("03", "a/b"));
    for (offered, pending) in
        [(&sealed, &sealed), (&token, &token), (&other, &sealed), (&second, &token)]
    {
        assert_eq!(to.insert_unless_pending(offered, moment(0)).await.must(), *pending);
    }
    for (home, pending) in [(KeyHome::Sealed, &sealed), (KeyHome::Token, &token)] {
        let found = to.pending("a/b", "timestamp", "ecdsa", home).await.must();
        assert_eq!(found.as_ref(), Some(pending));
    }
    assert_eq!(to.by_id("01").await.must().must(), token);
    to.mark_used("01", moment(1)).await.must();
    assert_eq!(to.pending("a/b", "timestamp", "ecdsa", KeyHome::Token).await.must(), None);
    let found = to.pending("a/b", "timestamp", "ecdsa", KeyHome::Sealed).await.must();
    assert_eq!(found, Some(sealed));
}

/// Every key counts until it has signed, and no more are counted than asked for.
pub async fn keys_that_have_not_signed_are_counted_up_to_a_bound(to: &dyn KeyStore) {
    assert_eq!(to.count_pending(5).await.must(), 0);
    for (id, gun) in [("01", "a/b"), ("02", "a/c"), ("03", "a/d")] {
        to.insert_unless_pending(&key(id, gun), moment(0)).await.must();
    }
    for (most, counted) in [(0, 0), (2, 2), (3, 3), (4, 3), (u32::MAX, 3)] {
        assert_eq!(to.count_pending(most).await.must(), counted);
    }
    to.mark_used("02", moment(1)).await.must();
    assert_eq!(to.count_pending(5).await.must(), 2);
}

/// A key that signed is no longer pending, stays readable and makes room for another.
pub async fn a_key_that_signed_is_not_pending(to: &dyn KeyStore) {
    let (first, second) = (key("aa", "a/b"), key("bb", "a/b"));
    to.insert_unless_pending(&first, moment(0)).await.must();
    to.mark_used("aa", moment(3)).await.must();
    assert_eq!(to.pending("a/b", "timestamp", "ecdsa", KeyHome::Sealed).await.must(), None);
    let used = SealedKey { last_used: Some(moment(3)), ..first };
    assert_eq!(to.by_id("aa").await.must().must(), used);
    assert_eq!(to.insert_unless_pending(&second, moment(4)).await.must(), second);
    assert_eq!(to.by_id("aa").await.must().must(), used);
}

/// The last signature is the one that is noted, of this key only.
pub async fn mark_used_notes_the_latest_for_one_key(to: &dyn KeyStore) {
    to.insert_unless_pending(&key("aa", "a/b"), moment(0)).await.must();
    to.insert_unless_pending(&key("AA", "a/c"), moment(0)).await.must();
    for number in [3, 8] {
        to.mark_used("aa", moment(number)).await.must();
    }
    assert_eq!(to.by_id("aa").await.must().must().last_used, Some(moment(8)));
    assert_eq!(to.by_id("AA").await.must().must().last_used, None);
}

/// What is finer than a microsecond is cut off, and nothing else.
pub async fn last_use_is_kept_to_the_microsecond(to: &dyn KeyStore) {
    let (kept, at) = precise();
    to.insert_unless_pending(&key("aa", "a/b"), at).await.must();
    to.mark_used("aa", at).await.must();
    assert_eq!(to.by_id("aa").await.must().must().last_used, Some(kept));
}

/// A signature by a key that is no longer there is no error.
pub async fn mark_used_of_an_absent_key_is_no_error(to: &dyn KeyStore) {
    to.mark_used("aa", moment(0)).await.must();
    assert_eq!(to.by_id("aa").await.must(), None);
}

/// What is empty is filled, once; everything else of the row stays.
pub async fn a_key_without_gun_and_role_is_bound_once(to: &dyn KeyStore) {
    let old = SealedKey { role: String::new(), ..key("aa", "") };
    to.insert_unless_pending(&old, moment(0)).await.must();
    let bound = SealedKey { gun: "a/b".to_owned(), role: "snapshot".to_owned(), ..old };
    for (gun, role) in [("a/b", "snapshot"), ("a/c", "snapshot"), ("a/b", "timestamp")] {
        let row = to.bind("aa", gun, role, moment(1)).await.must();
        assert_eq!(row.as_ref(), Some(&bound), "{gun} {role}");
    }
    assert_eq!(to.by_id("aa").await.must().must(), bound);
}

/// A row that lacks one of the two keeps the other, and takes no binding that contradicts it.
pub async fn a_key_without_gun_or_role_is_bound_to_what_fits(to: &dyn KeyStore) {
    let without_gun = key("aa", "");
    let without_role = SealedKey { role: String::new(), ..key("bb", "a/b") };
    for old in [&without_gun, &without_role] {
        to.insert_unless_pending(old, moment(0)).await.must();
    }
    let row = to.bind("aa", "a/b", "snapshot", moment(1)).await.must();
    assert_eq!(row.must(), without_gun);
    let row = to.bind("bb", "a/c", "timestamp", moment(1)).await.must();
    assert_eq!(row.must(), without_role);
    for id in ["aa", "bb"] {
        let row = to.bind(id, "a/b", "timestamp", moment(1)).await.must();
        assert_eq!(row.must(), key(id, "a/b"));
    }
}

/// A key that is bound stays as it is, and one that is not there is no error.
pub async fn bind_changes_no_other_key(to: &dyn KeyStore) {
    let (bound, old) = (key("aa", "a/b"), SealedKey { role: String::new(), ..key("AA", "") });
    for key in [&bound, &old] {
        to.insert_unless_pending(key, moment(0)).await.must();
    }
    for (id, gun, role) in [("aa", "a/c", "timestamp"), ("aa", "a/b", "snapshot")] {
        assert_eq!(to.bind(id, gun, role, moment(1)).await.must().as_ref(), Some(&bound));
    }
    assert_eq!(to.bind("bb", "a/b", "timestamp", moment(1)).await.must(), None);
    assert_eq!(to.by_id("AA").await.must().must(), old);
}

/// Nothing is bound to no GUN, or to a role whose keys a server never holds.
pub async fn a_binding_to_no_gun_or_another_role_is_refused(to: &dyn KeyStore) {
    let old = SealedKey { role: String::new(), ..key("aa", "") };
    to.insert_unless_pending(&old, moment(0)).await.must();
    for (gun, role) in [("", "timestamp"), ("a/b", ""), ("a/b", "root")] {
        let refused = to.bind("aa", gun, role, moment(1)).await;
        assert!(matches!(refused, Err(StorageError::Other(_))), "{refused:?}");
    }
    assert_eq!(to.by_id("aa").await.must().must(), old);
}

/// Key IDs are compared byte for byte.
pub async fn key_ids_are_exact(to: &dyn KeyStore) {
    to.insert_unless_pending(&key("aa", "a/b"), moment(0)).await.must();
    for other in ["AA", "aa ", "a", "aaa", "a_", "%", ""] {
        assert_eq!(to.by_id(other).await.must(), None, "{other:?}");
    }
}

/// A key ID that is taken by a key that signed is refused, and that key stays as it is.
pub async fn a_key_id_is_stored_once(to: &dyn KeyStore) {
    let first = key("aa", "a/b");
    to.insert_unless_pending(&first, moment(0)).await.must();
    to.mark_used("aa", moment(1)).await.must();
    let again = SealedKey { sealed: b"other".to_vec(), ..first.clone() };
    let refused = to.insert_unless_pending(&again, moment(2)).await;
    assert!(matches!(refused, Err(StorageError::Other(_))), "{refused:?}");
    assert_eq!(to.by_id("aa").await.must().must().sealed, first.sealed);
}

/// A key that has signed cannot be stored as pending.
pub async fn a_used_key_is_not_stored_as_pending(to: &dyn KeyStore) {
    let used = SealedKey { last_used: Some(moment(1)), ..key("aa", "a/b") };
    let refused = to.insert_unless_pending(&used, moment(2)).await;
    assert!(matches!(refused, Err(StorageError::Other(_))), "{refused:?}");
    assert_eq!(to.by_id("aa").await.must(), None);
}

/// A role whose keys a server never holds is refused.
pub async fn a_key_of_another_role_is_refused(to: &dyn KeyStore) {
    let root = SealedKey { role: "root".to_owned(), ..key("aa", "a/b") };
    let refused = to.insert_unless_pending(&root, moment(0)).await;
    assert!(matches!(refused, Err(StorageError::Other(_))), "{refused:?}");
    assert_eq!(to.by_id("aa").await.must(), None);
}

/// The first passphrase check stays.
pub async fn the_first_passphrase_check_stays(to: &dyn KeyStore) {
    assert_eq!(to.insert_passphrase_check(b"one\0\xff").await.must(), b"one\0\xff");
    assert_eq!(to.insert_passphrase_check(b"two").await.must(), b"one\0\xff");
    assert_eq!(to.passphrase_check().await.must().must(), b"one\0\xff");
}
