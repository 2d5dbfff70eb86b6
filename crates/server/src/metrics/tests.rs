//! The families, their labels, and that no client makes a new series.
//!
//! Expected lines: what a Go server answers to the same requests, which has the status 0 where we
//! have 200.

use std::collections::BTreeSet;

use axum::body::Body;
use axum::http::Method;

use super::*;
use crate::app::App;
use crate::testing::{Answer, BrokenStore, broken, call, get, post, whole};

const OPERATION_NAMES: [&str; 8] = [
    "Changefeed",
    "DeleteTUF",
    "GetKey",
    "GetRole",
    "GetRoleByHash",
    "GetRoleByVersion",
    "RotateKey",
    "UpdateTUF",
];

const MEMORY_FAMILIES: [&str; 3] = [
    "countersign_document_memory_bytes",
    "countersign_document_memory_hits_total",
    "countersign_document_memory_misses_total",
];

async fn scrape(app: &App) -> String {
    let answer = get(app, "/metrics").await;
    assert_eq!(answer.status, 200);
    answer.text().to_owned()
}

/// Every series: a line without its value.
fn series(text: &str) -> BTreeSet<String> {
    let lines = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines.map(|line| line.rsplit_once(' ').unwrap().0.to_owned()).collect()
}

fn counters(text: &str) -> Vec<&str> {
    let mut lines: Vec<&str> = text.lines().filter(|line| line.starts_with(REQUESTS)).collect();
    lines.sort_unstable();
    lines
}

fn value(text: &str, series: &str) -> f64 {
    let line = text.lines().find_map(|line| line.strip_prefix(series));
    line.unwrap_or_else(|| panic!("no {series} in {text}")).trim().parse().unwrap()
}

async fn one_of_each(app: &App) {
    let hex = "ab".repeat(32);
    for path in [
        "/v2/a/_trust/tuf/root.json",
        "/v2/a/_trust/tuf/1.root.json",
        &format!("/v2/a/_trust/tuf/root.{hex}.json"),
        "/v2/a/_trust/tuf/timestamp.key",
        "/v2/_trust/changefeed",
        "/v2/a/_trust/changefeed",
    ] {
        get(app, path).await;
    }
    call(app, Method::POST, "/v2/a/_trust/tuf/timestamp.key").await;
    call(app, Method::POST, "/v2/a/_trust/tuf/").await;
    call(app, Method::DELETE, "/v2/a/_trust/tuf/").await;
}

#[tokio::test]
async fn a_new_server_has_an_empty_summary_of_every_family_and_operation() {
    let server = whole().await;
    let app = server.app.clone();
    let text = scrape(&app).await;
    let mut expected = BTreeSet::new();
    for family in [
        "notary_server_http_request_duration_microseconds",
        "notary_server_http_request_size_bytes",
        "notary_server_http_response_size_bytes",
    ] {
        assert!(text.contains(&format!("# TYPE {family} summary\n")), "{text}");
        assert!(text.contains(&format!("# HELP {family} ")), "{text}");
        for operation in OPERATION_NAMES {
            for quantile in ["0.5", "0.9", "0.99"] {
                let labels = format!("operation=\"{operation}\",quantile=\"{quantile}\"");
                expected.insert(format!("{family}{{{labels}}}"));
            }
            expected.insert(format!("{family}_sum{{operation=\"{operation}\"}}"));
            let count = format!("{family}_count{{operation=\"{operation}\"}}");
            assert!(text.contains(&format!("{count} 0\n")), "{text}");
            expected.insert(count);
        }
    }
    expected.extend(MEMORY_FAMILIES.map(str::to_owned));
    assert_eq!(series(&text), expected);
}

#[tokio::test]
async fn the_answer_is_the_text_form_of_prometheus() {
    let server = whole().await;
    let app = server.app.clone();
    let Answer { headers, .. } = get(&app, "/metrics").await;
    assert_eq!(headers[header::CONTENT_TYPE], "text/plain; version=0.0.4; charset=utf-8");
    assert!(!headers.contains_key(header::CACHE_CONTROL));
}

#[tokio::test]
async fn requests_are_counted_by_operation_method_and_status() {
    let server = whole().await;
    let app = server.app.clone();
    one_of_each(&app).await;
    let text = scrape(&app).await;
    assert!(text.contains("# TYPE notary_server_http_requests_total counter\n"), "{text}");
    assert_eq!(
        counters(&text),
        [
            r#"notary_server_http_requests_total{code="200",method="delete",operation="DeleteTUF"} 1"#,
            r#"notary_server_http_requests_total{code="200",method="get",operation="GetKey"} 1"#,
            r#"notary_server_http_requests_total{code="200",method="post",operation="RotateKey"} 1"#,
            r#"notary_server_http_requests_total{code="400",method="get",operation="Changefeed"} 2"#,
            r#"notary_server_http_requests_total{code="400",method="post",operation="UpdateTUF"} 1"#,
            r#"notary_server_http_requests_total{code="404",method="get",operation="GetRole"} 1"#,
            r#"notary_server_http_requests_total{code="404",method="get",operation="GetRoleByHash"} 1"#,
            r#"notary_server_http_requests_total{code="404",method="get",operation="GetRoleByVersion"} 1"#,
        ]
    );
}

#[tokio::test]
async fn sizes_and_times_of_requests_are_measured() {
    let server = whole().await;
    let app = server.app.clone();
    let body = vec![b'x'; 1000];
    let request = post("/v2/a/_trust/tuf/", Body::from(body));
    let (mut head, body) = request.into_parts();
    head.headers.insert(header::CONTENT_LENGTH, 1000.into());
    let answer = crate::testing::send(&app, Request::from_parts(head, body)).await;
    let text = scrape(&app).await;
    let sum = |family: &str| value(&text, &format!("{family}_sum{{operation=\"UpdateTUF\"}}"));
    // POST, the target, HTTP/1.1, and two headers of 12 + 34 and 14 + 4 bytes, then the body.
    assert_eq!(sum(REQUEST_SIZE), f64::from(4 + 17 + 8 + 46 + 18 + 1000));
    assert_eq!(sum(RESPONSE_SIZE), bytes(answer.body.len() as u64));
    assert!(sum(DURATION) > 0.0);
}

#[tokio::test]
async fn failures_of_the_store_and_panics_are_counted() {
    for store in [BrokenStore::Away, BrokenStore::Panics] {
        let app = broken(store);
        let answer = get(&app, "/v2/a/_trust/tuf/root.json").await;
        let labels = format!("{{code=\"{}\",method=\"get\",operation=\"GetRole\"}}", answer.status);
        assert!(answer.status >= 500);
        assert_eq!(value(&scrape(&app).await, &format!("{REQUESTS}{labels}")), 1.0);
    }
}

#[tokio::test]
async fn what_is_no_operation_is_not_counted() {
    let server = whole().await;
    let app = server.app.clone();
    for path in ["/v2/", "/metrics", "/_notary_server/health", "/_countersign/live", "/x", "/v2//"]
    {
        get(&app, path).await;
    }
    assert_eq!(counters(&scrape(&app).await), [""; 0]);
}

/// Bug class 18.
#[tokio::test]
async fn a_flood_of_names_paths_and_methods_makes_no_new_series() {
    let server = whole().await;
    let app = server.app.clone();
    one_of_each(&app).await;
    // The refusals of the flood, once each.
    get(&app, "/v2/a%00/_trust/tuf/timestamp.key").await;
    let before = series(&scrape(&app).await);
    for number in 0..1_500 {
        let method = Method::from_bytes(format!("M{number}").as_bytes()).unwrap();
        call(&app, method, &format!("/v2/gun{number}/_trust/tuf/root.json")).await;
        call(&app, Method::PUT, &format!("/v2/gun{number}/_trust/tuf/root.json")).await;
        get(&app, &format!("/v2/gun{number}/_trust/tuf/targets/role{number}.json")).await;
        get(&app, &format!("/v2/gun{number}/_trust/tuf/{number}.root.json")).await;
        get(&app, &format!("/v2/gun%00{number}/_trust/tuf/timestamp.key")).await;
        get(&app, &format!("/path{number}?query={number}")).await;
    }
    let after = series(&scrape(&app).await);
    assert_eq!(after.difference(&before).collect::<Vec<_>>(), [""; 0]);
}
