//! Documents: exact bytes, exact names, deletion.

use bytes::Bytes;
use countersign_tuf::accepted::{AcceptedDocument, AcceptedUpdate};

use super::must::Must as _;
use super::samples::{
    ALL, document, gun, head, heads, moment, precise, role, store, store_timestamp, update, version,
};
use crate::contract::metadata::{Commit, Heads, MetadataStore};

/// Every byte value comes back, by all three ways to ask.
pub async fn bytes_come_back_exactly(to: &dyn MetadataStore) {
    let mut bytes: Vec<u8> = (0..=255).collect();
    bytes.extend_from_slice(b"\r\n\0\0 \xff\xfe");
    check_round_trip(to, Bytes::from(bytes)).await;
}

/// A document of several megabytes comes back.
pub async fn a_large_document_comes_back_exactly(to: &dyn MetadataStore) {
    check_round_trip(to, Bytes::from(b"0123456789abcde\n".repeat(200_000))).await;
}

/// A document of no bytes comes back.
pub async fn an_empty_document_comes_back(to: &dyn MetadataStore) {
    check_round_trip(to, Bytes::new()).await;
}

/// What is finer than a microsecond is cut off, and nothing else.
pub async fn times_are_kept_to_the_microsecond(to: &dyn MetadataStore) {
    let (kept, at) = precise();
    let commit = to.commit(&gun("a/b"), &Heads::new(), &update("x", &[], 1), at).await.must();
    assert_eq!(commit, Commit::Done);
    let newest = to.newest(&gun("a/b"), &role("timestamp")).await.must().must();
    assert_eq!(newest.stored_at, kept);
    let changes = to.changes(None, ALL).await.must();
    assert_eq!(changes.first().must().created_at, kept);
}

/// Absence is an answer, not an error.
pub async fn an_empty_store_has_nothing(to: &dyn MetadataStore) {
    let (app, targets) = (gun("a/b"), role("targets"));
    let sha256 = document("x", "targets", 1).sha256;
    assert_eq!(to.newest(&app, &targets).await.must(), None);
    assert_eq!(to.by_digest(&app, &targets, sha256).await.must(), None);
    assert_eq!(to.by_version(&app, &targets, version(1)).await.must(), None);
    assert_eq!(to.heads(&app, &[]).await.must(), Heads::new());
    assert_eq!(heads(to, &app, &["targets"]).await, Heads::from([(targets, None)]));
    assert_eq!(to.changes(None, ALL).await.must(), []);
}

/// A store that answers passes its own check.
pub async fn a_store_that_answers_passes_its_check(to: &dyn MetadataStore) {
    to.check().await.must();
}

/// Versions are numbers, not text: 10 is above 9.
pub async fn newest_is_the_highest_number(to: &dyn MetadataStore) {
    let app = gun("a/b");
    for number in [1, 9, 10] {
        store_timestamp(to, &app, number).await;
    }
    let newest = to.newest(&app, &role("timestamp")).await.must().must();
    assert_eq!(newest.version, version(10));
}

/// The last version that a column of 31 bits holds is stored.
pub async fn the_highest_version_is_stored(to: &dyn MetadataStore) {
    let (app, last) = (gun("a/b"), (1 << 31) - 1);
    store_timestamp(to, &app, last).await;
    let found = to.by_version(&app, &role("timestamp"), version(last)).await.must().must();
    assert_eq!(found.version, version(last));
}

/// History is kept.
pub async fn older_versions_stay_readable(to: &dyn MetadataStore) {
    let app = gun("a/b");
    for number in [1, 2, 3] {
        store(to, &app, &update("x", &[("root", number)], number)).await;
    }
    for number in [1, 2, 3] {
        let wanted = document("x", "root", number);
        let by_version = to.by_version(&app, &wanted.role, wanted.version).await.must().must();
        let by_digest = to.by_digest(&app, &wanted.role, wanted.sha256).await.must().must();
        assert_eq!(by_version.bytes, wanted.bytes);
        assert_eq!(by_digest, by_version);
    }
    assert_eq!(to.by_version(&app, &role("root"), version(4)).await.must(), None);
}

/// A digest is found under its own role only.
pub async fn a_digest_under_another_role_is_absent(to: &dyn MetadataStore) {
    let (app, stored) = (gun("a/b"), document("x", "targets", 1));
    store(to, &app, &update("x", &[("targets", 1)], 1)).await;
    assert!(to.by_digest(&app, &stored.role, stored.sha256).await.must().is_some());
    for other in ["root", "targets/a"] {
        assert_eq!(to.by_digest(&app, &role(other), stored.sha256).await.must(), None);
    }
}

/// A digest is found under its own GUN only.
pub async fn a_digest_under_another_gun_is_absent(to: &dyn MetadataStore) {
    let stored = document("x", "targets", 1);
    store(to, &gun("a/b"), &update("x", &[("targets", 1)], 1)).await;
    store(to, &gun("a/c"), &update("y", &[("targets", 1)], 1)).await;
    assert_eq!(to.by_digest(&gun("a/c"), &stored.role, stored.sha256).await.must(), None);
}

/// Two GUNs, or two roles, may hold the same bytes.
pub async fn the_same_bytes_may_be_stored_twice(to: &dyn MetadataStore) {
    let bytes = Bytes::from_static(b"same");
    let same = |name: &str| AcceptedDocument::new(role(name), version(1), bytes.clone());
    let twice = AcceptedUpdate::from_unchecked(vec![same("targets/a")], same("timestamp"));
    for name in ["a/b", "a/c"] {
        store(to, &gun(name), &twice).await;
        for name_of_role in ["targets/a", "timestamp"] {
            let found = to.by_digest(&gun(name), &role(name_of_role), same("root").sha256).await;
            assert_eq!(found.must().must().role, role(name_of_role));
        }
    }
}

/// Heads name version and digest of each role that was asked for, and of no other.
pub async fn heads_name_the_roles_that_were_asked_for(to: &dyn MetadataStore) {
    let app = gun("a/b");
    store(to, &app, &update("x", &[("root", 1), ("targets", 7)], 1)).await;
    assert_eq!(
        heads(to, &app, &["targets", "targets/a", "targets"]).await,
        Heads::from([
            (role("targets"), head(&document("x", "targets", 7))),
            (role("targets/a"), None),
        ])
    );
}

/// Case counts in a GUN.
pub async fn guns_that_differ_in_case_stay_apart(to: &dyn MetadataStore) {
    check_apart(to, "a/b", "a/B").await;
}

/// A blank at the end counts in a GUN.
pub async fn guns_that_differ_in_a_trailing_blank_stay_apart(to: &dyn MetadataStore) {
    check_apart(to, "a/b", "a/b ").await;
}

/// `%` and `_` in a GUN stand for themselves.
pub async fn guns_that_look_like_patterns_stay_apart(to: &dyn MetadataStore) {
    check_apart(to, "a/%", "a/b").await;
    check_apart(to, "c/_", "c/d").await;
}

/// Two ways to write one letter are two GUNs.
pub async fn guns_that_differ_in_composition_stay_apart(to: &dyn MetadataStore) {
    check_apart(to, "a/\u{e9}", "a/e\u{301}").await;
    check_apart(to, "a/\u{1d49c}", "a/\u{1d49e}").await;
}

/// Quotes and the like in a GUN stand for themselves.
pub async fn guns_with_quotes_stay_apart(to: &dyn MetadataStore) {
    check_apart(to, "a/' OR '1'='1", "a/\" --").await;
}

/// Deletion takes every role and every version.
pub async fn delete_removes_every_version_of_every_role(to: &dyn MetadataStore) {
    let (app, names) = (gun("a/b"), ["root", "targets/a", "timestamp"]);
    for number in [1, 2] {
        store(to, &app, &update("x", &[("root", number), ("targets/a", number)], number)).await;
    }
    assert!(to.delete(&app, moment(1)).await.must());
    for name in names {
        for number in [1, 2] {
            let gone = document("x", name, number);
            assert_eq!(to.by_version(&app, &gone.role, gone.version).await.must(), None);
            assert_eq!(to.by_digest(&app, &gone.role, gone.sha256).await.must(), None);
        }
        assert_eq!(to.newest(&app, &role(name)).await.must(), None);
    }
    assert!(heads(to, &app, &names).await.values().all(Option::is_none));
}

/// Deletion of `a/b` touches no GUN that begins with it.
pub async fn delete_leaves_longer_and_shorter_guns(to: &dyn MetadataStore) {
    let others = ["a", "a/bc", "a/b/c", "a/b/"];
    for name in others.iter().chain(&["a/b"]) {
        store_timestamp(to, &gun(name), 1).await;
    }
    assert!(to.delete(&gun("a/b"), moment(1)).await.must());
    for name in others {
        assert!(to.newest(&gun(name), &role("timestamp")).await.must().is_some(), "{name}");
    }
}

/// Deletion of a GUN that is not there says so, and is no change.
pub async fn delete_of_nothing_is_no_change(to: &dyn MetadataStore) {
    assert!(!to.delete(&gun("a/b"), moment(1)).await.must());
    store_timestamp(to, &gun("a/b"), 1).await;
    assert!(to.delete(&gun("a/b"), moment(1)).await.must());
    assert!(!to.delete(&gun("a/b"), moment(2)).await.must());
    assert_eq!(to.changes(None, ALL).await.must().len(), 2);
}

/// After deletion a GUN begins again at version 1.
pub async fn versions_restart_after_delete(to: &dyn MetadataStore) {
    let app = gun("a/b");
    store(to, &app, &update("old", &[("root", 1)], 1)).await;
    store(to, &app, &update("old", &[("root", 2)], 2)).await;
    assert!(to.delete(&app, moment(1)).await.must());
    store(to, &app, &update("new", &[("root", 1)], 1)).await;
    let newest = to.newest(&app, &role("root")).await.must().must();
    assert_eq!(newest.bytes, document("new", "root", 1).bytes);
}

async fn check_round_trip(to: &dyn MetadataStore, bytes: Bytes) {
    let (app, targets) = (gun("a/b"), AcceptedDocument::new(role("targets"), version(1), bytes));
    let update =
        AcceptedUpdate::from_unchecked(vec![targets.clone()], document("x", "timestamp", 1));
    let commit = to.commit(&app, &Heads::new(), &update, moment(5)).await.must();
    assert_eq!(commit, Commit::Done);
    let newest = to.newest(&app, &targets.role).await.must().must();
    assert!(newest.bytes == targets.bytes, "other bytes came back");
    assert_eq!(newest.role, targets.role);
    assert_eq!(newest.version, targets.version);
    assert_eq!(newest.sha256, targets.sha256);
    assert_eq!(newest.stored_at, moment(5));
    let by_digest = to.by_digest(&app, &targets.role, targets.sha256).await.must().must();
    let by_version = to.by_version(&app, &targets.role, targets.version).await.must().must();
    assert!(by_digest == newest && by_version == newest, "the three ways to ask differ");
}

async fn check_apart(to: &dyn MetadataStore, one: &str, other: &str) {
    let timestamp = role("timestamp");
    store_timestamp(to, &gun(one), 1).await;
    assert_eq!(to.newest(&gun(other), &timestamp).await.must(), None, "{other:?}");
    store_timestamp(to, &gun(other), 1).await;
    for name in [one, other] {
        let found = to.newest(&gun(name), &timestamp).await.must().must();
        assert_eq!(found.bytes, document(name, "timestamp", 1).bytes);
        let changes = to.changes(Some(&gun(name)), ALL).await.must();
        assert_eq!(changes.iter().map(|change| change.gun.as_str()).collect::<Vec<_>>(), [name]);
    }
    assert!(to.delete(&gun(one), moment(1)).await.must());
    assert_eq!(to.newest(&gun(one), &timestamp).await.must(), None);
    assert!(to.newest(&gun(other), &timestamp).await.must().is_some(), "{other:?}");
}
