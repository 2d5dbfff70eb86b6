//! Going through the stored roots, and how far somebody came.

use super::must::Must as _;
use super::samples::{gun, moment, store, update};
use crate::contract::metadata::MetadataStore;
use crate::contract::root_walk::RootWalk;

/// The GUNs of the roots, read in steps of so many rows.
async fn walk(to: &dyn RootWalk, step: i64) -> Vec<String> {
    let (last, mut at, mut seen) = (to.last_row().await.must(), 0, Vec::new());
    while at < last {
        let next = at.saturating_add(step).min(last);
        let roots = to.roots(at, next).await.must();
        assert!(roots.is_sorted_by_key(|root| root.id), "{roots:?}");
        assert!(roots.iter().all(|root| root.id > at && root.id <= next), "{roots:?}");
        seen.extend(roots.into_iter().map(|root| root.gun));
        at = next;
    }
    seen
}

/// Absence is an answer.
pub async fn a_store_without_roots_has_none_to_go_through<S: RootWalk>(to: &S) {
    assert_eq!(to.last_row().await.must(), 0);
    assert_eq!(to.roots(0, 1_000).await.must(), []);
    assert_eq!(to.walked_to("signer:7899").await.must(), 0);
}

/// Each root comes once, in the order in which they were stored, whatever the steps; other roles do
/// not, nor what was deleted.
pub async fn steps_of_any_size_hold_every_root_once<S: RootWalk + MetadataStore>(to: &S) {
    for (number, name) in [(1, "b"), (1, "a"), (2, "b"), (1, "gone"), (1, "A/é ")] {
        let roles = [("root", number), ("targets", number)];
        store(to, &gun(name), &update(name, &roles, number)).await;
    }
    store(to, &gun("a"), &update("a", &[("targets", 2)], 2)).await;
    assert!(to.delete(&gun("gone"), moment(1)).await.must());
    for step in [1, 2, 3, 5, 1_000] {
        assert_eq!(walk(to, step).await, ["b", "a", "b", "A/é "], "{step}");
    }
    let last = to.last_row().await.must();
    assert_eq!(to.roots(last, last.saturating_add(9)).await.must(), []);
}

/// How far somebody came is kept by the exact name of the signer, and does not go back.
pub async fn how_far_somebody_came_is_kept_for_each_signer<S: RootWalk>(to: &S) {
    let far = i64::from(i32::MAX).saturating_mul(2);
    to.note_walked("signer:7899", 5).await.must();
    to.note_walked("SIGNER:7899", far).await.must();
    assert_eq!(to.walked_to("signer:7899").await.must(), 5);
    assert_eq!(to.walked_to("SIGNER:7899").await.must(), far);
    assert_eq!(to.walked_to("signer:789").await.must(), 0);
    to.note_walked("signer:7899", 9).await.must();
    to.note_walked("signer:7899", 7).await.must();
    assert_eq!(to.walked_to("signer:7899").await.must(), 9);
}
