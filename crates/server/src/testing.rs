//! What the tests of this crate share: whole and broken servers, requests, and uploads.

use std::io::{self, Write};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use axum::body::{Body, to_bytes};
use axum::extract::Request;
use axum::http::{HeaderMap, Method, header};
use axum::response::Response;
use bytes::Bytes;
use chrono::{DateTime, Utc};
use secrecy::SecretString;
use serde_json::Value;
use tempfile::TempDir;
use tower::ServiceExt as _;
use tracing::Level;
use tracing::subscriber::DefaultGuard;

use crate::app::{App, ServerSettings, Service};
use crate::auth::{Access, LiveRules};
use crate::limits::Limits;
use countersign_custody::sealed::{
    DEFAULT_ALIAS, Passphrase, Passphrases, Rounds, SealedCustody, SealedSettings,
};
use countersign_custody::{Custody, CustodyError, KeySignature};
use countersign_storage::engine::sqlite::SqliteStore;
use countersign_storage::{
    Change, ChangeRange, Commit, Heads, Mark, MetadataStore, Place, Published, StorageError,
    StorageResult, StoredDocument,
};
use countersign_trust::{Clock as _, Policy, SystemClock, Trust};
use countersign_tuf::accepted::AcceptedUpdate;
use countersign_tuf::digest::Sha256Digest;
use countersign_tuf::keys::{KeyId, PublicKey, ServerKeyAlgorithm};
use countersign_tuf::names::{Gun, RoleName, ServerRole, Version};

/// A server over an empty database of its own.
pub(crate) struct Whole {
    pub(crate) app: App,
    _dir: TempDir,
}

/// The current time, from the one clock.
pub(crate) fn now() -> DateTime<Utc> {
    SystemClock.now()
}

/// A service over an empty database below `dir`.
pub(crate) async fn trust(dir: &TempDir) -> Arc<Trust> {
    let store = Arc::new(SqliteStore::open(&dir.path().join("test.db")).await.unwrap());
    let passphrase = Passphrase::new(SecretString::from("of this test")).unwrap();
    let passphrases = Passphrases::new(DEFAULT_ALIAS, passphrase);
    let settings = SealedSettings { rounds: Rounds::new(1_000).unwrap(), ..Default::default() };
    let custody = SealedCustody::open(store.clone(), passphrases, settings, Arc::new(now));
    let custody = Arc::new(custody.await.unwrap());
    Arc::new(Trust::new(store, custody, Arc::new(SystemClock), Policy::default()))
}

pub(crate) async fn whole() -> Whole {
    whole_under(Limits::default()).await
}

pub(crate) async fn whole_under(limits: Limits) -> Whole {
    let dir = tempfile::tempdir().unwrap();
    Whole { app: App::new(Service::open(trust(&dir).await), settings(limits)), _dir: dir }
}

/// A service whose database is as told, and whose keys cannot be reached.
pub(crate) fn broken_trust(store: BrokenStore) -> Arc<Trust> {
    let policy = Policy::default();
    Arc::new(Trust::new(Arc::new(store), Arc::new(NoCustody), Arc::new(SystemClock), policy))
}

pub(crate) fn broken(store: BrokenStore) -> App {
    App::new(Service::open(broken_trust(store)), settings(Limits::for_tests()))
}

/// Rules as `text` has them in its file.
pub(crate) fn access_under(text: &str) -> Access {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("rules.toml");
    std::fs::write(&path, text).unwrap();
    Access::open().under_rules(LiveRules::load(&path).unwrap())
}

/// A server over an empty database, under rules.
pub(crate) async fn whole_under_rules(text: &str) -> Whole {
    let dir = tempfile::tempdir().unwrap();
    let access = Arc::new(access_under(text));
    let service = Service { access, ..Service::open(trust(&dir).await) };
    Whole { app: App::new(service, settings(Limits::default())), _dir: dir }
}

/// A broken server under rules.
pub(crate) fn broken_under_rules(store: BrokenStore, text: &str) -> App {
    let access = Arc::new(access_under(text));
    let service = Service { access, ..Service::open(broken_trust(store)) };
    App::new(service, settings(Limits::for_tests()))
}

/// The same for those whom `access` lets pass.
pub(crate) async fn whole_with(access: crate::Access) -> Whole {
    let dir = tempfile::tempdir().unwrap();
    let service = Service { access: Arc::new(access), ..Service::open(trust(&dir).await) };
    Whole { app: App::new(service, settings(Limits::default())), _dir: dir }
}

pub(crate) fn settings(limits: Limits) -> ServerSettings {
    ServerSettings { limits, ..ServerSettings::default() }
}

/// An answer, read whole.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Answer {
    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    pub(crate) fn header(&self, name: header::HeaderName) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }
}

/// What this thread logs, as JSON lines.
#[derive(Clone, Default)]
pub(crate) struct Captured(Arc<Mutex<Vec<u8>>>);

impl Captured {
    /// From now on, what is of `level` or above it, until the guard is dropped.
    pub(crate) fn from(level: Level) -> (Self, DefaultGuard) {
        let captured = Self::default();
        let writer = captured.clone();
        let subscriber = tracing_subscriber::fmt()
            .json()
            .with_max_level(level)
            .with_writer(move || writer.clone())
            .finish();
        (captured, tracing::subscriber::set_default(subscriber))
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }

    /// The lines of requests.
    pub(crate) fn requests(&self) -> Vec<Value> {
        self.text()
            .lines()
            .map(|line| serde_json::from_str::<Value>(line).unwrap())
            .filter(|line| line["target"] == "countersign_server::log")
            .collect()
    }
}

impl Write for Captured {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Sends a request through the whole router.
pub(crate) async fn send(app: &App, request: Request) -> Answer {
    let response = app.clone().into_router().oneshot(request).await.unwrap();
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    Answer { status, headers, body: body_of(response).await }
}

pub(crate) async fn body_of(response: Response) -> Bytes {
    to_bytes(response.into_body(), usize::MAX).await.unwrap()
}

pub(crate) async fn call(app: &App, method: Method, path: &str) -> Answer {
    send(app, Request::builder().method(method).uri(path).body(Body::empty()).unwrap()).await
}

pub(crate) async fn get(app: &App, path: &str) -> Answer {
    call(app, Method::GET, path).await
}

pub(crate) const CONTENT_TYPE: &str = "multipart/form-data; boundary=edge";

/// An upload as Notary's clients send it.
pub(crate) fn multipart(parts: &[(String, Vec<u8>)]) -> Vec<u8> {
    let mut body = Vec::new();
    for (name, content) in parts {
        let disposition = format!("form-data; name=\"files\"; filename=\"{name}\"");
        let head = format!(
            "--edge\r\nContent-Disposition: {disposition}\r\n\
             Content-Type: application/octet-stream\r\n\r\n"
        );
        body.extend_from_slice(head.as_bytes());
        body.extend_from_slice(content);
        body.extend_from_slice(b"\r\n");
    }
    body.extend_from_slice(b"--edge--\r\n");
    body
}

pub(crate) fn post(path: &str, body: impl Into<Body>) -> Request {
    Request::builder()
        .method(Method::POST)
        .uri(path)
        .header(header::CONTENT_TYPE, CONTENT_TYPE)
        .body(body.into())
        .unwrap()
}

/// A database in trouble.
#[derive(Clone, Copy)]
pub(crate) enum BrokenStore {
    /// Cannot be reached.
    Away,
    /// Holds a row that cannot be.
    Corrupt,
    /// Panics when it is touched.
    Panics,
    /// Panics already when it is asked for its mark.
    MarkPanics,
}

impl BrokenStore {
    fn fail<T>(self) -> StorageResult<T> {
        match self {
            Self::Away => Err(StorageError::Unavailable { reason: "no route <host>".to_owned() }),
            Self::Corrupt => {
                let row = "7".to_owned();
                Err(StorageError::Corrupt { table: "tuf_files", row, reason: "odd".to_owned() })
            }
            Self::Panics | Self::MarkPanics => panic!("the store was touched"),
        }
    }
}

#[async_trait]
impl MetadataStore for BrokenStore {
    /// It tells nothing at all.
    fn mark(&self) -> Option<Mark> {
        assert!(!matches!(self, Self::MarkPanics), "the store was touched");
        None
    }

    async fn heads(&self, _: &Gun, _: &[RoleName]) -> StorageResult<Heads> {
        self.fail()
    }

    async fn newest(&self, _: &Gun, _: &RoleName) -> StorageResult<Option<StoredDocument>> {
        self.fail()
    }

    async fn by_digest(
        &self,
        _: &Gun,
        _: &RoleName,
        _: Sha256Digest,
    ) -> StorageResult<Option<StoredDocument>> {
        self.fail()
    }

    async fn by_version(
        &self,
        _: &Gun,
        _: &RoleName,
        _: Version,
    ) -> StorageResult<Option<StoredDocument>> {
        self.fail()
    }

    async fn commit(
        &self,
        _: &Gun,
        _: &Heads,
        _: &AcceptedUpdate,
        _: DateTime<Utc>,
    ) -> StorageResult<Commit> {
        self.fail()
    }

    async fn delete(&self, _: &Gun, _: DateTime<Utc>) -> StorageResult<bool> {
        self.fail()
    }

    async fn changes(&self, _: Option<&Gun>, _: ChangeRange) -> StorageResult<Vec<Change>> {
        self.fail()
    }

    async fn published(&self, _: Place, _: DateTime<Utc>, _: u32) -> StorageResult<Vec<Published>> {
        self.fail()
    }

    async fn check(&self) -> StorageResult<()> {
        self.fail()
    }
}

struct NoCustody;

impl NoCustody {
    fn fail<T>() -> Result<T, CustodyError> {
        Err(CustodyError::Unavailable { reason: "no signer".to_owned() })
    }
}

#[async_trait]
impl Custody for NoCustody {
    async fn pending_key(
        &self,
        _: &Gun,
        _: ServerRole,
        _: ServerKeyAlgorithm,
    ) -> Result<PublicKey, CustodyError> {
        Self::fail()
    }

    async fn find_pending(
        &self,
        _: &Gun,
        _: ServerRole,
        _: ServerKeyAlgorithm,
    ) -> Result<Option<PublicKey>, CustodyError> {
        Self::fail()
    }

    async fn find_key(
        &self,
        _: &Gun,
        _: ServerRole,
        _: &KeyId,
    ) -> Result<Option<PublicKey>, CustodyError> {
        Self::fail()
    }

    async fn bind(&self, _: &Gun, _: ServerRole, _: &KeyId) -> Result<bool, CustodyError> {
        Self::fail()
    }

    async fn sign(
        &self,
        _: &Gun,
        _: ServerRole,
        _: &KeyId,
        _: &[u8],
    ) -> Result<Option<KeySignature>, CustodyError> {
        Self::fail()
    }

    async fn check(&self) -> Result<(), CustodyError> {
        Self::fail()
    }
}
