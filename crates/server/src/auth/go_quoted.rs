//! Text as Go's `%q` writes it.

use std::fmt::{self, Write as _};

/// Text as Go's `%q` writes it: printable characters as they are, so that no name can end the
/// quotes or the header.
pub(super) struct GoQuoted<'a>(pub(super) &'a [u8]);

impl fmt::Display for GoQuoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_char('"')?;
        for chunk in self.0.utf8_chunks() {
            chunk.valid().chars().try_for_each(|character| quoted(f, character))?;
            chunk.invalid().iter().try_for_each(|byte| write!(f, "\\x{byte:02x}"))?;
        }
        f.write_char('"')
    }
}

fn quoted(f: &mut fmt::Formatter<'_>, character: char) -> fmt::Result {
    match character {
        '"' | '\\' => write!(f, "\\{character}"),
        '\n' => f.write_str("\\n"),
        '\r' => f.write_str("\\r"),
        '\t' => f.write_str("\\t"),
        '\u{7}' => f.write_str("\\a"),
        '\u{8}' => f.write_str("\\b"),
        '\u{b}' => f.write_str("\\v"),
        '\u{c}' => f.write_str("\\f"),
        printable if is_printable(printable) => f.write_char(printable),
        other => match u32::from(other) {
            code @ 0..=0x7f => write!(f, "\\x{code:02x}"),
            code @ 0x80..=0xffff => write!(f, "\\u{code:04x}"),
            code => write!(f, "\\U{code:08x}"),
        },
    }
}

/// Rust quotes what Go quotes, and also an apostrophe and marks that stand on another letter.
fn is_printable(character: char) -> bool {
    const MARKS: std::ops::RangeInclusive<char> = '\u{300}'..='\u{36f}';
    character == '\''
        || character.is_alphanumeric()
        || MARKS.contains(&character)
        || character.escape_debug().len() == 1
}

#[cfg(test)]
mod tests {
    use super::*;

    /// By the rules of `strconv.Quote`.
    #[test]
    fn text_is_quoted_as_go_quotes_it() {
        for (text, expected) in [
            (&b"a'b"[..], r#""a'b""#),
            (b"\"\\\n\r\t\x07\x08\x0b\x0c", r#""\"\\\n\r\t\a\b\v\f""#),
            (b"\x00\x1b\x7f", r#""\x00\x1b\x7f""#),
            (b"\xff\xc3", r#""\xff\xc3""#),
            ("é世\u{301}".as_bytes(), "\"é世\u{301}\""),
            (
                "\u{80}\u{a0}\u{ad}\u{200b}\u{3000}".as_bytes(),
                r#""\u0080\u00a0\u00ad\u200b\u3000""#,
            ),
            ("\u{e0001}".as_bytes(), r#""\U000e0001""#),
            ("\u{1f600}\u{fffd}".as_bytes(), "\"\u{1f600}\u{fffd}\""),
        ] {
            assert_eq!(GoQuoted(text).to_string(), expected);
        }
    }
}
