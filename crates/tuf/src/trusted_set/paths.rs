//! Which target names a delegation may list: prefixes, narrowed by those of its parent.
//!
//! Source: server spec 8.2 and quirk Q-29 (clients filter, the server does not).

/// Prefixes of which none begins with another: sorted, so that one search answers for any number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Prefixes(Vec<String>);

impl Prefixes {
    /// Every name: what `targets` may list.
    pub(super) fn all() -> Self {
        Self(vec![String::new()])
    }

    /// Whether `name` begins with one of the prefixes.
    pub(super) fn allow(&self, name: &str) -> bool {
        // Whatever sorts between a prefix and a name that begins with it begins with it too.
        let behind = self.0.partition_point(|prefix| prefix.as_str() <= name);
        let nearest = behind.checked_sub(1).and_then(|index| self.0.get(index));
        nearest.is_some_and(|prefix| name.starts_with(prefix.as_str()))
    }

    /// Those of a child's prefixes that lie within these.
    pub(super) fn narrowed(&self, child: &[String]) -> Self {
        let mut within: Vec<String> =
            child.iter().filter(|prefix| self.allow(prefix)).cloned().collect();
        within.sort_unstable();
        within.dedup_by(|later, kept| later.starts_with(kept.as_str()));
        Self(within)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn prefixes(texts: &[&str]) -> Prefixes {
        Prefixes::all().narrowed(&texts.iter().map(ToString::to_string).collect::<Vec<_>>())
    }

    #[test]
    fn a_name_must_begin_with_a_prefix() {
        let paths = prefixes(&["rel/", "v"]);
        assert!(["rel/", "rel/1", "v", "v1"].iter().all(|name| paths.allow(name)));
        assert!(!["", "rel", "zzz", "w", "Rel/1"].iter().any(|name| paths.allow(name)));
    }

    #[test]
    fn no_prefix_allows_nothing_and_an_empty_one_everything() {
        assert!(!prefixes(&[]).allow(""));
        assert!(prefixes(&[""]).allow("anything"));
    }

    #[test]
    fn a_child_never_gets_more_than_its_parent() {
        let parent = prefixes(&["rel/"]);
        let child = parent.narrowed(&["rel/a".to_owned(), "other".to_owned(), String::new()]);
        assert_eq!(child, prefixes(&["rel/a"]));
    }

    proptest! {
        #[test]
        fn one_search_says_what_trying_every_prefix_says(
            parent in prop::collection::vec("[ab]{0,3}", 0..6),
            child in prop::collection::vec("[ab]{0,4}", 0..6),
            name in "[ab]{0,6}",
        ) {
            let begins = |name: &str, with: &[String]| with.iter().any(|p| name.starts_with(p.as_str()));
            let within: Vec<String> =
                child.iter().filter(|prefix| begins(prefix, &parent)).cloned().collect();
            let narrowed = Prefixes::all().narrowed(&parent).narrowed(&child);
            prop_assert_eq!(narrowed.allow(&name), begins(&name, &within));
        }
    }
}
