//! How large a document may be: counted while it is read, and no further than to the first limit
//! that it is over.
//!
//! A document may be larger in memory than on the wire, and each signature and key costs work
//! later. What is no JSON is measured up to where it stops being JSON.

use serde::de::Error;
use thiserror::Error as ThisError;

/// The deepest nesting that the JSON parser itself takes; to it, anything deeper is no JSON.
pub const MAX_DEPTH: usize = 127;

/// What one document may hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DocumentLimits {
    /// How deep arrays and objects may be nested. Default 127, and no more is ever read.
    pub depth: usize,
    /// Keys that it lists, those of delegations included. Default 1,000.
    pub keys: usize,
    /// Roles that it lists: a root's, the delegations of targets, a snapshot's entries. Default
    /// 1,000.
    pub roles: usize,
    /// Signatures. Default 1,000.
    pub signatures: usize,
    /// JSON values of any kind, those inside others included. Default 1,000,000.
    pub values: usize,
}

/// A limit that a document is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ThisError)]
pub enum OverLimit {
    /// Nested too deep.
    #[error("the nesting of a document")]
    Depth,
    /// Too many keys.
    #[error("the keys of a document")]
    Keys,
    /// Too many roles.
    #[error("the roles of a document")]
    Roles,
    /// Too many signatures.
    #[error("the signatures of a document")]
    Signatures,
    /// Too many values.
    #[error("the values of a document")]
    Values,
}

/// What was measured.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Size {
    /// JSON values of any kind, the document itself included.
    pub values: usize,
}

impl Default for DocumentLimits {
    fn default() -> Self {
        Self { depth: MAX_DEPTH, keys: 1_000, roles: 1_000, signatures: 1_000, values: 1_000_000 }
    }
}

impl DocumentLimits {
    /// Everything that the JSON parser takes: for what has been measured, or was never sent.
    pub const NONE: Self = Self {
        depth: usize::MAX,
        keys: usize::MAX,
        roles: usize::MAX,
        signatures: usize::MAX,
        values: usize::MAX,
    };
}

/// A list that has a limit of its own.
#[derive(Clone, Copy, Debug)]
pub(super) enum List {
    Keys,
    Roles,
    Signatures,
}

/// Where in the document a value stands.
#[derive(Clone, Copy, Debug)]
pub(super) enum Place {
    Delegations,
    Document,
    Elsewhere,
    Listed(List),
    Signed,
}

impl Place {
    /// The place of the member `name` of an object at this place.
    pub(super) fn member(self, name: &str) -> Self {
        match (self, name) {
            (Self::Elsewhere | Self::Listed(_), _) => Self::Elsewhere,
            (Self::Document, "signatures") => Self::Listed(List::Signatures),
            (Self::Document, "signed") => Self::Signed,
            (Self::Signed, "delegations") => Self::Delegations,
            (Self::Signed | Self::Delegations, "keys") => Self::Listed(List::Keys),
            (Self::Signed | Self::Delegations, "roles") => Self::Listed(List::Roles),
            (Self::Signed, "meta") => Self::Listed(List::Roles),
            (Self::Delegations | Self::Document | Self::Signed, _) => Self::Elsewhere,
        }
    }
}

/// What has been counted.
pub(super) struct Tally<'a> {
    limits: &'a DocumentLimits,
    lists: [usize; 3],
    values: usize,
    over: Option<OverLimit>,
}

impl<'a> Tally<'a> {
    pub(super) fn new(limits: &'a DocumentLimits) -> Self {
        Self { limits, lists: [0; 3], values: 0, over: None }
    }

    /// The limit that stopped the reading, if one did.
    pub(super) fn over(&self) -> Option<OverLimit> {
        self.over
    }

    pub(super) fn size(&self) -> Size {
        Size { values: self.values }
    }

    /// Something at this depth has begun.
    pub(super) fn enter<E: Error>(&mut self, depth: usize) -> Result<(), E> {
        if depth > self.limits.depth { Err(self.refuse(OverLimit::Depth)) } else { Ok(()) }
    }

    /// Counts one value that stands directly in something at `place`.
    pub(super) fn count<E: Error>(&mut self, place: Place) -> Result<(), E> {
        self.values = self.values.saturating_add(1);
        if self.values > self.limits.values {
            return Err(self.refuse(OverLimit::Values));
        }
        let Place::Listed(list) = place else { return Ok(()) };
        let [keys, roles, signatures] = &mut self.lists;
        let (count, limit, over) = match list {
            List::Keys => (keys, self.limits.keys, OverLimit::Keys),
            List::Roles => (roles, self.limits.roles, OverLimit::Roles),
            List::Signatures => (signatures, self.limits.signatures, OverLimit::Signatures),
        };
        *count = count.saturating_add(1);
        if *count > limit { Err(self.refuse(over)) } else { Ok(()) }
    }

    fn refuse<E: Error>(&mut self, over: OverLimit) -> E {
        self.over = Some(over);
        E::custom(over)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::JsonError;
    use crate::metadata::{Envelope, Unreadable};

    const LIMITS: DocumentLimits =
        DocumentLimits { depth: 6, keys: 2, roles: 3, signatures: 4, values: 60 };

    fn measure(document: &str) -> Result<(), OverLimit> {
        let bytes = document.to_owned().into();
        match Envelope::parse_within(bytes, &LIMITS) {
            Err(Unreadable::OverLimit(over)) => Err(over),
            // What else is wrong with it does not matter here.
            Ok(_) | Err(Unreadable::Json(_)) => Ok(()),
        }
    }

    fn items(item: &str, count: usize) -> String {
        vec![item; count].join(",")
    }

    fn members(count: usize) -> String {
        (0..count).map(|n| format!("\"{n}\":{{}}")).collect::<Vec<_>>().join(",")
    }

    /// As many as the limit are fine, and one more is not.
    fn check(limit: usize, over: OverLimit, document: impl Fn(usize) -> String) {
        let just_under = document(limit);
        assert_eq!(measure(&just_under), Ok(()), "{over:?}: {just_under}");
        let just_over = document(limit + 1);
        assert_eq!(measure(&just_over), Err(over), "{just_over}");
    }

    #[test]
    fn as_many_signatures_as_the_limit_pass_and_one_more_does_not() {
        check(4, OverLimit::Signatures, |n| format!("{{\"signatures\":[{}]}}", items("{}", n)));
        check(4, OverLimit::Signatures, |n| format!("{{\"signatures\":[{}]}}", items("null", n)));
    }

    #[test]
    fn as_many_keys_as_the_limit_pass_and_one_more_does_not() {
        check(2, OverLimit::Keys, |n| format!("{{\"signed\":{{\"keys\":{{{}}}}}}}", members(n)));
        check(2, OverLimit::Keys, |n| {
            format!("{{\"signed\":{{\"delegations\":{{\"keys\":{{{}}}}}}}}}", members(n))
        });
    }

    #[test]
    fn as_many_roles_as_the_limit_pass_and_one_more_does_not() {
        check(3, OverLimit::Roles, |n| format!("{{\"signed\":{{\"roles\":{{{}}}}}}}", members(n)));
        check(3, OverLimit::Roles, |n| format!("{{\"signed\":{{\"meta\":{{{}}}}}}}", members(n)));
        check(3, OverLimit::Roles, |n| {
            format!("{{\"signed\":{{\"delegations\":{{\"roles\":[{}]}}}}}}", items("{}", n))
        });
    }

    #[test]
    fn lists_of_one_member_that_stands_twice_are_added_up() {
        let document = format!("{{\"signatures\":[{0}],\"signatures\":[{0}]}}", items("0", 3));
        assert_eq!(measure(&document), Err(OverLimit::Signatures));
    }

    #[test]
    fn nesting_of_the_limit_passes_and_one_more_does_not() {
        check(6, OverLimit::Depth, |n| "[".repeat(n) + &"]".repeat(n));
        check(6, OverLimit::Depth, |n| "{\"a\":".repeat(n) + "0" + &"}".repeat(n));
    }

    #[test]
    fn as_many_values_as_the_limit_pass_and_one_more_does_not() {
        check(59, OverLimit::Values, |n| format!("[{}]", items("0", n)));
        check(29, OverLimit::Values, |n| format!("[{}]", items("{\"\":0}", n)));
    }

    #[test]
    fn names_count_where_they_stand_only() {
        let many = items("0", 20);
        for document in [
            format!("{{\"signed\":{{\"targets\":{{\"keys\":[{many}],\"roles\":[{many}]}}}}}}"),
            format!("{{\"keys\":[{many}],\"signed\":{{\"signatures\":[{many}]}}}}"),
        ] {
            assert_eq!(measure(&document), Ok(()), "{document}");
        }
    }

    #[test]
    fn what_is_no_json_is_measured_up_to_its_fault() {
        let many = items("0", 60);
        for (text, expected) in [
            (format!("[{many}"), Err(OverLimit::Values)),
            (format!("[{many},x"), Err(OverLimit::Values)),
            (format!("[x,{many}]"), Ok(())),
            (format!("[]{many}"), Ok(())),
            (String::new(), Ok(())),
        ] {
            assert_eq!(measure(&text), expected, "{text}");
        }
    }

    #[test]
    fn values_are_counted_where_nothing_is_wrong() {
        let text = r#"{"signed":{"a":[1,{"b":null}]},"signatures":[]}"#;
        let (_, size) = Envelope::parse_within(text.into(), &LIMITS).unwrap();
        assert_eq!(size, Size { values: 7 });
    }

    #[test]
    fn what_the_parser_itself_finds_too_deep_is_no_document() {
        let nested = |n: usize| "{\"a\":".repeat(n) + "0" + &"}".repeat(n);
        let parse = |text: String| Envelope::parse(text.into()).map(|_| ()).unwrap_err();
        assert!(Envelope::parse(nested(MAX_DEPTH).into()).is_ok());
        assert_eq!(parse(nested(MAX_DEPTH + 1)), JsonError::Syntax);
        for opening in ["[", "{\"a\":"] {
            let endless = opening.repeat(1 << 20);
            assert_eq!(parse(endless), JsonError::Syntax);
        }
    }
}
