//! What was stored is there after the store was closed and opened again: [`leave`] before,
//! [`find`] after.

use countersign_tuf::names::ServerRole;

use super::must::Must as _;
use super::samples::{ALL, document, gun, heads, in_token, key, moment, role, store, update};
use crate::contract::changefeed::ChangeCategory;
use crate::contract::key_bindings::{KeyBinding, KeyBindings};
use crate::contract::key_upkeep::KeyUpkeep;
use crate::contract::keys::{KeyHome, KeyStore};
use crate::contract::metadata::MetadataStore;
use crate::contract::passphrase_moves::{KeyProcess, PassphraseCheck, PassphraseMoves};

/// Stores a bit of everything in an empty store.
pub async fn leave<M, K>(metadata: &M, keys: &K)
where
    M: MetadataStore + KeyBindings,
    K: KeyStore + KeyUpkeep + PassphraseMoves,
{
    store(metadata, &gun("gone"), &update("x", &[], 1)).await;
    assert!(metadata.delete(&gun("gone"), moment(1)).await.must());
    store(metadata, &gun("a/b"), &update("x", &[("root", 1)], 1)).await;
    store(metadata, &gun("a/b"), &update("x", &[("root", 2)], 2)).await;
    keys.insert_unless_pending(&key("aa", "a/b"), moment(0)).await.must();
    keys.mark_used("aa", moment(2)).await.must();
    keys.insert_unless_pending(&key("bb", "a/b"), moment(0)).await.must();
    keys.insert_passphrase_check(b"check").await.must();
    keys.insert_unless_pending(&in_token("cc", "a/b"), moment(0)).await.must();
    keys.insert_unless_pending(&key("dd", "a/d"), moment(0)).await.must();
    assert!(keys.retire("dd", moment(3)).await.must());
    keys.propose_check(&proposal()).await.must();
    keys.note_process(&process()).await.must();
    metadata.bind_key(&binding()).await.must();
}

/// Finds all that [`leave`] stored, and that numbers go on from there.
pub async fn find<M, K>(metadata: &M, keys: &K)
where
    M: MetadataStore + KeyBindings,
    K: KeyStore + KeyUpkeep + PassphraseMoves,
{
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
    assert_eq!(
        keys.pending("a/b", "timestamp", "ecdsa", KeyHome::Sealed).await.must().must(),
        key("bb", "a/b")
    );
    assert_eq!(keys.insert_passphrase_check(b"later").await.must(), b"check");
    assert_eq!(keys.by_id("cc").await.must().must(), in_token("cc", "a/b"));
    assert_eq!(keys.by_id("dd").await.must(), None);
    assert!(keys.bring_back("dd", moment(4)).await.must());
    assert_eq!(keys.by_id("dd").await.must().must(), key("dd", "a/d"));
    assert_eq!(keys.proposed_check().await.must().must(), proposal());
    assert_eq!(keys.processes().await.must(), [process()]);
    assert_eq!(metadata.binding("ee").await.must().must(), binding());
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

fn proposal() -> PassphraseCheck {
    PassphraseCheck { alias: Some("next".to_owned()), sealed: b"next".to_vec() }
}

fn process() -> KeyProcess {
    KeyProcess {
        id: "process".to_owned(),
        shown: "a process".to_owned(),
        beat: 7,
        opens: String::new(),
        seals_under: "Alias_1".to_owned(),
    }
}

fn binding() -> KeyBinding {
    KeyBinding {
        key_id: "ee".to_owned(),
        algorithm: "ecdsa".to_owned(),
        gun: gun("a/b"),
        role: ServerRole::Snapshot,
        bound_at: moment(1),
        last_used: Some(moment(2)),
    }
}
