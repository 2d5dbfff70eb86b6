//! JSON in ASCII: no text, whoever chose it, can end the line, steer a terminal or look like
//! another.

use std::io;

use serde::Serialize;
use serde_json::ser::{Formatter, Serializer};

/// `value` as JSON, with everything but printable ASCII escaped.
pub(super) fn json(value: &impl Serialize) -> Vec<u8> {
    let mut bytes = Vec::new();
    #[expect(
        clippy::expect_used,
        reason = "writing to memory cannot fail, and no type here has a failing Serialize"
    )]
    value
        .serialize(&mut Serializer::with_formatter(&mut bytes, Ascii))
        .expect("serialisation to memory");
    bytes
}

struct Ascii;

impl Formatter for Ascii {
    fn write_string_fragment<W: ?Sized + io::Write>(
        &mut self,
        writer: &mut W,
        fragment: &str,
    ) -> io::Result<()> {
        let mut units = [0; 2];
        for character in fragment.chars() {
            if character == ' ' || character.is_ascii_graphic() {
                write!(writer, "{character}")?;
            } else {
                for unit in character.encode_utf16(&mut units) {
                    write!(writer, "\\u{unit:04x}")?;
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn text(value: &str) -> String {
        String::from_utf8(json(&value)).unwrap()
    }

    #[test]
    fn everything_but_printable_ascii_is_escaped() {
        assert_eq!(text("a b~\"\\/"), r#""a b~\"\\/""#);
        assert_eq!(text("\n\u{1b}[31m\u{7f}"), r#""\n\u001b[31m\u007f""#);
        assert_eq!(text("é\u{202e}\u{2028}😀"), r#""\u00e9\u202e\u2028\ud83d\ude00""#);
    }

    proptest! {
        #[test]
        fn every_text_comes_back_and_is_one_line_of_ascii(value in any::<String>()) {
            let written = text(&value);
            prop_assert_eq!(serde_json::from_str::<String>(&written).unwrap(), value);
            prop_assert!(written.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic()));
        }
    }
}
