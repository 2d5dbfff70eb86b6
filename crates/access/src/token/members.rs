//! JSON objects in tokens and key sets, read strictly by name.
//!
//! Readers differ in what they make of a member that is there twice, or in other letters: Go's
//! takes `ISS` for `iss`, and the last of two. Neither is written by any token service, so both
//! are refused, at every depth.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::{Error as _, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::Number;
use thiserror::Error;

/// Text is not the JSON object that is needed.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum BadMembers {
    /// It is no JSON, is nested too deeply, has a member twice, or is no object.
    #[error("it is no JSON object that counts here: {0}")]
    Json(String),
    /// A member differs from one that is read in case only.
    #[error("member {found:?} differs from {meant:?} in case only")]
    Folded {
        /// The member's name.
        found: String,
        /// The name that it folds to.
        meant: &'static str,
    },
    /// A list that is too long.
    #[error("member {member:?} has more than {most} entries")]
    Many {
        /// The member.
        member: &'static str,
        /// How many it may have.
        most: usize,
    },
    /// A member of another type.
    #[error("member {0:?} has the wrong type")]
    Type(&'static str),
}

/// A JSON value without a member that is there twice.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Value {
    Null,
    Bool,
    Number(Number),
    Text(String),
    List(Vec<Value>),
    Object(BTreeMap<String, Value>),
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AnyValue)
    }
}

struct AnyValue;

impl<'de> Visitor<'de> for AnyValue {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Value, E> {
        Ok(Value::Bool)
    }

    fn visit_i64<E>(self, number: i64) -> Result<Value, E> {
        Ok(Value::Number(number.into()))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Value, E> {
        Ok(Value::Number(number.into()))
    }

    fn visit_f64<E>(self, number: f64) -> Result<Value, E> {
        Ok(Number::from_f64(number).map_or(Value::Null, Value::Number))
    }

    fn visit_str<E>(self, text: &str) -> Result<Value, E> {
        Ok(Value::Text(text.to_owned()))
    }

    fn visit_string<E>(self, text: String) -> Result<Value, E> {
        Ok(Value::Text(text))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Value, A::Error> {
        let mut values = Vec::new();
        while let Some(value) = list.next_element()? {
            values.push(value);
        }
        Ok(Value::List(values))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let mut members = BTreeMap::new();
        while let Some((name, value)) = map.next_entry::<String, Value>()? {
            if members.insert(name, value).is_some() {
                return Err(A::Error::custom("a member is there twice"));
            }
        }
        Ok(Value::Object(members))
    }
}

/// An object whose known members are read by exact name. A null member counts as absent.
#[derive(Clone, Copy, Debug)]
pub(super) struct Members<'a>(&'a BTreeMap<String, Value>);

impl<'a> Members<'a> {
    /// `value` as an object with these known members.
    pub(super) fn of(value: &'a Value, known: &[&'static str]) -> Result<Self, BadMembers> {
        let Value::Object(members) = value else {
            return Err(BadMembers::Json("it is something else".to_owned()));
        };
        for found in members.keys() {
            let folded = fold(found);
            if let Some(meant) = known.iter().find(|name| **name != found && **name == folded) {
                return Err(BadMembers::Folded { found: found.clone(), meant });
            }
        }
        Ok(Self(members))
    }

    pub(super) fn get(&self, name: &str) -> Option<&'a Value> {
        self.0.get(name).filter(|value| **value != Value::Null)
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.get(name).is_some()
    }

    pub(super) fn text(&self, name: &'static str) -> Result<Option<&'a str>, BadMembers> {
        match self.get(name) {
            None => Ok(None),
            Some(Value::Text(text)) => Ok(Some(text)),
            Some(_) => Err(BadMembers::Type(name)),
        }
    }

    /// A whole number that was written as one: `1.0` and `1e0` are none.
    pub(super) fn integer(&self, name: &'static str) -> Result<Option<i64>, BadMembers> {
        match self.get(name) {
            None => Ok(None),
            Some(Value::Number(number)) => number.as_i64().map(Some).ok_or(BadMembers::Type(name)),
            Some(_) => Err(BadMembers::Type(name)),
        }
    }

    pub(super) fn list(&self, name: &'static str) -> Result<Option<&'a [Value]>, BadMembers> {
        match self.get(name) {
            None => Ok(None),
            Some(Value::List(list)) => Ok(Some(list)),
            Some(_) => Err(BadMembers::Type(name)),
        }
    }

    /// A list of texts.
    pub(super) fn texts(&self, name: &'static str) -> Result<Option<Vec<&'a str>>, BadMembers> {
        let text = |value: &'a Value| match value {
            Value::Text(text) => Ok(text.as_str()),
            _ => Err(BadMembers::Type(name)),
        };
        self.list(name)?.map(|list| list.iter().map(text).collect()).transpose()
    }
}

/// Reads JSON text. Nesting beyond 127 levels is refused by the parser.
pub(super) fn parse(text: &[u8]) -> Result<Value, BadMembers> {
    serde_json::from_slice(text).map_err(|error| BadMembers::Json(error.to_string()))
}

/// Simple case folding as far as it can reach ASCII names: besides A to Z, only the long s and the
/// Kelvin sign fold to ASCII letters.
fn fold(name: &str) -> String {
    let folded = |letter: char| match letter {
        '\u{17f}' => 's',
        '\u{212a}' => 'k',
        other => other.to_ascii_lowercase(),
    };
    name.chars().map(folded).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_member_that_is_there_twice_is_refused_at_every_depth() {
        for text in [r#"{"a":1,"a":1}"#, r#"{"b":[{"a":1,"a":2}]}"#] {
            assert!(matches!(parse(text.as_bytes()), Err(BadMembers::Json(_))), "{text}");
        }
        assert!(parse(br#"{"a":1,"A":1}"#).is_ok());
    }

    #[test]
    fn a_member_in_other_letters_is_refused() {
        for (found, known) in [("ISS", "iss"), ("i\u{17f}s", "iss"), ("\u{212a}id", "kid")] {
            let value = parse(format!(r#"{{"{found}":"x"}}"#).as_bytes()).unwrap();
            let refused = Members::of(&value, &[known]);
            assert!(matches!(refused, Err(BadMembers::Folded { .. })), "{found}");
        }
    }

    #[test]
    fn numbers_count_only_when_they_are_written_as_whole_ones() {
        let value = parse(br#"{"a":1.0,"b":1e0,"c":18446744073709551615,"d":-5,"e":null}"#);
        let value = value.unwrap();
        let members = Members::of(&value, &[]).unwrap();
        for name in ["a", "b", "c"] {
            assert_eq!(members.integer(name), Err(BadMembers::Type(name)));
        }
        assert_eq!(members.integer("d"), Ok(Some(-5)));
        assert_eq!(members.integer("e"), Ok(None));
    }

    #[test]
    fn nesting_without_end_is_refused() {
        let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
        assert!(parse(deep.as_bytes()).is_err());
    }
}
