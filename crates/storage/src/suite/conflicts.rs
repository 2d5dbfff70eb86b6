//! Commits that must fail, and that nothing is stored then.

use countersign_tuf::accepted::AcceptedUpdate;

use super::must::Must as _;
use super::samples::{
    ALL, document, gun, head, heads, moment, role, state, store, store_timestamp, update,
};
use crate::contract::metadata::{Commit, Heads, MetadataStore};

const NAMES: [&str; 4] = ["root", "targets", "snapshot", "timestamp"];

/// A document that the update relies on is looked for in the same transaction.
pub async fn a_document_that_is_gone_is_told_and_one_that_is_there_is_not(to: &dyn MetadataStore) {
    let app = gun("a/b");
    store(to, &app, &update("x", &[("targets", 1)], 1)).await;
    let held = document("x", "targets", 1);
    let base = heads(to, &app, &["timestamp"]).await;
    let before = state(to, &app, &["snapshot", "timestamp"]).await;
    let gone = document("gone", "targets", 1);
    for missing in [(gone.role, gone.sha256), (role("targets/a"), held.sha256)] {
        let offer = update("x", &[("snapshot", 2)], 2).relying_on(vec![missing]);
        let commit = to.commit(&app, &base, &offer, moment(1)).await.must();
        assert_eq!(commit, Commit::Moved(base.clone()));
        assert_eq!(state(to, &app, &["snapshot", "timestamp"]).await, before);
    }
    let offer = update("x", &[("snapshot", 2)], 2).relying_on(vec![(held.role, held.sha256)]);
    assert_eq!(to.commit(&app, &base, &offer, moment(1)).await.must(), Commit::Done);
}

/// The base knew an older head.
pub async fn a_moved_head_is_told_and_nothing_is_stored(to: &dyn MetadataStore) {
    let app = gun("a/b");
    store(to, &app, &update("x", &[("targets", 1)], 1)).await;
    let base = heads(to, &app, &["targets", "timestamp"]).await;
    store(to, &app, &update("x", &[("targets", 2)], 2)).await;
    let now = Heads::from([
        (role("targets"), head(&document("x", "targets", 2))),
        (role("timestamp"), head(&document("x", "timestamp", 2))),
    ]);
    check_refused(to, &base, &update("y", &[("targets", 3)], 3), Commit::Moved(now)).await;
}

/// The base saw nothing where there is something now.
pub async fn a_head_that_appeared_is_told(to: &dyn MetadataStore) {
    let base = heads(to, &gun("a/b"), &["timestamp"]).await;
    store_timestamp(to, &gun("a/b"), 1).await;
    let now = heads(to, &gun("a/b"), &["timestamp"]).await;
    check_refused(to, &base, &update("y", &[], 2), Commit::Moved(now)).await;
}

/// The base saw something where there is nothing now.
pub async fn a_head_that_vanished_is_told(to: &dyn MetadataStore) {
    let app = gun("a/b");
    store_timestamp(to, &app, 1).await;
    let base = heads(to, &app, &["timestamp"]).await;
    assert!(to.delete(&app, moment(1)).await.must());
    let now = Heads::from([(role("timestamp"), None)]);
    check_refused(to, &base, &update("y", &[], 2), Commit::Moved(now)).await;
}

/// The same version with other bytes is another head: the GUN was deleted and made anew.
pub async fn a_head_with_another_digest_has_moved(to: &dyn MetadataStore) {
    let app = gun("a/b");
    store(to, &app, &update("old", &[], 1)).await;
    let base = heads(to, &app, &["timestamp"]).await;
    assert!(to.delete(&app, moment(1)).await.must());
    store(to, &app, &update("new", &[], 1)).await;
    let now = Heads::from([(role("timestamp"), head(&document("new", "timestamp", 1)))]);
    check_refused(to, &base, &update("y", &[], 2), Commit::Moved(now)).await;
}

/// A decision may rest on a role that it does not change.
pub async fn a_moved_head_of_a_role_that_is_only_read_counts(to: &dyn MetadataStore) {
    let app = gun("a/b");
    store(to, &app, &update("x", &[("root", 1), ("snapshot", 1)], 1)).await;
    let base = heads(to, &app, &["root"]).await;
    store(to, &app, &update("x", &[("root", 2)], 2)).await;
    let now = Heads::from([(role("root"), head(&document("x", "root", 2)))]);
    check_refused(to, &base, &update("y", &[("snapshot", 2)], 3), Commit::Moved(now)).await;
}

/// A head that the base does not name may move.
pub async fn a_moved_head_outside_the_base_does_not_matter(to: &dyn MetadataStore) {
    let app = gun("a/b");
    store(to, &app, &update("x", &[("root", 1)], 1)).await;
    let base = heads(to, &app, &["root", "snapshot"]).await;
    store(to, &app, &update("x", &[("targets", 1)], 2)).await;
    let commit = to.commit(&app, &base, &update("y", &[("snapshot", 1)], 3), moment(1)).await;
    assert_eq!(commit.must(), Commit::Done);
}

/// A version that is stored already is old, even when the base has not moved.
pub async fn a_version_that_is_stored_is_old(to: &dyn MetadataStore) {
    let app = gun("a/b");
    store(to, &app, &update("x", &[("targets", 3)], 1)).await;
    let base = heads(to, &app, &["targets", "timestamp"]).await;
    for number in [3, 2] {
        let offer = update("y", &[("targets", number)], 2);
        check_refused(to, &base, &offer, Commit::OldVersion(role("targets"))).await;
    }
}

/// The timestamp is judged like every other document.
pub async fn a_timestamp_version_that_is_stored_is_old(to: &dyn MetadataStore) {
    let app = gun("a/b");
    store_timestamp(to, &app, 5).await;
    let offer = update("y", &[("root", 1)], 5);
    check_refused(to, &Heads::new(), &offer, Commit::OldVersion(role("timestamp"))).await;
}

/// When a head has moved and a version is old as well, the move is told.
pub async fn a_moved_head_is_told_before_an_old_version(to: &dyn MetadataStore) {
    let app = gun("a/b");
    store(to, &app, &update("x", &[("targets", 1)], 1)).await;
    let base = heads(to, &app, &["targets"]).await;
    store(to, &app, &update("x", &[("targets", 2)], 2)).await;
    let now = heads(to, &app, &["targets"]).await;
    check_refused(to, &base, &update("y", &[("targets", 2)], 2), Commit::Moved(now)).await;
}

/// One old document keeps all others of the update out.
pub async fn one_old_role_of_several_keeps_all_out(to: &dyn MetadataStore) {
    store(to, &gun("a/b"), &update("x", &[("snapshot", 4)], 1)).await;
    let offer = update("y", &[("root", 1), ("targets", 1), ("snapshot", 4)], 2);
    check_refused(to, &Heads::new(), &offer, Commit::OldVersion(role("snapshot"))).await;
}

/// The same version of a role twice in one update is old the second time.
pub async fn the_same_version_twice_in_an_update_is_old(to: &dyn MetadataStore) {
    let twice = AcceptedUpdate::from_unchecked(
        vec![document("x", "root", 1), document("y", "root", 1)],
        document("x", "timestamp", 1),
    );
    check_refused(to, &Heads::new(), &twice, Commit::OldVersion(role("root"))).await;
}

/// All roles of an update are stored by one commit, however many they are, with one change.
pub async fn a_commit_stores_all_its_roles(to: &dyn MetadataStore) {
    let roles = [
        ("root", 1),
        ("targets", 2),
        ("targets/a", 3),
        ("targets/b", 4),
        ("targets/b/c", 5),
        ("targets/d", 6),
        ("snapshot", 7),
    ];
    for count in 0..=roles.len() {
        let (app, roles) = (gun(&format!("a/{count}")), roles.iter().take(count));
        let roles: Vec<(&str, i64)> = roles.copied().collect();
        store(to, &app, &update("x", &roles, 8)).await;
        for (name, number) in roles.iter().chain(&[("timestamp", 8)]) {
            let stored = document("x", name, *number);
            let found = to.newest(&app, &role(name)).await.must().must();
            assert_eq!((found.version, found.bytes), (stored.version, stored.bytes));
        }
        let changes = to.changes(Some(&app), ALL).await.must().into_iter();
        let changes: Vec<_> = changes.map(|change| (change.version, change.sha256)).collect();
        assert_eq!(changes, [(8, document("x", "timestamp", 8).sha256.to_hex())]);
    }
}

/// Versions may leave a gap; how wide is not for storage to judge.
pub async fn a_gap_between_versions_is_stored(to: &dyn MetadataStore) {
    store_timestamp(to, &gun("a/b"), 1).await;
    store_timestamp(to, &gun("a/b"), 50).await;
    let newest = to.newest(&gun("a/b"), &role("timestamp")).await.must().must();
    assert_eq!(newest.version.get(), 50);
}

/// What is stored under one GUN is no conflict under another.
pub async fn another_gun_is_no_conflict(to: &dyn MetadataStore) {
    for name in ["a/b", "a/c"] {
        let (app, offer) = (gun(name), update("x", &[("root", 1)], 1));
        let base = heads(to, &app, &NAMES).await;
        assert!(base.values().all(Option::is_none));
        assert_eq!(to.commit(&app, &base, &offer, moment(0)).await.must(), Commit::Done);
    }
}

async fn check_refused(
    to: &dyn MetadataStore,
    base: &Heads,
    offer: &AcceptedUpdate,
    verdict: Commit,
) {
    let app = gun("a/b");
    let before = state(to, &app, &NAMES).await;
    assert_eq!(to.commit(&app, base, offer, moment(9)).await.must(), verdict);
    assert_eq!(state(to, &app, &NAMES).await, before, "something was stored");
    for document in offer.documents() {
        let found = to.by_digest(&app, &document.role, document.sha256).await.must();
        assert_eq!(found, None, "a row was stored");
    }
}
