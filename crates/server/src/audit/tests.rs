//! Every route with every kind of answer has its record, or none.

mod refused;

use std::net::SocketAddr;
use std::sync::atomic::Ordering;

use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::http::{Method, header};
use countersign_access::audit::Text;
use countersign_forge::repository::{Repository, ServerKeys};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::testing::{Kept, shown};
use super::*;
use crate::app::{ServerSettings, Service};
use crate::limits::Limits;
use crate::testing::{
    Answer, BrokenStore, broken_trust, call, get, multipart, now, post, send, settings, trust,
};

const GUN: &str = "example.com/a";

/// A server that records.
struct Bench {
    app: App,
    kept: Arc<Kept>,
    _dir: TempDir,
}

impl Bench {
    async fn new() -> Self {
        Self::under(Limits::default()).await
    }

    async fn under(limits: Limits) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let trust = trust(&dir).await;
        Self::over(trust, settings(limits), 1_000, dir)
    }

    fn broken(store: BrokenStore) -> Self {
        let dir = tempfile::tempdir().unwrap();
        Self::over(broken_trust(store), settings(Limits::for_tests()), 1_000, dir)
    }

    fn over(
        trust: Arc<countersign_trust::Trust>,
        settings: ServerSettings,
        per_second: u32,
        dir: TempDir,
    ) -> Self {
        let (kept, audit) = Kept::with(per_second);
        let service = Service { audit: Some(audit), ..Service::open(trust) };
        Self { app: App::new(service, settings), kept, _dir: dir }
    }

    fn audit(&self) -> &Audit {
        self.app.audit.as_deref().unwrap()
    }

    async fn collection(&self) -> Repository {
        let mut keys = Vec::new();
        for role in ["timestamp", "snapshot"] {
            let answer = get(&self.app, &format!("/v2/{GUN}/_trust/tuf/{role}.key")).await;
            keys.push(serde_json::from_slice(&answer.body).unwrap());
        }
        let snapshot = keys.pop();
        Repository::new(GUN, 1, now(), &ServerKeys { timestamp: keys.remove(0), snapshot })
    }

    async fn publish(&self, collection: &Repository) -> Answer {
        let path = format!("/v2/{GUN}/_trust/tuf/");
        send(&self.app, post(&path, multipart(&collection.all_parts()))).await
    }

    async fn ask(&self, method: Method, file: &str) -> Answer {
        call(&self.app, method, &format!("/v2/{GUN}/_trust/tuf/{file}")).await
    }
}

const WHAT: [&str; 4] = ["action", "outcome", "status", "code"];

#[tokio::test]
async fn a_publish_is_recorded_with_versions_and_the_keys_that_signed() {
    let bench = Bench::new().await;
    let collection = bench.collection().await;
    bench.kept.records();
    let answer = bench.publish(&collection).await;
    assert_eq!(answer.status, 200);
    let record = bench.kept.record();
    assert_eq!(shown(&record, &WHAT), json!(["publish", "accepted", 200, null]));
    assert_eq!(shown(&record, &["gun", "user", "cause"]), json!([GUN, null, null]));
    assert_eq!(record["request_id"], answer.headers["x-request-id"].to_str().unwrap());
    let roles: Vec<(&str, i64)> = record["roles"]
        .as_array()
        .unwrap()
        .iter()
        .map(|role| (role["role"].as_str().unwrap(), role["version"].as_i64().unwrap()))
        .collect();
    assert_eq!(roles, [("root", 1), ("targets", 1), ("snapshot", 1), ("timestamp", 1)]);
    // The root says which keys those are.
    let root: Value =
        serde_json::from_slice(&bench.ask(Method::GET, "root.json").await.body).unwrap();
    for role in record["roles"].as_array().unwrap() {
        let name = role["role"].as_str().unwrap();
        assert_eq!(role["keys"], root["signed"]["roles"][name]["keyids"], "{name}");
    }
}

#[tokio::test]
async fn a_publish_that_is_refused_is_recorded_with_code_and_cause() {
    let bench = Bench::new().await;
    let collection = bench.collection().await;
    bench.publish(&collection).await;
    bench.kept.records();
    assert_eq!(bench.publish(&collection).await.status, 400);
    let record = bench.kept.record();
    assert_eq!(shown(&record, &WHAT), json!(["publish", "refused", 400, "VERSION"]));
    assert!(record["cause"].as_str().unwrap().contains("newer version"), "{record}");
    assert_eq!(shown(&record, &["gun", "roles"]), json!([GUN, null]));
    let path = format!("/v2/{GUN}/_trust/tuf/");
    assert_eq!(send(&bench.app, post(&path, "no parts")).await.status, 400);
    let expected = json!(["publish", "refused", 400, "MALFORMED_UPLOAD"]);
    assert_eq!(shown(&bench.kept.record(), &WHAT), expected);
}

#[tokio::test]
async fn keys_are_recorded_when_they_are_made_and_not_when_they_are_read() {
    let bench = Bench::new().await;
    let made = bench.ask(Method::GET, "timestamp.key").await;
    assert_eq!(made.status, 200);
    let first = bench.kept.record();
    assert_eq!(shown(&first, &WHAT), json!(["get_key", "accepted", 200, null]));
    assert_eq!(shown(&first, &["gun", "role"]), json!([GUN, "timestamp"]));
    assert_eq!(first["key"].as_str().unwrap().len(), 64);
    assert_eq!(bench.ask(Method::GET, "timestamp.key").await.body, made.body);
    assert_eq!(bench.kept.records(), Vec::<Value>::new());
    for _ in 0..2 {
        assert_eq!(bench.ask(Method::POST, "timestamp.key").await.body, made.body);
        let record = bench.kept.record();
        assert_eq!(shown(&record, &WHAT), json!(["rotate_key", "accepted", 200, null]));
        assert_eq!(record["key"], first["key"]);
    }
}

#[tokio::test]
async fn a_deletion_is_recorded_and_says_whether_there_was_anything() {
    let bench = Bench::new().await;
    let collection = bench.collection().await;
    bench.publish(&collection).await;
    bench.kept.records();
    for existed in [true, false] {
        assert_eq!(bench.ask(Method::DELETE, "").await.status, 200);
        let record = bench.kept.record();
        assert_eq!(shown(&record, &WHAT), json!(["delete", "accepted", 200, null]));
        assert_eq!(shown(&record, &["gun", "existed"]), json!([GUN, existed]));
    }
}

#[tokio::test]
async fn reading_is_not_recorded_whether_it_finds_something_or_not() {
    let bench = Bench::new().await;
    let collection = bench.collection().await;
    bench.publish(&collection).await;
    bench.kept.records();
    for path in [
        "/v2/",
        "/v2",
        "/%zz",
        "/metrics",
        "/_notary_server/health",
        "/_countersign/ready",
        "/v2/_trust/changefeed",
        "/v2/_trust/changefeed?records=x",
        &format!("/v2/{GUN}/_trust/changefeed"),
        &format!("/v2/{GUN}/_trust/tuf/root.json"),
        &format!("/v2/{GUN}/_trust/tuf/9.root.json"),
        "/v2/other/_trust/tuf/root.json",
    ] {
        get(&bench.app, path).await;
        assert_eq!(bench.kept.records(), Vec::<Value>::new(), "{path}");
    }
}

#[tokio::test]
async fn a_database_that_is_away_leaves_changes_failed_and_recorded() {
    let bench = Bench::broken(BrokenStore::Away);
    for (method, file, action) in [
        (Method::DELETE, "", "delete"),
        (Method::GET, "timestamp.key", "get_key"),
        (Method::POST, "timestamp.key", "rotate_key"),
    ] {
        assert_eq!(bench.ask(method, file).await.status, 503);
        let record = bench.kept.record();
        assert_eq!(shown(&record, &WHAT), json!([action, "failed", 503, "UNKNOWN"]));
    }
    assert_eq!(bench.ask(Method::GET, "root.json").await.status, 503);
    assert_eq!(bench.kept.records(), Vec::<Value>::new());
}

#[tokio::test]
async fn a_panic_in_a_change_is_answered_and_recorded() {
    let bench = Bench::broken(BrokenStore::Panics);
    assert_eq!(bench.ask(Method::DELETE, "").await.status, 500);
    let record = bench.kept.record();
    assert_eq!(shown(&record, &WHAT), json!(["delete", "failed", 500, "UNKNOWN"]));
}

#[tokio::test]
async fn a_gun_that_cannot_be_stored_and_a_name_that_tries_to_forge_are_escaped() {
    let bench = Bench::new().await;
    let path = "/v2/a%22%2C%22outcome%22%3A%22accepted%0A%1B%5B2J/_trust/tuf/";
    assert_eq!(call(&bench.app, Method::DELETE, path).await.status, 404);
    let record = bench.kept.record();
    assert_eq!(record["outcome"], "refused");
    assert_eq!(record["gun"], "a\",\"outcome\":\"accepted\n\u{1b}[2J");
    let long = format!("/v2/{}/_trust/tuf/", "x".repeat(5_000));
    assert_eq!(call(&bench.app, Method::DELETE, &long).await.status, 404);
    assert_eq!(bench.kept.record()["gun"].as_str().unwrap().chars().count(), Text::GUN);
}

#[tokio::test]
async fn the_address_of_the_client_is_recorded_and_no_secret_it_sent() {
    let bench = Bench::new().await;
    let peer: SocketAddr = "192.0.2.7:1234".parse().unwrap();
    let request = Request::builder()
        .method(Method::DELETE)
        .uri(format!("/v2/{GUN}/_trust/tuf/?token=hunter2"))
        .header(header::AUTHORIZATION, "Bearer hunter2")
        .extension(ConnectInfo(peer))
        .body(Body::from("hunter2"))
        .unwrap();
    assert_eq!(send(&bench.app, request).await.status, 200);
    let record = bench.kept.record();
    assert_eq!(record["address"], "192.0.2.7");
    assert!(!record.to_string().contains("hunter2"), "{record}");
}

#[tokio::test]
async fn while_nothing_can_be_recorded_nothing_is_changed_and_reading_goes_on() {
    let bench = Bench::new().await;
    let collection = bench.collection().await;
    bench.publish(&collection).await;
    bench.kept.records();
    bench.kept.full.store(true, Ordering::Relaxed);
    let next = bench.publish(&collection.clone()).await;
    assert_eq!(next.status, 503);
    assert!(next.text().contains("UPDATING"), "{}", next.text());
    assert_eq!(next.header(header::RETRY_AFTER), Some("5"));
    for (method, file) in [(Method::DELETE, ""), (Method::POST, "snapshot.key")] {
        let answer = bench.ask(method, file).await;
        assert_eq!(answer.status, 503, "{file}");
        assert!(answer.text().contains("UNKNOWN"));
    }
    let new = "/v2/example.com/new/_trust/tuf/timestamp.key";
    assert_eq!(get(&bench.app, new).await.status, 503);
    for record in bench.kept.records() {
        assert_eq!(record["outcome"], "failed", "{record}");
    }
    assert_eq!(bench.ask(Method::GET, "root.json").await.status, 200);
    assert_eq!(bench.ask(Method::GET, "timestamp.key").await.status, 200);
    let ready = get(&bench.app, "/_countersign/ready").await;
    assert_eq!((ready.status, ready.text()), (503, r#"{"Audit operational":"no space left"}"#));
    let metrics = get(&bench.app, "/metrics").await;
    assert!(metrics.text().contains("countersign_audit_writable 0"), "{}", metrics.text());
    bench.kept.full.store(false, Ordering::Relaxed);
    assert_eq!(get(&bench.app, "/_countersign/ready").await.status, 200);
    assert_eq!(bench.ask(Method::DELETE, "").await.status, 200);
    assert_eq!(bench.kept.record()["existed"], true);
}

#[tokio::test]
async fn a_flood_of_refusals_is_counted_and_hides_no_change() {
    let dir = tempfile::tempdir().unwrap();
    let trust = trust(&dir).await;
    let bench = Bench::over(trust, settings(Limits::default()), 1, dir);
    let path = format!("/v2/{GUN}/_trust/tuf/");
    for _ in 0..50 {
        assert_eq!(send(&bench.app, post(&path, "no parts")).await.status, 400);
        assert_eq!(bench.ask(Method::DELETE, "").await.status, 200);
    }
    let records = bench.kept.records();
    let count =
        |outcome: &str| records.iter().filter(|record| record["outcome"] == outcome).count();
    assert_eq!(count("accepted"), 50);
    // Ten at once, and one for each second that it took.
    let refused = count("refused");
    assert!((10..50).contains(&refused), "{refused}");
    bench.audit().tell_suppressed(std::future::ready(())).await;
    let told: u64 = bench
        .kept
        .records()
        .iter()
        .map(|record| {
            assert_eq!(shown(record, &["event", "kind"]), json!(["suppressed", "refused"]));
            record["count"].as_u64().unwrap()
        })
        .sum();
    assert_eq!(told, 50 - u64::try_from(refused).unwrap());
    assert_eq!(bench.audit().usage().suppressed, told);
}

#[tokio::test]
async fn counts_of_refusals_do_not_pile_up_while_nothing_can_be_written() {
    let (kept, audit) = Kept::with(1);
    let told = async || {
        audit.tell_if_writable().await;
        kept.records()
    };
    kept.full.store(true, Ordering::Relaxed);
    audit.refusals.suppress(RefusalKind::Login);
    audit.refusals.suppress(RefusalKind::Login);
    assert_eq!(told().await, Vec::<Value>::new());
    kept.full.store(false, Ordering::Relaxed);
    let records = told().await;
    assert_eq!(records.len(), 1, "{records:?}");
    assert_eq!(shown(&records[0], &["kind", "count"]), json!(["login", 2]));
}

/// A client that goes away in the middle of a change cannot keep it out of the record.
#[tokio::test]
async fn a_change_whose_client_went_away_is_carried_out_and_recorded() {
    let bench = Bench::new().await;
    let collection = bench.collection().await;
    bench.publish(&collection).await;
    bench.kept.records();
    let begun = bench.ask(Method::DELETE, "");
    // One poll: the change is on its way when the client goes.
    assert!(futures_util::FutureExt::now_or_never(begun).is_none());
    bench.audit().settle().await;
    assert_eq!(bench.ask(Method::GET, "root.json").await.status, 404);
    let record = bench.kept.record();
    assert_eq!(
        shown(&record, &["action", "outcome", "existed"]),
        json!(["delete", "accepted", true])
    );
}
