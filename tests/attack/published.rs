//! A collection on our server, and what the server really answered at any moment of its life.

use anyhow::{Result, ensure};
use countersign_forge::repository::Repository;
use countersign_tests::peers::impostor::Recording;
use countersign_tests::peers::notary_client::NotaryClient;
use countersign_tests::upload;
use countersign_tests::wire::Wire;

use crate::stage::{GUN, ROLES, Stage};

pub(crate) struct Published {
    pub(crate) stage: Stage,
    pub(crate) reader: NotaryClient,
    repository: Repository,
    wire: Wire,
}

impl Published {
    /// The collection with the target `v1` and the delegation `targets/a`, which the reader has
    /// listed.
    pub(crate) async fn start() -> Result<Self> {
        let stage = Stage::set().await?;
        let wire = Wire::to(stage.server.endpoint())?;
        let mut repository = upload::collection(&wire, GUN).await?;
        let key = repository.new_ecdsa_key();
        repository.add_delegation("targets/a", key);
        add(&mut repository, "v1");
        accepted(&wire, GUN, &repository.all_parts()).await?;
        let reader = stage.reader("reader")?;
        let published = Self { stage, reader, repository, wire };
        published.stage.sees(&published.reader, "v1").await?;
        Ok(published)
    }

    /// Publishes one more target, listed by targets and by the delegation.
    pub(crate) async fn publish(&mut self, target: &str) -> Result<()> {
        add(&mut self.repository, target);
        let parts = self.repository.parts(&["targets", "targets/a", "snapshot"]);
        accepted(&self.wire, GUN, &parts).await
    }

    /// Rotates the targets key: a new root, which every reader must fetch.
    pub(crate) async fn publish_root(&mut self) -> Result<()> {
        let key = self.repository.new_ecdsa_key();
        self.repository.rotate("targets", key);
        for role in ["targets", "snapshot"] {
            self.repository.bump(role);
        }
        let parts = self.repository.parts(&["root", "targets", "snapshot"]);
        accepted(&self.wire, GUN, &parts).await
    }

    /// What the server answers for every role now.
    pub(crate) async fn record(&self) -> Result<Recording> {
        record(&self.wire, GUN).await
    }

    /// The attack is over: the reader asks the server itself, and lists the collection as it is.
    pub(crate) async fn ends_well(
        &self,
        reader: &NotaryClient,
        honest: &Recording,
        target: &str,
    ) -> Result<()> {
        self.stage.impostor.repent();
        self.stage.is_well(reader, honest, target).await
    }

    /// Another collection on the same server, as it is served.
    pub(crate) async fn other_collection(&self, gun: &str) -> Result<Recording> {
        let mut repository = upload::collection(&self.wire, gun).await?;
        let key = repository.new_ecdsa_key();
        repository.add_delegation("targets/a", key);
        add(&mut repository, "foreign");
        accepted(&self.wire, gun, &repository.all_parts()).await?;
        record(&self.wire, gun).await
    }
}

/// Lists a target in targets and in the delegation.
fn add(repository: &mut Repository, target: &str) {
    for role in ["targets", "targets/a"] {
        repository.add_target(role, target, target.as_bytes());
    }
    repository.bump("snapshot");
}

async fn accepted(wire: &Wire, gun: &str, parts: &[(String, Vec<u8>)]) -> Result<()> {
    let answer = upload::publish(wire, gun, parts).await?;
    ensure!(answer.status == 200, "{}", String::from_utf8_lossy(&answer.body));
    Ok(())
}

async fn record(wire: &Wire, gun: &str) -> Result<Recording> {
    let mut recording = Recording::new();
    for role in ROLES {
        let answer = wire.document(gun, &format!("{role}.json")).await?;
        ensure!(answer.status == 200, "{role}: {answer:?}");
        recording.insert(role.to_owned(), answer.body);
    }
    Ok(recording)
}
