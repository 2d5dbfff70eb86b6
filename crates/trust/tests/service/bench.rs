//! One service in a temporary directory.

use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use chrono::{DateTime, Duration, Utc};
use countersign_custody::Custody;
use countersign_custody::sealed::{Passphrase, Passphrases, Rounds, SealedCustody, SealedSettings};
use countersign_forge::repository::{Repository, ServerKeys};
use countersign_storage::engine::sqlite::SqliteStore;
use countersign_storage::{ChangeRange, MetadataStore};
use countersign_trust::{Clock, Document, Policy, Trust, TrustError};
use countersign_tuf::names::{Gun, RoleName, ServerRole};
use countersign_tuf::rules::UploadedPart;
use serde_json::{Value, json};
use tempfile::TempDir;

/// A clock that stands still until it is moved.
pub(crate) struct TestClock(Mutex<DateTime<Utc>>);

impl TestClock {
    pub(crate) fn advance(&self, by: Duration) {
        *self.0.lock().unwrap() += by;
    }
}

impl Clock for TestClock {
    fn now(&self) -> DateTime<Utc> {
        *self.0.lock().unwrap()
    }
}

/// A service, its clock, and the directory it lives in.
pub(crate) struct Bench {
    pub(crate) trust: Arc<Trust>,
    pub(crate) clock: Arc<TestClock>,
    pub(crate) store: Arc<SqliteStore>,
    pub(crate) custody: Arc<SealedCustody>,
    directory: TempDir,
}

impl Bench {
    pub(crate) async fn new() -> Self {
        let start = DateTime::parse_from_rfc3339("2026-11-24T12:00:00Z").unwrap().to_utc();
        Self::open(tempfile::tempdir().unwrap(), Arc::new(TestClock(Mutex::new(start)))).await
    }

    /// Another service on the same database and keys.
    pub(crate) fn other(&self, policy: Policy) -> Arc<Trust> {
        service_under(self.store.clone(), self.custody.clone(), self.clock.clone(), policy)
    }

    /// The file that the database is in.
    pub(crate) fn database(&self) -> PathBuf {
        self.directory.path().join("countersign.db")
    }

    /// The newest stored version of a role and when it expires, without a service that might
    /// sign it again.
    pub(crate) async fn stored(&self, name: &str, role_name: &str) -> (i64, DateTime<Utc>) {
        let document = self.store.newest(&gun(name), &role(role_name)).await.unwrap().unwrap();
        let signed = signed(&Document::from(document));
        (signed["version"].as_i64().unwrap(), signed["expires"].as_str().unwrap().parse().unwrap())
    }

    /// The same directory again, as after a restart.
    pub(crate) async fn restart(self) -> Self {
        self.store.close().await;
        Self::open(self.directory, self.clock).await
    }

    async fn open(directory: TempDir, clock: Arc<TestClock>) -> Self {
        let path = directory.path().join("countersign.db");
        let store = Arc::new(SqliteStore::open(&path).await.unwrap());
        let settings = SealedSettings { rounds: Rounds::new(1000).unwrap(), ..Default::default() };
        let passphrase = Passphrase::new("throwaway".to_owned().into()).unwrap();
        let passphrases = Passphrases::new("countersign", passphrase);
        let time = Arc::clone(&clock);
        let now = Arc::new(move || time.now());
        let custody = SealedCustody::open(store.clone(), passphrases, settings, now).await.unwrap();
        let custody = Arc::new(custody);
        let trust = service(store.clone(), custody.clone(), clock.clone());
        Self { trust, clock, store, custody, directory }
    }

    /// A forged repository with this service's timestamp key; the client signs the snapshot.
    pub(crate) async fn client_snapshot(&self, gun: &str) -> Repository {
        let timestamp = self.key(gun, ServerRole::Timestamp).await;
        let keys = ServerKeys { timestamp, snapshot: None };
        Repository::new(gun, 7, self.clock.now(), &keys)
    }

    /// A forged repository whose timestamp and snapshot this service signs.
    pub(crate) async fn server_snapshot(&self, gun: &str) -> Repository {
        let timestamp = self.key(gun, ServerRole::Timestamp).await;
        let snapshot = Some(self.key(gun, ServerRole::Snapshot).await);
        Repository::new(gun, 7, self.clock.now(), &ServerKeys { timestamp, snapshot })
    }

    pub(crate) async fn key(&self, name: &str, role: ServerRole) -> Value {
        let key = self.trust.key(&gun(name), role).await.unwrap();
        json!({"keytype": key.key_type().as_str(),
            "keyval": {"private": null, "public": key.public_base64()}})
    }

    pub(crate) async fn publish(
        &self,
        name: &str,
        parts: Vec<(String, Vec<u8>)>,
    ) -> Result<(), TrustError> {
        self.trust.publish(&gun(name), read(parts)).await.map(drop)
    }

    pub(crate) async fn current(&self, name: &str, role_name: &str) -> Option<Document> {
        self.trust.current(&gun(name), &role(role_name)).await.unwrap()
    }

    /// The version of a role's current document; 0 when there is none.
    pub(crate) async fn version(&self, name: &str, role_name: &str) -> i64 {
        match self.current(name, role_name).await {
            None => 0,
            Some(document) => signed(&document)["version"].as_i64().unwrap(),
        }
    }

    /// Everything that a refused update must leave alone.
    pub(crate) async fn state(&self, name: &str) -> (usize, String) {
        let changes = self.store.changes(None, ChangeRange::After { id: 0, limit: 1000 }).await;
        let roles = ["root", "targets", "snapshot", "timestamp", "targets/a"].map(role);
        let heads = self.store.heads(&gun(name), &roles).await.unwrap();
        (changes.unwrap().len(), format!("{heads:?}"))
    }
}

/// A service with the usual policy.
pub(crate) fn service(
    store: Arc<dyn MetadataStore>,
    custody: Arc<dyn Custody>,
    clock: Arc<TestClock>,
) -> Arc<Trust> {
    service_under(store, custody, clock, Policy::default())
}

/// A service with another policy.
pub(crate) fn service_under(
    store: Arc<dyn MetadataStore>,
    custody: Arc<dyn Custody>,
    clock: Arc<dyn Clock>,
    policy: Policy,
) -> Arc<Trust> {
    Arc::new(Trust::new(store, custody, clock, policy))
}

pub(crate) fn gun(name: &str) -> Gun {
    Gun::parse(name).unwrap()
}

pub(crate) fn role(name: &str) -> RoleName {
    RoleName::parse(name).unwrap()
}

pub(crate) fn read(parts: Vec<(String, Vec<u8>)>) -> Vec<UploadedPart> {
    parts
        .into_iter()
        .map(|(name, bytes)| UploadedPart::parse(role(&name), bytes.into()).unwrap())
        .collect()
}

/// The signed part of a document.
pub(crate) fn signed(document: &Document) -> Value {
    let mut value: Value = serde_json::from_slice(&document.bytes).unwrap();
    value["signed"].take()
}
