//! Paths before they are matched: percent-decoded, and cleaned as Go's server cleans them.

use std::borrow::Cow;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, percent_encode};

/// What stays as it is in a `Location`: the characters that a path may hold as such.
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'~')
    .remove(b'$')
    .remove(b'&')
    .remove(b'+')
    .remove(b',')
    .remove(b'/')
    .remove(b':')
    .remove(b';')
    .remove(b'=')
    .remove(b'@');

/// The bytes that a raw path stands for; `None` when a percent sign begins no escape.
pub(super) fn decode(raw: &str) -> Option<Cow<'_, [u8]>> {
    let is_escape = |after: &str| {
        let mut bytes = after.bytes();
        let two = [bytes.next(), bytes.next()];
        two.iter().all(|byte| byte.is_some_and(|byte| byte.is_ascii_hexdigit()))
    };
    raw.split('%').skip(1).all(is_escape).then(|| percent_decode_str(raw).into())
}

/// Whether [`clean`] would leave the path as it is.
pub(super) fn is_clean(path: &[u8]) -> bool {
    let Some(below) = path.strip_prefix(b"/") else { return false };
    let below = below.strip_suffix(b"/").unwrap_or(below);
    path == b"/" || below.split(|byte| *byte == b'/').all(|segment| !is_dropped(segment))
}

/// Whether a segment is no part of a clean path.
fn is_dropped(segment: &[u8]) -> bool {
    matches!(segment, b"" | b"." | b"..")
}

/// The path without empty and dot segments; a slash at the end stays.
pub(super) fn clean(path: &[u8]) -> Vec<u8> {
    let mut kept: Vec<&[u8]> = Vec::new();
    for segment in path.split(|byte| *byte == b'/') {
        match segment {
            b"" | b"." => {}
            b".." => {
                kept.pop();
            }
            _ => kept.push(segment),
        }
    }
    let mut clean = Vec::with_capacity(path.len());
    for segment in &kept {
        clean.push(b'/');
        clean.extend_from_slice(segment);
    }
    if kept.is_empty() || path.ends_with(b"/") {
        clean.push(b'/');
    }
    clean
}

/// A clean path as a `Location` carries it.
pub(super) fn encode(path: &[u8]) -> String {
    percent_encode(path, ESCAPED).to_string()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn escapes_decode_and_broken_ones_do_not() {
        assert_eq!(&*decode("/a%2Fb%ff%00").unwrap(), b"/a/b\xff\0");
        for broken in ["%", "/%2", "/%zz", "/%2/", "/a%%20", "/%é0"] {
            assert_eq!(decode(broken), None, "{broken}");
        }
    }

    /// Observed on the Go server.
    #[test]
    fn paths_are_cleaned_as_the_reference_does() {
        for (path, expected) in [
            ("/v2/a//b", "/v2/a/b"),
            ("/v2/a/../b/", "/v2/b/"),
            ("/v2/a/./", "/v2/a/"),
            ("/v2/..//..", "/"),
            ("/..", "/"),
            ("", "/"),
            ("*", "/*"),
            ("/v2/a/..", "/v2"),
            ("/v2/", "/v2/"),
            ("/v2/.../x", "/v2/.../x"),
        ] {
            assert_eq!(clean(path.as_bytes()), expected.as_bytes(), "{path}");
            assert_eq!(is_clean(path.as_bytes()), path == expected, "{path}");
        }
    }

    /// Observed on the Go server.
    #[test]
    fn locations_are_escaped_as_the_reference_does() {
        let path = "/v2/a é?%:@&=+$,;~b/x";
        assert_eq!(encode(path.as_bytes()), "/v2/a%20%C3%A9%3F%25:@&=+$,;~b/x");
    }

    proptest! {
        #[test]
        fn a_clean_path_is_rooted_and_stays_clean(path in "[a./%é]{0,30}") {
            let once = clean(path.as_bytes());
            prop_assert!(once.starts_with(b"/") && !once.starts_with(b"//"));
            prop_assert_eq!(clean(&once), once.clone());
            prop_assert_eq!(is_clean(path.as_bytes()), once == path.as_bytes());
            prop_assert!(is_clean(&once));
            let encoded = encode(&once);
            prop_assert_eq!(&*decode(&encoded).unwrap(), &*once);
        }
    }
}
