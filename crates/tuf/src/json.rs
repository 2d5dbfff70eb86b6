//! Reading members of signed documents, strictly by name.
//!
//! Notary's decoder takes `VERSION` or `verſion` for `version`; a client that does so and one
//! that does not would read two different documents. So a member that folds to a name we read,
//! without being that name, is refused. Source: contract section 3, server spec 3.8.

use base64::Engine as _;
use base64::alphabet;
use base64::engine::{GeneralPurpose, GeneralPurposeConfig};
use serde_json::{Map, Value};
use thiserror::Error;

/// Notary's decoder tolerates non-zero trailing bits.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_allow_trailing_bits(true),
);

/// A document is not the JSON that its type needs.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum JsonError {
    /// A member that Notary would read as another.
    #[error("json: member {found:?} differs from {meant:?} in case only")]
    Folded {
        /// The member's name.
        found: String,
        /// The name that it folds to.
        meant: &'static str,
    },
    /// A member that must be there.
    #[error("json: member {0:?} is missing")]
    Missing(&'static str),
    /// Not JSON at all.
    #[error("json: invalid syntax")]
    Syntax,
    /// Bytes behind the document.
    #[error("invalid character '{}' after top-level value", std::ascii::escape_default(*.0))]
    Trailing(u8),
    /// A value of another type.
    #[error("json: member {member:?} is not {expected}")]
    Type {
        /// The member's name, or what stands for it.
        member: String,
        /// What it should be.
        expected: &'static str,
    },
}

/// An object whose known members are read by exact name.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Object<'a>(Option<&'a Map<String, Value>>);

impl<'a> Object<'a> {
    /// Takes `value` (called `what` in errors) as an object with these known members. `null` is
    /// an object without members, as for Notary.
    pub(crate) fn new(
        value: &'a Value,
        what: &str,
        known: &[&'static str],
    ) -> Result<Self, JsonError> {
        match value {
            Value::Null => Ok(Self(None)),
            Value::Object(members) => {
                refuse_folded(members, known)?;
                Ok(Self(Some(members)))
            }
            _ => Err(wrong_type(what, "an object")),
        }
    }

    /// The member; `None` when it is absent or null.
    pub(crate) fn get(&self, name: &str) -> Option<&'a Value> {
        self.0?.get(name).filter(|value| !value.is_null())
    }

    /// A text; empty when absent.
    pub(crate) fn text(&self, name: &'static str) -> Result<&'a str, JsonError> {
        match self.get(name) {
            None => Ok(""),
            Some(value) => value.as_str().ok_or_else(|| wrong_type(name, "a string")),
        }
    }

    /// A 64-bit integer, written as one; 0 when absent.
    pub(crate) fn integer(&self, name: &'static str) -> Result<i64, JsonError> {
        match self.get(name) {
            None => Ok(0),
            Some(value) => value.as_i64().ok_or_else(|| wrong_type(name, "a 64-bit integer")),
        }
    }

    /// Bytes in base64; empty when absent.
    pub(crate) fn base64(&self, name: &'static str) -> Result<Vec<u8>, JsonError> {
        match self.get(name) {
            None => Ok(Vec::new()),
            Some(value) => base64(value, name),
        }
    }

    /// A list; empty when absent.
    pub(crate) fn list(&self, name: &'static str) -> Result<&'a [Value], JsonError> {
        match self.get(name) {
            None => Ok(&[]),
            Some(value) => {
                value.as_array().map(Vec::as_slice).ok_or_else(|| wrong_type(name, "a list"))
            }
        }
    }

    /// A list of texts; empty when absent.
    pub(crate) fn texts(&self, name: &'static str) -> Result<Vec<String>, JsonError> {
        self.list(name)?
            .iter()
            .map(|item| match item {
                Value::Null => Ok(String::new()),
                Value::String(text) => Ok(text.clone()),
                _ => Err(wrong_type(name, "a list of strings")),
            })
            .collect()
    }

    /// A boolean, or absent.
    pub(crate) fn check_boolean(&self, name: &'static str) -> Result<(), JsonError> {
        match self.get(name) {
            None | Some(Value::Bool(_)) => Ok(()),
            Some(_) => Err(wrong_type(name, "a boolean")),
        }
    }

    /// A map whose keys are data, such as key IDs: any name counts as it is.
    pub(crate) fn map(&self, name: &'static str) -> Result<Entries<'a>, JsonError> {
        match self.get(name) {
            None => Ok(Entries(None)),
            Some(value) => value
                .as_object()
                .map(|members| Entries(Some(members)))
                .ok_or_else(|| wrong_type(name, "an object")),
        }
    }
}

/// The entries of a map whose keys are data.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Entries<'a>(Option<&'a Map<String, Value>>);

impl<'a> Entries<'a> {
    /// All entries.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&'a String, &'a Value)> + use<'a> {
        self.0.into_iter().flatten()
    }
}

/// Bytes in standard base64, line breaks ignored as Notary does.
pub(crate) fn base64(value: &Value, name: &str) -> Result<Vec<u8>, JsonError> {
    let refused = || wrong_type(name, "base64");
    let text = value.as_str().ok_or_else(refused)?;
    let plain: Vec<u8> = text.bytes().filter(|b| !matches!(b, b'\r' | b'\n')).collect();
    BASE64.decode(plain).map_err(|_| refused())
}

pub(crate) fn wrong_type(member: &str, expected: &'static str) -> JsonError {
    JsonError::Type { member: member.to_owned(), expected }
}

fn refuse_folded(members: &Map<String, Value>, known: &[&'static str]) -> Result<(), JsonError> {
    for found in members.keys() {
        let folded = fold(found);
        if let Some(meant) = known.iter().find(|name| **name != found && **name == folded) {
            return Err(JsonError::Folded { found: found.clone(), meant });
        }
    }
    Ok(())
}

/// Simple case folding as far as it can reach the ASCII names that are read here: besides A to Z,
/// only the long s and the Kelvin sign fold to ASCII letters.
fn fold(name: &str) -> String {
    name.chars()
        .map(|c| match c {
            '\u{17f}' => 's',
            '\u{212a}' => 'k',
            c => c.to_ascii_lowercase(),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_member_that_only_folds_to_a_known_name_is_refused() {
        for found in ["Version", "verſion", "VERSION"] {
            let value = json!({ found: 1, "version": 1 });
            assert_eq!(
                Object::new(&value, "signed", &["version"]).unwrap_err(),
                JsonError::Folded { found: found.to_owned(), meant: "version" }
            );
        }
        assert!(Object::new(&json!({"ſig": ""}), "x", &["sig"]).is_err());
        assert!(Object::new(&json!({"\u{212a}eyid": ""}), "x", &["keyid"]).is_err());
    }

    #[test]
    fn names_in_maps_are_data() {
        let value = json!({"keys": {"VERSION": 1, "Keys": 2}});
        let object = Object::new(&value, "signed", &["keys", "version"]).unwrap();
        assert_eq!(object.map("keys").unwrap().iter().count(), 2);
    }

    #[test]
    fn null_and_absent_are_the_same() {
        let value = json!({"version": null});
        let object = Object::new(&value, "signed", &["version"]).unwrap();
        assert_eq!(object.integer("version"), Ok(0));
        assert_eq!(object.text("_type"), Ok(""));
    }

    #[test]
    fn an_integer_is_written_as_one() {
        for text in ["1.0", "1e3", "9223372036854775808", "\"1\"", "true"] {
            let value: Value = serde_json::from_str(&format!("{{\"version\":{text}}}")).unwrap();
            assert!(Object::new(&value, "x", &["version"]).unwrap().integer("version").is_err());
        }
    }

    #[test]
    fn base64_is_read_as_notary_reads_it() {
        assert_eq!(base64(&json!("YQ==\n"), "sig").unwrap(), b"a");
        assert_eq!(base64(&json!("YR=="), "sig").unwrap(), b"a");
        for bad in ["YQ", "YQ=", "Y-==", " YQ=="] {
            assert!(base64(&json!(bad), "sig").is_err(), "{bad}");
        }
    }
}
