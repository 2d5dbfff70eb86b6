//! JSON as Notary's clients get it: compact, with `<`, `>`, `&`, U+2028 and U+2029 escaped.

use std::io;

use serde::Serialize;
use serde_json::ser::{Formatter, Serializer};

/// `value` as JSON.
pub(crate) fn json(value: &impl Serialize) -> Vec<u8> {
    let mut bytes = Vec::new();
    #[expect(
        clippy::expect_used,
        reason = "writing to memory cannot fail, and no type here has a failing Serialize"
    )]
    value
        .serialize(&mut Serializer::with_formatter(&mut bytes, HtmlSafe))
        .expect("serialisation to memory");
    bytes
}

/// How many bytes `character` takes inside a JSON string written by [`json`].
pub(crate) fn escaped_len(character: char) -> usize {
    const QUOTES: usize = 2;
    json(&character).len() - QUOTES
}

/// Notary's server is written in Go, whose encoder makes JSON safe to paste into HTML.
struct HtmlSafe;

impl Formatter for HtmlSafe {
    fn write_string_fragment<W: ?Sized + io::Write>(
        &mut self,
        writer: &mut W,
        fragment: &str,
    ) -> io::Result<()> {
        let unsafe_in_html = ['<', '>', '&', '\u{2028}', '\u{2029}'];
        for piece in fragment.split_inclusive(unsafe_in_html) {
            match piece.char_indices().next_back() {
                Some((at, last)) if unsafe_in_html.contains(&last) => {
                    let (plain, _) = piece.split_at(at);
                    write!(writer, "{plain}\\u{:04x}", u32::from(last))?;
                }
                _ => writer.write_all(piece.as_bytes())?,
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
    fn html_and_line_separators_are_escaped() {
        assert_eq!(text("<a>&b\u{2028}\u{2029}é\""), r#""\u003ca\u003e\u0026b\u2028\u2029é\"""#);
        assert_eq!(text("\n\u{1}/"), r#""\n\u0001/""#);
        assert_eq!(text("plain"), r#""plain""#);
        assert_eq!(text(""), r#""""#);
    }

    proptest! {
        #[test]
        fn every_string_comes_back_and_lengths_add_up(value in any::<String>()) {
            let written = text(&value);
            prop_assert_eq!(&serde_json::from_str::<String>(&written).unwrap(), &value);
            prop_assert_eq!(written.len() - 2, value.chars().map(escaped_len).sum::<usize>());
            let escaped = ['<', '>', '&', '\u{2028}', '\u{2029}'];
            prop_assert!(!written.contains(escaped));
        }
    }
}
