//! Too many requests: which are refused, and by whom they count.

use std::net::SocketAddr;
use std::num::NonZeroU32;

use axum::extract::ConnectInfo;
use axum::http::{HeaderValue, header};

use super::*;
use crate::app::{App, ServerSettings, Service};
use crate::limits::Rate;
use crate::testing::broken_trust;

const PROXY: &str = "10.0.0.1:4711";

fn one() -> Option<Rate> {
    Some(Rate { per_minute: NonZeroU32::MIN, burst: NonZeroU32::MIN })
}

/// A server that takes one request of each address in a minute, behind so many proxies, whose
/// database panics when it is touched.
fn limited(trusted_hops: usize) -> App {
    let limits = Limits { requests_per_address: one(), ..Limits::for_tests() };
    let settings = ServerSettings { limits, trusted_hops, ..ServerSettings::default() };
    App::new(Service::open(broken_trust(BrokenStore::Panics)), settings)
}

/// A request through the proxy, which says whom it is for.
fn from(client: &str, method: Method, path: &str) -> Request {
    let mut request = Request::builder().method(method).uri(path).body(Body::empty()).unwrap();
    let proxy: SocketAddr = PROXY.parse().unwrap();
    request.extensions_mut().insert(ConnectInfo(proxy));
    let value = HeaderValue::from_str(client).unwrap();
    request.headers_mut().append("x-forwarded-for", value);
    request
}

#[tokio::test]
async fn one_request_too_many_is_answered_429_with_the_time_to_wait_and_touches_nothing() {
    let app = limited(0);
    let ask = async |path| send(&app, from("192.0.2.1", Method::GET, path)).await;
    assert_eq!(ask("/elsewhere").await.status, 404);
    for path in ["/v2/e/a/_trust/tuf/root.json", "/v2/_trust/changefeed", "/elsewhere"] {
        let answer = ask(path).await;
        assert_eq!(answer.status, 429, "{path}");
        let wait: u64 = answer.header(header::RETRY_AFTER).unwrap().parse().unwrap();
        assert!((1..=60).contains(&wait), "{wait}");
        assert!(answer.text().contains(r#""code":"UNKNOWN""#), "{}", answer.text());
    }
    for path in ["/v2/", "/_countersign/live", "/metrics"] {
        assert_eq!(ask(path).await.status, 200, "{path}");
    }
    let metrics = ask("/metrics").await;
    let line = "countersign_requests_limited_total{by=\"address\"} 3";
    assert!(metrics.text().contains(line), "{}", metrics.text());
}

#[tokio::test]
async fn a_publish_that_is_one_too_many_is_answered_although_it_is_still_being_sent() {
    let app = limited(0);
    let path = "/v2/e/a/_trust/tuf/";
    send(&app, from("192.0.2.1", Method::GET, "/elsewhere")).await;
    let mut request = post(path, vec![b'x'; 4_000]);
    let proxy: SocketAddr = PROXY.parse().unwrap();
    request.extensions_mut().insert(ConnectInfo(proxy));
    assert_eq!(send(&app, request).await.status, 429);
}

#[tokio::test]
async fn behind_trusted_proxies_each_client_counts_by_itself() {
    let app = limited(1);
    let ask = async |client| send(&app, from(client, Method::GET, "/elsewhere")).await.status;
    for (client, status) in [
        ("192.0.2.1", 404),
        ("192.0.2.2", 404),
        ("192.0.2.1", 429),
        ("192.0.2.3, 192.0.2.2", 429),
        ("192.0.2.2, 192.0.2.3", 404),
        ("nonsense", 404),
        ("other nonsense", 429),
    ] {
        assert_eq!(ask(client).await, status, "{client}");
    }
}

#[tokio::test]
async fn without_trusted_proxies_nobody_can_say_that_he_is_somebody_else() {
    let app = limited(0);
    let ask = async |client| send(&app, from(client, Method::GET, "/elsewhere")).await.status;
    assert_eq!(ask("192.0.2.1").await, 404);
    assert_eq!(ask("192.0.2.2").await, 429);
}

#[tokio::test]
async fn behind_trusted_proxies_each_client_has_its_own_budget_of_keys() {
    let whole = whole_under(Limits::for_tests()).await;
    let settings = ServerSettings {
        limits: Limits::for_tests(),
        trusted_hops: 1,
        ..ServerSettings::default()
    };
    let app = App::new(Service::open(Arc::clone(&whole.app.trust)), settings);
    let ask = async |client, gun: usize| {
        let path = format!("/v2/e/{client}-{gun}/_trust/tuf/timestamp.key");
        send(&app, from(client, Method::GET, &path)).await.status
    };
    for client in ["192.0.2.1", "192.0.2.2"] {
        for gun in 0..3 {
            assert_eq!(ask(client, gun).await, 200);
        }
        assert_eq!(ask(client, 3).await, 429);
    }
}
