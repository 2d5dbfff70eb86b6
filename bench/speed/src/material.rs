//! What the servers hold: really signed collections, the same at each but for the keys that each
//! server made itself.
//!
//! Every document is asked for once here, one after the other: the Go server crashes when its first
//! reads of anything come at once.

use anyhow::{Context as _, Result, ensure};
use bytes::Bytes;
use countersign_forge::repository::{Repository, meta_entry};
use countersign_tests::upload;
use countersign_tests::wire::{Endpoint, Wire};
use ring::digest::{SHA256, digest};

use crate::filling::Filled;
use crate::floor::KeptAnswer;
use crate::load::Exchange;

/// How many GUNs reads are spread over.
pub(crate) const GUNS: usize = 100;

/// How many targets an ordinary collection lists.
const TARGETS: usize = 5;

/// How many targets the large collection lists.
pub(crate) const MANY_TARGETS: usize = 10_000;

/// The roles that a pull reads.
const ROLES: [&str; 4] = ["timestamp", "snapshot", "targets", "root"];

/// The documents that one server has.
#[derive(Debug)]
pub(crate) struct Material {
    /// Ordinary collections, [`GUNS`] of them.
    pub(crate) collections: Vec<Collection>,
    /// One with [`MANY_TARGETS`] targets.
    pub(crate) large: Collection,
}

/// The documents of one GUN.
#[derive(Debug)]
pub(crate) struct Collection {
    gun: String,
    documents: Vec<(&'static str, Bytes)>,
}

impl Material {
    /// Publishes everything to a server and reads it back.
    pub(crate) async fn publish(endpoint: &Endpoint) -> Result<Self> {
        let wire = Wire::to(endpoint)?;
        let mut collections = Vec::new();
        for number in 0..GUNS {
            let gun = format!("example.com/team-{}/app-{number}", number % 10);
            collections.push(Collection::publish(&wire, &gun, TARGETS).await?);
        }
        let large = Collection::publish(&wire, "example.com/large", MANY_TARGETS).await?;
        Ok(Self { collections, large })
    }

    /// What the server answers to every request that a read may be.
    pub(crate) async fn answers(&self, endpoint: &Endpoint) -> Result<Vec<KeptAnswer>> {
        let wire = Wire::to(endpoint)?;
        let mut answers = Vec::new();
        for collection in self.collections.iter().chain([&self.large]) {
            for path in collection.paths()? {
                let answer = wire.get(&path).await?;
                ensure!(answer.status == 200, "{path}: {answer:?}");
                answers.push(KeptAnswer::of(&path, &answer)?);
            }
        }
        Ok(answers)
    }
}

impl Collection {
    /// Publishes a collection of so many targets, and asks for each of its documents once.
    pub(crate) async fn publish(wire: &Wire, gun: &str, targets: usize) -> Result<Self> {
        let mut repository = upload::collection_with_server_snapshot(wire, gun).await?;
        list(&mut repository, targets);
        let answer = upload::publish(wire, gun, &repository.parts(&["root", "targets"])).await?;
        ensure!(answer.status == 200, "{gun} was not published: {answer:?}");
        let mut collection = Self { gun: gun.to_owned(), documents: Vec::new() };
        for role in ROLES {
            let answer = wire.document(gun, &format!("{role}.json")).await?;
            ensure!(answer.status == 200, "{gun} has no {role}: {answer:?}");
            collection.documents.push((role, Bytes::from(answer.body)));
        }
        for path in collection.paths()? {
            let answer = wire.get(&path).await?;
            ensure!(answer.status == 200, "{path}: {answer:?}");
        }
        Ok(collection)
    }

    /// One that was put into the database.
    pub(crate) fn filled(filled: Filled) -> Self {
        Self { gun: filled.gun, documents: filled.documents.to_vec() }
    }

    /// A GET of the current document of `role`.
    pub(crate) fn by_name(&self, role: &str) -> Result<Exchange> {
        Exchange::get(&self.path(&format!("{role}.json")), self.bytes(role)?)
    }

    /// A GET of the document of `role` by its digest.
    pub(crate) fn by_digest(&self, role: &str) -> Result<Exchange> {
        let bytes = self.bytes(role)?;
        let digest = hex::encode(digest(&SHA256, bytes));
        Exchange::get(&self.path(&format!("{role}.{digest}.json")), bytes)
    }

    fn bytes(&self, role: &str) -> Result<&Bytes> {
        let found = self.documents.iter().find(|(held, _)| *held == role);
        found.map(|(_, bytes)| bytes).with_context(|| format!("{} has no {role}", self.gun))
    }

    fn path(&self, file: &str) -> String {
        format!("/v2/{}/_trust/tuf/{file}", self.gun)
    }

    /// The paths of its documents, by name and by digest.
    pub(crate) fn paths(&self) -> Result<Vec<String>> {
        let mut paths = Vec::new();
        for (role, _) in &self.documents {
            paths.push(self.by_name(role)?.path.to_string());
            paths.push(self.by_digest(role)?.path.to_string());
        }
        Ok(paths)
    }
}

/// Lists so many targets at once: signing after each would take minutes.
pub(crate) fn list(repository: &mut Repository, targets: usize) {
    repository.edit("targets", |signed| {
        let listed = signed.get_mut("targets").and_then(serde_json::Value::as_object_mut);
        let Some(listed) = listed else { return };
        for number in 0..targets {
            let name = format!("v1.{number}");
            let entry = meta_entry(name.as_bytes());
            listed.insert(name, entry);
        }
    });
}
