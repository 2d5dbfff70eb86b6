//! A server without a listener, and a client's requests to it.

use std::sync::Arc;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::Request;
use axum::http::{HeaderMap, Method, header};
use bytes::Bytes;
use countersign_forge::repository::{Repository, ServerKeys};
use secrecy::SecretString;
use serde_json::Value;
use tempfile::TempDir;
use tower::ServiceExt as _;

use countersign_custody::sealed::{
    DEFAULT_ALIAS, Passphrase, Passphrases, Rounds, SealedCustody, SealedSettings,
};
use countersign_server::{ServerSettings, Service, router};
use countersign_storage::engine::sqlite::SqliteStore;
use countersign_trust::{Clock as _, Policy, SystemClock, Trust};

pub(crate) const GUN: &str = "example.com/team/app";

/// Role names and bytes.
pub(crate) type Parts = Vec<(String, Vec<u8>)>;

/// Who signs the snapshot of a collection.
#[derive(Clone, Copy)]
pub(crate) enum SnapshotBy {
    Client,
    Server,
}

pub(crate) struct Server {
    router: Router,
    _dir: TempDir,
}

#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    pub(crate) fn code(&self) -> String {
        self.json()["errors"][0]["code"].as_str().unwrap().to_owned()
    }

    pub(crate) fn detail(&self) -> Value {
        self.json()["errors"][0]["detail"].clone()
    }
}

impl Server {
    pub(crate) async fn start() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let store = Arc::new(SqliteStore::open(&dir.path().join("test.db")).await.unwrap());
        let passphrase = Passphrase::new(SecretString::from("of this test")).unwrap();
        let passphrases = Passphrases::new(DEFAULT_ALIAS, passphrase);
        let settings = SealedSettings { rounds: Rounds::new(1_000).unwrap(), ..Default::default() };
        let clock = Arc::new(|| SystemClock.now());
        let custody = SealedCustody::open(store.clone(), passphrases, settings, clock);
        let custody = Arc::new(custody.await.unwrap());
        let trust = Trust::new(store, custody, Arc::new(SystemClock), Policy::default());
        Self {
            router: router(Service::open(Arc::new(trust)), ServerSettings::default()),
            _dir: dir,
        }
    }

    /// A server with one published collection.
    pub(crate) async fn with(snapshot: SnapshotBy) -> (Self, Repository) {
        let server = Self::start().await;
        let collection = server.collection(GUN, snapshot).await;
        server.accepts(&collection.all_parts()).await;
        (server, collection)
    }

    /// A collection that is not published yet.
    pub(crate) async fn collection(&self, gun: &str, snapshot: SnapshotBy) -> Repository {
        let timestamp = self.get(gun, "timestamp.key").await.json();
        let snapshot = match snapshot {
            SnapshotBy::Client => None,
            SnapshotBy::Server => Some(self.get(gun, "snapshot.key").await.json()),
        };
        Repository::new(gun, 1, SystemClock.now(), &ServerKeys { timestamp, snapshot })
    }

    pub(crate) async fn send(&self, request: Request) -> Answer {
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (head, body) = response.into_parts();
        let body = to_bytes(body, usize::MAX).await.unwrap();
        Answer { status: head.status.as_u16(), headers: head.headers, body }
    }

    pub(crate) async fn call(&self, method: Method, path: &str) -> Answer {
        self.send(Request::builder().method(method).uri(path).body(Body::empty()).unwrap()).await
    }

    /// One file of a collection.
    pub(crate) async fn get(&self, gun: &str, file: &str) -> Answer {
        self.call(Method::GET, &format!("/v2/{gun}/_trust/tuf/{file}")).await
    }

    pub(crate) async fn publish(&self, gun: &str, parts: &Parts) -> Answer {
        let request = Request::builder()
            .method(Method::POST)
            .uri(format!("/v2/{gun}/_trust/tuf/"))
            .header(header::CONTENT_TYPE, "multipart/form-data; boundary=edge")
            .body(Body::from(multipart(parts)));
        self.send(request.unwrap()).await
    }

    pub(crate) async fn accepts(&self, parts: &Parts) {
        let answer = self.publish(GUN, parts).await;
        assert!(answer.status == 200 && answer.body.is_empty(), "{answer:?}");
    }

    /// Publishes what must be refused, and looks that nothing has changed.
    pub(crate) async fn refuses(&self, parts: &Parts) -> Answer {
        let before = self.everything().await;
        let answer = self.publish(GUN, parts).await;
        assert_eq!(answer.status, 400, "{answer:?}");
        assert_eq!(self.everything().await, before, "a refusal changes nothing");
        answer
    }

    async fn everything(&self) -> Vec<Bytes> {
        let mut found = Vec::new();
        for role in ["root", "targets", "snapshot", "timestamp", "targets/a"] {
            found.push(self.get(GUN, &format!("{role}.json")).await.body);
        }
        found.push(self.call(Method::GET, "/v2/_trust/changefeed?records=100").await.body);
        found
    }
}

fn multipart(parts: &Parts) -> Vec<u8> {
    let mut body = Vec::new();
    for (name, content) in parts {
        let disposition = format!("form-data; name=\"files\"; filename=\"{name}\"");
        body.extend(format!("--edge\r\nContent-Disposition: {disposition}\r\n\r\n").into_bytes());
        body.extend_from_slice(content);
        body.extend_from_slice(b"\r\n");
    }
    body.extend_from_slice(b"--edge--\r\n");
    body
}
