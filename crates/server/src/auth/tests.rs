//! Requests through the whole router under rules.

use std::convert::Infallible;
use std::sync::{Arc, Mutex};

use axum::body::Body;
use axum::http::{Method, header};
use bytes::Bytes;
use countersign_forge::repository::{Repository, ServerKeys};
use countersign_tuf::names::Gun;

use super::Audience;
use crate::app::{App, ServerSettings, Service};
use crate::peer::{Handshake, Peer};
use crate::testing::{
    Answer, BrokenStore, Whole, access_under, broken_under_rules, call, get, multipart, now, post,
    send, whole_under_rules,
};

/// Everybody may do everything below `open/`, and what is said with it.
fn open_and(rest: &str) -> String {
    let actions = "['pull', 'push', 'delete', 'rotate-keys', 'changefeed']";
    format!("[[rules]]\nallow = {actions}\nanyone = true\nguns = ['open/**']\n{rest}")
}

/// Each route with a GUN, as method and path.
fn routes(gun: &str) -> Vec<(Method, String)> {
    let hex = "ab".repeat(32);
    let tuf = format!("/v2/{gun}/_trust/tuf/");
    vec![
        (Method::GET, format!("{tuf}root.json")),
        (Method::GET, format!("{tuf}1.root.json")),
        (Method::GET, format!("{tuf}timestamp.json")),
        (Method::GET, format!("{tuf}targets.{hex}.json")),
        (Method::GET, format!("{tuf}targets/a.json")),
        (Method::GET, format!("{tuf}timestamp.key")),
        (Method::GET, format!("{tuf}snapshot.key")),
        (Method::POST, format!("{tuf}snapshot.key")),
        (Method::POST, tuf.clone()),
        (Method::DELETE, tuf),
        (Method::GET, format!("/v2/{gun}/_trust/changefeed?records=1")),
        (Method::GET, format!("/v2/{gun}/_trust/changefeed?records=x")),
    ]
}

async fn published(rules: &str, gun: &str) -> (Whole, Repository) {
    let server = whole_under_rules(rules).await;
    let mut keys = Vec::new();
    for role in ["timestamp", "snapshot"] {
        let answer = get(&server.app, &format!("/v2/{gun}/_trust/tuf/{role}.key")).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        keys.push(serde_json::from_slice(&answer.body).unwrap());
    }
    let [timestamp, snapshot] = <[_; 2]>::try_from(keys).unwrap();
    let keys = ServerKeys { timestamp, snapshot: Some(snapshot) };
    let collection = Repository::new(gun, 1, now(), &keys);
    assert_eq!(publish(&server, &collection).await.status, 200);
    (server, collection)
}

async fn publish(server: &Whole, collection: &Repository) -> Answer {
    let path = format!("/v2/{}/_trust/tuf/", collection.gun());
    send(&server.app, post(&path, multipart(&collection.all_parts()))).await
}

/// An answer without what differs between any two.
fn seen(answer: &Answer) -> String {
    let mut headers = answer.headers.clone();
    headers.remove("x-request-id");
    headers.remove(header::DATE);
    format!("{} {headers:?} {:?}", answer.status, answer.body)
}

#[tokio::test]
async fn what_no_rule_allows_is_refused_before_anything_is_looked_up() {
    let app = broken_under_rules(BrokenStore::Panics, &open_and(""));
    for (method, path) in routes("closed/a") {
        let answer = call(&app, method, &path).await;
        assert_eq!(answer.status, 401, "{path}");
        assert_eq!(answer.header(header::WWW_AUTHENTICATE), None, "no token is asked for");
        assert_eq!(answer.header(header::CACHE_CONTROL), None);
    }
    let answer = call(&app, Method::GET, "/v2/_trust/changefeed").await;
    assert_eq!(
        (answer.status, answer.text()),
        (
            401,
            "{\"errors\":[{\"code\":\"UNAUTHORIZED\",\"message\":\"authentication required\",\"detail\":[{\"Type\":\"registry\",\"Class\":\"\",\"Name\":\"catalog\",\"Action\":\"*\"}]}]}\n"
        )
    );
    let answer = call(&app, Method::GET, "/v2/closed/a/_trust/tuf/timestamp.key").await;
    assert_eq!(
        answer.text(),
        "{\"errors\":[{\"code\":\"UNAUTHORIZED\",\"message\":\"authentication required\",\"detail\":[{\"Type\":\"repository\",\"Class\":\"\",\"Name\":\"closed/a\",\"Action\":\"push\"},{\"Type\":\"repository\",\"Class\":\"\",\"Name\":\"closed/a\",\"Action\":\"pull\"}]}]}\n"
    );
}

#[tokio::test]
async fn what_machines_ask_and_the_ping_are_under_no_rule() {
    let app = broken_under_rules(BrokenStore::Away, "");
    for (path, status) in
        [("/v2/", 200), ("/_countersign/live", 200), ("/metrics", 200), ("/x", 404)]
    {
        assert_eq!(get(&app, path).await.status, status, "{path}");
    }
    assert_eq!(get(&app, "/_notary_server/health").await.status, 503);
}

#[tokio::test]
async fn each_route_is_allowed_by_its_own_action_and_no_other() {
    let routes = routes("a");
    for (action, allowed) in [
        ("pull", &[0, 1, 2, 3, 4][..]),
        ("push", &[5, 6, 8]),
        ("rotate-keys", &[7]),
        ("delete", &[9]),
        ("changefeed", &[10, 11]),
    ] {
        let rules = format!("[[rules]]\nallow = ['{action}']\nanyone = true\nguns = ['a']\n");
        let server = whole_under_rules(&rules).await;
        for (at, (method, path)) in routes.iter().enumerate() {
            let status = call(&server.app, method.clone(), path).await.status;
            assert_eq!(status != 401, allowed.contains(&at), "{action} {method} {path}: {status}");
        }
    }
}

#[tokio::test]
async fn nobody_learns_from_a_refusal_whether_a_gun_exists() {
    // Published where that is allowed; asked for where nothing is, over the same database.
    let (open, _) = published(&open_and(""), "open/there").await;
    let access = access_under("").into();
    let service = Service { access, ..Service::open(open.app.trust.clone()) };
    let closed = App::new(service, ServerSettings::default());
    for ((method, there), (_, missing)) in
        routes("open/there").into_iter().zip(routes("open/missg"))
    {
        let first = seen(&call(&closed, method.clone(), &there).await);
        let second = seen(&call(&closed, method, &missing).await);
        assert!(first.starts_with("401 "), "{there}: {first}");
        assert_eq!(first.replace("open/there", "open/missg"), second, "{there}");
    }
    let current = get(&open.app, "/v2/open/there/_trust/tuf/timestamp.json").await;
    assert_eq!(current.status, 200, "and nothing was done to it");
}

#[tokio::test]
async fn an_upload_with_one_role_that_may_not_be_published_is_refused_whole() {
    let push = |roles: &str| {
        format!(
            "[[rules]]\nallow = ['push']\nanyone = true\nguns = ['team/a']\nroles = [{roles}]\n\
             [[rules]]\nallow = ['pull', 'changefeed']\nanyone = true\nguns = ['**']\n"
        )
    };
    let (_, collection) = published(&push("'root', 'targets'"), "team/a").await;
    for missing in ["'root', 'snapshot'", "'targets', 'snapshot'", "'root', 'targets/*'"] {
        let server = whole_under_rules(&push(missing)).await;
        let refused = publish(&server, &collection).await;
        assert_eq!(
            (refused.status, refused.text()),
            (
                401,
                "{\"errors\":[{\"code\":\"UNAUTHORIZED\",\"message\":\"authentication required\",\"detail\":[{\"Type\":\"repository\",\"Class\":\"\",\"Name\":\"team/a\",\"Action\":\"push\"},{\"Type\":\"repository\",\"Class\":\"\",\"Name\":\"team/a\",\"Action\":\"pull\"}]}]}\n"
            )
        );
        let root = get(&server.app, "/v2/team/a/_trust/tuf/root.json").await;
        assert_eq!(root.status, 404, "nothing was stored");
        let feed = get(&server.app, "/v2/_trust/changefeed?records=10").await;
        assert_eq!(feed.text(), "{\"count\":0,\"records\":[]}");
    }
}

#[tokio::test]
async fn caches_may_share_only_what_the_anonymous_may_read() {
    let open = published(&open_and(""), "open/a").await.0;
    let told = |answer: Answer| answer.header(header::CACHE_CONTROL).unwrap().to_owned();
    let path = "/v2/open/a/_trust/tuf/root.json";
    assert_eq!(
        told(get(&open.app, path).await),
        "public, max-age=300, s-maxage=300, must-revalidate"
    );
    let gun = Gun::parse("open/a").unwrap();
    let (anybody, certified) = (Peer::default(), certified());
    assert_eq!(open.app.access.audience(&anybody, &gun), Audience::All);
    assert_eq!(open.app.access.audience(&certified, &gun), Audience::Some);
    let users = "[[rules]]\nallow = ['pull']\nusers = ['ci']\nguns = ['open/**']\n";
    for peer in [anybody, certified] {
        assert_eq!(access_under(users).audience(&peer, &gun), Audience::Some);
    }
}

fn certified() -> Peer {
    let certificate = Some("ci".to_owned());
    Peer { handshake: Handshake::Certified, certificate, ..Peer::default() }
}

/// A client that is still sending when its connection closes may never see the answer.
#[tokio::test]
async fn a_refused_upload_is_read_before_it_is_answered() {
    let app = broken_under_rules(BrokenStore::Panics, "");
    let (sender, receiver) = tokio::sync::mpsc::unbounded_channel::<Bytes>();
    for _ in 0..3 {
        sender.send(Bytes::from_static(b"piece")).unwrap();
    }
    drop(sender);
    let left = Arc::new(Mutex::new(receiver));
    let pieces = Arc::clone(&left);
    let body = Body::from_stream(futures_util::stream::poll_fn(move |context| {
        pieces.lock().unwrap().poll_recv(context).map(|piece| piece.map(Ok::<_, Infallible>))
    }));
    assert_eq!(send(&app, post("/v2/a/_trust/tuf/", body)).await.status, 401);
    assert!(left.lock().unwrap().is_empty());
}

#[tokio::test]
async fn the_number_of_rules_and_whether_they_are_stale_are_measured() {
    let server = whole_under_rules(&open_and("")).await;
    let text = get(&server.app, "/metrics").await;
    assert!(text.text().contains("\ncountersign_access_rules 1\n"), "{}", text.text());
    assert!(text.text().contains("\ncountersign_access_rules_stale 0\n"));
    let rules = server.app.access.rules().unwrap();
    // The directory of the file is gone since it was loaded.
    rules.reread();
    let text = get(&server.app, "/metrics").await;
    assert!(text.text().contains("\ncountersign_access_rules 1\n"));
    assert!(text.text().contains("\ncountersign_access_rules_stale 1\n"));
}
