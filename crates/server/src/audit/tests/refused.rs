//! Refusals by rules, by limits and by the token service.

use super::*;
use crate::limits::Rate;
use crate::testing::access_under;

const NOBODY: &str = "[[rules]]\nallow = ['pull']\nusers = ['ci']\nguns = ['open/**']\n";

/// Every route with a GUN, the changefeed of the server, and what is recorded of each.
fn routes() -> Vec<(Method, String, &'static str, Value)> {
    let tuf = format!("/v2/{GUN}/_trust/tuf/");
    let digest = "ab".repeat(32);
    let (get, on) = (Method::GET, json!(GUN));
    vec![
        (get.clone(), format!("{tuf}root.json"), "read", on.clone()),
        (get.clone(), format!("{tuf}1.root.json"), "read", on.clone()),
        (get.clone(), format!("{tuf}root.{digest}.json"), "read", on.clone()),
        (get.clone(), format!("/v2/{GUN}/_trust/changefeed"), "changefeed", on.clone()),
        (get.clone(), "/v2/_trust/changefeed".to_owned(), "changefeed", Value::Null),
        (get, format!("{tuf}timestamp.key"), "get_key", on.clone()),
        (Method::POST, format!("{tuf}timestamp.key"), "rotate_key", on.clone()),
        (Method::POST, tuf.clone(), "publish", on.clone()),
        (Method::DELETE, tuf, "delete", on),
    ]
}

#[tokio::test]
async fn every_route_that_rules_refuse_is_recorded_and_no_other() {
    let mut bench = Bench::broken(BrokenStore::Panics);
    bench.app.access = Arc::new(access_under(NOBODY));
    for (method, path, action, gun) in routes() {
        assert_eq!(call(&bench.app, method, &path).await.status, 401, "{path}");
        let record = bench.kept.record();
        assert_eq!(shown(&record, &WHAT), json!([action, "refused", 401, "UNAUTHORIZED"]));
        assert_eq!(record["gun"], gun, "{path}");
        assert!(record["cause"].as_str().is_some_and(|cause| !cause.is_empty()), "{record}");
    }
    for path in ["/v2/", "/_countersign/live", "/metrics", "/elsewhere"] {
        get(&bench.app, path).await;
        assert_eq!(bench.kept.records(), Vec::<Value>::new(), "{path}");
    }
}

#[tokio::test]
async fn a_publish_of_a_role_that_rules_keep_from_it_is_recorded() {
    let mut bench = Bench::new().await;
    let collection = bench.collection().await;
    bench.kept.records();
    let rules = format!(
        "[[rules]]\nallow = ['push']\nanyone = true\nguns = ['{GUN}']\nroles = ['targets/a']\n"
    );
    bench.app.access = Arc::new(access_under(&rules));
    assert_eq!(bench.publish(&collection).await.status, 401);
    let record = bench.kept.record();
    assert_eq!(shown(&record, &WHAT), json!(["publish", "refused", 401, "UNAUTHORIZED"]));
}

#[tokio::test]
async fn a_request_over_a_limit_is_recorded_whatever_it_asks_for() {
    let rate = Rate { burst: NonZeroU32::MIN, per_minute: NonZeroU32::MIN };
    let limits = Limits { requests_per_address: Some(rate), ..Limits::default() };
    let bench = Bench::under(limits).await;
    let peer: SocketAddr = "192.0.2.7:1234".parse().unwrap();
    let ask = || {
        let path = format!("/v2/{GUN}/_trust/tuf/root.json");
        Request::get(path).extension(ConnectInfo(peer)).body(Body::empty()).unwrap()
    };
    assert_eq!(send(&bench.app, ask()).await.status, 404);
    assert_eq!(bench.kept.records(), Vec::<Value>::new());
    assert_eq!(send(&bench.app, ask()).await.status, 429);
    let record = bench.kept.record();
    assert_eq!(shown(&record, &WHAT), json!(["read", "refused", 429, "UNKNOWN"]));
    assert_eq!(shown(&record, &["address", "gun"]), json!(["192.0.2.7", GUN]));
}
