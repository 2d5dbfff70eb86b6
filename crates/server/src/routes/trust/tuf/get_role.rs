//! `GET /v2/<gun>/_trust/tuf/….json`: a document, as the exact bytes that were signed.
//!
//! Source: server spec 1.5 (cache headers), contract sections 2 (`ETag`, 304) and 5 (`private`).

use std::time::Duration;

use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse as _, Response};

use crate::app::{App, Caching};
use crate::auth::Audience;
use crate::error::ApiError;
use crate::route::DocumentName;
use countersign_trust::Document;
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
    Ok(answer(document, cache_control(name, app.settings.caching, audience), request))
}

fn answer(document: Document, cache_control: CacheControl, request: &HeaderMap) -> Response {
    let etag = format!("\"{}\"", document.sha256);
    let last_modified = document.stored_at.format("%a, %d %b %Y %H:%M:%S GMT").to_string();
    let headers = [(header::ETAG, etag.clone()), (header::LAST_MODIFIED, last_modified)];
    if client_has(request, &etag) {
        return (StatusCode::NOT_MODIFIED, headers, cache_control.headers()).into_response();
    }
    let content_type = [(header::CONTENT_TYPE, "application/json")];
    (content_type, headers, cache_control.headers(), document.bytes).into_response()
}

/// Whether `If-None-Match` names what would be sent. Dates of a client are never believed: two
/// versions may be stored within one second.
fn client_has(request: &HeaderMap, etag: &str) -> bool {
    request
        .get_all(header::IF_NONE_MATCH)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(str::trim)
        .any(|tag| tag == "*" || tag.strip_prefix("W/").unwrap_or(tag) == etag)
}

/// What caches may do with a document.
enum CacheControl {
    Keep(String),
    Never,
}

impl CacheControl {
    fn headers(self) -> HeaderMap {
        let (cache_control, pragma) = match self {
            Self::Keep(rule) => (rule, None),
            Self::Never => ("max-age=0, no-cache, no-store".to_owned(), Some("no-cache")),
        };
        let named = [(header::CACHE_CONTROL, Some(cache_control))]
            .into_iter()
            .chain([(header::PRAGMA, pragma.map(ToOwned::to_owned))]);
        named.filter_map(|(name, value)| Some((name, value?.try_into().ok()?))).collect()
    }
}

fn cache_control(name: &DocumentName, caching: Caching, audience: Audience) -> CacheControl {
    match name {
        DocumentName::Current(_) => keep(caching.current_max_age, ", must-revalidate", audience),
        DocumentName::ByDigest(..) | DocumentName::ByVersion(..) | DocumentName::Impossible(_) => {
            keep(caching.consistent_max_age, "", audience)
        }
    }
}

/// Caches between server and client may keep only what they may give to anybody.
fn keep(max_age: Duration, revalidation: &str, audience: Audience) -> CacheControl {
    match (max_age.as_secs(), audience) {
        (0, _) => CacheControl::Never,
        (age, Audience::All) => {
            CacheControl::Keep(format!("public, max-age={age}, s-maxage={age}{revalidation}"))
        }
        (age, Audience::Some) => {
            CacheControl::Keep(format!("private, max-age={age}{revalidation}"))
        }
    }
}

#[cfg(test)]
mod tests {
    use axum::body::to_bytes;
    use bytes::Bytes;
    use chrono::DateTime;

    use super::*;
    use countersign_tuf::digest::Sha256Digest;
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
        answer(document(), cache_control(name, caching, Audience::All), request)
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
                let rule = cache_control(&name, Caching::default(), Audience::Some);
                let response = answer(document(), rule, request);
                assert_eq!(response.status(), status);
                assert_eq!(response.headers()[header::CACHE_CONTROL], expected);
            }
        }
        let never = Caching { current_max_age: Duration::ZERO, ..Caching::default() };
        let rule = cache_control(&current(), never, Audience::Some);
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
