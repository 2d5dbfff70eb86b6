//! Patterns of names that have slashes: of GUNs, and of roles.
//!
//! `*` stands for any text within a segment, `**`, alone between slashes, for any segments; every
//! other character stands for itself. `a/**` is what is below `a`, not `a`.

use globset::{GlobBuilder, GlobSet};

/// One pattern.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Pattern(String);

impl Pattern {
    /// Parses a pattern; the error says how to write one.
    pub(super) fn parse(text: &str) -> Result<Self, &'static str> {
        if text.chars().any(char::is_control) {
            return Err("write it without control characters");
        }
        if text.chars().count() > MAX_CHARS {
            return Err("write at most 255 characters: no name is longer");
        }
        if text.ends_with('/') {
            return Err("end it with `/**` for everything below, or without the slash");
        }
        for segment in text.split('/') {
            if matches!(segment, "" | "." | "..") {
                return Err(
                    "write segments with one slash between them, none of them empty or dots",
                );
            }
            if segment.contains("**") && segment != "**" {
                return Err("write `**` alone between slashes, or `*` within a segment");
            }
        }
        Ok(Self(text.to_owned()))
    }

    /// Whether every name matches.
    pub(super) fn is_everything(&self) -> bool {
        self.0.split('/').all(|segment| segment == "**")
    }

    /// Whether every name that matches `other` matches this.
    pub(super) fn covers(&self, other: &Self) -> bool {
        let is_many = |segment: &&str| *segment == "**";
        let segment_covers = |mine: &&str, theirs: &&str| {
            let (mine, theirs): (Vec<char>, Vec<char>) =
                (mine.chars().collect(), theirs.chars().collect());
            covers(&mine, &theirs, |letter| *letter == '*', |a, b| a == b)
        };
        covers(&self.segments(), &other.segments(), is_many, segment_covers)
    }

    /// The segments, with a last `**` as any segments and the one that it wants at least.
    fn segments(&self) -> Vec<&str> {
        let mut segments: Vec<&str> = self.0.split('/').collect();
        if segments.last() == Some(&"**") {
            segments.push("*");
        }
        segments
    }

    /// The pattern in the words of `globset`.
    fn glob(&self) -> Result<globset::Glob, globset::Error> {
        let escaped: Vec<String> = self.0.split('*').map(globset::escape).collect();
        GlobBuilder::new(&escaped.join("*")).literal_separator(true).backslash_escape(false).build()
    }
}

/// The most characters of a GUN, and more than a role has.
const MAX_CHARS: usize = 255;

/// Some patterns, of which one must match.
#[derive(Clone, Debug)]
pub(super) struct Patterns {
    each: Vec<Pattern>,
    set: GlobSet,
}

impl Patterns {
    /// Makes the set; the error is what `globset` says.
    pub(super) fn new(each: Vec<Pattern>) -> Result<Self, globset::Error> {
        let mut builder = GlobSet::builder();
        for pattern in &each {
            builder.add(pattern.glob()?);
        }
        Ok(Self { each, set: builder.build()? })
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Pattern> {
        self.each.iter()
    }

    /// Whether `name` matches one of them.
    pub(super) fn admit(&self, name: &str) -> bool {
        self.set.is_match(name)
    }

    /// Whether one of them alone covers `pattern`.
    pub(super) fn cover(&self, pattern: &Pattern) -> bool {
        self.each.iter().any(|mine| mine.covers(pattern))
    }

    /// Whether every name that matches `other` surely matches this.
    pub(super) fn cover_all(&self, other: &Self) -> bool {
        other.each.iter().all(|pattern| self.cover(pattern))
    }
}

/// Whether the sequences that `a` stands for hold all that `b` stands for, when items that are
/// `many` stand for any number of items, and of two others the first may cover the second.
///
/// Row by row, so that the time is the product of the lengths whatever stands in them.
fn covers<T>(
    a: &[T],
    b: &[T],
    many: impl Fn(&T) -> bool,
    item_covers: impl Fn(&T, &T) -> bool,
) -> bool {
    // `row[j]`: whether the items of `a` looked at so far cover the first `j` of `b`.
    let mut row = vec![false; b.len().saturating_add(1)];
    if let Some(first) = row.first_mut() {
        *first = true;
    }
    for mine in a {
        let mut next = Vec::with_capacity(row.len());
        if many(mine) {
            let mut reached = false;
            for before in &row {
                reached |= before;
                next.push(reached);
            }
        } else {
            next.push(false);
            for (before, theirs) in row.iter().zip(b) {
                next.push(*before && !many(theirs) && item_covers(mine, theirs));
            }
        }
        row = next;
    }
    row.last().copied().unwrap_or(false)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pattern(text: &str) -> Pattern {
        Pattern::parse(text).unwrap()
    }

    fn matches(text: &str, name: &str) -> bool {
        Patterns::new(vec![pattern(text)]).unwrap().admit(name)
    }

    #[test]
    fn a_star_stays_within_its_segment() {
        for (text, name, expected) in [
            ("example.com/*", "example.com/app", true),
            ("example.com/*", "example.com/team/app", false),
            ("example.com/*", "example.com", false),
            ("example.com/*/app", "example.com/team/app", true),
            ("example.com/app-*", "example.com/app-1", true),
            ("example.com/app-*", "example.com/app-", true),
            ("example.com/app-*", "example.com/app", false),
            ("*", "app", true),
            ("*", "example.com/app", false),
            ("*.example.com/a", "x.example.com/a", true),
            ("*a*b", "xaxb", true),
        ] {
            assert_eq!(matches(text, name), expected, "{text} {name}");
        }
    }

    #[test]
    fn two_stars_are_any_segments_and_at_the_end_at_least_one() {
        for (text, name, expected) in [
            ("**", "a", true),
            ("**", "a/b/c", true),
            ("team/**", "team/a", true),
            ("team/**", "team/a/b", true),
            ("team/**", "team", false),
            ("team/**", "teams/a", false),
            ("**/app", "app", true),
            ("**/app", "x/y/app", true),
            ("**/app", "x/yapp", false),
            ("x/**/app", "x/app", true),
            ("x/**/app", "x/y/z/app", true),
            ("x/**/app", "xapp", false),
        ] {
            assert_eq!(matches(text, name), expected, "{text} {name}");
        }
    }

    #[test]
    fn every_other_character_stands_for_itself() {
        for name in ["a?b", "a[b]", "{a,b}", "a\\b", "!a", "a.b", "ä", "a b", "a^$(b)+|", "a."] {
            assert!(matches(name, name), "{name}");
            assert!(matches(&format!("**/{name}"), &format!("x/{name}")), "{name}");
            assert!(matches(&format!("{name}*"), name), "{name}");
        }
        for (text, name) in [("a?b", "axb"), ("a[b]", "ab"), ("{a,b}", "a"), ("a.b", "axb")] {
            assert!(!matches(text, name), "{text} {name}");
        }
        assert!(!matches("Example.com/a", "example.com/a"));
    }

    #[test]
    fn what_would_never_match_or_match_by_surprise_is_refused() {
        let long = "a".repeat(256);
        for text in ["", "/", "a/", "/a", "a//b", "a/../b", ".", "a**", "**a", "a***", "a\n", &long]
        {
            assert!(Pattern::parse(text).is_err(), "{text:?}");
        }
        assert!(Pattern::parse(&"ä".repeat(255)).is_ok());
    }

    #[test]
    fn a_pattern_covers_the_narrower_ones() {
        for (wide, narrow, expected) in [
            ("**", "**", true),
            ("**", "a/*", true),
            ("a/**", "a/b", true),
            ("a/**", "a/**", true),
            ("a/**", "a/*/c", true),
            ("a/**", "a/**/c", true),
            ("a/**", "a", false),
            ("a/*", "a/**", false),
            ("**/c", "a/**/c", true),
            ("a/*", "a/b*", true),
            ("a/b*", "a/*", false),
            ("a/*b", "a/*b*b", true),
            ("**/*", "**", true),
            ("a", "a", true),
            ("a", "b", false),
        ] {
            assert_eq!(pattern(wide).covers(&pattern(narrow)), expected, "{wide} {narrow}");
        }
    }
}
