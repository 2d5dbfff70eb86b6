//! GUNs outside the configured prefixes. Answers are from server spec 2.6 and its appendix B.

use super::*;
use crate::app::{App, ServerSettings, Service};

const FOREIGN: &str = "registry.example/app";
const REQUIRED: &str = "{\"errors\":[{\"code\":\"INVALID_GUN\",\"message\":\"The server does not support actions on images of this name.\",\"detail\":\"Require GUNs with prefix: [docker.io/ example.com/]\"}]}\n";

/// The prefixes before a database that must not be touched.
fn kept_to_prefixes() -> App {
    let gun_prefixes = ["docker.io/", "example.com/"].map(|text| text.parse().unwrap()).into();
    let settings = ServerSettings { gun_prefixes, ..ServerSettings::default() };
    App::new(Service::open(crate::testing::broken_trust(BrokenStore::Panics)), settings)
}

/// Checklist row C-160.
#[tokio::test]
async fn a_publish_outside_the_prefixes_is_an_invalid_gun_and_touches_nothing() {
    let app = kept_to_prefixes();
    for gun in [FOREIGN, "docker.io", "docker.iox/app", "a/docker.io/app"] {
        let parts = [("root".to_owned(), b"{}".to_vec())];
        let answer = send(&app, post(&format!("/v2/{gun}/_trust/tuf/"), multipart(&parts))).await;
        assert_eq!(shown(&answer), (400, REQUIRED), "{gun}");
    }
}

/// Checklist row C-160.
#[tokio::test]
async fn all_else_outside_the_prefixes_is_not_there_and_touches_nothing() {
    let app = kept_to_prefixes();
    for (method, file) in [
        (Method::GET, "tuf/root.json".to_owned()),
        (Method::GET, "tuf/1.root.json".to_owned()),
        (Method::GET, format!("tuf/root.{}.json", "a".repeat(64))),
        (Method::GET, "tuf/timestamp.key".to_owned()),
        (Method::POST, "tuf/snapshot.key".to_owned()),
        (Method::DELETE, "tuf/".to_owned()),
        (Method::GET, "changefeed?records=1".to_owned()),
    ] {
        let path = format!("/v2/{FOREIGN}/_trust/{file}");
        let answer = call(&app, method.clone(), &path).await;
        assert_eq!(shown(&answer), (404, NO_ROUTE), "{method} {path}");
    }
}

#[tokio::test]
async fn within_a_prefix_collections_are_published_and_the_changefeed_of_all_is_whole() {
    let mut server = whole().await;
    let elsewhere = collection(&server, FOREIGN).await;
    assert_eq!(publish(&server, &elsewhere).await.status, 200);
    let settings = ServerSettings {
        gun_prefixes: vec!["example.com/".parse().unwrap()],
        ..ServerSettings::default()
    };
    server.app = App::new(Service::open(Arc::clone(&server.app.trust)), settings);

    let inside = collection(&server, "example.com/app").await;
    assert_eq!(publish(&server, &inside).await.status, 200);
    let changes = get(&server.app, "/v2/_trust/changefeed?records=10").await;
    assert!(changes.text().contains(FOREIGN), "{}", changes.text());
    assert!(changes.text().contains("example.com/app"), "{}", changes.text());
}
