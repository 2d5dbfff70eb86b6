//! Reads that nobody has to be waited for: answered in the call itself, and as any other read.

use std::net::SocketAddr;
use std::num::NonZeroU32;

use axum::extract::ConnectInfo;
use axum::http::{HeaderMap, header};
use tower::Service as _;

use super::*;
use crate::app::{App, ServerSettings, Service};
use crate::entrance::{Answering, Entrance};
use crate::limits::Rate;
use crate::testing::{body_of, broken_trust};

const ROOT: &str = "/v2/a/_trust/tuf/root.json";

fn request(path: &str) -> Request {
    Request::get(path).body(Body::empty()).unwrap()
}

/// The answer of the call itself; `None` where it comes later.
fn at_once(app: &App, request: Request) -> Option<Response> {
    match Entrance::of(app.clone()).call(request) {
        Answering::Answered(answered) => answered,
        Answering::Coming(_) => None,
    }
}

fn without_id(headers: &HeaderMap) -> HeaderMap {
    let mut headers = headers.clone();
    assert!(headers.remove("x-request-id").is_some());
    // Where no router adds it, the protocol does.
    headers.remove(header::CONTENT_LENGTH);
    headers
}

#[tokio::test]
async fn what_was_read_before_is_answered_in_the_call_itself_with_the_same_headers() {
    let (server, collection) = published("a").await;
    assert!(at_once(&server.app, request(ROOT)).is_none(), "nothing was read yet");
    let first = get(&server.app, ROOT).await;
    let again = at_once(&server.app, request(ROOT)).unwrap();
    assert_eq!(again.status(), 200);
    assert_eq!(without_id(again.headers()), without_id(&first.headers));
    assert_eq!(body_of(again).await, first.body);
    assert_eq!(first.body, collection.parts(&["root"])[0].1);
    let mut held = request(ROOT);
    held.headers_mut().insert(header::IF_NONE_MATCH, first.headers[header::ETAG].clone());
    assert_eq!(at_once(&server.app, held).unwrap().status(), 304);
}

#[tokio::test]
async fn an_answer_to_head_has_the_length_of_its_body_and_none() {
    let (server, _) = published("a").await;
    let of_get = get(&server.app, "/v2/a/elsewhere").await;
    let request = Request::head("/v2/a/elsewhere").body(Body::empty()).unwrap();
    let answer = Entrance::of(server.app.clone()).call(request).await.unwrap();
    assert_eq!(answer.status(), 404);
    let length = of_get.body.len().to_string();
    assert_eq!(answer.headers()[header::CONTENT_LENGTH], length.as_str());
    assert!(body_of(answer).await.is_empty());
}

#[tokio::test]
async fn what_is_published_meanwhile_is_never_answered_over() {
    let (server, mut collection) = published("a").await;
    get(&server.app, ROOT).await;
    collection.add_target("targets", "v1", b"one");
    let parts = multipart(&collection.parts(&["targets"]));
    assert_eq!(send(&server.app, post("/v2/a/_trust/tuf/", parts)).await.status, 200);
    let path = "/v2/a/_trust/tuf/targets.json";
    assert!(at_once(&server.app, request(path)).is_none());
    assert_eq!(get(&server.app, path).await.body, collection.parts(&["targets"])[0].1);
    let again = at_once(&server.app, request(path)).unwrap();
    assert_eq!(body_of(again).await, collection.parts(&["targets"])[0].1);
}

#[tokio::test]
async fn a_read_counts_once_for_its_address_however_it_is_answered() {
    let three = NonZeroU32::new(3).unwrap();
    let rate = Rate { per_minute: NonZeroU32::MIN, burst: three };
    let limits = Limits { requests_per_address: Some(rate), ..Limits::for_tests() };
    let server = whole_under(limits).await;
    let collection = collection(&server, "a").await;
    assert_eq!(publish(&server, &collection).await.status, 200);
    let from: SocketAddr = "192.0.2.1:4711".parse().unwrap();
    let ask = async || {
        let mut request = request(ROOT);
        request.extensions_mut().insert(ConnectInfo(from));
        send(&server.app, request).await.status
    };
    for status in [200, 200, 200, 429] {
        assert_eq!(ask().await, status);
    }
}

#[tokio::test]
async fn a_panic_in_the_call_itself_is_an_answer_and_in_the_log() {
    let (log, _guard) = Captured::from(Level::INFO);
    let service = Service::open(broken_trust(BrokenStore::MarkPanics));
    let app = App::new(service, ServerSettings::default());
    let answer = get(&app, ROOT).await;
    assert_eq!(shown(&answer), (500, UNKNOWN));
    let lines = log.requests();
    assert_eq!(lines.len(), 1, "{lines:?}");
    assert_eq!(lines[0]["level"], "ERROR");
    let id = answer.headers["x-request-id"].to_str().unwrap();
    assert_eq!(lines[0]["fields"]["request_id"], id);
}
