//! Making a store smaller: exactly what was asked goes, and never a head or a GUN's newest change.

use countersign_tuf::names::Gun;

use super::must::Must as _;
use super::samples::{ALL, document, gun, head, heads, moment, role, state, update, version};
use crate::contract::metadata::{Commit, Heads, MetadataStore};
use crate::contract::retention::{Forgotten, GivingBack, Removal, Retention, Thinned};

/// Every number that a row of these small stores can have, and some that none has.
fn all_ids() -> Vec<i64> {
    (0..100).chain([i64::MAX]).collect()
}

/// Later than every moment of these cases.
const LATE: i64 = 1_000;

/// Of all rows only those that a later version follows go.
pub async fn heads_stay_whatever_is_listed<S: MetadataStore + Retention>(on: &S) {
    let app = publish_four(on, "a/b").await;
    let base = heads(on, &app, &["targets", "timestamp"]).await;
    let before = state(on, &app, &["targets", "timestamp", "root"]).await;
    assert_eq!(on.forget(&app, &base, &all_ids()).await.must(), Forgotten::Done(6));
    assert_eq!(state(on, &app, &["targets", "timestamp", "root"]).await, before);
    for number in 1..=4 {
        let (role, version) = (role("targets"), version(number));
        let found = on.by_version(&app, &role, version).await.must();
        assert_eq!(found.is_some(), number == 4, "version {number}");
    }
    assert_eq!(on.forget(&app, &base, &all_ids()).await.must(), Forgotten::Done(0));
}

/// Numbers of another GUN's rows mean nothing.
pub async fn rows_of_another_gun_stay<S: MetadataStore + Retention>(on: &S) {
    let (app, other) = (publish_four(on, "a/b").await, publish_four(on, "a/b/c").await);
    let base = heads(on, &app, &["timestamp"]).await;
    assert_eq!(on.forget(&app, &base, &all_ids()).await.must(), Forgotten::Done(6));
    for number in 1..=4 {
        let found = on.by_version(&other, &role("targets"), version(number)).await.must();
        assert!(found.is_some(), "version {number}");
    }
}

/// A decision on heads that have moved removes nothing, and is told the heads.
pub async fn a_moved_head_removes_nothing<S: MetadataStore + Retention>(on: &S) {
    let app = publish_four(on, "a/b").await;
    let base = heads(on, &app, &["timestamp"]).await;
    publish(on, &app, &[], 5).await;
    let moved = Heads::from([(role("timestamp"), head(&document("a/b", "timestamp", 5)))]);
    let forgotten = on.forget(&app, &base, &all_ids()).await.must();
    assert_eq!(forgotten, Forgotten::Moved(moved));
    for number in 1..=4 {
        let found = on.by_version(&app, &role("targets"), version(number)).await.must();
        assert!(found.is_some(), "version {number}");
    }
}

/// What was removed is absent by digest too, and its version does not come back.
pub async fn a_removed_version_is_absent_and_stays_old<S: MetadataStore + Retention>(on: &S) {
    let app = publish_four(on, "a/b").await;
    let base = heads(on, &app, &["timestamp"]).await;
    on.forget(&app, &base, &all_ids()).await.must();
    let old = document("a/b", "targets", 2);
    assert_eq!(on.by_digest(&app, &old.role, old.sha256).await.must(), None);
    let again = update("again", &[("targets", 2)], 9);
    let commit = on.commit(&app, &base, &again, moment(9)).await.must();
    assert_eq!(commit, Commit::OldVersion(role("targets")));
}

/// Of several old changes of a GUN the newest stays, so a reader with an old number still learns
/// of every GUN that changed.
pub async fn thinning_keeps_the_newest_change_of_every_gun<S: MetadataStore + Retention>(on: &S) {
    publish_four(on, "a").await;
    publish_four(on, "b").await;
    let gone = publish_four(on, "c").await;
    assert!(on.delete(&gone, moment(4)).await.must());
    let removed = thin(on, LATE, 5).await;
    assert_eq!(removed, 10);
    let left = on.changes(None, ALL).await.must();
    let left: Vec<_> = left.iter().map(|change| (change.gun.as_str(), change.version)).collect();
    assert_eq!(left, [("a", 4), ("b", 4), ("c", 0)]);
    assert_eq!(thin(on, LATE, 5).await, 0);
}

/// A change that is young enough stays, also when another follows it.
pub async fn thinning_leaves_what_is_young<S: MetadataStore + Retention>(on: &S) {
    publish_four(on, "a").await;
    assert_eq!(thin(on, 3, 100).await, 2);
    let left = on.changes(None, ALL).await.must();
    assert_eq!(left.iter().map(|change| change.version).collect::<Vec<_>>(), [3, 4]);
    let none = on.thin_changes(moment(0), 0, 100, Removal::Real).await.must();
    assert_eq!(none, Thinned::default());
}

/// A rehearsal counts what would go, and nothing goes.
pub async fn a_rehearsed_thinning_removes_nothing<S: MetadataStore + Retention>(on: &S) {
    publish_four(on, "a").await;
    let before = on.changes(None, ALL).await.must();
    let thinned = on.thin_changes(moment(LATE), 0, 100, Removal::Rehearsed).await.must();
    assert_eq!((thinned.removed, thinned.upto), (3, before.last().map(|change| change.id)));
    assert_eq!(on.changes(None, ALL).await.must(), before);
}

/// Numbers go on above those that are gone.
pub async fn numbers_of_removed_changes_are_not_given_again<S: MetadataStore + Retention>(on: &S) {
    let app = publish_four(on, "a").await;
    let last = on.changes(None, ALL).await.must().last().must().id;
    thin(on, LATE, 100).await;
    publish(on, &app, &[], 5).await;
    assert!(on.changes(None, ALL).await.must().last().must().id > last);
}

/// Giving space back loses nothing, and the store does not grow by it.
pub async fn giving_back_loses_nothing<S: MetadataStore + Retention>(on: &S) {
    let app = publish_four(on, "a/b").await;
    let base = heads(on, &app, &["timestamp"]).await;
    on.forget(&app, &base, &all_ids()).await.must();
    let before = state(on, &app, &["targets", "timestamp"]).await;
    for how in [GivingBack::Beside, GivingBack::Whole] {
        let space = on.give_back(how).await.must();
        assert!(space.after > 0, "{space:?}");
        assert_eq!(state(on, &app, &["targets", "timestamp"]).await, before);
    }
    let newest = on.newest(&app, &role("targets")).await.must().must();
    assert_eq!(newest.bytes, document("a/b", "targets", 4).bytes);
    publish(on, &app, &[], 5).await;
}

async fn publish_four<S: MetadataStore>(on: &S, name: &str) -> Gun {
    let app = gun(name);
    for number in 1..=4 {
        publish(on, &app, &[("targets", number)], number).await;
    }
    app
}

async fn publish<S: MetadataStore>(on: &S, app: &Gun, roles: &[(&str, i64)], number: i64) {
    let update = update(app.as_str(), roles, number);
    let commit = on.commit(app, &Heads::new(), &update, moment(number)).await.must();
    assert_eq!(commit, Commit::Done);
}

/// Thins the whole feed in pages, and says how many changes went.
async fn thin<S: Retention>(on: &S, before: i64, page: u32) -> u64 {
    let (mut after, mut removed) = (0, 0);
    loop {
        let thinned = on.thin_changes(moment(before), after, page, Removal::Real).await.must();
        removed += thinned.removed;
        match thinned.upto {
            Some(upto) => after = upto,
            None => return removed,
        }
    }
}
