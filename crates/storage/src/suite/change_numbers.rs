//! Numbers of changes can be left out, and never go back.

use super::must::Must as _;
use super::samples::{ALL, gun, store_timestamp};
use crate::contract::StorageError;
use crate::contract::change_numbers::ChangeNumbers;
use crate::contract::metadata::MetadataStore;

/// Changes go on above the number, and stay in order.
pub async fn changes_go_on_above_a_number<S: MetadataStore + ChangeNumbers>(on: &S) {
    store_timestamp(on, &gun("a"), 1).await;
    on.number_above(1000).await.must();
    store_timestamp(on, &gun("a"), 2).await;
    store_timestamp(on, &gun("a"), 3).await;
    let ids = ids(on).await;
    assert_eq!(ids, [1, 1001, 1002]);
}

/// The first change of an empty store gets a number above, too.
pub async fn the_first_change_gets_a_number_above<S: MetadataStore + ChangeNumbers>(on: &S) {
    on.number_above(1000).await.must();
    store_timestamp(on, &gun("a"), 1).await;
    assert_eq!(ids(on).await, [1001]);
}

/// A lower number changes nothing.
pub async fn numbers_never_go_back<S: MetadataStore + ChangeNumbers>(on: &S) {
    on.number_above(1000).await.must();
    for number in [10, 0, -1, 1000] {
        on.number_above(number).await.must();
    }
    store_timestamp(on, &gun("a"), 1).await;
    assert_eq!(ids(on).await, [1001]);
}

/// Requests name a change by 31 bits.
pub async fn a_number_that_cannot_be_asked_for_is_refused<S: MetadataStore + ChangeNumbers>(
    on: &S,
) {
    let refused = on.number_above(i64::from(i32::MAX)).await;
    assert!(matches!(refused, Err(StorageError::Other(_))), "{refused:?}");
    store_timestamp(on, &gun("a"), 1).await;
    assert_eq!(ids(on).await, [1]);
}

async fn ids(on: &dyn MetadataStore) -> Vec<i64> {
    on.changes(None, ALL).await.must().into_iter().map(|change| change.id).collect()
}
