//! Keys of a signer from before this server: which stored root has each, and what finding that out
//! costs, at the first start and at later ones.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::{Context as _, Result, ensure};
use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use countersign_custody::Custody as _;
use countersign_custody::remote::{KeptBindings, RemoteCustody};
use countersign_forge::repository::{Repository, ServerKeys};
use countersign_storage::engine::sqlite::SqliteStore;
use countersign_storage::{
    ArchivedDocument, Inventory, KeyBindings as _, MetadataArchive as _, RootRecord, RootWalk,
    StorageResult, VersionRecord,
};
use countersign_tests::peers::hostile_signer::{HostileSigner, Manner};
use countersign_tests::upload;
use countersign_trust::operate::SignerKeys;
use countersign_tuf::keys::{PublicKey, ServerKeyAlgorithm};

use countersign_tuf::names::ServerRole::{Snapshot, Timestamp};
use countersign_tuf::names::{RoleName, Version};
use serde_json::{Value, json};
use tempfile::TempDir;
use tonic::Code;

use crate::bench::{DEADLINE, custody, gun};

/// How many rows the next start looks at again.
const AGAIN: usize = 1_000;

/// A database with roots of a signer's keys, and the signer.
struct Site {
    signer: HostileSigner,
    store: Arc<SqliteStore>,
    maker: RemoteCustody,
    _folder: TempDir,
}

/// What a process that starts has of the signer.
fn custody_over(signer: &HostileSigner, store: &Arc<SqliteStore>) -> Result<RemoteCustody> {
    let bindings = Arc::new(KeptBindings::new(Arc::clone(store) as Arc<_>));
    custody(signer, signer.port(), DEADLINE, bindings)
}

impl Site {
    async fn new() -> Result<Self> {
        let folder = TempDir::new()?;
        let store = Arc::new(SqliteStore::open(&folder.path().join("trust.db")).await?);
        let signer = HostileSigner::start().await?;
        let maker = custody_over(&signer, &store)?;
        Ok(Self { signer, store, maker, _folder: folder })
    }

    /// A key that the signer made for somebody else than this server.
    async fn key(&self, name: &str) -> Result<PublicKey> {
        let wanted = (gun(name)?, Timestamp, ServerKeyAlgorithm::Ecdsa);
        let key = self.maker.pending_key(&wanted.0, wanted.1, wanted.2).await?;
        ensure!(self.store.unbind_key(key.id().as_str()).await?);
        Ok(key)
    }

    /// Stores a root that names this key, and three rows beside it.
    async fn put_root(&self, name: &str, key: &PublicKey) -> Result<()> {
        let timestamp = listed(key);
        let keys = ServerKeys { timestamp, snapshot: None };
        // Owners have keys of their own.
        let seed = name.bytes().fold(5_u64, |seed, byte| seed.wrapping_mul(31) ^ u64::from(byte));
        let owner = Repository::new(name, seed, upload::now(), &keys);
        let document = |role: RoleName, version: i64, bytes: Vec<u8>| {
            let version = Version::new(version).context("a version")?;
            let (bytes, stored_at) = (Bytes::from(bytes), upload::now());
            anyhow::Ok(ArchivedDocument { role, version, bytes, stored_at })
        };
        let (_, root) = owner.parts(&["root"]).pop().context("a root")?;
        let mut rows = vec![document(RoleName::Root, 1, root)?];
        for version in 1..=3 {
            rows.push(document(RoleName::Targets, version, format!("{name} {version}").into())?);
        }
        Ok(self.store.put_unjudged(&gun(name)?, &rows).await?)
    }

    /// Goes through the roots as a start does: how many keys were bound, and what it cost.
    async fn start(&self) -> Result<(u64, Cost)> {
        let custody = custody_over(&self.signer, &self.store)?;
        let counting = Counting::of(&self.store);
        let before = self.signer.calls().len();
        let bound =
            SignerKeys { custody: &custody, roots: &counting, inventory: &counting }.bind().await;
        let cost = Cost {
            steps: counting.steps.into_inner(),
            roots: counting.roots.into_inner(),
            calls: self.signer.calls().len() - before,
        };
        Ok((bound, cost))
    }

    async fn bound_to(&self, key: &PublicKey) -> Result<Option<String>> {
        let binding = self.store.binding(key.id().as_str()).await?;
        Ok(binding.map(|binding| binding.gun.as_str().to_owned()))
    }
}

fn listed(key: &PublicKey) -> Value {
    let public = STANDARD.encode(key.public());
    json!({ "keytype": key.key_type().as_str(), "keyval": { "public": public, "private": null } })
}

/// What one start took.
#[derive(Debug)]
struct Cost {
    /// Queries for rows of roots.
    steps: usize,
    /// Roots that were read.
    roots: usize,
    /// Calls to the signer.
    calls: usize,
}

/// A store that counts what is read of its roots.
struct Counting {
    store: Arc<SqliteStore>,
    steps: AtomicUsize,
    roots: AtomicUsize,
}

impl Counting {
    fn of(store: &Arc<SqliteStore>) -> Self {
        Self {
            store: Arc::clone(store),
            steps: AtomicUsize::default(),
            roots: AtomicUsize::default(),
        }
    }
}

#[async_trait]
impl RootWalk for Counting {
    async fn roots(&self, after: i64, to: i64) -> StorageResult<Vec<RootRecord>> {
        self.steps.fetch_add(1, Ordering::Relaxed);
        self.store.roots(after, to).await
    }

    async fn last_row(&self) -> StorageResult<i64> {
        self.store.last_row().await
    }

    async fn walked_to(&self, signer: &str) -> StorageResult<i64> {
        self.store.walked_to(signer).await
    }

    async fn note_walked(&self, signer: &str, to: i64) -> StorageResult<()> {
        self.store.note_walked(signer, to).await
    }
}

#[async_trait]
impl Inventory for Counting {
    async fn guns(&self, after: Option<&str>, most: u32) -> StorageResult<Vec<String>> {
        self.store.guns(after, most).await
    }

    async fn versions(&self, gun: &str) -> StorageResult<Vec<VersionRecord>> {
        self.store.versions(gun).await
    }

    async fn bytes(&self, id: i64) -> StorageResult<Option<Bytes>> {
        self.roots.fetch_add(1, Ordering::Relaxed);
        self.store.bytes(id).await
    }
}

#[tokio::test]
async fn a_key_belongs_to_the_root_that_was_stored_first_whatever_the_names() -> Result<()> {
    let site = Site::new().await?;
    let (one, two) = (site.key("m/first").await?, site.key("m/other").await?);
    site.put_root("z/first", &one).await?;
    site.put_root("a/thief", &one).await?;
    site.put_root("m/other", &two).await?;
    let (bound, _) = site.start().await?;
    ensure!(bound == 2);
    ensure!(site.bound_to(&one).await?.as_deref() == Some("z/first"));
    ensure!(site.bound_to(&two).await?.as_deref() == Some("m/other"));
    Ok(())
}

/// What the next start reads does not grow with what is stored.
#[tokio::test]
async fn a_later_start_looks_at_what_was_stored_since_and_asks_nothing_again() -> Result<()> {
    let site = Site::new().await?;
    let (collections, roots_again) = (collections(), AGAIN / 4);
    for number in 0..collections {
        let name = format!("example.com/{number}");
        site.put_root(&name, &site.key(&name).await?).await?;
    }
    let (bound, first) = site.start().await?;
    println!("first start, {collections} collections: {first:?}");
    ensure!(bound == u64::try_from(collections)?, "{bound}");
    ensure!(first.roots == collections, "{first:?}");
    let (bound, second) = site.start().await?;
    println!("second start: {second:?}");
    // Snapshot keys are with the owners, so the signer is asked for those it was not asked to bind.
    ensure!(bound == 0 && second.steps == 1 && second.roots == roots_again, "{second:?}");
    ensure!(second.calls <= roots_again, "{second:?}");

    let late = site.key("late").await?;
    site.put_root("example.com/late", &late).await?;
    let (bound, third) = site.start().await?;
    ensure!(bound == 1 && third.roots <= roots_again + 1, "{third:?}");
    ensure!(site.bound_to(&late).await?.as_deref() == Some("example.com/late"));
    Ok(())
}

/// More than are looked at again. `COLLECTIONS` in the environment measures with another number.
fn collections() -> usize {
    let asked = std::env::var("COLLECTIONS").ok();
    asked.and_then(|number| number.parse().ok()).unwrap_or(300)
}

/// Until it can be told whose a key is, each start looks for it again.
#[tokio::test]
async fn a_key_that_could_not_be_told_is_looked_for_by_the_next_start() -> Result<()> {
    let site = Site::new().await?;
    let first = site.key("a/first").await?;
    site.put_root("a/first", &first).await?;
    site.signer.behave(Manner::Refuses(Code::FailedPrecondition));
    ensure!(site.start().await?.0 == 0);
    let signer = custody_over(&site.signer, &site.store)?.signer().to_string();
    ensure!(site.store.walked_to(&signer).await? == 0);
    site.signer.behave(Manner::Honest);
    ensure!(site.start().await?.0 == 1);
    ensure!(site.store.walked_to(&signer).await? == site.store.last_row().await?);
    ensure!(site.bound_to(&first).await?.as_deref() == Some("a/first"));
    Ok(())
}

#[tokio::test]
async fn another_signer_is_looked_for_in_all_roots() -> Result<()> {
    let site = Site::new().await?;
    let (last, other) = (site.store.last_row().await?, "other:7899");
    let first = site.key("a/first").await?;
    site.put_root("a/first", &first).await?;
    site.store.note_walked(other, last.saturating_add(1_000_000)).await?;
    ensure!(site.start().await?.0 == 1);
    let custody = custody_over(&site.signer, &site.store)?;
    ensure!(custody.find_key(&gun("a/first")?, Timestamp, first.id()).await?.is_some());
    ensure!(custody.find_key(&gun("a/first")?, Snapshot, first.id()).await?.is_none());
    Ok(())
}
