//! How large a document may be before anything of it is kept: one pass that builds nothing.
//!
//! A document is a few times larger in memory than on the wire, and each signature and key costs
//! work later. So what a stranger sent is measured first. Syntax is not judged here, and neither
//! is any member: what is no JSON is measured up to where it stops being JSON.

use std::fmt;

use serde::de::{Deserialize, DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
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
    /// Measures the bytes of a document and stops at the first limit that they are over.
    ///
    /// Takes time in proportion to the bytes, and next to no memory.
    ///
    /// # Errors
    /// [`OverLimit`] names the limit.
    pub fn measure(&self, raw: &[u8]) -> Result<Size, OverLimit> {
        let mut tally = Tally { limits: self, lists: [0; 3], values: 0, over: None };
        let mut deserializer = serde_json::Deserializer::from_slice(raw);
        let walk =
            Walk { tally: &mut tally, parent: Place::Elsewhere, place: Place::Document, depth: 0 };
        // What is no JSON is refused when it is read.
        let _judged_later: Result<(), _> = walk.deserialize(&mut deserializer);
        match tally.over {
            Some(over) => Err(over),
            None => Ok(Size { values: tally.values }),
        }
    }
}

/// A list that has a limit of its own.
#[derive(Clone, Copy)]
enum List {
    Keys,
    Roles,
    Signatures,
}

/// Where in the document a value stands.
#[derive(Clone, Copy)]
enum Place {
    Delegations,
    Document,
    Elsewhere,
    Listed(List),
    Signed,
}

impl Place {
    /// The place of the member `name` of an object at this place.
    fn member(self, name: Name) -> Self {
        match (self, name) {
            (Self::Document, Name::Signatures) => Self::Listed(List::Signatures),
            (Self::Document, Name::Signed) => Self::Signed,
            (Self::Signed, Name::Delegations) => Self::Delegations,
            (Self::Signed | Self::Delegations, Name::Keys) => Self::Listed(List::Keys),
            (Self::Signed | Self::Delegations, Name::Roles) => Self::Listed(List::Roles),
            (Self::Signed, Name::Meta) => Self::Listed(List::Roles),
            _ => Self::Elsewhere,
        }
    }
}

struct Tally<'a> {
    limits: &'a DocumentLimits,
    lists: [usize; 3],
    values: usize,
    over: Option<OverLimit>,
}

impl Tally<'_> {
    /// Counts one value that stands directly in something at `place`.
    fn count<E: Error>(&mut self, place: Place) -> Result<(), E> {
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

/// Walks through one value without keeping any of it. It is counted when it begins.
struct Walk<'a, 'b> {
    tally: &'a mut Tally<'b>,
    parent: Place,
    place: Place,
    depth: usize,
}

impl<'b> Walk<'_, 'b> {
    /// A walk through a value inside this one.
    fn inside(&mut self, place: Place) -> Walk<'_, 'b> {
        Walk { tally: &mut *self.tally, parent: self.place, place, depth: self.depth }
    }

    fn enter<E: Error>(&mut self) -> Result<(), E> {
        self.depth = self.depth.saturating_add(1);
        if self.depth > self.tally.limits.depth {
            return Err(self.tally.refuse(OverLimit::Depth));
        }
        Ok(())
    }
}

impl<'de> DeserializeSeed<'de> for Walk<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        self.tally.count(self.parent)?;
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Walk<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any JSON value")
    }

    fn visit_bool<E: Error>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E: Error>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E: Error>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E: Error>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E: Error>(self, _: &str) -> Result<(), E> {
        Ok(())
    }

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut items: A) -> Result<(), A::Error> {
        self.enter()?;
        while items.next_element_seed(self.inside(Place::Elsewhere))?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut members: A) -> Result<(), A::Error> {
        self.enter()?;
        while let Some(name) = members.next_key::<Name>()? {
            let place = self.place.member(name);
            members.next_value_seed(self.inside(place))?;
        }
        Ok(())
    }
}

/// A member's name, as far as it matters here.
#[derive(Clone, Copy)]
enum Name {
    Delegations,
    Keys,
    Meta,
    Other,
    Roles,
    Signatures,
    Signed,
}

impl<'de> Deserialize<'de> for Name {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(NameVisitor)
    }
}

struct NameVisitor;

impl Visitor<'_> for NameVisitor {
    type Value = Name;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a member's name")
    }

    fn visit_str<E: Error>(self, name: &str) -> Result<Name, E> {
        Ok(match name {
            "delegations" => Name::Delegations,
            "keys" => Name::Keys,
            "meta" => Name::Meta,
            "roles" => Name::Roles,
            "signatures" => Name::Signatures,
            "signed" => Name::Signed,
            _ => Name::Other,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::JsonError;
    use crate::metadata::Envelope;

    const LIMITS: DocumentLimits =
        DocumentLimits { depth: 6, keys: 2, roles: 3, signatures: 4, values: 60 };

    fn items(item: &str, count: usize) -> String {
        vec![item; count].join(",")
    }

    fn members(count: usize) -> String {
        (0..count).map(|n| format!("\"{n}\":{{}}")).collect::<Vec<_>>().join(",")
    }

    /// As many as the limit are fine, and one more is not.
    fn check(limit: usize, over: OverLimit, document: impl Fn(usize) -> String) {
        let just_under = document(limit);
        let size = LIMITS.measure(just_under.as_bytes());
        assert!(size.is_ok(), "{over:?} {size:?}: {just_under}");
        let just_over = document(limit + 1);
        assert_eq!(LIMITS.measure(just_over.as_bytes()), Err(over), "{just_over}");
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
        assert_eq!(LIMITS.measure(document.as_bytes()), Err(OverLimit::Signatures));
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
            assert!(LIMITS.measure(document.as_bytes()).is_ok(), "{document}");
        }
    }

    #[test]
    fn what_is_no_json_is_measured_up_to_its_fault() {
        for (text, values) in [("", 1), ("x", 1), ("[1,2", 3), ("[1,2]]]]", 3), ("{\"a\":\"", 2)] {
            assert_eq!(LIMITS.measure(text.as_bytes()), Ok(Size { values }), "{text}");
        }
    }

    #[test]
    fn what_the_parser_itself_finds_too_deep_is_no_document() {
        let nested = |n: usize| "{\"a\":".repeat(n) + "0" + &"}".repeat(n);
        let parse = |text: String| Envelope::parse(text.into()).map(|_| ()).unwrap_err();
        assert!(Envelope::parse(nested(MAX_DEPTH).into()).is_ok());
        assert_eq!(parse(nested(MAX_DEPTH + 1)), JsonError::Syntax);
        for opening in ["[", "{\"a\":"] {
            let endless = opening.repeat(1 << 20);
            assert!(DocumentLimits::default().measure(endless.as_bytes()).is_ok());
            assert_eq!(parse(endless), JsonError::Syntax);
        }
    }
}
