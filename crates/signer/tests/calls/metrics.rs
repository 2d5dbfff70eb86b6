//! What is counted of calls, signatures and keys, and that no caller makes a new series.

use std::collections::BTreeSet;

use axum::body::{Body, to_bytes};
use axum::http::{Method, Request, StatusCode};
use countersign_signer::{CallLimits, Clients, Terms, metrics_router};
use tower::ServiceExt as _;

use crate::workshop::{GUN, Workshop, creation, id, signature};

async fn scrape(shop: &Workshop) -> String {
    let request = Request::get("/metrics").body(Body::empty()).unwrap();
    let answer = metrics_router(shop.signer.clone()).oneshot(request).await.unwrap();
    assert_eq!(answer.status(), StatusCode::OK);
    assert_eq!(answer.headers()["content-type"], "text/plain; version=0.0.4; charset=utf-8");
    String::from_utf8(to_bytes(answer.into_body(), 1 << 20).await.unwrap().to_vec()).unwrap()
}

/// The value of a series; `None` where it is not there.
fn value(text: &str, series: &str) -> Option<f64> {
    let rest = text.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
    rest.map(|value| value.parse().unwrap())
}

fn series(text: &str) -> BTreeSet<String> {
    let lines = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines.map(|line| line.rsplit_once(' ').unwrap().0.to_owned()).collect()
}

#[tokio::test]
async fn calls_are_counted_by_method_and_code_and_their_times_are_measured() {
    let shop = Workshop::new().await;
    let before = scrape(&shop).await;
    let count = "countersign_signer_call_duration_seconds_count{method=\"Sign\"}";
    assert_eq!(value(&before, count), Some(0.0));
    let key = shop.key().await;
    for _ in 0..3 {
        shop.signing().sign(signature(&key, b"{}")).await.unwrap();
    }
    shop.signing().sign(signature(&"0".repeat(64), b"{}")).await.unwrap_err();
    shop.signing().sign(signature("", b"{}")).await.unwrap_err();
    shop.keys().get_key_info(id(&key)).await.unwrap();
    let text = scrape(&shop).await;
    for (labels, expected) in [
        ("code=\"OK\",method=\"Sign\"", 3.0),
        ("code=\"NOT_FOUND\",method=\"Sign\"", 1.0),
        ("code=\"INVALID_ARGUMENT\",method=\"Sign\"", 1.0),
        ("code=\"OK\",method=\"GetKeyInfo\"", 1.0),
        ("code=\"OK\",method=\"CreateKey\"", 1.0),
    ] {
        let series = format!("countersign_signer_calls_total{{{labels}}}");
        assert_eq!(value(&text, &series), Some(expected), "{labels}\n{text}");
    }
    assert_eq!(value(&text, count), Some(5.0));
    let longest = "countersign_signer_call_duration_seconds_bucket{method=\"Sign\",le=\"20\"}";
    assert_eq!(value(&text, longest), Some(5.0), "{text}");
}

#[tokio::test]
async fn signatures_are_counted_by_role_and_outcome_and_keys_as_they_are_given_out() {
    let shop = Workshop::new().await;
    let key = shop.key().await;
    shop.signing().sign(signature(&key, b"{}")).await.unwrap();
    let made = shop.keys().create_key(creation("ed25519", GUN, "snapshot")).await.unwrap();
    let snapshot = made.into_inner().key_info.unwrap().key_id.unwrap().id;
    shop.signing().sign(signature(&snapshot, b"{}")).await.unwrap();
    shop.signing().sign(signature(&"0".repeat(64), b"{}")).await.unwrap_err();
    let text = scrape(&shop).await;
    for (labels, expected) in [
        ("outcome=\"signed\",role=\"timestamp\"", 1.0),
        ("outcome=\"signed\",role=\"snapshot\"", 1.0),
        ("outcome=\"no_key\",role=\"unknown\"", 1.0),
    ] {
        let series = format!("countersign_signer_signatures_total{{{labels}}}");
        assert_eq!(value(&text, &series), Some(expected), "{labels}\n{text}");
    }
    let pending = "countersign_signer_pending_keys_total{algorithm=\"ed25519\",role=\"snapshot\"}";
    assert_eq!(value(&text, pending), Some(1.0), "{text}");
}

#[tokio::test]
async fn a_row_that_cannot_be_opened_counts_as_a_failure_of_its_kind() {
    let shop = Workshop::new().await;
    let key = shop.key().await;
    let row = shop.row(&key).await;
    let broken = "ab".repeat(32);
    shop.put(countersign_storage::SealedKey {
        key_id: broken.clone(),
        sealed: b"no.key".to_vec(),
        ..row
    })
    .await;
    shop.signing().sign(signature(&broken, b"{}")).await.unwrap_err();
    let text = scrape(&shop).await;
    let failure = "countersign_signer_key_failures_total{reason=\"unusable_key\"}";
    assert_eq!(value(&text, failure), Some(1.0), "{text}");
    let failed = "countersign_signer_signatures_total{outcome=\"failed\",role=\"unknown\"}";
    assert_eq!(value(&text, failed), Some(1.0), "{text}");
    let code = "countersign_signer_calls_total{code=\"FAILED_PRECONDITION\",method=\"Sign\"}";
    assert_eq!(value(&text, code), Some(1.0), "{text}");
}

#[tokio::test]
async fn who_is_refused_is_counted_and_whether_keys_can_be_used_is_told() {
    let terms =
        Terms { clients: Clients::Named(BTreeSet::from(["other".to_owned()])), ..Terms::default() };
    let shop = Workshop::closed(terms, CallLimits::default()).await;
    let serving = "countersign_signer_serving";
    assert_eq!(value(&scrape(&shop).await, serving), Some(0.0));
    shop.open().await;
    shop.signing().sign(signature(&"0".repeat(64), b"{}")).await.unwrap_err();
    let text = scrape(&shop).await;
    assert_eq!(value(&text, serving), Some(1.0));
    let refused = "countersign_signer_calls_total{code=\"PERMISSION_DENIED\",method=\"Sign\"}";
    assert_eq!(value(&text, refused), Some(1.0), "{text}");
    assert_eq!(value(&text, "countersign_signer_signatures_total"), None);
}

#[tokio::test]
async fn a_flood_of_names_and_paths_makes_no_new_series() {
    let shop = Workshop::new().await;
    let flood = async |turn: u32| {
        let gun = format!("registry.example/{turn}");
        shop.keys().create_key(creation("ecdsa", &gun, "timestamp")).await.unwrap();
        shop.keys().create_key(creation(&format!("a{turn}"), &gun, "timestamp")).await.unwrap_err();
        shop.keys().create_key(creation("ecdsa", &gun, &format!("r{turn}"))).await.unwrap_err();
        for method in [Method::POST, Method::GET] {
            let request = Request::builder()
                .method(method)
                .uri(format!("/proto.Signer/{turn}"))
                .header("content-type", "application/grpc")
                .body(Body::empty())
                .unwrap();
            shop.router_for(Some("server")).oneshot(request).await.unwrap();
        }
    };
    flood(0).await;
    let before = series(&scrape(&shop).await);
    for turn in 1..20 {
        flood(turn).await;
    }
    assert_eq!(series(&scrape(&shop).await), before);
}

#[tokio::test]
async fn nothing_else_is_answered_beside_metrics() {
    let shop = Workshop::new().await;
    for (method, path, status) in [
        (Method::POST, "/metrics", StatusCode::METHOD_NOT_ALLOWED),
        (Method::GET, "/", StatusCode::NOT_FOUND),
        (Method::POST, "/proto.Signer/Sign", StatusCode::NOT_FOUND),
    ] {
        let request = Request::builder().method(method).uri(path).body(Body::empty()).unwrap();
        let answer = metrics_router(shop.signer.clone()).oneshot(request).await.unwrap();
        assert_eq!(answer.status(), status, "{path}");
    }
}
