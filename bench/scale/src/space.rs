//! Rows and bytes: what a collection takes at first, what each publish and each signing again adds,
//! and what of that stays where old states are cleared.

use countersign_growth::Sizes;

use crate::renewal::DAY;

/// The lengths of a collection's documents, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Documents {
    pub(crate) root: u32,
    pub(crate) targets: u32,
    pub(crate) snapshot: u32,
    pub(crate) timestamp: u32,
}

impl Documents {
    pub(crate) fn of(sizes: &Sizes) -> Self {
        let [root, targets, snapshot, timestamp] = sizes.documents;
        Self { root, targets, snapshot, timestamp }
    }
}

/// Rows and bytes on disk.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Space {
    pub(crate) rows: f64,
    pub(crate) bytes: f64,
}

/// Rows of a first publish: four documents, the changefeed and two keys; of a later one of targets,
/// snapshot, timestamp and the changefeed; of a timestamp signed again.
const FIRST_ROWS: f64 = 7.0;
const PUBLISH_ROWS: f64 = 4.0;
const SIGNING_ROWS: f64 = 2.0;

/// What so many collections take when they were published once.
pub(crate) fn at_first(sizes: &Sizes, guns: f64) -> Space {
    let bytes = sizes.first_publish + 2.0 * sizes.key;
    Space { rows: guns * FIRST_ROWS, bytes: guns * bytes }
}

/// What a year adds, with so many publishes and signatures in a second.
pub(crate) fn added_in_a_year(sizes: &Sizes, publishes: f64, signatures: f64) -> Space {
    let year = 365.0 * DAY;
    Space {
        rows: year * (publishes * PUBLISH_ROWS + signatures * SIGNING_ROWS),
        bytes: year * (publishes * sizes.publish + signatures * sizes.signing),
    }
}

/// What stays for good where the newest `versions` of each role and one change of each collection
/// are kept.
pub(crate) fn when_cleared(sizes: &Sizes, guns: f64, versions: u32) -> Space {
    let first = at_first(sizes, guns);
    let older = f64::from(versions.saturating_sub(1)) * guns;
    Space {
        // Without the row of the changefeed.
        rows: first.rows + older * (PUBLISH_ROWS - 1.0),
        bytes: first.bytes + older * sizes.publish,
    }
}

/// What a collection takes that `cargo xtask growth` makes: as published once, with one key.
pub(crate) fn of_a_synthetic_collection(sizes: &Sizes) -> f64 {
    sizes.first_publish + sizes.key
}

#[cfg(test)]
pub(crate) fn sizes_for_tests() -> Sizes {
    Sizes {
        engine: "SQLite".to_owned(),
        documents: [2_500, 1_500, 800, 500],
        key: 1_000.0,
        first_publish: 8_000.0,
        publish: 4_000.0,
        signing: 1_000.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_year_adds_what_is_published_and_signed_in_it() {
        let year = 365.0 * 86_400.0;
        let added = added_in_a_year(&sizes_for_tests(), 1.0, 10.0);
        assert_eq!(added, Space { rows: year * 24.0, bytes: year * 14_000.0 });
    }

    #[test]
    fn what_is_cleared_does_not_grow_with_time() {
        let sizes = sizes_for_tests();
        assert_eq!(at_first(&sizes, 2.0), Space { rows: 14.0, bytes: 20_000.0 });
        assert_eq!(when_cleared(&sizes, 2.0, 1), at_first(&sizes, 2.0));
        assert_eq!(when_cleared(&sizes, 2.0, 2), Space { rows: 20.0, bytes: 28_000.0 });
        assert_eq!(of_a_synthetic_collection(&sizes), 9_000.0);
    }
}
