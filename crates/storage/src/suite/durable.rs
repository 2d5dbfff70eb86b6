//! What was stored is there after the store was closed and opened again: [`leave`] before,
//! [`find`] after.

use super::must::Must as _;
use super::samples::{ALL, document, gun, heads, key, moment, role, store, update};
use crate::contract::changefeed::ChangeCategory;
use crate::contract::keys::KeyStore;
use crate::contract::metadata::MetadataStore;

/// Stores a bit of everything in an empty store.
pub async fn leave(metadata: &dyn MetadataStore, keys: &dyn KeyStore) {
    store(metadata, &gun("gone"), &update("x", &[], 1)).await;
    assert!(metadata.delete(&gun("gone"), moment(1)).await.must());
    store(metadata, &gun("a/b"), &update("x", &[("root", 1)], 1)).await;
    store(metadata, &gun("a/b"), &update("x", &[("root", 2)], 2)).await;
    keys.insert_unless_pending(&key("aa", "a/b"), moment(0)).await.must();
    keys.mark_used("aa", moment(2)).await.must();
    keys.insert_unless_pending(&key("bb", "a/b"), moment(0)).await.must();
    keys.insert_passphrase_check(b"check").await.must();
}

/// Finds all that [`leave`] stored, and that numbers go on from there.
pub async fn find(metadata: &dyn MetadataStore, keys: &dyn KeyStore) {
    let app = gun("a/b");
    for number in [1, 2] {
        for wanted in [document("x", "root", number), document("x", "timestamp", number)] {
            let found = metadata.by_digest(&app, &wanted.role, wanted.sha256).await.must().must();
            assert_eq!((found.bytes, found.version), (wanted.bytes, wanted.version));
        }
    }
    assert_eq!(
        heads(metadata, &gun("gone"), &["timestamp"]).await.get(&role("timestamp")),
        Some(&None)
    );
    assert_eq!(keys.by_id("aa").await.must().must().last_used, Some(moment(2)));
    assert_eq!(keys.pending("a/b", "timestamp", "ecdsa").await.must().must(), key("bb", "a/b"));
    assert_eq!(keys.insert_passphrase_check(b"later").await.must(), b"check");
    store(metadata, &app, &update("x", &[], 3)).await;
    let changes = metadata.changes(None, ALL).await.must();
    assert!(changes.is_sorted_by(|one, next| one.id < next.id), "{changes:?}");
    let seen: Vec<_> = changes.iter().map(|c| (c.gun.as_str(), c.version, c.category)).collect();
    assert_eq!(
        seen,
        [
            ("gone", 1, ChangeCategory::Update),
            ("gone", 0, ChangeCategory::Deletion),
            ("a/b", 1, ChangeCategory::Update),
            ("a/b", 2, ChangeCategory::Update),
            ("a/b", 3, ChangeCategory::Update),
        ]
    );
}
