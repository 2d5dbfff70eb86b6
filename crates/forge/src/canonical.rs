//! The canonical form that signatures and key IDs cover, written from the server spec 3.3.
//!
//! Kept apart from the product's own writer on purpose.

use serde_json::Value;

/// The canonical bytes of `value`: members sorted bytewise, no whitespace, only `"` and `\`
/// escaped. A number is written as an integer, by way of a double; one with a fraction is written
/// as it stands, since Notary has no canonical form for it.
#[must_use]
pub fn to_bytes(value: &Value) -> Vec<u8> {
    let mut out = Vec::new();
    write(&mut out, value);
    out
}

fn write(out: &mut Vec<u8>, value: &Value) {
    match value {
        Value::Null | Value::Bool(_) => out.extend_from_slice(value.to_string().as_bytes()),
        Value::Number(number) => {
            let text = match number.as_f64() {
                Some(double) if double.fract() == 0.0 => format!("{double:.0}"),
                _ => number.to_string(),
            };
            out.extend_from_slice(if text == "-0" { b"0" } else { text.as_bytes() });
        }
        Value::String(text) => write_string(out, text),
        Value::Array(items) => {
            out.push(b'[');
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    out.push(b',');
                }
                write(out, item);
            }
            out.push(b']');
        }
        Value::Object(members) => {
            let mut sorted: Vec<_> = members.iter().collect();
            sorted.sort_by(|a, b| a.0.as_bytes().cmp(b.0.as_bytes()));
            out.push(b'{');
            for (index, (name, member)) in sorted.into_iter().enumerate() {
                if index > 0 {
                    out.push(b',');
                }
                write_string(out, name);
                out.push(b':');
                write(out, member);
            }
            out.push(b'}');
        }
    }
}

fn write_string(out: &mut Vec<u8>, text: &str) {
    out.push(b'"');
    for byte in text.bytes() {
        if matches!(byte, b'"' | b'\\') {
            out.push(b'\\');
        }
        out.push(byte);
    }
    out.push(b'"');
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(json: &str, canonical: &str) {
        let value: Value = serde_json::from_str(json).unwrap();
        assert_eq!(String::from_utf8(to_bytes(&value)).unwrap(), canonical, "{json}");
    }

    #[test]
    fn examples_of_the_specification_come_out() {
        check(r#"{"b":1,"a":[true,null]}"#, r#"{"a":[true,null],"b":1}"#);
        check(r#""\u00e9\u2028</\n""#, "\"\u{e9}\u{2028}</\n\"");
        check(r#""\"\\""#, r#""\"\\""#);
        check("[1e3,1.0,-0,9007199254740993]", "[1000,1,0,9007199254740992]");
    }
}
