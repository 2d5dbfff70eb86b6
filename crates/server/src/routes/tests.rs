//! Requests through the whole router. Answers of Notary's are from server spec 1, 6.4 and 10.

mod at_once;
mod memory;
mod prefixes;
mod request_limits;

use std::sync::Arc;

use axum::body::Body;
use axum::http::Method;
use serde_json::{Value, json};
use tracing::Level;

use super::*;
use crate::limits::Limits;
use crate::testing::{
    Answer, BrokenStore, Captured, Whole, broken, call, get, multipart, now, post, send, whole,
    whole_under,
};
use countersign_forge::repository::{Repository, ServerKeys};

const NO_ROUTE: &str = "{\"errors\":[{\"code\":\"METADATA_NOT_FOUND\",\"message\":\"You have requested metadata that does not exist.\"}]}\n";
const NOT_THERE: &str = "{\"errors\":[{\"code\":\"METADATA_NOT_FOUND\",\"message\":\"You have requested metadata that does not exist.\",\"detail\":{}}]}\n";
const UNKNOWN: &str =
    "{\"errors\":[{\"code\":\"UNKNOWN\",\"message\":\"unknown error\",\"detail\":{}}]}\n";
const UPDATING: &str = "{\"errors\":[{\"code\":\"UPDATING\",\"message\":\"An error has occurred while updating the TUF repository.\"}]}\n";

fn shown(answer: &Answer) -> (u16, &str) {
    (answer.status, answer.text())
}

/// The server's key as `GET` gives it, without what a root does not list.
async fn server_key(server: &Whole, gun: &str, role: &str) -> Value {
    let answer = get(&server.app, &format!("/v2/{gun}/_trust/tuf/{role}.key")).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    serde_json::from_slice(&answer.body).unwrap()
}

async fn collection(server: &Whole, gun: &str) -> Repository {
    let keys = ServerKeys {
        timestamp: server_key(server, gun, "timestamp").await,
        snapshot: Some(server_key(server, gun, "snapshot").await),
    };
    Repository::new(gun, 1, now(), &keys)
}

async fn publish(server: &Whole, collection: &Repository) -> Answer {
    let path = format!("/v2/{}/_trust/tuf/", collection.gun());
    send(&server.app, post(&path, multipart(&collection.all_parts()))).await
}

/// A server with one published collection.
async fn published(gun: &str) -> (Whole, Repository) {
    let server = whole().await;
    let collection = collection(&server, gun).await;
    assert_eq!(shown(&publish(&server, &collection).await), (200, ""));
    (server, collection)
}

/// Checklist row C-001.
#[tokio::test]
async fn ping_and_live_touch_no_storage() {
    let app = broken(BrokenStore::Panics);
    let ping = get(&app, "/v2/").await;
    assert_eq!(shown(&ping), (200, "{}"));
    assert_eq!(ping.header(header::CONTENT_TYPE), Some("text/plain; charset=utf-8"));
    assert_eq!(shown(&get(&app, "/_countersign/live").await), (200, "{}"));
}

/// Checklist rows C-002, C-003, C-009 to C-011.
#[tokio::test]
async fn unknown_paths_and_methods_touch_no_storage() {
    let app = broken(BrokenStore::Panics);
    for (method, path) in [
        (Method::GET, "/v2"),
        (Method::POST, "/v2/"),
        (Method::GET, "/v2/a/_trust/tuf/root.abc.json"),
        (Method::POST, "/v2/a/_trust/tuf/targets.key"),
        (Method::DELETE, "/v2/a/_trust/tuf/timestamp.json"),
        (Method::POST, "/metrics"),
    ] {
        let answer = call(&app, method, path).await;
        assert_eq!(shown(&answer), (404, NO_ROUTE), "{path}");
    }
    for method in [Method::PATCH, Method::OPTIONS] {
        assert_eq!(shown(&call(&app, method, "/v2/").await), (405, ""));
    }
}

#[tokio::test]
async fn an_unclean_path_is_redirected_with_its_query() {
    let app = broken(BrokenStore::Panics);
    let answer = get(&app, "/v2/a/../b/_trust/tuf/?x=1").await;
    assert_eq!(shown(&answer), (301, ""));
    assert_eq!(answer.header(header::LOCATION), Some("/v2/b/_trust/tuf/?x=1"));
    assert_eq!(get(&app, "/v2/%zz").await.status, 400);
}

#[tokio::test]
async fn letters_beyond_ascii_in_the_query_of_a_redirect_are_escaped() {
    let app = broken(BrokenStore::Panics);
    let answer = get(&app, "/v2//a?x=é&y=%zz").await;
    assert_eq!(answer.header(header::LOCATION), Some("/v2/a?x=%C3%A9&y=%zz"));
}

#[tokio::test]
async fn a_gun_that_cannot_be_stored_is_refused_on_post_and_absent_else() {
    let app = broken(BrokenStore::Panics);
    let path = "/v2/a%00b/_trust/tuf/";
    let refused = send(&app, post(path, "--edge--\r\n")).await;
    assert_eq!(
        shown(&refused),
        (
            400,
            "{\"errors\":[{\"code\":\"INVALID_GUN\",\"message\":\"The server does not support actions on images of this name.\",\"detail\":\"a GUN holds no control characters\"}]}\n"
        )
    );
    assert_eq!(call(&app, Method::POST, &format!("{path}timestamp.key")).await.status, 400);
    assert_eq!(shown(&get(&app, &format!("{path}root.json")).await), (404, NOT_THERE));
    assert_eq!(call(&app, Method::DELETE, path).await.status, 404);
}

#[tokio::test]
async fn a_database_that_is_away_is_503_and_never_404() {
    let app = broken(BrokenStore::Away);
    let hex = "ab".repeat(32);
    for (method, path) in [
        (Method::GET, "/v2/a/_trust/tuf/root.json".to_owned()),
        (Method::GET, "/v2/a/_trust/tuf/timestamp.json".to_owned()),
        (Method::GET, "/v2/a/_trust/tuf/1.root.json".to_owned()),
        (Method::GET, format!("/v2/a/_trust/tuf/root.{hex}.json")),
        (Method::GET, "/v2/a/_trust/tuf/timestamp.key".to_owned()),
        (Method::POST, "/v2/a/_trust/tuf/timestamp.key".to_owned()),
        (Method::DELETE, "/v2/a/_trust/tuf/".to_owned()),
        (Method::GET, "/v2/a/_trust/changefeed?records=1".to_owned()),
        (Method::GET, "/v2/_trust/changefeed?records=1".to_owned()),
    ] {
        let answer = call(&app, method, &path).await;
        assert_eq!(shown(&answer), (503, UNKNOWN), "{path}");
        assert!(answer.header(header::RETRY_AFTER).is_some(), "{path}");
        assert_eq!(answer.header(header::CACHE_CONTROL), None, "{path}");
    }
    let publish = send(&app, post("/v2/a/_trust/tuf/", "--edge--\r\n")).await;
    assert_eq!(shown(&publish), (503, UPDATING));
    assert!(publish.header(header::RETRY_AFTER).is_some());
}

#[tokio::test]
async fn a_row_that_cannot_be_is_500() {
    let app = broken(BrokenStore::Corrupt);
    assert_eq!(shown(&get(&app, "/v2/a/_trust/tuf/1.root.json").await), (500, UNKNOWN));
    let publish = send(&app, post("/v2/a/_trust/tuf/", "--edge--\r\n")).await;
    assert_eq!(shown(&publish), (500, UPDATING));
}

#[tokio::test]
async fn a_panic_is_500_in_the_envelope() {
    let app = broken(BrokenStore::Panics);
    let answer = get(&app, "/v2/_trust/changefeed?records=1").await;
    assert_eq!(shown(&answer), (500, UNKNOWN));
    assert_eq!(answer.header(header::CONTENT_TYPE), Some("application/json; charset=utf-8"));
}

/// Checklist rows C-017 and C-019.
#[tokio::test]
async fn health_names_what_fails() {
    let server = whole().await;
    let healthy = get(&server.app, "/_notary_server/health").await;
    assert_eq!(shown(&healthy), (200, "{}"));
    assert_eq!(healthy.header(header::CONTENT_TYPE), Some("application/json; charset=utf-8"));

    let sick = get(&broken(BrokenStore::Away), "/_notary_server/health").await;
    assert_eq!(sick.status, 503);
    let checks: Value = serde_json::from_slice(&sick.body).unwrap();
    assert!(checks["DB operational"].as_str().unwrap().contains("no route"), "{checks}");
    assert!(checks["Trust operational"].as_str().unwrap().contains("no signer"), "{checks}");
}

#[tokio::test]
async fn ready_is_503_once_shutdown_has_begun_and_live_is_not() {
    let server = whole().await;
    assert_eq!(get(&server.app, "/_countersign/ready").await.status, 200);
    server.app.begin_shutdown();
    assert_eq!(get(&server.app, "/_countersign/ready").await.status, 503);
    assert_eq!(get(&server.app, "/_countersign/live").await.status, 200);
}

/// Checklist rows C-005 to C-008.
#[tokio::test]
async fn what_was_never_published_is_not_there() {
    let server = whole().await;
    let hex = "ab".repeat(32);
    for file in [
        "root.json",
        "targets.json",
        "snapshot.json",
        "timestamp.json",
        "targets/a/b.json",
        "targets/A.json",
        "1.root.json",
        "0.root.json",
        "99999999999999999999.root.json",
        &format!("root.{hex}.json"),
    ] {
        let answer = get(&server.app, &format!("/v2/a/b/_trust/tuf/{file}")).await;
        assert_eq!(shown(&answer), (404, NOT_THERE), "{file}");
        assert_eq!(answer.header(header::CACHE_CONTROL), None);
    }
}

/// Checklist rows C-012, C-014, C-030, C-050.
#[tokio::test]
async fn what_was_published_is_served_byte_for_byte() {
    let (server, collection) = published("127.0.0.1:5000/a/b").await;
    let root = collection.document("root").unwrap().to_bytes();
    for path in [
        "/v2/127.0.0.1:5000/a/b/_trust/tuf/root.json",
        "/v2/127.0.0.1:5000/a%2Fb/_trust/tuf/root.json",
        "/v2/127.0.0.1:5000/a/b/_trust/tuf/1.root.json",
    ] {
        let answer = get(&server.app, path).await;
        assert_eq!((answer.status, answer.body.as_ref()), (200, root.as_slice()), "{path}");
    }
    let current = get(&server.app, "/v2/127.0.0.1:5000/a/b/_trust/tuf/root.json").await;
    let digest = current.header(header::ETAG).unwrap().trim_matches('"').to_owned();
    let path = format!("/v2/127.0.0.1:5000/a/b/_trust/tuf/root.{digest}.json");
    assert_eq!(get(&server.app, &path).await.body, root);
}

/// Checklist rows C-057 and C-077.
#[tokio::test]
async fn refused_updates_have_notarys_details() {
    let (server, mut collection) = published("a").await;
    let replay = publish(&server, &collection).await;
    assert_eq!(replay.status, 400);
    let body: Value = serde_json::from_slice(&replay.body).unwrap();
    assert_eq!(body["errors"][0]["code"], "VERSION");
    assert_eq!(body["errors"][0]["detail"], json!({}));

    collection.add_target("targets", "v1", b"content");
    let targets = multipart(&collection.parts(&["targets"]));
    let first = send(&server.app, post("/v2/other/_trust/tuf/", targets)).await;
    let body: Value = serde_json::from_slice(&first.body).unwrap();
    assert_eq!(
        body["errors"][0]["detail"],
        json!({"Name": "ErrValidation",
            "Error": {"Msg": "no pre-existing root and no root provided in update."}})
    );
}

/// Checklist rows C-120 and C-121.
#[tokio::test]
async fn a_key_is_served_without_cache_headers_and_stays() {
    let server = whole().await;
    let path = "/v2/a/_trust/tuf/timestamp.key";
    let first = get(&server.app, path).await;
    assert_eq!(first.header(header::CACHE_CONTROL), None);
    assert!(first.text().starts_with("{\"keytype\":\"ecdsa\",\"keyval\":{\"public\":\""));
    assert_eq!(get(&server.app, path).await.body, first.body);
    assert_eq!(call(&server.app, Method::POST, path).await.status, 200);
}

/// Checklist rows C-038, C-129, C-173, C-178, C-179.
#[tokio::test]
async fn the_changefeed_tells_of_updates_and_deletions() {
    let (server, _) = published("a").await;
    let timestamp = get(&server.app, "/v2/a/_trust/tuf/timestamp.json").await;
    let digest = timestamp.header(header::ETAG).unwrap().trim_matches('"');
    for _ in 0..2 {
        let deleted = call(&server.app, Method::DELETE, "/v2/a/_trust/tuf/").await;
        assert_eq!(shown(&deleted), (200, ""));
    }
    assert_eq!(get(&server.app, "/v2/a/_trust/tuf/root.json").await.status, 404);

    for path in ["/v2/_trust/changefeed?records=-2", "/v2/a/_trust/changefeed?records=10"] {
        let feed: Value = serde_json::from_slice(&get(&server.app, path).await.body).unwrap();
        assert_eq!(feed["count"], 2);
        assert_eq!(feed["records"][0]["SHA256"], digest);
        assert_eq!(feed["records"][0]["Category"], "update");
        assert_eq!(feed["records"][1]["SHA256"], "");
        assert_eq!(feed["records"][1]["Version"], 0);
        assert_eq!(feed["records"][1]["Category"], "deletion");
    }
    let other = get(&server.app, "/v2/b/_trust/changefeed?records=10").await;
    assert_eq!(shown(&other), (200, "{\"count\":0,\"records\":[]}"));
}

/// Checklist row C-170.
#[tokio::test]
async fn a_changefeed_without_records_is_refused() {
    let answer = get(&broken(BrokenStore::Panics), "/v2/_trust/changefeed").await;
    assert_eq!(
        shown(&answer),
        (
            400,
            "{\"errors\":[{\"code\":\"INVALID_PARAMETERS\",\"message\":\"The parameters provided are not valid.\",\"detail\":\"invalid records parameter: strconv.ParseInt: parsing \\\"\\\": invalid syntax\"}]}\n"
        )
    );
}

#[tokio::test]
async fn each_answer_has_an_id_of_ours() {
    let app = broken(BrokenStore::Panics);
    let request = || {
        let request = Request::builder().uri("/v2/").header("x-request-id", "theirs");
        request.body(Body::empty()).unwrap()
    };
    let (first, second) = (send(&app, request()).await, send(&app, request()).await);
    let id = |answer: &Answer| answer.headers["x-request-id"].to_str().unwrap().to_owned();
    assert_ne!(id(&first), "theirs");
    assert_ne!(id(&first), id(&second));
}

#[tokio::test]
async fn each_request_is_one_line_and_failures_are_errors_with_their_cause() {
    let (captured, guard) = Captured::from(Level::INFO);
    let app = broken(BrokenStore::Away);
    let failed = get(&app, "/v2/a/b/_trust/tuf/1.root.json").await;
    get(&app, "/v2/secret-path?token=secret-query").await;
    call(&app, Method::from_bytes(b"BREW").unwrap(), "/v2/").await;
    drop(guard);

    let lines = captured.requests();
    assert_eq!(lines.len(), 3, "{lines:?}");
    let first = &lines[0]["fields"];
    assert_eq!(lines[0]["level"], "ERROR");
    assert_eq!(first["method"], "GET");
    assert_eq!(first["route"], "get_role_by_version");
    assert_eq!(first["gun"], "a/b");
    assert_eq!(first["role"], "root");
    assert_eq!(first["status"], 503);
    assert_eq!(first["code"], "UNKNOWN");
    assert!(first["cause"].as_str().unwrap().contains("no route"), "{first}");
    assert!(first["duration_ms"].is_u64());
    assert_eq!(first["request_id"], failed.headers["x-request-id"].to_str().unwrap());

    assert_eq!(lines[1]["level"], "INFO");
    assert_eq!(lines[1]["fields"]["route"], "unknown");
    assert_eq!(lines[2]["fields"]["method"], "OTHER");
    assert!(!format!("{lines:?}").contains("secret"));
}

/// Contract section 2.
#[tokio::test]
async fn new_keys_are_limited_per_address_and_existing_ones_are_not() {
    let server = whole_under(Limits::for_tests()).await;
    let ask = |method: &Method, gun: usize| {
        let path = format!("/v2/{gun}/_trust/tuf/timestamp.key");
        let (app, method) = (server.app.clone(), method.clone());
        async move { call(&app, method, &path).await }
    };
    for (gun, method) in [Method::GET, Method::POST, Method::GET].iter().enumerate() {
        assert_eq!(ask(method, gun).await.status, 200, "{gun}");
    }
    for method in [Method::GET, Method::POST] {
        let refused = ask(&method, 3).await;
        assert_eq!(refused.status, 429);
        assert!(refused.text().starts_with("{\"errors\":[{\"code\":\"UNKNOWN\""));
        assert_eq!(refused.header(header::RETRY_AFTER), Some("1"));
        assert_eq!(ask(&method, 0).await.status, 200, "a key that exists is no new one");
    }
}

#[tokio::test]
async fn an_answer_of_the_changefeed_has_no_more_rows_than_the_limit() {
    let limits = Limits { changes: 3, ..Limits::default() };
    let server = whole_under(limits).await;
    for gun in ["a", "b", "c", "d"] {
        let collection = collection(&server, gun).await;
        assert_eq!(shown(&publish(&server, &collection).await), (200, ""));
    }
    for (records, rows) in [("2", 2), ("3", 3), ("4", 3), ("0", 3), ("-1000", 3)] {
        let path = format!("/v2/_trust/changefeed?records={records}");
        let answer: Value = serde_json::from_slice(&get(&server.app, &path).await.body).unwrap();
        assert_eq!(answer["count"], json!(rows), "{records}");
    }
}

#[test]
fn a_signature_is_made_for_the_user_and_his_address_as_far_as_they_are_known() {
    let named = |name: &str| Some(name.to_owned());
    let token = Caller { token_user: named("alice"), certificate: named("ci") };
    let certificate = Caller { certificate: named("ci"), ..Caller::ANONYMOUS };
    // What takes more than 255 bytes ends before the character that it would break.
    let long = Caller { token_user: Some("é".repeat(200)), certificate: None };
    let near = Peer { address: "192.0.2.7".parse().ok(), ..Peer::default() };
    let unknown = Peer::default();
    for (caller, peer, expected) in [
        (&token, &near, "alice (192.0.2.7)".to_owned()),
        (&certificate, &near, "ci (192.0.2.7)".to_owned()),
        (&certificate, &unknown, "ci (unknown address)".to_owned()),
        (&Caller::ANONYMOUS, &near, "anonymous (192.0.2.7)".to_owned()),
        (&Caller::ANONYMOUS, &unknown, "anonymous (unknown address)".to_owned()),
        (&long, &near, format!("{} (192.0.2.7)", "é".repeat(127))),
    ] {
        assert_eq!(signature_caller(caller, peer).to_string(), expected);
    }
}
