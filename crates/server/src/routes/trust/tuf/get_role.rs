//! `GET /v2/<gun>/_trust/tuf/….json`: a document, as the exact bytes that were signed.
//!
//! Source: server spec 1.5 (cache headers), contract sections 2 (`ETag`, 304) and 5 (`private`).

use std::io::Write as _;
use std::time::{Duration, SystemTime};

use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use chrono::{DateTime, Datelike as _, Utc};
use httpdate::HttpDate;

use crate::app::{App, Caching};
use crate::auth::Audience;
use crate::error::ApiError;
use crate::route::DocumentName;
use countersign_trust::{Document, Led};
use countersign_tuf::digest::Sha256Digest;
use countersign_tuf::names::Gun;

/// 200 and the bytes, or 304 to one who has them. Documents are never compressed: clients compare
/// the length with the one that was signed.
pub(in crate::routes) async fn get_role(
    app: &App,
    audience: Audience,
    gun: &Gun,
    name: &DocumentName,
    request: &HeaderMap,
) -> Result<Response, ApiError> {
    let found = match name {
        DocumentName::ByDigest(role, digest) => app.trust.by_digest(gun, role, *digest).await,
        DocumentName::ByVersion(role, version) => app.trust.by_version(gun, role, *version).await,
        DocumentName::Current(role) => app.trust.current(gun, role).await,
        DocumentName::Impossible(_) => Ok(None),
    };
    let document = found.map_err(ApiError::Service)?.ok_or(ApiError::NotFound)?;
    Ok(answer(document, app.cache_rules.of_document(name, audience), request))
}

/// The same where the document is there without waiting for anybody.
pub(in crate::routes) fn get_role_at_once(
    app: &App,
    audience: Audience,
    gun: &Gun,
    name: &DocumentName,
    request: &HeaderMap,
) -> Option<Response> {
    let document = match name {
        DocumentName::ByDigest(role, digest) => app.trust.by_digest_at_once(gun, role, *digest),
        DocumentName::Current(role) => app.trust.current_at_once(gun, role),
        DocumentName::ByVersion(..) | DocumentName::Impossible(_) => None,
    }?;
    Some(answer(document, app.cache_rules.of_document(name, audience), request))
}

/// The same where the database has only to say which document counts.
pub(in crate::routes) async fn get_role_by_lead(
    app: &App,
    audience: Audience,
    gun: &Gun,
    name: &DocumentName,
    request: &HeaderMap,
) -> Option<Result<Response, ApiError>> {
    let DocumentName::Current(role) = name else { return None };
    match app.trust.current_by_lead(gun, role).await {
        Ok(Led::To(document)) => {
            Some(Ok(answer(document, app.cache_rules.of_document(name, audience), request)))
        }
        Ok(Led::ToNothing) => Some(Err(ApiError::NotFound)),
        Ok(Led::Nowhere) => None,
        Err(error) => Some(Err(ApiError::Service(error))),
    }
}

fn answer(document: Document, cache_rule: &CacheRule, request: &HeaderMap) -> Response {
    let etag = etag(document.sha256);
    let is_held = client_has(request, etag.as_bytes());
    let mut response = if is_held {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        Response::new(document.bytes.into())
    };
    let headers = response.headers_mut();
    headers.reserve(MOST_HEADERS);
    if !is_held {
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    }
    if let Some(last_modified) = http_date(document.stored_at) {
        headers.insert(header::LAST_MODIFIED, last_modified);
    }
    headers.insert(header::ETAG, etag);
    headers.insert(header::CACHE_CONTROL, cache_rule.cache_control.clone());
    if let Some(pragma) = &cache_rule.pragma {
        headers.insert(header::PRAGMA, pragma.clone());
    }
    response
}

/// How many headers an answer gets here and on its way out, so that its table need not grow.
const MOST_HEADERS: usize = 6;

fn etag(sha256: Sha256Digest) -> HeaderValue {
    let mut tag = [b'"'; 66];
    let [_, digits @ .., _] = &mut tag;
    digits.copy_from_slice(&sha256.hex_digits());
    // Hex digits and quotes are a value of a header.
    HeaderValue::from_bytes(&tag).unwrap_or(HeaderValue::from_static("\"\""))
}

/// A date as HTTP has it. Rows may hold any; `httpdate` is much faster than patterns, and has no
/// years but those after 1970 with four digits.
fn http_date(at: DateTime<Utc>) -> Option<HeaderValue> {
    const YEARS: std::ops::RangeInclusive<i32> = 1970..=9999;
    if !YEARS.contains(&at.year()) {
        return at.format("%a, %d %b %Y %H:%M:%S GMT").to_string().try_into().ok();
    }
    let mut date = *b"Sun, 06 Nov 1994 08:49:37 GMT";
    write!(date.as_mut_slice(), "{}", HttpDate::from(SystemTime::from(at))).ok()?;
    HeaderValue::from_bytes(&date).ok()
}

/// Whether `If-None-Match` names what would be sent. Dates of a client are never believed: two
/// versions may be stored within one second.
fn client_has(request: &HeaderMap, etag: &[u8]) -> bool {
    request
        .get_all(header::IF_NONE_MATCH)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(str::trim)
        .any(|tag| tag == "*" || tag.strip_prefix("W/").unwrap_or(tag).as_bytes() == etag)
}

/// What caches may do with documents, as their headers say it.
#[derive(Debug)]
pub(crate) struct CacheRules {
    current: ByAudience,
    consistent: ByAudience,
}

/// The rule for documents of which anybody may read, and of which not. Caches between server and
/// client may keep only what they may give to anybody.
#[derive(Debug)]
struct ByAudience {
    all: CacheRule,
    some: CacheRule,
}

#[derive(Debug)]
struct CacheRule {
    cache_control: HeaderValue,
    pragma: Option<HeaderValue>,
}

impl CacheRules {
    pub(crate) fn of(caching: Caching) -> Self {
        Self {
            current: ByAudience::of(caching.current_max_age, ", must-revalidate"),
            consistent: ByAudience::of(caching.consistent_max_age, ""),
        }
    }

    fn of_document(&self, name: &DocumentName, audience: Audience) -> &CacheRule {
        let rules = match name {
            DocumentName::Current(_) => &self.current,
            DocumentName::ByDigest(..)
            | DocumentName::ByVersion(..)
            | DocumentName::Impossible(_) => &self.consistent,
        };
        match audience {
            Audience::All => &rules.all,
            Audience::Some => &rules.some,
        }
    }
}

impl ByAudience {
    fn of(max_age: Duration, revalidation: &str) -> Self {
        let age = max_age.as_secs();
        if age == 0 {
            return Self { all: CacheRule::never(), some: CacheRule::never() };
        }
        Self {
            all: CacheRule::keep(format!("public, max-age={age}, s-maxage={age}{revalidation}")),
            some: CacheRule::keep(format!("private, max-age={age}{revalidation}")),
        }
    }
}

impl CacheRule {
    fn never() -> Self {
        Self {
            cache_control: HeaderValue::from_static("max-age=0, no-cache, no-store"),
            pragma: Some(HeaderValue::from_static("no-cache")),
        }
    }

    fn keep(rule: String) -> Self {
        match HeaderValue::try_from(rule) {
            Ok(cache_control) => Self { cache_control, pragma: None },
            Err(_) => Self::never(),
        }
    }
}

#[cfg(test)]
mod tests {
    use axum::body::to_bytes;
    use bytes::Bytes;

    use super::*;
    use countersign_tuf::names::{RoleName, Version};

    const ETAG: &str = "\"ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad\"";

    fn document() -> Document {
        Document {
            bytes: Bytes::from_static(b"abc"),
            sha256: Sha256Digest::of(b"abc"),
            stored_at: DateTime::from_timestamp(1_795_518_003, 500_000_000).unwrap(),
        }
    }

    fn current() -> DocumentName {
        DocumentName::Current(RoleName::Root)
    }

    fn respond(name: &DocumentName, caching: Caching, request: &HeaderMap) -> Response {
        let rules = CacheRules::of(caching);
        answer(document(), rules.of_document(name, Audience::All), request)
    }

    /// Checklist rows C-030 to C-032, C-035.
    #[tokio::test]
    async fn a_document_comes_with_its_bytes_and_cache_headers() {
        let response = respond(&current(), Caching::default(), &HeaderMap::new());
        let headers = response.headers().clone();
        assert_eq!(response.status(), StatusCode::OK);
        assert_eq!(
            headers[header::CACHE_CONTROL],
            "public, max-age=300, s-maxage=300, must-revalidate"
        );
        assert_eq!(headers[header::LAST_MODIFIED], "Tue, 24 Nov 2026 11:00:03 GMT");
        assert_eq!(headers[header::ETAG], ETAG);
        assert!(!headers.contains_key(header::PRAGMA));
        assert_eq!(to_bytes(response.into_body(), 10).await.unwrap(), "abc");
    }

    #[test]
    fn documents_by_version_and_digest_may_be_kept_longer() {
        let digest = Sha256Digest::of(b"abc");
        for name in [
            DocumentName::ByVersion(RoleName::Root, Version::FIRST),
            DocumentName::ByDigest(RoleName::Root, digest),
        ] {
            let response = respond(&name, Caching::default(), &HeaderMap::new());
            assert_eq!(
                response.headers()[header::CACHE_CONTROL],
                "public, max-age=2592000, s-maxage=2592000"
            );
        }
    }

    #[test]
    fn what_not_everybody_may_read_is_for_the_caches_of_its_reader_alone() {
        let held = HeaderMap::from_iter([(header::IF_NONE_MATCH, ETAG.parse().unwrap())]);
        let by_version = DocumentName::ByVersion(RoleName::Root, Version::FIRST);
        for (name, expected) in [
            (current(), "private, max-age=300, must-revalidate"),
            (by_version, "private, max-age=2592000"),
        ] {
            for (request, status) in [(&HeaderMap::new(), 200), (&held, 304)] {
                let rules = CacheRules::of(Caching::default());
                let rule = rules.of_document(&name, Audience::Some);
                let response = answer(document(), rule, request);
                assert_eq!(response.status(), status);
                assert_eq!(response.headers()[header::CACHE_CONTROL], expected);
            }
        }
        let never = Caching { current_max_age: Duration::ZERO, ..Caching::default() };
        let rules = CacheRules::of(never);
        let rule = rules.of_document(&current(), Audience::Some);
        let response = answer(document(), rule, &HeaderMap::new());
        assert_eq!(response.headers()[header::CACHE_CONTROL], "max-age=0, no-cache, no-store");
    }

    /// Checklist row C-033.
    #[test]
    fn an_age_of_zero_forbids_keeping() {
        let caching = Caching { current_max_age: Duration::ZERO, ..Caching::default() };
        let response = respond(&current(), caching, &HeaderMap::new());
        assert_eq!(response.headers()[header::CACHE_CONTROL], "max-age=0, no-cache, no-store");
        assert_eq!(response.headers()[header::PRAGMA], "no-cache");
    }

    fn status_for(name: header::HeaderName, value: &str) -> StatusCode {
        let request = HeaderMap::from_iter([(name, value.parse().unwrap())]);
        respond(&current(), Caching::default(), &request).status()
    }

    #[tokio::test]
    async fn who_has_the_document_gets_304_without_a_body() {
        for value in [ETAG, &format!("\"x\", {ETAG}"), &format!("W/{ETAG}"), "*"] {
            assert_eq!(status_for(header::IF_NONE_MATCH, value), StatusCode::NOT_MODIFIED);
        }
        let request = HeaderMap::from_iter([(header::IF_NONE_MATCH, ETAG.parse().unwrap())]);
        let response = respond(&current(), Caching::default(), &request);
        assert_eq!(response.headers()[header::ETAG], ETAG);
        assert!(to_bytes(response.into_body(), 10).await.unwrap().is_empty());
    }

    #[test]
    fn another_tag_or_a_date_gets_the_document() {
        assert_eq!(status_for(header::IF_NONE_MATCH, "\"x\""), StatusCode::OK);
        let date = "Tue, 24 Nov 2026 11:00:03 GMT";
        assert_eq!(status_for(header::IF_MODIFIED_SINCE, date), StatusCode::OK);
    }
}
