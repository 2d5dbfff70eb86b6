//! How much is stored below a prefix: every visible row of exactly these GUNs, and no other.

use countersign_tuf::accepted::AcceptedUpdate;
use countersign_tuf::gun_prefix::GunPrefix;

use super::must::Must as _;
use super::samples::{gun, moment, store, update};
use crate::contract::metadata::MetadataStore;
use crate::contract::usage::{Usage, Used};

fn prefix(text: &str) -> GunPrefix {
    text.parse().must()
}

fn size(update: &AcceptedUpdate) -> u64 {
    let bytes: usize = update.documents().map(|document| document.bytes.len()).sum();
    u64::try_from(bytes).must()
}

/// Nothing stored is nothing used.
pub async fn an_empty_store_uses_nothing<S: Usage>(to: &S) {
    assert_eq!(to.used_below(&prefix("a/")).await.must(), Used::default());
}

/// Every version of every role counts, and every GUN once.
pub async fn all_versions_below_a_prefix_are_used<S: Usage + MetadataStore>(to: &S) {
    let mut bytes = 0;
    for name in ["example.com/team/a", "example.com/team/b", "example.com/team/deep/c"] {
        for number in 1..=3 {
            let roles = [("root", number), ("targets/releases", number)];
            let update = update(name, &roles, number);
            bytes += size(&update);
            store(to, &gun(name), &update).await;
        }
    }
    for below in ["example.com/", "example.com/team/"] {
        assert_eq!(to.used_below(&prefix(below)).await.must(), Used { guns: 3, bytes }, "{below}");
    }
    assert_eq!(to.used_below(&prefix("example.com/team/deep/")).await.must().guns, 1);
}

/// What only looks like the prefix does not count: the name of the prefix itself, longer words,
/// other cases, and the characters that stand for others in patterns.
pub async fn what_is_beside_a_prefix_is_not_used<S: Usage + MetadataStore>(to: &S) {
    for name in [
        "a_b%/in",
        "a_b%",
        "a_b%-/x",
        "a_b%0",
        "a_b%0/x",
        "axb%/y",
        "a_bb/z",
        "A_b%/case",
        "a_b",
        "z/a_b%/in",
    ] {
        store(to, &gun(name), &update(name, &[("root", 1)], 1)).await;
    }
    let bytes = size(&update("a_b%/in", &[("root", 1)], 1));
    assert_eq!(to.used_below(&prefix("a_b%/")).await.must(), Used { guns: 1, bytes });
}

/// What was deleted is not used any more.
pub async fn a_deletion_frees_what_was_used<S: Usage + MetadataStore>(to: &S) {
    for name in ["a/b", "a/c"] {
        store(to, &gun(name), &update(name, &[("root", 1)], 1)).await;
    }
    assert!(to.delete(&gun("a/b"), moment(1)).await.must());
    let bytes = size(&update("a/c", &[("root", 1)], 1));
    assert_eq!(to.used_below(&prefix("a/")).await.must(), Used { guns: 1, bytes });
}
