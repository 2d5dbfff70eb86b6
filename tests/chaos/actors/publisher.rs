//! Publishers: several of one collection, with the same keys, each for some of its roles.

use std::sync::Arc;

use anyhow::{Context as _, Result, ensure};
use chrono::{DateTime, Duration, SecondsFormat, Utc};
use countersign_forge::document::Document;
use countersign_forge::repository::Repository;
use countersign_tests::upload;
use countersign_tests::wire::Wire;
use rand::Rng as _;
use rand::rngs::StdRng;
use serde_json::Value;

use super::reader::Collection;
use super::{Bell, Client, Reader};
use crate::history::{Action, Edition, Operation, Outcome, Recorder};

/// The roles that one publisher replaces together.
pub(crate) type Roles = &'static [&'static str];

/// A collection and who publishes what of it.
pub(crate) struct Owner {
    gun: Arc<str>,
    repository: Repository,
    /// One entry for each publisher.
    pub(crate) publishers: Vec<Roles>,
}

/// One publisher.
pub(crate) struct Publisher {
    gun: Arc<str>,
    roles: Roles,
    /// As it was when it was last known.
    repository: Repository,
    /// Whether somebody else may have published since, or an outcome is unknown.
    is_behind: bool,
    reader: Reader,
}

impl Owner {
    /// Publishes collection `number` for the first time. Of every second one the server holds the
    /// snapshot key; of those, others may publish other roles at the same time.
    pub(crate) async fn start(wire: &Wire, number: usize, recorder: &Recorder) -> Result<Self> {
        let server_held = number.is_multiple_of(2);
        let gun: Arc<str> =
            format!("lab/{}/{number}", if server_held { "server" } else { "client" }).into();
        let mut repository = if server_held {
            upload::collection_with_server_snapshot(wire, &gun).await?
        } else {
            upload::collection(wire, &gun).await?
        };
        let mut publishers: Vec<Roles> = match number % 4 {
            0 | 1 => vec![&["targets"], &["targets"]],
            2 => vec![&["targets"], &["targets/a"], &["targets/b"], &["targets", "targets/a"]],
            _ => vec![&["targets", "targets/a"], &["targets/a"]],
        };
        if number % 4 >= 2 {
            for name in ["targets/a", "targets/b"] {
                let key = repository.new_ecdsa_key();
                repository.add_delegation(name, key);
            }
        }
        if number % 5 == 4 {
            publishers.push(&["root"]);
        }
        let owner = Self { gun, repository, publishers };
        owner.publish_first(wire, recorder).await?;
        Ok(owner)
    }

    async fn publish_first(&self, wire: &Wire, recorder: &Recorder) -> Result<()> {
        let parts = self.repository.all_parts();
        let editions = parts.iter().map(|(role, bytes)| Edition::of(&role.as_str().into(), bytes));
        let editions = editions.collect::<Result<_>>()?;
        let action = Action::Publish { gun: Arc::clone(&self.gun), editions };
        let began = recorder.now();
        let answer = upload::publish(wire, &self.gun, &parts).await?;
        ensure!(answer.status == 200, "{}", String::from_utf8_lossy(&answer.body));
        let (ended, outcome) = (recorder.now(), Outcome::Done);
        recorder.operation(Operation { began, ended, replica: 0, action, outcome });
        Ok(())
    }

    /// What readers may ask for.
    pub(crate) fn collection(&self) -> Collection {
        let own = self.repository.roles().filter(|role| *role != "snapshot");
        (Arc::clone(&self.gun), own.chain(["snapshot", "timestamp"]).map(Arc::from).collect())
    }
}

impl Publisher {
    pub(crate) fn new(owner: &Owner, roles: Roles, client: Client, rng: StdRng) -> Self {
        Self {
            gun: Arc::clone(&owner.gun),
            roles,
            repository: owner.repository.clone(),
            is_behind: false,
            reader: Reader::new(client, rng),
        }
    }

    /// Publishes until the bell rings, with about `pace` milliseconds in between.
    pub(crate) async fn publish(mut self, mut bell: Bell, pace: u64) -> Result<()> {
        while bell.pause(&mut self.reader.rng, pace).await {
            if self.is_behind && !self.catches_up().await? {
                continue;
            }
            let next = self.next();
            let mut roles = self.roles.to_vec();
            if next.holds_snapshot_key() {
                roles.push("snapshot");
            }
            let parts = next.parts(&roles);
            let Reader { client, rng, .. } = &mut self.reader;
            match client.publish(rng, &self.gun, &parts).await? {
                Outcome::Done => self.repository = next,
                _ => self.is_behind = true,
            }
        }
        Ok(())
    }

    /// The next state: new content in each role, which no other publish has.
    fn next(&mut self) -> Repository {
        let mut next = self.repository.clone();
        let nonce: [u8; 16] = self.reader.rng.random();
        // A root has no other place for something new than the day on which it expires.
        let expires = next.now() + Duration::days(self.reader.rng.random_range(1_000..1_000_000));
        for role in self.roles {
            match *role {
                "root" => {
                    next.edit("root", |root| set_expiry(root, expires));
                    next.bump("root");
                }
                role => next.add_target(role, "v", &nonce),
            }
        }
        if next.holds_snapshot_key() {
            next.bump("snapshot");
        }
        next
    }

    /// Takes over what is published by now.
    async fn catches_up(&mut self) -> Result<bool> {
        let Some(documents) = self.reader.refresh(&self.gun).await else { return Ok(false) };
        for (role, bytes) in documents {
            let taken = document(bytes).with_context(|| format!("{role} of {}", self.gun))?;
            self.repository.damage(&role, |own| *own = taken);
        }
        self.is_behind = false;
        Ok(true)
    }
}

fn set_expiry(signed: &mut Value, expires: DateTime<Utc>) {
    if let Some(members) = signed.as_object_mut() {
        let text = expires.to_rfc3339_opts(SecondsFormat::Secs, true);
        members.insert("expires".to_owned(), text.into());
    }
}

/// The document that these bytes are, to the byte.
fn document(bytes: Vec<u8>) -> Result<Document> {
    let outer: Value = serde_json::from_slice(&bytes)?;
    let signed = outer.get("signed").context("nothing is signed")?.to_string();
    let signatures = outer.get("signatures").and_then(Value::as_array).cloned();
    let signatures = signatures.context("no signatures")?;
    Ok(Document { signed, signatures, bytes_instead: Some(bytes) })
}
