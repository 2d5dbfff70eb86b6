//! The token in a request.
//!
//! Source: server spec 2.3: two fields with one blank between them, the scheme in any case; of
//! several headers the first counts.

use axum::http::{HeaderMap, header};

/// What a request brings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Bearer<'a> {
    /// No header, or one of another form or scheme.
    Missing,
    /// A token, as it was sent.
    Token(&'a str),
    /// The right scheme with bytes that are in no token.
    Garbage,
}

impl<'a> Bearer<'a> {
    /// The token of a request with these headers.
    pub(super) fn of(headers: &'a HeaderMap) -> Self {
        let Some(value) = headers.get(header::AUTHORIZATION) else { return Self::Missing };
        let mut fields = value.as_bytes().split(|byte| *byte == b' ');
        let (Some(scheme), Some(token), None) = (fields.next(), fields.next(), fields.next())
        else {
            return Self::Missing;
        };
        if !scheme.eq_ignore_ascii_case(b"bearer") {
            return Self::Missing;
        }
        std::str::from_utf8(token).map_or(Self::Garbage, Self::Token)
    }
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn headers(values: &[&[u8]]) -> HeaderMap {
        let name = || header::AUTHORIZATION;
        values.iter().map(|value| (name(), HeaderValue::from_bytes(value).unwrap())).collect()
    }

    /// Checklist row C-159.
    #[test]
    fn the_scheme_counts_in_any_case_and_the_form_only_as_two_fields() {
        for good in ["Bearer x", "bEARER x", "BEARER x"] {
            assert_eq!(Bearer::of(&headers(&[good.as_bytes()])), Bearer::Token("x"), "{good}");
        }
        for bad in ["Bearer", "Bearer  x", "Bearer x y", "Basic x", "", "x", "Bearer\tx", "JWT x"] {
            assert_eq!(Bearer::of(&headers(&[bad.as_bytes()])), Bearer::Missing, "{bad}");
        }
        assert_eq!(Bearer::of(&HeaderMap::new()), Bearer::Missing);
        assert_eq!(Bearer::of(&headers(&[b"Bearer "])), Bearer::Token(""));
        assert_eq!(Bearer::of(&headers(&[b"Bearer \xff"])), Bearer::Garbage);
    }

    #[test]
    fn of_several_headers_the_first_counts() {
        assert_eq!(Bearer::of(&headers(&[b"Basic x", b"Bearer y"])), Bearer::Missing);
        assert_eq!(Bearer::of(&headers(&[b"Bearer x", b"Bearer y"])), Bearer::Token("x"));
    }
}
