//! Going through the keys: all of them once, in order, page by page.

use super::must::Must as _;
use super::samples::{in_token, key, moment};
use crate::contract::keys::{KeyCatalogue, KeyHome, KeyRecord, KeyStore, SealedKey};

/// GUN and key ID of each record, read in pages of `most`.
async fn walk(to: &dyn KeyCatalogue, gun: Option<&str>, most: u32) -> Vec<(String, String)> {
    let mut seen = Vec::new();
    let mut last: Option<KeyRecord> = None;
    loop {
        let page = to.records(gun, last.as_ref(), most).await.must();
        assert!(page.len() <= usize::try_from(most).must());
        let Some(end) = page.last() else { return seen };
        last = Some(end.clone());
        seen.extend(page.into_iter().map(|record| (record.gun, record.key_id)));
    }
}

async fn store_all(to: &dyn KeyStore, keys: &[SealedKey]) {
    for key in keys {
        assert_eq!(to.insert_unless_pending(key, moment(0)).await.must(), *key);
    }
}

fn named(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|(gun, id)| ((*gun).to_owned(), (*id).to_owned())).collect()
}

/// Absence is an answer.
pub async fn a_store_without_keys_has_no_records<S: KeyCatalogue>(to: &S) {
    assert_eq!(to.records(None, None, 10).await.must(), []);
    assert_eq!(to.records(Some("a/b"), None, 10).await.must(), []);
}

/// A record says when a key was made and last used, as it was noted.
pub async fn a_record_tells_what_was_noted<S: KeyCatalogue + KeyStore>(to: &S) {
    store_all(to, &[key("aa", "a/b")]).await;
    let fresh = KeyRecord {
        key_id: "aa".to_owned(),
        algorithm: "ecdsa".to_owned(),
        passphrase_alias: "Alias_1".to_owned(),
        home: KeyHome::Sealed,
        gun: "a/b".to_owned(),
        role: "timestamp".to_owned(),
        created_at: Some(moment(0)),
        last_used: None,
    };
    assert_eq!(to.records(None, None, 10).await.must(), std::slice::from_ref(&fresh));
    to.mark_used("aa", moment(3)).await.must();
    let used = KeyRecord { last_used: Some(moment(3)), ..fresh };
    assert_eq!(to.records(None, None, 10).await.must(), [used]);
}

/// A record says where the private half is.
pub async fn a_record_tells_the_home_of_its_key<S: KeyCatalogue + KeyStore>(to: &S) {
    store_all(to, &[key("01", "a/b"), in_token("02", "a/c")]).await;
    let records = to.records(None, None, 10).await.must();
    let homes: Vec<KeyHome> = records.iter().map(|record| record.home).collect();
    assert_eq!(homes, [KeyHome::Sealed, KeyHome::Token]);
    let of_gun = to.records(Some("a/c"), None, 10).await.must();
    assert_eq!(of_gun.first(), records.last());
    assert_eq!(of_gun.len(), 1);
}

/// Every key comes once, whatever the size of the pages, also several of one GUN and role.
pub async fn pages_of_any_size_hold_every_key_once_in_order<S: KeyCatalogue + KeyStore>(to: &S) {
    let snapshot = |id, gun| SealedKey { role: "snapshot".to_owned(), ..key(id, gun) };
    let eddsa = |id, gun| SealedKey { algorithm: "ed25519".to_owned(), ..key(id, gun) };
    let old = SealedKey { role: String::new(), ..key("99", "") };
    let keys = [key("05", "a/b"), eddsa("04", "a/b"), snapshot("06", "a/b"), key("01", "a/B"), old];
    store_all(to, &keys).await;
    let expected = named(&[("", "99"), ("a/B", "01"), ("a/b", "06"), ("a/b", "04"), ("a/b", "05")]);
    for most in [1, 2, 3, 5, 100] {
        assert_eq!(walk(to, None, most).await, expected, "{most}");
    }
}

/// One GUN is compared byte for byte.
pub async fn records_of_one_gun_are_of_no_other<S: KeyCatalogue + KeyStore>(to: &S) {
    let snapshot = SealedKey { role: "snapshot".to_owned(), ..key("02", "a/b") };
    store_all(to, &[key("01", "a/b"), snapshot, key("03", "a/B"), key("04", "a/b/c")]).await;
    let expected = named(&[("a/b", "02"), ("a/b", "01")]);
    for most in [1, 2, 10] {
        assert_eq!(walk(to, Some("a/b"), most).await, expected, "{most}");
    }
    assert_eq!(walk(to, Some("a/_"), 10).await, []);
}
