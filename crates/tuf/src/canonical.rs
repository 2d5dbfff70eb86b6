//! Notary's canonical JSON: the bytes that are signed.
//!
//! Source: server spec 3.3. Members sorted by the bytes of their names, no whitespace; in strings
//! only `"` and `\` are escaped, everything else is raw; numbers pass through an IEEE double and
//! come out as 64-bit integers.

use serde_json::{Number, Value};
use thiserror::Error;

use crate::json::{Kind, Node};

/// A value has no canonical form.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum NotCanonical {
    /// A number that is no 64-bit integer. The text is Notary's.
    #[error("json: unsupported value: {0}")]
    Number(String),
}

/// The canonical bytes of `value`.
///
/// # Errors
/// [`NotCanonical`] when a number in it is not integral or does not fit 64 bits.
pub fn to_bytes(value: &Value) -> Result<Vec<u8>, NotCanonical> {
    let mut out = Vec::new();
    write_value(&mut out, value)?;
    Ok(out)
}

/// The canonical bytes of a value that was read.
///
/// # Errors
/// [`NotCanonical`] as [`to_bytes`].
pub(crate) fn of_node(value: Node<'_>) -> Result<Vec<u8>, NotCanonical> {
    let mut out = Vec::new();
    write_node(&mut out, value)?;
    Ok(out)
}

/// Appends `text` as a canonical string, quotes included.
pub fn write_string(out: &mut Vec<u8>, text: &str) {
    write_text(out, text.as_bytes());
}

fn write_text(out: &mut Vec<u8>, text: &[u8]) {
    out.push(b'"');
    for piece in text.split_inclusive(|byte| matches!(byte, b'"' | b'\\')) {
        match piece.split_last() {
            Some((last @ (b'"' | b'\\'), before)) => {
                out.extend_from_slice(before);
                out.extend_from_slice(&[b'\\', *last]);
            }
            _ => out.extend_from_slice(piece),
        }
    }
    out.push(b'"');
}

fn write_node(out: &mut Vec<u8>, value: Node<'_>) -> Result<(), NotCanonical> {
    match value.kind() {
        Kind::Null => out.extend_from_slice(b"null"),
        Kind::Bool(true) => out.extend_from_slice(b"true"),
        Kind::Bool(false) => out.extend_from_slice(b"false"),
        Kind::Number(number) => out.extend_from_slice(integer(number)?.to_string().as_bytes()),
        Kind::Text(text) => write_text(out, text.as_bytes()),
        Kind::List(items) => {
            out.push(b'[');
            for (i, item) in items.enumerate() {
                if i > 0 {
                    out.push(b',');
                }
                write_node(out, item)?;
            }
            out.push(b']');
        }
        Kind::Object(members) => {
            out.push(b'{');
            for (i, (name, member)) in members.enumerate() {
                if i > 0 {
                    out.push(b',');
                }
                write_text(out, name.as_bytes());
                out.push(b':');
                write_node(out, member)?;
            }
            out.push(b'}');
        }
    }
    Ok(())
}

fn write_value(out: &mut Vec<u8>, value: &Value) -> Result<(), NotCanonical> {
    match value {
        Value::Null => out.extend_from_slice(b"null"),
        Value::Bool(true) => out.extend_from_slice(b"true"),
        Value::Bool(false) => out.extend_from_slice(b"false"),
        Value::Number(number) => out.extend_from_slice(integer(number)?.to_string().as_bytes()),
        Value::String(text) => write_string(out, text),
        Value::Array(items) => {
            out.push(b'[');
            for (i, item) in items.iter().enumerate() {
                if i > 0 {
                    out.push(b',');
                }
                write_value(out, item)?;
            }
            out.push(b']');
        }
        Value::Object(members) => {
            // serde_json's map is sorted already, unless some crate in the build turns on
            // `preserve_order`; the signed bytes must not depend on that.
            let mut sorted: Vec<_> = members.iter().collect();
            sorted.sort_by(|(a, _), (b, _)| a.as_bytes().cmp(b.as_bytes()));
            out.push(b'{');
            for (i, (name, member)) in sorted.into_iter().enumerate() {
                if i > 0 {
                    out.push(b',');
                }
                write_string(out, name);
                out.push(b':');
                write_value(out, member)?;
            }
            out.push(b'}');
        }
    }
    Ok(())
}

/// The integer that Notary signs for `number`: above 2^53 the nearest double, not the digits.
fn integer(number: &Number) -> Result<i64, NotCanonical> {
    const LIMIT: f64 = 9_223_372_036_854_775_808.0;
    let refused = || NotCanonical::Number(number.to_string());
    let double = number.as_f64().ok_or_else(refused)?;
    if double.fract() != 0.0 || !(-LIMIT..LIMIT).contains(&double) {
        return Err(refused());
    }
    #[expect(
        clippy::cast_possible_truncation,
        reason = "integral and within 64 bits: just checked"
    )]
    Ok(double as i64)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn check(input: &str, expected: &str) {
        let value: Value = serde_json::from_str(input).unwrap();
        assert_eq!(String::from_utf8(to_bytes(&value).unwrap()).unwrap(), expected);
    }

    /// Checklist rows C-100 and C-101.
    #[test]
    fn strings_are_raw_but_for_quote_and_backslash() {
        check(r#""a\nb""#, "\"a\nb\"");
        check(r#""\u00e9\u2028<\/&\u0001""#, "\"é\u{2028}</&\u{1}\"");
        check(r#""\"\\""#, r#""\"\\""#);
    }

    /// Checklist row C-103.
    #[test]
    fn numbers_go_through_a_double() {
        check("1e3", "1000");
        check("1.0", "1");
        check("-0", "0");
        check("-0.0", "0");
        check("9007199254740993", "9007199254740992");
        check("-17", "-17");
    }

    #[test]
    fn texts_are_escaped_wherever_the_escapes_stand() {
        for text in ["", "\"", "\\", "\"\\\"", "a\"", "\"a", "a\\b\"c", "é\"é"] {
            let mut out = Vec::new();
            write_string(&mut out, text);
            let plain = text.replace('\\', "\\\\").replace('"', "\\\"");
            assert_eq!(String::from_utf8(out).unwrap(), format!("\"{plain}\""));
        }
    }

    #[test]
    fn fractions_and_huge_numbers_have_no_canonical_form() {
        for text in ["1.5", "-0.1", "18446744073709551616", "1e300"] {
            let value: Value = serde_json::from_str(text).unwrap();
            assert!(to_bytes(&value).is_err(), "{text}");
        }
        assert_eq!(to_bytes(&json!(1.5)).unwrap_err().to_string(), "json: unsupported value: 1.5");
    }

    /// Checklist row C-104.
    #[test]
    fn members_are_sorted_bytewise_and_the_last_duplicate_wins() {
        check(
            r#"{"b":1,"a":{"z":null,"Z":[true,false]},"b":2,"ä":0}"#,
            r#"{"a":{"Z":[true,false],"z":null},"b":2,"ä":0}"#,
        );
    }

    fn canonical_value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::Bool),
            (-(1i64 << 53)..(1i64 << 53)).prop_map(Value::from),
            any::<String>().prop_map(Value::String),
        ];
        leaf.prop_recursive(4, 40, 6, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..6).prop_map(Value::Array),
                prop::collection::btree_map(any::<String>(), inner, 0..6)
                    .prop_map(|members| Value::Object(members.into_iter().collect())),
            ]
        })
    }

    /// Control characters stay raw, so the canonical form is JSON only without them.
    fn without_controls(value: &Value) -> bool {
        !to_bytes(value).unwrap().iter().any(|b| *b < 0x20)
    }

    proptest! {
        #[test]
        fn canonicalising_twice_equals_once(value in canonical_value()) {
            prop_assume!(without_controls(&value));
            let once = to_bytes(&value).unwrap();
            let again: Value = serde_json::from_slice(&once).unwrap();
            prop_assert_eq!(&again, &value);
            prop_assert_eq!(to_bytes(&again).unwrap(), once);
        }
    }
}
