//! Going through what is stored: every GUN once, every row, exactly as it is.

use countersign_tuf::digest::Sha256Digest;

use super::must::Must as _;
use super::samples::{gun, moment, store, update};
use crate::contract::inventory::{Inventory, VersionRecord};
use crate::contract::metadata::MetadataStore;

/// All GUNs, read in pages of `most`.
async fn walk(to: &dyn Inventory, most: u32) -> Vec<String> {
    let mut seen: Vec<String> = Vec::new();
    loop {
        let page = to.guns(seen.last().map(String::as_str), most).await.must();
        assert!(page.len() <= usize::try_from(most).must());
        if page.is_empty() {
            return seen;
        }
        seen.extend(page);
    }
}

/// Absence is an answer.
pub async fn an_empty_store_has_no_inventory<S: Inventory>(to: &S) {
    assert_eq!(to.guns(None, 10).await.must(), [""; 0]);
    assert_eq!(to.versions("a/b").await.must(), []);
    assert_eq!(to.bytes(1).await.must(), None);
}

/// Every GUN comes once, whatever the size of the pages and however many versions it has; names
/// that are alike are told apart.
pub async fn pages_of_any_size_hold_every_gun_once<S: Inventory + MetadataStore>(to: &S) {
    let mut names = ["a/b", "a/B", "a/b/c", "a-b", "a b", "Z", "é", "e\u{301}", "日本/x", "a/b "];
    for name in names {
        for number in 1..=3 {
            let roles = [("root", number), ("targets/releases", number)];
            store(to, &gun(name), &update(name, &roles, number)).await;
        }
    }
    names.sort_unstable();
    let order = walk(to, 100).await;
    for most in [1, 2, 3, 7, 10, 11] {
        assert_eq!(walk(to, most).await, order, "{most}");
    }
    let mut found = order;
    found.sort_unstable();
    assert_eq!(found, names);
    assert_eq!(to.guns(None, 0).await.must(), [""; 0]);
}

/// A GUN that was deleted is gone, and the others are still found behind its place.
pub async fn a_deleted_gun_is_not_gone_through<S: Inventory + MetadataStore>(to: &S) {
    for name in ["a", "b", "c"] {
        store(to, &gun(name), &update(name, &[], 1)).await;
    }
    assert!(to.delete(&gun("b"), moment(1)).await.must());
    assert_eq!(walk(to, 1).await, ["a", "c"]);
    assert_eq!(to.guns(Some("b"), 5).await.must(), ["c"]);
    assert_eq!(to.versions("b").await.must(), []);
}

/// Every version of every role comes, in the order in which they were stored, with digest, size
/// and time; the bytes are those that were stored.
pub async fn every_version_is_told_with_its_row<S: Inventory + MetadataStore>(to: &S) {
    let first = update("x", &[("root", 1), ("targets", 4)], 1);
    let second = update("x", &[("targets", 9)], 3);
    store(to, &gun("a/b"), &first).await;
    store(to, &gun("a/B"), &update("other", &[("root", 1)], 1)).await;
    store(to, &gun("a/b"), &second).await;
    let found: Vec<VersionRecord> = to.versions("a/b").await.must();
    assert!(found.is_sorted_by_key(|record| record.id), "{found:?}");
    let mut expected: Vec<_> = first.documents().chain(second.documents()).collect();
    assert_eq!(found.len(), expected.len());
    for record in &found {
        let place = expected
            .iter()
            .position(|document| {
                document.role.as_str() == record.role && document.version.as_i32() == record.version
            })
            .must();
        let document = expected.remove(place);
        assert_eq!(record.sha256, Some(document.sha256.to_hex()));
        assert_eq!(record.size_bytes, u64::try_from(document.bytes.len()).must());
        assert_eq!(record.stored_at, Some(moment(0)));
        let bytes = to.bytes(record.id).await.must().must();
        assert_eq!(Sha256Digest::of(&bytes), document.sha256);
    }
    assert_eq!(to.versions("a/_").await.must(), []);
}
