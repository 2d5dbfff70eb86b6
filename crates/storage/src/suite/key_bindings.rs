//! What the keys of a remote signer are for: bound once, found by exact names.

use countersign_tuf::names::ServerRole;

use super::must::Must as _;
use super::samples::{gun, moment, precise};
use crate::contract::key_bindings::{KeyBinding, KeyBindings};

fn binding(key_id: &str, name: &str) -> KeyBinding {
    KeyBinding {
        key_id: key_id.to_owned(),
        algorithm: "ecdsa".to_owned(),
        gun: gun(name),
        role: ServerRole::Timestamp,
        bound_at: moment(1),
        last_used: None,
    }
}

async fn bind_all(to: &dyn KeyBindings, bindings: &[KeyBinding]) {
    for binding in bindings {
        assert_eq!(to.bind_key(binding).await.must(), *binding);
    }
}

/// The IDs of the bindings, read in pages of `most`.
async fn walk(to: &dyn KeyBindings, name: Option<&str>, most: u32) -> Vec<String> {
    let (name, mut seen) = (name.map(gun), Vec::new());
    let mut last: Option<KeyBinding> = None;
    loop {
        let page = to.bindings(name.as_ref(), last.as_ref(), most).await.must();
        assert!(page.len() <= usize::try_from(most).must());
        let Some(end) = page.last() else { return seen };
        last = Some(end.clone());
        seen.extend(page.into_iter().map(|binding| binding.key_id));
    }
}

/// Absence is an answer.
pub async fn a_store_without_bindings_has_none<S: KeyBindings>(to: &S) {
    assert_eq!(to.binding("aa").await.must(), None);
    assert_eq!(to.bindings(None, None, 10).await.must(), []);
    assert_eq!(to.bindings(Some(&gun("a/b")), None, 10).await.must(), []);
    to.note_binding_used("aa", moment(1)).await.must();
    assert!(!to.unbind_key("aa").await.must());
}

/// Every column comes back as it went in, times to the microsecond.
pub async fn a_binding_comes_back_exactly<S: KeyBindings>(to: &S) {
    let (kept, at) = precise();
    let made = KeyBinding {
        algorithm: "ed25519".to_owned(),
        role: ServerRole::Snapshot,
        bound_at: at,
        last_used: Some(at),
        ..binding("aa", "a/\u{e9} ")
    };
    let expected = KeyBinding { bound_at: kept, last_used: Some(kept), ..made.clone() };
    assert_eq!(to.bind_key(&made).await.must(), expected);
    assert_eq!(to.binding("aa").await.must().must(), expected);
    assert_eq!(to.bindings(None, None, 10).await.must(), [expected]);
}

/// A key is for one GUN and role, and stays so.
pub async fn a_key_is_bound_once<S: KeyBindings>(to: &S) {
    let first = binding("aa", "a/b");
    bind_all(to, std::slice::from_ref(&first)).await;
    for other in [
        binding("aa", "a/c"),
        KeyBinding { role: ServerRole::Snapshot, ..first.clone() },
        KeyBinding { algorithm: "ed25519".to_owned(), bound_at: moment(9), ..first.clone() },
    ] {
        assert_eq!(to.bind_key(&other).await.must(), first);
    }
    assert_eq!(to.binding("aa").await.must().must(), first);
    assert_eq!(walk(to, None, 10).await, ["aa"]);
}

/// Key IDs are compared byte for byte.
pub async fn the_ids_of_bound_keys_are_exact<S: KeyBindings>(to: &S) {
    bind_all(to, &[binding("aa", "a/b"), binding("aB", "a/c")]).await;
    for other in ["AA", "aa ", "a", "aaa", "a_", "%", "", "ab"] {
        assert_eq!(to.binding(other).await.must(), None, "{other:?}");
        to.note_binding_used(other, moment(5)).await.must();
        assert!(!to.unbind_key(other).await.must(), "{other:?}");
    }
    assert_eq!(to.binding("aa").await.must().must(), binding("aa", "a/b"));
    assert_eq!(walk(to, None, 10).await, ["aa", "aB"]);
}

/// The last signature is the one that is noted, of this key only.
pub async fn the_last_use_of_a_bound_key_is_noted<S: KeyBindings>(to: &S) {
    bind_all(to, &[binding("aa", "a/b"), binding("bb", "a/b")]).await;
    for number in [3, 8, 5] {
        to.note_binding_used("aa", moment(number)).await.must();
    }
    let used = KeyBinding { last_used: Some(moment(5)), ..binding("aa", "a/b") };
    assert_eq!(to.binding("aa").await.must().must(), used);
    assert_eq!(to.binding("bb").await.must().must(), binding("bb", "a/b"));
    assert_eq!(to.bind_key(&binding("aa", "a/b")).await.must(), used);
}

/// Every binding comes once, whatever the size of the pages; one GUN is of no other.
pub async fn pages_of_bindings_hold_every_key_once_in_order<S: KeyBindings>(to: &S) {
    let snapshot = |id, name| KeyBinding { role: ServerRole::Snapshot, ..binding(id, name) };
    bind_all(
        to,
        &[
            binding("05", "a/b"),
            binding("04", "a/b"),
            snapshot("06", "a/b"),
            binding("01", "a/B"),
            binding("02", "a/b "),
            binding("03", "a/b/c"),
        ],
    )
    .await;
    for most in [1, 2, 3, 6, 100] {
        assert_eq!(walk(to, None, most).await, ["01", "06", "04", "05", "02", "03"], "{most}");
        assert_eq!(walk(to, Some("a/b"), most).await, ["06", "04", "05"], "{most}");
    }
    assert!(walk(to, Some("a/_"), 10).await.is_empty());
}

/// A binding that is forgotten leaves the key free, and no other.
pub async fn a_key_that_was_unbound_can_be_bound_anew<S: KeyBindings>(to: &S) {
    bind_all(to, &[binding("aa", "a/b"), binding("bb", "a/b")]).await;
    assert!(to.unbind_key("aa").await.must());
    assert!(!to.unbind_key("aa").await.must());
    assert_eq!(to.binding("aa").await.must(), None);
    assert_eq!(walk(to, None, 10).await, ["bb"]);
    let anew = KeyBinding { bound_at: moment(7), ..binding("aa", "a/c") };
    bind_all(to, &[anew]).await;
}
