//! When a document expires: RFC 3339 in the document, Unix date style in error texts.
//!
//! Source: server spec 3.7.

use std::fmt;

use chrono::{DateTime, FixedOffset, SecondsFormat, Utc};

/// A time as a document states it, with its offset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Expires(DateTime<FixedOffset>);

impl Expires {
    /// Parses RFC 3339 as Notary does: `T` and `Z` in upper case, up to nanoseconds, no leap
    /// seconds. `None` for anything else.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let separator = text.as_bytes().get(10) == Some(&b'T');
        if !separator || text.contains('z') || text.get(17..19) == Some("60") {
            return None;
        }
        DateTime::parse_from_rfc3339(text).ok().map(Self)
    }

    /// The time of a document that states none: the year 1, long past.
    #[must_use]
    pub fn absent() -> Self {
        const YEAR_ONE_SECONDS: i64 = -62_135_596_800;
        let start = DateTime::<Utc>::from_timestamp(YEAR_ONE_SECONDS, 0).unwrap_or_default();
        Self(start.fixed_offset())
    }

    /// The instant.
    #[must_use]
    pub fn at(&self) -> DateTime<Utc> {
        self.0.with_timezone(&Utc)
    }

    /// Whether it lies strictly before `now`.
    #[must_use]
    pub fn is_past(&self, now: DateTime<Utc>) -> bool {
        self.at() < now
    }
}

/// Unix date style, such as `Mon Nov 23 11:04:24 UTC 2026`.
impl fmt::Display for Expires {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let zone = if self.0.offset().local_minus_utc() == 0 { "UTC" } else { "%z" };
        write!(f, "{}", self.0.format(&format!("%a %b %-d %H:%M:%S {zone} %Y")))
    }
}

/// `at` as a document states it: UTC, `Z`, as many fraction digits as needed.
#[must_use]
pub fn to_rfc3339(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::AutoSi, true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_strict_rfc3339_is_a_time() {
        for good in ["2026-11-24T11:00:03Z", "2026-11-24T11:00:03.290880186+02:00"] {
            assert!(Expires::parse(good).is_some(), "{good}");
        }
        for bad in [
            "",
            "2026-11-24",
            "2026-11-24 11:00:03Z",
            "2026-11-24t11:00:03Z",
            "2026-11-24T11:00:03z",
            "2026-11-24T11:00:60Z",
            "2026-11-24T11:00:03",
            "2026-13-24T11:00:03Z",
        ] {
            assert!(Expires::parse(bad).is_none(), "{bad}");
        }
    }

    #[test]
    fn expiry_is_strict() {
        let expires = Expires::parse("2026-11-24T11:00:03Z").unwrap();
        assert!(!expires.is_past(expires.at()));
        assert!(expires.is_past(expires.at() + chrono::Duration::nanoseconds(1)));
    }

    #[test]
    fn error_texts_use_unix_dates() {
        let shown = |text| Expires::parse(text).unwrap().to_string();
        assert_eq!(shown("2026-11-03T11:04:24.5Z"), "Tue Nov 3 11:04:24 UTC 2026");
        assert_eq!(shown("2026-11-23T11:04:24+02:00"), "Mon Nov 23 11:04:24 +0200 2026");
        assert_eq!(Expires::absent().to_string(), "Mon Jan 1 00:00:00 UTC 0001");
    }
}
