//! Going through the aliases of the keys: each once, with its newest keys.

use super::must::Must as _;
use super::samples::{in_token, key, moment};
use crate::contract::aliases::KeyAliases;
use crate::contract::keys::{KeyStore, SealedKey};

async fn store_under(to: &dyn KeyStore, key_id: &str, alias: &str) {
    let sealed = key_id.as_bytes().to_vec();
    let row = SealedKey { passphrase_alias: alias.to_owned(), sealed, ..key(key_id, key_id) };
    to.insert_unless_pending(&row, moment(0)).await.must();
}

/// Each alias with the IDs of its samples.
async fn walk(to: &dyn KeyAliases, most: u32) -> Vec<(String, Vec<String>)> {
    let mut seen: Vec<(String, Vec<String>)> = Vec::new();
    loop {
        let after = seen.last().map(|(alias, _)| alias.clone());
        let samples = to.samples_of_next_alias(after.as_deref(), most).await.must();
        let Some(first) = samples.first() else { return seen };
        let alias = first.passphrase_alias.clone();
        assert!(samples.iter().all(|sample| sample.passphrase_alias == alias));
        assert!(samples.iter().all(|sample| sample.sealed == sample.key_id.as_bytes()));
        seen.push((alias, samples.into_iter().map(|sample| sample.key_id).collect()));
    }
}

/// Absence is an answer.
pub async fn a_store_without_keys_has_no_aliases<S: KeyAliases>(to: &S) {
    assert_eq!(to.samples_of_next_alias(None, 3).await.must(), []);
    assert_eq!(to.samples_of_next_alias(Some("a"), 3).await.must(), []);
}

/// Spellings that the Go signer takes for one are told apart here: a row holds what was written.
pub async fn every_alias_comes_once_in_order_with_its_newest_keys<S: KeyAliases + KeyStore>(
    to: &S,
) {
    for (key_id, alias) in
        [("01", "b"), ("02", "a"), ("03", "B"), ("04", "b"), ("05", "b"), ("06", "b ")]
    {
        store_under(to, key_id, alias).await;
    }
    let names = |ids: &[&str]| ids.iter().map(|id| (*id).to_owned()).collect::<Vec<_>>();
    let expected = |of_b: &[&str]| {
        [("B", names(&["03"])), ("a", names(&["02"])), ("b", names(of_b)), ("b ", names(&["06"]))]
            .map(|(alias, ids)| (alias.to_owned(), ids))
    };
    assert_eq!(walk(to, 2).await, expected(&["05", "04"]));
    assert_eq!(walk(to, 9).await, expected(&["05", "04", "01"]));
}

/// No passphrase opens a key in a token, so none is tried on it; an alias that sounds like one is
/// tried.
pub async fn keys_in_a_token_are_no_samples<S: KeyAliases + KeyStore>(to: &S) {
    for key_id in ["01", "02"] {
        to.insert_unless_pending(&in_token(key_id, key_id), moment(0)).await.must();
    }
    assert_eq!(walk(to, 3).await, []);
    store_under(to, "03", "b").await;
    let of_b = ("b".to_owned(), vec!["03".to_owned()]);
    assert_eq!(walk(to, 3).await, std::slice::from_ref(&of_b));
    store_under(to, "04", "PKCS11").await;
    assert_eq!(walk(to, 3).await, [("PKCS11".to_owned(), vec!["04".to_owned()]), of_b]);
}
