//! The walk over what was published lately.

use countersign_tuf::names::Gun;

use super::must::Must as _;
use super::samples::{gun, moment, update};
use crate::contract::metadata::{Commit, Heads, MetadataStore};
use crate::contract::published::Place;

/// Later than every moment of these cases.
const LATE: i64 = 1_000;

/// A GUN is listed from the moment of its publish on, by the order of the publishes.
pub async fn what_was_published_is_listed_in_order(to: &dyn MetadataStore) {
    publish(to, "second", &[("targets", 1)], 1, 20).await;
    publish(to, "first", &[("root", 1)], 1, 10).await;
    publish(to, "third", &[("targets/a", 1)], 1, 30).await;
    assert_eq!(listed(to, Place::before(moment(0)), LATE).await, ["first", "second", "third"]);
    assert_eq!(listed(to, Place::before(moment(20)), LATE).await, ["second", "third"]);
    assert_eq!(listed(to, Place::before(moment(31)), LATE).await, [""; 0]);
}

/// What the server signs by itself is no publish, whichever of its two roles it is.
pub async fn signing_again_is_no_publish(to: &dyn MetadataStore) {
    publish(to, "a", &[("root", 1), ("snapshot", 1)], 1, 0).await;
    publish(to, "a", &[], 2, 20).await;
    publish(to, "a", &[("snapshot", 2)], 3, 30).await;
    assert_eq!(listed(to, Place::before(moment(1)), LATE).await, [""; 0]);
    assert_eq!(listed(to, Place::before(moment(0)), LATE).await, ["a"]);
}

/// Of a role only the highest version counts, so a busy GUN is not listed for each publish.
pub async fn a_gun_is_listed_once_per_role(to: &dyn MetadataStore) {
    for number in 1..=4 {
        publish(to, "busy", &[("targets", number)], number, number).await;
    }
    assert_eq!(listed(to, Place::before(moment(0)), LATE).await, ["busy"]);
    publish(to, "busy", &[("root", 1)], 5, 5).await;
    assert_eq!(listed(to, Place::before(moment(0)), LATE).await, ["busy", "busy"]);
}

/// A GUN whose newest timestamp is younger than asked for is left out.
pub async fn guns_with_a_young_timestamp_are_left_out(to: &dyn MetadataStore) {
    publish(to, "old", &[("root", 1)], 1, 10).await;
    publish(to, "renewed", &[("root", 1)], 1, 10).await;
    publish(to, "renewed", &[], 2, 50).await;
    assert_eq!(listed(to, Place::before(moment(0)), 50).await, ["old"]);
    assert_eq!(listed(to, Place::before(moment(0)), 51).await, ["old", "renewed"]);
    assert_eq!(listed(to, Place::before(moment(0)), 10).await, [""; 0]);
}

/// Pages of one find the same as one large page, also where moments are equal.
pub async fn pages_miss_nothing_and_repeat_nothing(to: &dyn MetadataStore) {
    for number in 0..7 {
        publish(to, &format!("gun-{number}"), &[("root", 1)], 1, number / 3).await;
    }
    let mut place = Place::before(moment(0));
    let mut found = Vec::new();
    while let Some(next) = page(to, place, LATE, 1).await.pop() {
        found.push(next.gun);
        place = next.place;
    }
    assert_eq!(found, listed(to, Place::before(moment(0)), LATE).await);
    assert_eq!(found.len(), 7);
    assert_eq!(page(to, Place::before(moment(0)), LATE, 0).await, []);
}

/// A deleted GUN was not published.
pub async fn a_deleted_gun_is_not_listed(to: &dyn MetadataStore) {
    publish(to, "gone", &[("root", 1)], 1, 10).await;
    assert!(to.delete(&gun("gone"), moment(11)).await.must());
    assert_eq!(listed(to, Place::before(moment(0)), LATE).await, [""; 0]);
}

async fn publish(to: &dyn MetadataStore, name: &str, roles: &[(&str, i64)], stamp: i64, at: i64) {
    let (gun, update): (Gun, _) = (gun(name), update(name, roles, stamp));
    let commit = to.commit(&gun, &Heads::new(), &update, moment(at)).await.must();
    assert_eq!(commit, Commit::Done);
}

async fn page(
    to: &dyn MetadataStore,
    after: Place,
    timestamp_before: i64,
    limit: u32,
) -> Vec<crate::contract::published::Published> {
    to.published(after, moment(timestamp_before), limit).await.must()
}

async fn listed(to: &dyn MetadataStore, after: Place, timestamp_before: i64) -> Vec<String> {
    page(to, after, timestamp_before, 1000).await.into_iter().map(|found| found.gun).collect()
}
