//! Requests through the whole router: any path and method, and any multipart body.

use std::convert::Infallible;
use std::sync::LazyLock;

use axum::body::{Body, to_bytes};
use axum::extract::Request;
use axum::http::{HeaderMap, Method, StatusCode, Uri, header};
use bytes::Bytes;
use serde_json::Value;
use tokio::runtime::{Builder, Runtime};
use tower::ServiceExt as _;

use crate::empty_server::SERVER;

/// The longest body that a client reads of an error, in bytes.
const LONGEST_ERROR: usize = 1024;

/// Up to here no limit on uploads can be reached, however the body is cut.
const BELOW_LIMITS: usize = 8 << 10;

static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| {
    Builder::new_current_thread().enable_time().build().expect("a runtime without I/O")
});

#[derive(Debug, PartialEq, Eq)]
struct Answer {
    status: StatusCode,
    location: Option<String>,
    body: Bytes,
}

/// The first byte cuts the body into pieces of that length; the rest is the body of a publish
/// with the boundary `edge`.
///
/// It is refused, in Notary's envelope, and the same way when it comes in one piece.
pub fn upload(data: &[u8]) {
    let Some((length, body)) = data.split_first() else { return };
    let pieces: Vec<Result<Bytes, Infallible>> =
        body.chunks(usize::from(*length).max(1)).map(|p| Ok(Bytes::copy_from_slice(p))).collect();
    let answer = publish(Body::from_stream(futures_util::stream::iter(pieces)));
    let refused = [StatusCode::BAD_REQUEST, StatusCode::PAYLOAD_TOO_LARGE];
    assert!(refused.contains(&answer.status), "{answer:?}");
    check_error(&answer);
    if body.len() < BELOW_LIMITS {
        assert_eq!(answer, publish(Body::from(body.to_vec())), "pieces do not matter");
    }
}

/// A method, a blank, and a path with its query.
///
/// Nothing fails or panics, errors are in Notary's envelope, and a redirect leads to a clean path
/// on this server.
pub fn routes(data: &[u8]) {
    let mut halves = data.splitn(2, |byte| *byte == b' ');
    let (Some(method), Some(target)) = (halves.next(), halves.next()) else { return };
    let (Ok(method), Ok(uri)) = (Method::from_bytes(method), Uri::try_from(target)) else { return };
    let answer = call(method.clone(), uri, HeaderMap::new(), Body::empty());
    assert!(!answer.status.is_server_error(), "{answer:?}");
    if method != Method::HEAD {
        check_error(&answer);
    }
    assert_eq!(answer.location.is_some(), answer.status == StatusCode::MOVED_PERMANENTLY);
    let Some(location) = answer.location else { return };
    assert!(location.starts_with('/') && !location.starts_with("//"), "{location}");
    let uri = Uri::try_from(location.as_str()).expect("a location is a target");
    let next = call(method, uri, HeaderMap::new(), Body::empty());
    assert_eq!(next.location, None, "{location} is clean");
}

fn publish(body: Body) -> Answer {
    let mut headers = HeaderMap::new();
    let content_type = "multipart/form-data; boundary=edge".parse().expect("a header");
    headers.insert(header::CONTENT_TYPE, content_type);
    call(Method::POST, Uri::from_static("/v2/example.com/team/app/_trust/tuf/"), headers, body)
}

fn call(method: Method, uri: Uri, headers: HeaderMap, body: Body) -> Answer {
    let mut request = Request::new(body);
    *request.method_mut() = method;
    *request.uri_mut() = uri;
    *request.headers_mut() = headers;
    RUNTIME.block_on(async {
        let response = SERVER.clone().oneshot(request).await.expect("the router always answers");
        let (head, body) = response.into_parts();
        let body = to_bytes(body, usize::MAX).await.expect("a body from memory");
        let location = head.headers.get(header::LOCATION);
        let location = location.map(|value| value.to_str().expect("visible ASCII").to_owned());
        Answer { status: head.status, location, body }
    })
}

/// A client error is one error in Notary's envelope; only 405 has no body.
fn check_error(answer: &Answer) {
    if !answer.status.is_client_error() || answer.status == StatusCode::METHOD_NOT_ALLOWED {
        return;
    }
    assert!(answer.body.ends_with(b"\n") && answer.body.len() <= LONGEST_ERROR, "{answer:?}");
    let body: Value = serde_json::from_slice(&answer.body).expect("an error is JSON");
    let errors = body.get("errors").and_then(Value::as_array).expect("errors");
    assert!(errors.len() == 1 && errors.iter().all(|error| error.get("code").is_some()));
}
