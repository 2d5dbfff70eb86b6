//! A signer over the keys of a database file, with the rows that the Go signer and others made.

use std::path::Path;
use std::sync::Arc;

use axum::Router;
use axum::middleware::map_request;
use chrono::{DateTime, Utc};
use countersign_custody::StoredKeys;
use countersign_custody::remote::protocol::key_management_client::KeyManagementClient;
use countersign_custody::remote::protocol::signer_client::SignerClient;
use countersign_custody::remote::protocol::{CreateKeyRequest, KeyId, SignatureRequest};
use countersign_custody::sealed::{Passphrase, Passphrases, SealedCustody, SealedSettings};
use countersign_signer::{CallLimits, Caller, Client, Signer, Terms, router};
use countersign_storage::engine::sqlite::SqliteStore;
use countersign_storage::{ArchivedKey, KeyArchive as _, KeyStore as _, SealedKey};
use serde_json::Value;
use tempfile::TempDir;
use tonic::Status;
use tonic_health::pb::health_client::HealthClient;

/// The GUN and role that most tests use.
pub(crate) const GUN: &str = "registry.example/team/app";

/// A signer whose passphrases are those of the rows of the Go signer.
pub(crate) struct Workshop {
    pub(crate) store: Arc<SqliteStore>,
    pub(crate) signer: Arc<Signer>,
    router: Router,
    _folder: TempDir,
}

impl Workshop {
    pub(crate) async fn new() -> Self {
        Self::with(Terms::default(), CallLimits::default()).await
    }

    pub(crate) async fn with(terms: Terms, limits: CallLimits) -> Self {
        let shop = Self::closed(terms, limits).await;
        shop.open().await;
        shop
    }

    /// One whose keys have not been reached yet.
    pub(crate) async fn closed(terms: Terms, limits: CallLimits) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = SqliteStore::open(&folder.path().join("keys.db")).await.unwrap();
        let signer = Arc::new(Signer::new(terms));
        let router = router(Arc::clone(&signer), limits);
        Self { store: Arc::new(store), signer, router, _folder: folder }
    }

    /// Lets it reach them.
    pub(crate) async fn open(&self) {
        let file = read("private_keys.json");
        let of = |alias: &str| {
            let secret = file["environment"][format!("NOTARY_SIGNER_{alias}")].as_str().unwrap();
            Passphrase::new(secret.into()).unwrap()
        };
        let alias = file["default_alias"].as_str().unwrap();
        let ring =
            Passphrases::new(alias, of("TIMESTAMP_1")).with("TIMESTAMP_2", of("TIMESTAMP_2"));
        let now = Arc::new(now);
        let settings = SealedSettings::default();
        let custody = SealedCustody::open(Arc::clone(&self.store) as _, ring, settings, now).await;
        let retirement = StoredKeys::new(Arc::clone(&self.store) as _, Arc::new(self::now));
        self.signer.open(Arc::new(custody.unwrap()), Arc::new(retirement));
    }

    /// Puts a row there as the Go signer would.
    pub(crate) async fn put(&self, key: SealedKey) {
        let key = ArchivedKey { key, created_at: None };
        self.store.put_keys_unjudged(&[key]).await.unwrap();
    }

    pub(crate) async fn row(&self, key_id: &str) -> SealedKey {
        self.store.by_id(key_id).await.unwrap().unwrap()
    }

    /// The router for a client that is let in under this name.
    pub(crate) fn router_for(&self, name: Option<&str>) -> Router {
        let client = Client { name: name.map(str::to_owned), address: None };
        self.router_with(Caller::LetIn(client))
    }

    pub(crate) fn router_with(&self, caller: Caller) -> Router {
        self.router.clone().layer(map_request(move |mut request: axum::extract::Request| {
            request.extensions_mut().insert(caller.clone());
            std::future::ready(request)
        }))
    }

    pub(crate) fn keys(&self) -> KeyManagementClient<Router> {
        KeyManagementClient::new(self.router_for(Some("server")))
    }

    pub(crate) fn signing(&self) -> SignerClient<Router> {
        SignerClient::new(self.router_for(Some("server")))
    }

    pub(crate) fn health(&self) -> HealthClient<Router> {
        HealthClient::new(self.router_for(Some("server")))
    }

    /// The ID of a new key of [`GUN`]'s timestamp role.
    pub(crate) async fn key(&self) -> String {
        let made = self.keys().create_key(creation("ecdsa", GUN, "timestamp")).await.unwrap();
        made.into_inner().key_info.unwrap().key_id.unwrap().id
    }
}

fn now() -> DateTime<Utc> {
    DateTime::parse_from_rfc3339("2026-11-24T12:00:00Z").unwrap().to_utc()
}

pub(crate) fn creation(algorithm: &str, gun: &str, role: &str) -> CreateKeyRequest {
    let [algorithm, gun, role] = [algorithm, gun, role].map(str::to_owned);
    CreateKeyRequest { algorithm, gun, role }
}

pub(crate) fn id(text: &str) -> KeyId {
    KeyId { id: text.to_owned() }
}

pub(crate) fn signature(key: &str, content: &[u8]) -> SignatureRequest {
    SignatureRequest { key_id: Some(id(key)), content: content.to_vec() }
}

/// The code and the text of a refusal.
pub(crate) fn told(status: &Status) -> (tonic::Code, &str) {
    (status.code(), status.message())
}

/// A file that the Go signer's answers were written to.
pub(crate) fn read(file: &str) -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/vectors/signer").join(file);
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

/// The row of one entry of `private_keys.json`.
pub(crate) fn sealed_key(entry: &Value) -> SealedKey {
    let row = &entry["row"];
    let column = |name: &str| row[name].as_str().unwrap().to_owned();
    SealedKey {
        key_id: column("key_id"),
        encryption_alg: column("encryption_alg"),
        keywrap_alg: column("keywrap_alg"),
        algorithm: column("algorithm"),
        passphrase_alias: column("passphrase_alias"),
        public: hex::decode(column("public_hex")).unwrap(),
        sealed: column("private").into_bytes(),
        gun: column("gun"),
        role: column("role"),
        last_used: None,
    }
}
