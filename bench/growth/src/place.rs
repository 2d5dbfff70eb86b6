//! A database of one size, the service over it, and the real collections in it.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context as _, Result};
use countersign_custody::sealed::{
    DEFAULT_ALIAS, Passphrase, Passphrases, Rounds, SealedCustody, SealedSettings,
};
use countersign_forge::repository::{Repository, ServerKeys};
use countersign_storage::engine::postgres::{PostgresAddress, PostgresOptions, PostgresStore};
use countersign_storage::engine::sqlite::SqliteStore;
use countersign_storage::{KeyStore, MetadataStore};
use countersign_tests::peers::postgres::Postgres;
use countersign_trust::{Clock as _, Policy, SystemClock, Trust};
use countersign_tuf::names::{Gun, RoleName, ServerRole};
use countersign_tuf::rules::UploadedPart;
use serde_json::{Value, json};
use sqlx::{Connection as _, PgConnection, SqliteConnection};

use crate::fill::{self, Template};

/// How many collections are real.
const REAL: u32 = 8;

/// A database of one size.
pub(crate) struct Place {
    /// How many synthetic collections are in it.
    pub(crate) guns: u32,
    pub(crate) trust: Trust,
    pub(crate) store: Arc<dyn MetadataStore>,
    pub(crate) collections: Vec<Collection>,
    closing: Closing,
}

/// A real collection, as its publisher holds it.
pub(crate) struct Collection {
    pub(crate) gun: Gun,
    pub(crate) repository: Repository,
}

enum Closing {
    Sqlite(Arc<SqliteStore>),
    Postgres(Arc<PostgresStore>),
}

impl Place {
    /// A file of this size below `directory`.
    pub(crate) async fn sqlite(directory: &Path, guns: u32) -> Result<Self> {
        let path = directory.join(format!("{guns}.db"));
        SqliteStore::open(&path).await?.close().await;
        let url = format!("sqlite://{}", path.display());
        let mut connection = SqliteConnection::connect(&url).await?;
        fill::sqlite(&mut connection, guns, &template().await?).await?;
        connection.close().await?;
        let store = Arc::new(SqliteStore::open(&path).await?);
        Self::over(guns, store.clone(), store.clone(), Closing::Sqlite(store)).await
    }

    /// A database of this size on `server`.
    pub(crate) async fn postgres(server: &Postgres, guns: u32) -> Result<Self> {
        let name = format!("growth_{guns}");
        server.create_database(&name, "").await?;
        let url = server.url("postgres", &name);
        let (address, options) = (PostgresAddress::parse(&url)?, PostgresOptions::default());
        PostgresStore::open(&address, &options).await?.close().await;
        let mut connection = PgConnection::connect(&url).await?;
        fill::postgres(&mut connection, guns, &template().await?).await?;
        connection.close().await?;
        let store = Arc::new(PostgresStore::open(&address, &options).await?);
        Self::over(guns, store.clone(), store.clone(), Closing::Postgres(store)).await
    }

    async fn over(
        guns: u32,
        store: Arc<dyn MetadataStore>,
        keys: Arc<dyn KeyStore>,
        closing: Closing,
    ) -> Result<Self> {
        let mut place = Self {
            guns,
            trust: service(Arc::clone(&store), keys).await?,
            store,
            collections: Vec::new(),
            closing,
        };
        for number in 0..REAL {
            // Spread over the names that are in the way.
            let gun = format!("example.com/team-{:03}/real-{number}", number * 120);
            let collection = Collection::new(&place.trust, &gun).await?;
            collection.publish(&place.trust).await?;
            place.collections.push(collection);
        }
        Ok(place)
    }

    /// Closes the database.
    pub(crate) async fn close(self) {
        match self.closing {
            Closing::Sqlite(store) => store.close().await,
            Closing::Postgres(store) => store.close().await,
        }
    }
}

impl Collection {
    async fn new(trust: &Trust, name: &str) -> Result<Self> {
        let gun = Gun::parse(name)?;
        let key = async |role| {
            let key = trust.key(&gun, role).await?;
            let keyval = json!({ "private": null, "public": key.public_base64() });
            anyhow::Ok(json!({ "keytype": key.key_type().as_str(), "keyval": keyval }))
        };
        let timestamp: Value = key(ServerRole::Timestamp).await?;
        let snapshot = Some(key(ServerRole::Snapshot).await?);
        let server = ServerKeys { timestamp, snapshot };
        let mut repository = Repository::new(name, 7, SystemClock.now(), &server);
        for number in 0..5 {
            repository.add_target("targets", &format!("v{number}"), b"content");
        }
        Ok(Self { gun, repository })
    }

    /// The next publish: targets only, as a push is; prepared, so that it is not measured.
    pub(crate) fn next_push(&mut self) -> Result<Vec<UploadedPart>> {
        self.repository.bump("targets");
        self.repository.seal();
        parts(self.repository.parts(&["targets"]))
    }

    async fn publish(&self, trust: &Trust) -> Result<()> {
        trust.publish(&self.gun, parts(self.repository.all_parts())?).await?;
        Ok(())
    }
}

fn parts(named: Vec<(String, Vec<u8>)>) -> Result<Vec<UploadedPart>> {
    let part = |(name, bytes): (String, Vec<u8>)| {
        let role = RoleName::parse(&name)?;
        UploadedPart::parse(role, bytes.into()).ok().with_context(|| name)
    };
    named.into_iter().map(part).collect()
}

/// Keeps nothing in memory: each read is one of the database.
async fn service(store: Arc<dyn MetadataStore>, keys: Arc<dyn KeyStore>) -> Result<Trust> {
    let secret = Passphrase::new("throwaway".to_owned().into()).context("a passphrase")?;
    let rounds = Rounds::new(1_000)?;
    let settings = SealedSettings { rounds, ..SealedSettings::default() };
    let now = Arc::new(|| SystemClock.now());
    let passphrases = Passphrases::new(DEFAULT_ALIAS, secret);
    let custody = SealedCustody::open(keys, passphrases, settings, now).await?;
    let policy = Policy { body_bytes: 0, ..Policy::default() };
    Ok(Trust::new(store, Arc::new(custody), Arc::new(SystemClock), policy))
}

/// Documents as a real collection leaves them in an empty database.
async fn template() -> Result<Template> {
    let directory = tempfile::tempdir()?;
    let store = Arc::new(SqliteStore::open(&directory.path().join("template.db")).await?);
    let trust = service(store.clone(), store.clone()).await?;
    let collection = Collection::new(&trust, "example.com/team-000/template").await?;
    collection.publish(&trust).await?;
    let mut documents = Vec::new();
    for role in ["root", "targets", "snapshot", "timestamp"] {
        let stored = store.newest(&collection.gun, &RoleName::parse(role)?).await?;
        let bytes = stored.context("it was published")?.bytes;
        documents.push((role.to_owned(), String::from_utf8(bytes.to_vec())?));
    }
    let key = trust.key(&collection.gun, ServerRole::Timestamp).await?;
    let row = store.by_id(key.id().as_str()).await?.context("it was made")?;
    let template = Template { documents, sealed: String::from_utf8(row.sealed)? };
    store.close().await;
    Ok(template)
}
