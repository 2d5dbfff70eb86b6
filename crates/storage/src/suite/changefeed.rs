//! The changefeed: one row per change, and the ranges of spec 6.4.

use super::must::Must as _;
use super::samples::{ALL, document, gun, moment, store, store_timestamp, update};
use crate::contract::changefeed::{ChangeCategory, ChangeRange};
use crate::contract::metadata::{Commit, Heads, MetadataStore};

const NONE: [i64; 0] = [];

/// C-178: a publish of several roles is one row, about its timestamp.
pub async fn a_commit_is_one_row_about_its_timestamp(to: &dyn MetadataStore) {
    let offer = update("x", &[("root", 1), ("targets", 2), ("snapshot", 3)], 4);
    let commit = to.commit(&gun("A/b "), &Heads::new(), &offer, moment(7)).await.must();
    assert_eq!(commit, Commit::Done);
    let changes = to.changes(None, ALL).await.must();
    assert_eq!(changes.len(), 1);
    let change = changes.into_iter().next().must();
    assert!(change.id > 0);
    assert_eq!(change.gun, "A/b ");
    assert_eq!(change.version, 4);
    assert_eq!(change.sha256, document("x", "timestamp", 4).sha256.to_hex());
    assert_eq!(change.category, ChangeCategory::Update);
    assert_eq!(change.created_at, moment(7));
}

/// C-179: a deletion is a row of version 0 without a digest, however many versions went.
pub async fn a_deletion_is_one_row_of_version_0(to: &dyn MetadataStore) {
    for number in [1, 2] {
        store(to, &gun("a/b"), &update("x", &[("root", number)], number)).await;
    }
    assert!(to.delete(&gun("a/b"), moment(8)).await.must());
    let changes = to.changes(None, ALL).await.must();
    assert_eq!(changes.len(), 3);
    let change = changes.into_iter().next_back().must();
    assert_eq!(change.gun, "a/b");
    assert_eq!(change.version, 0);
    assert_eq!(change.sha256, "");
    assert_eq!(change.category, ChangeCategory::Deletion);
    assert_eq!(change.created_at, moment(8));
}

/// C-180: no match is an empty list.
pub async fn no_match_is_empty(to: &dyn MetadataStore) {
    let ids = five_changes(to).await;
    let last = ids.last().copied().must();
    assert_eq!(of(to, ChangeRange::After { id: last, limit: 5 }).await, NONE);
    let first = ids.first().copied().must();
    assert_eq!(of(to, ChangeRange::Before { id: first, limit: 5 }).await, NONE);
    assert_eq!(to.changes(Some(&gun("none")), ALL).await.must(), []);
}

/// C-172: forwards from the start come the first ones, oldest first.
pub async fn after_zero_are_the_first(to: &dyn MetadataStore) {
    let ids = five_changes(to).await;
    let first: Vec<i64> = ids.iter().copied().take(3).collect();
    assert_eq!(of(to, ChangeRange::After { id: 0, limit: 3 }).await, first);
    assert_eq!(of(to, ChangeRange::After { id: -7, limit: 3 }).await, first);
    assert_eq!(of(to, ChangeRange::After { id: 0, limit: 100 }).await, ids);
    assert_eq!(of(to, ChangeRange::After { id: 0, limit: u32::MAX }).await, ids);
}

/// C-173 and C-174: the latest ones, oldest first.
pub async fn latest_are_the_newest_oldest_first(to: &dyn MetadataStore) {
    let ids = five_changes(to).await;
    let newest: Vec<i64> = ids.iter().copied().skip(3).collect();
    assert_eq!(of(to, ChangeRange::Latest { limit: 2 }).await, newest);
    assert_eq!(of(to, ChangeRange::Latest { limit: 100 }).await, ids);
}

/// C-175: backwards from an ID come the nearest ones below it, oldest first, without itself.
pub async fn before_an_id_are_the_nearest_below_it(to: &dyn MetadataStore) {
    let ids = five_changes(to).await;
    let id = ids.get(3).copied().must();
    let below: Vec<i64> = ids.iter().copied().skip(1).take(2).collect();
    assert_eq!(of(to, ChangeRange::Before { id, limit: 2 }).await, below);
    let all_below: Vec<i64> = ids.iter().copied().take(3).collect();
    assert_eq!(of(to, ChangeRange::Before { id, limit: 100 }).await, all_below);
}

/// C-176: forwards from an ID come the next ones, without itself.
pub async fn after_an_id_are_the_next(to: &dyn MetadataStore) {
    let ids = five_changes(to).await;
    let id = ids.first().copied().must();
    let next: Vec<i64> = ids.iter().copied().skip(1).take(2).collect();
    assert_eq!(of(to, ChangeRange::After { id, limit: 2 }).await, next);
}

/// A limit of none gives none.
pub async fn a_limit_of_0_gives_none(to: &dyn MetadataStore) {
    five_changes(to).await;
    for range in [
        ChangeRange::After { id: 0, limit: 0 },
        ChangeRange::Before { id: 100, limit: 0 },
        ChangeRange::Latest { limit: 0 },
    ] {
        assert_eq!(of(to, range).await, NONE);
    }
}

/// The changes of one GUN have the same ranges, with other GUNs between them.
pub async fn ranges_of_one_gun_skip_the_others(to: &dyn MetadataStore) {
    let (mine, other) = (gun("a/b"), gun("a/bc"));
    for number in 1..=4 {
        store_timestamp(to, &other, number).await;
        store_timestamp(to, &mine, number).await;
    }
    let all = to.changes(None, ALL).await.must();
    let ids: Vec<i64> = all.iter().filter(|c| c.gun == "a/b").map(|c| c.id).collect();
    assert_eq!(ids.len(), 4);
    let third = ids.get(2).copied().must();
    for (range, skip, take) in [
        (ChangeRange::After { id: 0, limit: 2 }, 0, 2),
        (ChangeRange::After { id: third, limit: 2 }, 3, 1),
        (ChangeRange::Before { id: third, limit: 1 }, 1, 1),
        (ChangeRange::Latest { limit: 3 }, 1, 3),
    ] {
        let changes = to.changes(Some(&mine), range).await.must();
        let found: Vec<i64> = changes.iter().map(|change| change.id).collect();
        let wanted: Vec<i64> = ids.iter().copied().skip(skip).take(take).collect();
        assert_eq!(found, wanted, "{range:?}");
    }
}

/// The feed outlives the GUN, and its numbers go on growing.
pub async fn the_feed_outlives_the_gun(to: &dyn MetadataStore) {
    store_timestamp(to, &gun("a/b"), 1).await;
    assert!(to.delete(&gun("a/b"), moment(1)).await.must());
    store_timestamp(to, &gun("a/b"), 1).await;
    let changes = to.changes(Some(&gun("a/b")), ALL).await.must();
    assert!(changes.is_sorted_by_key(|change| change.id));
    let seen: Vec<_> = changes.iter().map(|change| change.category).collect();
    assert_eq!(seen, [ChangeCategory::Update, ChangeCategory::Deletion, ChangeCategory::Update]);
}

async fn five_changes(to: &dyn MetadataStore) -> Vec<i64> {
    for number in 1..=5 {
        store_timestamp(to, &gun(&format!("g/{}", number % 2)), number).await;
    }
    let ids = of(to, ALL).await;
    assert_eq!(ids.len(), 5);
    assert!(ids.is_sorted_by(|one, next| one < next), "{ids:?}");
    ids
}

async fn of(to: &dyn MetadataStore, range: ChangeRange) -> Vec<i64> {
    to.changes(None, range).await.must().iter().map(|change| change.id).collect()
}
