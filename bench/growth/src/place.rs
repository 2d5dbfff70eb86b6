//! A database of one size, the service over it, and the real collections in it.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context as _, Result};
use countersign_custody::sealed::{
    DEFAULT_ALIAS, Passphrase, Passphrases, Rounds, SealedCustody, SealedSettings,
};
use countersign_forge::repository::{Repository, ServerKeys};
use countersign_storage::engine::sqlite::SqliteStore;
use countersign_storage::{KeyStore, MetadataStore};
use countersign_tests::peers::family::Family;
use countersign_tests::peers::postgres::Postgres;
use countersign_trust::{Clock, Policy, SystemClock, Trust};
use countersign_tuf::names::{Gun, RoleName, ServerRole};
use countersign_tuf::rules::UploadedPart;
use serde_json::{Value, json};
use sqlx::{Connection as _, PgConnection, SqliteConnection};

use crate::database::Database;
use crate::fill::{self, Template};
use crate::queries::Queries;

/// How many collections are real.
const REAL: u32 = 8;

/// A database of one size.
pub struct Place {
    /// How many synthetic collections are in it.
    pub(crate) guns: u32,
    pub(crate) trust: Trust,
    pub(crate) store: Arc<dyn MetadataStore>,
    pub(crate) collections: Vec<Collection>,
    database: Database,
}

/// A real collection, as its publisher holds it.
pub(crate) struct Collection {
    pub(crate) gun: Gun,
    pub(crate) repository: Repository,
}

impl Place {
    /// A file of this size below `directory`.
    ///
    /// # Errors
    /// The file cannot be filled.
    pub async fn sqlite(directory: &Path, guns: u32) -> Result<Self> {
        let file = directory.join(format!("{guns}.db"));
        Database::sqlite(&file).await?.close().await;
        let url = format!("sqlite://{}", file.display());
        let mut connection = SqliteConnection::connect(&url).await?;
        fill::sqlite(&mut connection, guns, &template().await?).await?;
        connection.close().await?;
        Self::over(guns, Database::sqlite(&file).await?).await
    }

    /// A database of this size on `server`.
    ///
    /// # Errors
    /// The database exists already, or cannot be filled.
    pub async fn postgres(server: &Postgres, guns: u32) -> Result<Self> {
        let name = format!("growth_{guns}");
        server.create_database(&name, "").await?;
        Database::postgres(server, &name).await?.close().await;
        let mut connection = PgConnection::connect(&server.url("postgres", &name)).await?;
        fill::postgres(&mut connection, guns, &template().await?).await?;
        connection.close().await?;
        Self::over(guns, Database::postgres(server, &name).await?).await
    }

    async fn over(guns: u32, database: Database) -> Result<Self> {
        let (store, keys) = database.stores();
        let trust = service(Arc::clone(&store), keys, Arc::new(SystemClock)).await?;
        let mut place = Self { guns, trust, store, collections: Vec::new(), database };
        for number in 0..REAL {
            // Spread over the names that are in the way.
            let gun = format!("example.com/team-{:03}/real-{number}", number * 120);
            let collection = Collection::new(&place.trust, &gun).await?;
            collection.publish(&place.trust).await?;
            place.collections.push(collection);
        }
        Ok(place)
    }

    /// The processes that acts cost.
    pub(crate) fn family(&self) -> &Family {
        &self.database.family
    }

    /// Opens the database once more, and reads a timestamp.
    pub(crate) async fn start_once_more(&self) -> Result<()> {
        let gun = &self.collections.first().context("a collection")?.gun;
        let database = self.database.once_more().await?;
        let (store, keys) = database.stores();
        let trust = service(store, keys, Arc::new(SystemClock)).await?;
        let found = trust.current(gun, &RoleName::Timestamp).await?;
        database.close().await;
        found.context("a timestamp").map(drop)
    }

    /// How many bytes the database takes, without what is written twice for now.
    ///
    /// # Errors
    /// It cannot be asked.
    pub async fn bytes(&self) -> Result<u64> {
        self.database.bytes().await
    }

    /// Closes the database, and counts what reads ask of it where somebody counts.
    ///
    /// # Errors
    /// It cannot be opened once more.
    pub async fn end(self) -> Result<Option<Queries>> {
        self.database.close().await;
        let guns: Vec<Gun> = self.collections.into_iter().map(|held| held.gun).collect();
        Queries::count(&self.database, &guns).await
    }
}

impl Collection {
    /// One that was never published, with the keys that the service makes for it.
    pub(crate) async fn new(trust: &Trust, name: &str) -> Result<Self> {
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

    /// The first publish.
    pub(crate) async fn publish(&self, trust: &Trust) -> Result<()> {
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
pub(crate) async fn service(
    store: Arc<dyn MetadataStore>,
    keys: Arc<dyn KeyStore>,
    clock: Arc<dyn Clock>,
) -> Result<Trust> {
    over(store, keys, clock, Policy { body_bytes: 0, ..Policy::default() }).await
}

/// Keeps bodies in memory as by default.
pub(crate) async fn remembering(
    store: Arc<dyn MetadataStore>,
    keys: Arc<dyn KeyStore>,
    clock: Arc<dyn Clock>,
) -> Result<Trust> {
    over(store, keys, clock, Policy::default()).await
}

async fn over(
    store: Arc<dyn MetadataStore>,
    keys: Arc<dyn KeyStore>,
    clock: Arc<dyn Clock>,
    policy: Policy,
) -> Result<Trust> {
    let secret = Passphrase::new("throwaway".to_owned().into()).context("a passphrase")?;
    let rounds = Rounds::new(1_000)?;
    let settings = SealedSettings { rounds, ..SealedSettings::default() };
    let of_custody = Arc::clone(&clock);
    let now = Arc::new(move || of_custody.now());
    let passphrases = Passphrases::new(DEFAULT_ALIAS, secret);
    let custody = SealedCustody::open(keys, passphrases, settings, now).await?;
    Ok(Trust::new(store, Arc::new(custody), clock, policy))
}

/// Documents as a real collection leaves them in an empty database.
async fn template() -> Result<Template> {
    let directory = tempfile::tempdir()?;
    let store = Arc::new(SqliteStore::open(&directory.path().join("template.db")).await?);
    let trust = service(store.clone(), store.clone(), Arc::new(SystemClock)).await?;
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
