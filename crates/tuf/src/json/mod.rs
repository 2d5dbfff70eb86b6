//! Reading members of signed documents, strictly by name.
//!
//! Notary's decoder takes `VERSION` or `verſion` for `version`; a client that does so and one
//! that does not would read two different documents. So a member that folds to a name we read,
//! without being that name, is refused. Source: contract section 3, server spec 3.8.

use base64::Engine as _;
use base64::alphabet;
use base64::engine::{GeneralPurpose, GeneralPurposeConfig};
use thiserror::Error;

pub(crate) mod builder;
pub(crate) mod tree;

pub use tree::Node;
pub(crate) use tree::{KeptMembers, Kind, Members, Text, Tree};

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
#[derive(Clone, Copy)]
pub(crate) struct Object<'a>(Option<Members<'a>>);

impl<'a> Object<'a> {
    /// Takes `value` (called `what` in errors) as an object with these known members. `null` is
    /// an object without members, as for Notary.
    pub(crate) fn new(
        value: Node<'a>,
        what: &str,
        known: &[&'static str],
    ) -> Result<Self, JsonError> {
        match value.kind() {
            Kind::Null => Ok(Self(None)),
            Kind::Object(members) => {
                refuse_folded(members, known)?;
                Ok(Self(Some(members)))
            }
            Kind::Bool(_) | Kind::List(_) | Kind::Number(_) | Kind::Text(_) => {
                Err(wrong_type(what, "an object"))
            }
        }
    }

    /// The known members of an object in one go: for objects of which there are many. One that is
    /// absent or null is `None`.
    pub(crate) fn members<const N: usize>(
        value: Node<'a>,
        what: &str,
        known: [&'static str; N],
    ) -> Result<[Option<Node<'a>>; N], JsonError> {
        let mut found = [None; N];
        let Kind::Object(members) = value.kind() else {
            return Self::new(value, what, &known).map(|_| found);
        };
        for (name, value) in members {
            let meant = known.iter().position(|known| known.as_bytes() == name.as_bytes());
            match meant.and_then(|place| found.get_mut(place)) {
                Some(place) => *place = (!value.is_null()).then_some(value),
                None => refuse_if_folded(name, &known)?,
            }
        }
        Ok(found)
    }

    /// An object without members.
    pub(crate) fn empty() -> Self {
        Self(None)
    }

    /// The member; `None` when it is absent or null.
    pub(crate) fn get(&self, name: &str) -> Option<Node<'a>> {
        let mut members = self.0?;
        let (_, value) = members.find(|(found, _)| found.as_bytes() == name.as_bytes())?;
        (!value.is_null()).then_some(value)
    }

    /// A text; empty when absent.
    pub(crate) fn text(&self, name: &'static str) -> Result<&'a str, JsonError> {
        match self.get(name).map(Node::kind) {
            None => Ok(""),
            Some(Kind::Text(text)) => Ok(text.as_str()),
            Some(_) => Err(wrong_type(name, "a string")),
        }
    }

    /// A 64-bit integer, written as one; 0 when absent.
    pub(crate) fn integer(&self, name: &'static str) -> Result<i64, JsonError> {
        as_integer(self.get(name), name)
    }

    /// Bytes in base64; empty when absent.
    pub(crate) fn base64(&self, name: &'static str) -> Result<Vec<u8>, JsonError> {
        match self.get(name) {
            None => Ok(Vec::new()),
            Some(value) => base64(value, name),
        }
    }

    /// A list; empty when absent.
    pub(crate) fn list(
        &self,
        name: &'static str,
    ) -> Result<impl Iterator<Item = Node<'a>> + use<'a>, JsonError> {
        match self.get(name).map(Node::kind) {
            None => Ok(None.into_iter().flatten()),
            Some(Kind::List(items)) => Ok(Some(items).into_iter().flatten()),
            Some(_) => Err(wrong_type(name, "a list")),
        }
    }

    /// A list of texts; empty when absent.
    pub(crate) fn texts(&self, name: &'static str) -> Result<Vec<String>, JsonError> {
        self.list(name)?
            .map(|item| match item.kind() {
                Kind::Null => Ok(String::new()),
                Kind::Text(text) => Ok(text.as_str().to_owned()),
                _ => Err(wrong_type(name, "a list of strings")),
            })
            .collect()
    }

    /// A boolean, or absent.
    pub(crate) fn check_boolean(&self, name: &'static str) -> Result<(), JsonError> {
        match self.get(name).map(Node::kind) {
            None | Some(Kind::Bool(_)) => Ok(()),
            Some(_) => Err(wrong_type(name, "a boolean")),
        }
    }

    /// A map whose keys are data, such as key IDs: any name counts as it is.
    pub(crate) fn map(&self, name: &'static str) -> Result<Entries<'a>, JsonError> {
        as_map(self.get(name), name)
    }

    /// The raw bytes of a member's value, where they can be told from those around it; `end` is
    /// where the object ends.
    pub(crate) fn raw_value(&self, name: &str, end: usize) -> Option<&'a [u8]> {
        self.0?.raw_value(name, end)
    }
}

/// The entries of a map whose keys are data.
#[derive(Clone, Copy)]
pub(crate) struct Entries<'a>(Option<Members<'a>>);

impl<'a> Entries<'a> {
    /// All entries, in the order of their names.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (Text<'a>, Node<'a>)> + use<'a> {
        self.0.into_iter().flatten()
    }

    /// The same entries, for as long as anybody wants them.
    pub(crate) fn keep(&self) -> Option<KeptMembers> {
        self.0.as_ref().map(Members::keep)
    }
}

/// A 64-bit integer, written as one; 0 when absent.
pub(crate) fn as_integer(value: Option<Node<'_>>, name: &'static str) -> Result<i64, JsonError> {
    let refused = || wrong_type(name, "a 64-bit integer");
    match value.map(Node::kind) {
        None => Ok(0),
        Some(Kind::Number(number)) => number.as_i64().ok_or_else(refused),
        Some(_) => Err(refused()),
    }
}

/// A map whose keys are data; empty when absent.
pub(crate) fn as_map<'a>(
    value: Option<Node<'a>>,
    name: &'static str,
) -> Result<Entries<'a>, JsonError> {
    match value.map(Node::kind) {
        None => Ok(Entries(None)),
        Some(Kind::Object(members)) => Ok(Entries(Some(members))),
        Some(_) => Err(wrong_type(name, "an object")),
    }
}

/// Bytes in standard base64, line breaks ignored as Notary does.
pub(crate) fn base64(value: Node<'_>, name: &str) -> Result<Vec<u8>, JsonError> {
    with_base64(value, name, <[u8]>::to_vec)
}

/// Shows `read` what a text says in standard base64, line breaks ignored as Notary does.
pub(crate) fn with_base64<T>(
    value: Node<'_>,
    name: &str,
    read: impl FnOnce(&[u8]) -> T,
) -> Result<T, JsonError> {
    /// As many bytes as the longest digest has, and what the decoder wants besides.
    const SHORT: usize = 72;
    let refused = || wrong_type(name, "base64");
    let Kind::Text(text) = value.kind() else { return Err(refused()) };
    let text = text.as_bytes();
    let mut short = [0; SHORT];
    // Most are short and without line breaks: the others fail here, and are looked at again.
    if let Ok(length) = BASE64.decode_slice(text, &mut short) {
        return Ok(read(short.get(..length).unwrap_or_default()));
    }
    let plain: Vec<u8> = text.iter().copied().filter(|b| !matches!(b, b'\r' | b'\n')).collect();
    Ok(read(&BASE64.decode(plain).map_err(|_| refused())?))
}

pub(crate) fn wrong_type(member: &str, expected: &'static str) -> JsonError {
    JsonError::Type { member: member.to_owned(), expected }
}

fn refuse_folded(mut members: Members<'_>, known: &[&'static str]) -> Result<(), JsonError> {
    members.try_for_each(|(found, _)| refuse_if_folded(found, known))
}

fn refuse_if_folded(found: Text<'_>, known: &[&'static str]) -> Result<(), JsonError> {
    // What has neither capitals nor anything beyond ASCII folds to itself.
    if !found.as_bytes().iter().any(|byte| byte.is_ascii_uppercase() || !byte.is_ascii()) {
        return Ok(());
    }
    let found = found.as_str();
    let folded = fold(found);
    match known.iter().find(|name| **name != found && **name == folded) {
        Some(meant) => Err(JsonError::Folded { found: found.to_owned(), meant }),
        None => Ok(()),
    }
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
    use std::sync::Arc;

    use serde_json::{Value, json};

    use super::*;
    use crate::metadata::read_tree;

    fn tree(value: &Value) -> Arc<Tree> {
        read_tree(&value.to_string())
    }

    #[test]
    fn a_member_that_only_folds_to_a_known_name_is_refused() {
        for found in ["Version", "verſion", "VERSION"] {
            let tree = tree(&json!({ found: 1, "version": 1 }));
            assert_eq!(
                Object::new(tree.root(), "signed", &["version"]).err(),
                Some(JsonError::Folded { found: found.to_owned(), meant: "version" })
            );
        }
        assert!(Object::new(tree(&json!({"ſig": ""})).root(), "x", &["sig"]).is_err());
        let kelvin = tree(&json!({"\u{212a}eyid": ""}));
        assert!(Object::new(kelvin.root(), "x", &["keyid"]).is_err());
    }

    #[test]
    fn names_in_maps_are_data() {
        let tree = tree(&json!({"keys": {"VERSION": 1, "Keys": 2}}));
        let object = Object::new(tree.root(), "signed", &["keys", "version"]).unwrap();
        assert_eq!(object.map("keys").unwrap().iter().count(), 2);
    }

    #[test]
    fn null_and_absent_are_the_same() {
        let tree = tree(&json!({"version": null}));
        let object = Object::new(tree.root(), "signed", &["version"]).unwrap();
        assert_eq!(object.integer("version"), Ok(0));
        assert_eq!(object.text("_type"), Ok(""));
    }

    #[test]
    fn an_integer_is_written_as_one() {
        for text in ["1.0", "1e3", "9223372036854775808", "\"1\"", "true"] {
            let tree = read_tree(&format!("{{\"version\":{text}}}"));
            let object = Object::new(tree.root(), "x", &["version"]).unwrap();
            assert!(object.integer("version").is_err());
        }
    }

    #[test]
    fn base64_is_read_as_notary_reads_it() {
        let read = |text: &str| base64(tree(&json!(text)).root(), "sig");
        for good in ["YQ==\n", "YR==", "Y\r\nQ=="] {
            assert_eq!(read(good).unwrap(), b"a", "{good}");
        }
        for bad in ["YQ", "YQ=", "Y-==", " YQ=="] {
            assert!(read(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn base64_of_any_length_is_read() {
        for length in 0..300 {
            let bytes: Vec<u8> = (0..=u8::MAX).cycle().take(length).collect();
            let written = tree(&json!(BASE64.encode(&bytes)));
            assert_eq!(base64(written.root(), "sig").unwrap(), bytes);
        }
    }
}
