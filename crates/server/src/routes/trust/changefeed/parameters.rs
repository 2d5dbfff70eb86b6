//! `records` and `change_id`: which changes a reader wants.
//!
//! Read as Go's server reads them, its texts for bad numbers included.

use std::borrow::Cow;

use percent_encoding::percent_decode;

use crate::error::ApiError;
use countersign_trust::ChangeRange;

/// How many changes `records=0` stands for.
const DEFAULT_RECORDS: u32 = 100;

/// The range that a query asks for, of at most `most` changes. Other parameters are ignored.
pub(super) fn parse(query: &str, most: u32) -> Result<ChangeRange, ApiError> {
    let records = value(query, "records");
    let records =
        parse_int32(&records).map_err(|fault| ApiError::InvalidRecords(fault.text(&records)))?;
    let change_id = value(query, "change_id");
    let change_id = match change_id.is_empty() {
        true => 0,
        false => parse_int32(&change_id).map_err(|_| ApiError::InvalidChangeId)?,
    };
    let limit = match records.unsigned_abs() {
        0 => DEFAULT_RECORDS,
        records => records,
    };
    let limit = limit.min(most);
    let id = i64::from(change_id);
    Ok(match records < 0 || change_id < 0 {
        false => ChangeRange::After { id, limit },
        true if change_id > 0 => ChangeRange::Before { id, limit },
        true => ChangeRange::Latest { limit },
    })
}

/// The first value of a parameter; empty when there is none. As in Go, a pair with a semicolon or
/// a broken escape does not count.
fn value(query: &str, name: &str) -> Vec<u8> {
    query
        .split('&')
        .filter(|pair| !pair.contains(';'))
        .filter_map(|pair| {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            Some((unescape(key)?, unescape(value)?))
        })
        .find_map(|(key, value)| (key == name.as_bytes()).then_some(value))
        .unwrap_or_default()
}

fn unescape(text: &str) -> Option<Vec<u8>> {
    let escapes_are_whole = text.split('%').skip(1).all(|after| {
        let digits = after.bytes().take(2).filter(u8::is_ascii_hexdigit);
        digits.count() == 2
    });
    let spaced: Cow<'_, str> = match text.contains('+') {
        true => Cow::Owned(text.replace('+', " ")),
        false => Cow::Borrowed(text),
    };
    escapes_are_whole.then(|| percent_decode(spaced.as_bytes()).collect())
}

/// Why a text is no 32-bit integer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum IntFault {
    Range,
    Syntax,
}

impl IntFault {
    /// The text of Go's `strconv.ParseInt`, behind the handler's own words.
    fn text(self, value: &[u8]) -> String {
        let fault = match self {
            Self::Range => "value out of range",
            Self::Syntax => "invalid syntax",
        };
        format!("invalid records parameter: strconv.ParseInt: parsing {}: {fault}", quote(value))
    }
}

/// Go's `ParseInt(text, 10, 32)`: one sign, decimal digits, nothing else. Which fault is reported
/// when there are two depends on which comes first, as it does there.
fn parse_int32(text: &[u8]) -> Result<i32, IntFault> {
    let (digits, sign) = match text.split_first() {
        Some((b'-', digits)) => (digits, -1),
        Some((b'+', digits)) => (digits, 1),
        _ => (text, 1),
    };
    if digits.is_empty() {
        return Err(IntFault::Syntax);
    }
    let mut number: u32 = 0;
    for digit in digits {
        let digit = digit.checked_sub(b'0').filter(|digit| *digit < 10).ok_or(IntFault::Syntax)?;
        let shifted = number.checked_mul(10).ok_or(IntFault::Range)?;
        number = shifted.checked_add(u32::from(digit)).ok_or(IntFault::Range)?;
    }
    i32::try_from(i64::from(number) * sign).map_err(|_| IntFault::Range)
}

/// Go's `strconv.Quote`.
fn quote(bytes: &[u8]) -> String {
    let mut quoted = String::from('"');
    for chunk in bytes.utf8_chunks() {
        chunk.valid().chars().for_each(|character| quote_char(&mut quoted, character));
        for byte in chunk.invalid() {
            quoted.push_str(&format!("\\x{byte:02x}"));
        }
    }
    quoted.push('"');
    quoted
}

fn quote_char(quoted: &mut String, character: char) {
    match character {
        '"' => quoted.push_str("\\\""),
        '\\' => quoted.push_str("\\\\"),
        '\u{7}' => quoted.push_str("\\a"),
        '\u{8}' => quoted.push_str("\\b"),
        '\u{c}' => quoted.push_str("\\f"),
        '\n' => quoted.push_str("\\n"),
        '\r' => quoted.push_str("\\r"),
        '\t' => quoted.push_str("\\t"),
        '\u{b}' => quoted.push_str("\\v"),
        '\0'..' ' | '\u{7f}' => quoted.push_str(&format!("\\x{:02x}", u32::from(character))),
        '\'' => quoted.push('\''),
        _ if character.escape_debug().len() == 1 => quoted.push(character),
        _ => match u32::from(character) {
            code @ 0..=0xffff => quoted.push_str(&format!("\\u{code:04x}")),
            code => quoted.push_str(&format!("\\U{code:08x}")),
        },
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const MOST: u32 = 1_000;

    fn range(query: &str) -> ChangeRange {
        parse(query, MOST).unwrap()
    }

    /// Checklist rows C-172 to C-176.
    #[test]
    fn direction_and_limit_follow_the_signs() {
        for (query, expected) in [
            ("records=100", ChangeRange::After { id: 0, limit: 100 }),
            ("records=0", ChangeRange::After { id: 0, limit: 100 }),
            ("records=-0", ChangeRange::After { id: 0, limit: 100 }),
            ("records=50&change_id=1234", ChangeRange::After { id: 1234, limit: 50 }),
            ("records=-50&change_id=1234", ChangeRange::Before { id: 1234, limit: 50 }),
            ("records=50&change_id=-1", ChangeRange::Latest { limit: 50 }),
            ("records=-50&change_id=", ChangeRange::Latest { limit: 50 }),
            ("records=-50&change_id=0", ChangeRange::Latest { limit: 50 }),
            ("records=-2&change_id=-3", ChangeRange::Latest { limit: 2 }),
        ] {
            assert_eq!(range(query), expected, "{query}");
        }
    }

    #[test]
    fn more_records_than_the_cap_are_quietly_fewer() {
        assert_eq!(range("records=1000"), ChangeRange::After { id: 0, limit: 1000 });
        assert_eq!(range("records=1001"), ChangeRange::After { id: 0, limit: 1000 });
        assert_eq!(range("records=-2147483648"), ChangeRange::Latest { limit: 1000 });
        for (query, limit) in [("records=0", 5), ("records=5", 5), ("records=6", 5)] {
            assert_eq!(parse(query, 5).unwrap(), ChangeRange::After { id: 0, limit }, "{query}");
        }
    }

    /// Observed on the Go server.
    #[test]
    fn bad_records_are_refused_in_gos_words() {
        for (query, quoted, fault) in [
            ("", r#""""#, "invalid syntax"),
            ("records=abc", r#""abc""#, "invalid syntax"),
            ("records=&change_id=", r#""""#, "invalid syntax"),
            ("records=1;2", r#""""#, "invalid syntax"),
            ("records=%zz&change_id=1", r#""""#, "invalid syntax"),
            ("records=+5", r#"" 5""#, "invalid syntax"),
            ("records=1_0", r#""1_0""#, "invalid syntax"),
            ("records=0x10", r#""0x10""#, "invalid syntax"),
            ("records=99999999999", r#""99999999999""#, "value out of range"),
            ("records=%22%0a%c3%a9%ff", r#""\"\né\xff""#, "invalid syntax"),
        ] {
            let Err(ApiError::InvalidRecords(text)) = parse(query, MOST) else { panic!("{query}") };
            let start = "invalid records parameter: strconv.ParseInt: parsing";
            assert_eq!(text, format!("{start} {quoted}: {fault}"), "{query}");
        }
    }

    /// Checklist row C-171.
    #[test]
    fn a_bad_change_id_is_refused_without_words() {
        for query in ["records=1&change_id=x", "records=1&change_id=2147483648"] {
            assert!(matches!(parse(query, MOST), Err(ApiError::InvalidChangeId)), "{query}");
        }
    }

    /// Observed on the Go server.
    #[test]
    fn queries_are_read_as_the_reference_reads_them() {
        let five = ChangeRange::After { id: 0, limit: 5 };
        for query in [
            "records=%2B5",
            "records=5&records=abc",
            "%72ecords=5",
            "a&x=%zz&records=5",
            "records=05",
        ] {
            assert_eq!(range(query), five, "{query}");
        }
    }

    #[test]
    fn the_fault_that_comes_first_is_reported() {
        assert_eq!(parse_int32(b"4294967295x"), Err(IntFault::Syntax));
        assert_eq!(parse_int32(b"99999999999x"), Err(IntFault::Range));
        assert_eq!(parse_int32(b"2147483647"), Ok(i32::MAX));
        assert_eq!(parse_int32(b"2147483648"), Err(IntFault::Range));
        assert_eq!(parse_int32(b"-2147483648"), Ok(i32::MIN));
        assert_eq!(parse_int32(b"-"), Err(IntFault::Syntax));
    }

    proptest! {
        #[test]
        fn every_32_bit_number_is_read(number in any::<i32>()) {
            prop_assert_eq!(parse_int32(number.to_string().as_bytes()), Ok(number));
        }

        #[test]
        fn no_query_makes_it_panic(query in any::<String>()) {
            let _outcome = parse(&query, MOST);
        }
    }
}
