//! A server over a store that can fail, with a clock that tests move.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::Request;
use axum::http::{HeaderMap, Method, header};
use chrono::{DateTime, TimeDelta, Utc};
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
use countersign_storage::{ChangeRange, KeyStore as _, MetadataStore as _};
use countersign_trust::{Clock, Policy, Trust};
use countersign_tuf::names::{Gun, RoleName};

use crate::faulty_store::{Faults, FaultyStore};

pub(crate) const GUN: &str = "example.com/team/app";

/// A clock that stands still until it is moved.
pub(crate) struct TestClock(Mutex<DateTime<Utc>>);

impl TestClock {
    pub(crate) fn advance(&self, by: TimeDelta) {
        *self.0.lock().unwrap() += by;
    }
}

impl Clock for TestClock {
    fn now(&self) -> DateTime<Utc> {
        *self.0.lock().unwrap()
    }
}

/// A server with one published collection whose timestamp and snapshot it signs.
pub(crate) struct Server {
    pub(crate) router: Router,
    /// The same, with no patience for a store that does not answer.
    pub(crate) hasty: Router,
    pub(crate) clock: Arc<TestClock>,
    pub(crate) faults: Arc<Faults>,
    pub(crate) repository: Repository,
    store: Arc<SqliteStore>,
    _dir: TempDir,
}

#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
}

/// What a client asks.
#[derive(Clone, Debug)]
pub(crate) struct Ask {
    method: Method,
    path: String,
    body: Vec<u8>,
}

impl Ask {
    pub(crate) fn new(method: Method, path: &str) -> Self {
        Self { method, path: path.to_owned(), body: Vec::new() }
    }

    /// A file of the collection.
    pub(crate) fn file(name: &str) -> Self {
        Self::new(Method::GET, &format!("/v2/{GUN}/_trust/tuf/{name}"))
    }

    /// A publish of these parts.
    pub(crate) fn publish(gun: &str, parts: &[(String, Vec<u8>)]) -> Self {
        let path = format!("/v2/{gun}/_trust/tuf/");
        Self { body: multipart(parts), ..Self::new(Method::POST, &path) }
    }
}

impl Server {
    pub(crate) async fn start() -> Self {
        let start = "2026-11-24T12:00:00Z".parse().unwrap();
        let clock = Arc::new(TestClock(Mutex::new(start)));
        let dir = tempfile::tempdir().unwrap();
        let inner = Arc::new(SqliteStore::open(&dir.path().join("test.db")).await.unwrap());
        let faults = Arc::new(Faults::default());
        let store = Arc::new(FaultyStore { inner: inner.clone(), faults: faults.clone() });
        let passphrase = Passphrase::new(SecretString::from("of this test")).unwrap();
        let passphrases = Passphrases::new(DEFAULT_ALIAS, passphrase);
        let settings = SealedSettings { rounds: Rounds::new(1_000).unwrap(), ..Default::default() };
        let time = Arc::clone(&clock);
        let now = Arc::new(move || time.now());
        let custody = SealedCustody::open(store.clone(), passphrases, settings, now).await.unwrap();
        let custody = Arc::new(custody);
        let service = |patience| {
            // Whatever an earlier request brought into memory would hide a failure.
            let policy = Policy { patience, body_bytes: 0, ..Policy::default() };
            let trust = Trust::new(store.clone(), custody.clone(), clock.clone(), policy);
            router(Service::open(Arc::new(trust)), ServerSettings::default())
        };
        let (patient, hasty) =
            (service(Policy::default().patience), service(Duration::from_millis(50)));
        let repository = collection(&patient, GUN, clock.now()).await;
        let publish = Ask::publish(GUN, &repository.all_parts());
        assert_eq!(send(&patient, &publish).await.status, 200);
        Self { router: patient, hasty, clock, faults, repository, store: inner, _dir: dir }
    }

    /// Everything that a request that fails must leave alone.
    pub(crate) async fn state(&self) -> String {
        let roles =
            ["root", "targets", "snapshot", "timestamp"].map(|role| RoleName::parse(role).unwrap());
        let heads = self.store.heads(&Gun::parse(GUN).unwrap(), &roles).await.unwrap();
        let range = ChangeRange::After { id: 0, limit: 1000 };
        let changes = self.store.changes(None, range).await.unwrap().len();
        let keys = self.store.count_pending(1000).await.unwrap();
        format!("{heads:?} {changes} {keys}")
    }
}

/// A collection that is not published yet, with the keys that the server offers for it.
pub(crate) async fn collection(router: &Router, gun: &str, now: DateTime<Utc>) -> Repository {
    let key = async |role: &str| -> Value {
        let path = format!("/v2/{gun}/_trust/tuf/{role}.key");
        serde_json::from_str(&send(router, &Ask::new(Method::GET, &path)).await.body).unwrap()
    };
    let keys =
        ServerKeys { timestamp: key("timestamp").await, snapshot: Some(key("snapshot").await) };
    Repository::new(gun, 1, now, &keys)
}

pub(crate) async fn send(router: &Router, ask: &Ask) -> Answer {
    let request = Request::builder()
        .method(ask.method.clone())
        .uri(&ask.path)
        .header(header::CONTENT_TYPE, "multipart/form-data; boundary=edge")
        .body(Body::from(ask.body.clone()))
        .unwrap();
    let (head, body) = router.clone().oneshot(request).await.unwrap().into_parts();
    let body = to_bytes(body, usize::MAX).await.unwrap();
    let body = String::from_utf8(body.to_vec()).unwrap();
    Answer { status: head.status.as_u16(), headers: head.headers, body }
}

fn multipart(parts: &[(String, Vec<u8>)]) -> Vec<u8> {
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
