//! A publish that is about to happen, and what must be there after it was cut short.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result, bail, ensure};
use countersign_forge::repository::{Repository, ServerKeys};
use countersign_storage::{ChangeRange, MetadataStore as _};
use countersign_tests::upload;
use countersign_trust::Trust;
use countersign_tuf::digest::Sha256Digest;
use countersign_tuf::names::{Gun, RoleName, ServerRole};
use tempfile::TempDir;

use crate::child::Ending;
use crate::service::{Parts, Service, offered_key, publish};
use countersign_tests::follow::follow;

/// Whose publish is cut short.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// The first of a collection, with the snapshot key in the server's hands.
    First,
    /// A later one; the server signs the snapshot.
    ServerSnapshot,
    /// A later one; the owner has signed the snapshot.
    ClientSnapshot,
}

/// A data directory, and the publish that comes next in it.
pub(crate) struct Scene {
    gun: Gun,
    before: Option<Repository>,
    after: Repository,
    template: TempDir,
}

impl Scene {
    pub(crate) async fn set(kind: Kind) -> Result<Self> {
        let template = TempDir::new()?;
        let gun = Gun::parse("example.com/lab/app")?;
        let service = Service::open(template.path()).await?;
        let trust = service.trust();
        let timestamp = offered_key(&trust, &gun, ServerRole::Timestamp).await?;
        let snapshot = match kind {
            Kind::ClientSnapshot => None,
            _ => Some(offered_key(&trust, &gun, ServerRole::Snapshot).await?),
        };
        let keys = ServerKeys { timestamp, snapshot };
        let mut first = Repository::new(gun.as_str(), 3, upload::now(), &keys);
        let key = first.new_ecdsa_key();
        first.add_delegation("targets/a", key);
        let scene = if kind == Kind::First {
            Self { gun, before: None, after: first, template }
        } else {
            publish(&trust, &gun, &first.all_parts()).await?;
            let after = next(&first);
            Self { gun, before: Some(first), after, template }
        };
        drop(trust);
        service.store.close().await;
        Ok(scene)
    }

    pub(crate) fn gun(&self) -> &Gun {
        &self.gun
    }

    /// The publish that is cut short.
    pub(crate) fn upload(&self) -> Parts {
        match self.before {
            None => self.after.all_parts(),
            Some(_) => replaced(&self.after),
        }
    }

    /// A copy of the data directory as it is before the publish.
    pub(crate) fn copy(&self) -> Result<TempDir> {
        let copy = TempDir::new()?;
        for entry in fs::read_dir(self.template.path())? {
            let entry = entry?;
            fs::copy(entry.path(), copy.path().join(entry.file_name()))?;
        }
        Ok(copy)
    }

    /// What a new process finds in `data` is the whole publish or nothing of it, whole if it was
    /// acknowledged; it verifies; and the next publish is accepted.
    pub(crate) async fn check(&self, data: &Path, ending: Ending) -> Result<()> {
        let service = Service::open(data).await?;
        let trust = service.trust();
        let whole = self.is_whole(&trust).await?;
        if ending == Ending::Acknowledged {
            ensure!(whole, "what was acknowledged is lost");
        }
        let publishes = usize::from(whole) + usize::from(self.before.is_some());
        let all = ChangeRange::After { id: 0, limit: 100 };
        let changes = service.store.changes(Some(&self.gun), all).await?;
        ensure!(changes.len() == publishes, "{changes:?}");
        for role in ["root", "targets", "targets/a", "snapshot", "timestamp"] {
            let role = RoleName::parse(role)?;
            let newest = service.store.newest(&self.gun, &role).await?.map(|found| found.bytes);
            let current = trust.current(&self.gun, &role).await?.map(|found| found.bytes);
            ensure!(newest == current, "a {role} is stored that nothing names");
        }
        let upload = match (&self.before, whole) {
            (_, true) => replaced(&next(&self.after)),
            (_, false) => self.upload(),
        };
        publish(&trust, &self.gun, &upload).await.context("the next publish")?;
        service.store.close().await;
        Ok(())
    }

    /// Whether the publish is there; fails when it is there in part, or does not verify.
    async fn is_whole(&self, trust: &Trust) -> Result<bool> {
        if self.before.is_none() && trust.current(&self.gun, &RoleName::Timestamp).await?.is_none()
        {
            return Ok(false);
        }
        let fetch = async |role: &RoleName, sha256: Option<Sha256Digest>| {
            let found = match sha256 {
                Some(sha256) => trust.by_digest(&self.gun, role, sha256).await?,
                None => trust.current(&self.gun, role).await?,
            };
            Ok(found.with_context(|| format!("no {role}"))?.bytes.to_vec())
        };
        let documents = follow(self.gun.as_str(), None, fetch).await?.documents;
        let holds = |repository: &Repository| {
            let mut parts = replaced(repository).into_iter();
            parts.all(|(role, bytes)| documents.get(&role) == Some(&bytes))
        };
        match &self.before {
            _ if holds(&self.after) => Ok(true),
            Some(before) if holds(before) => Ok(false),
            _ => bail!("neither the state before nor the state after: {:?}", documents.keys()),
        }
    }
}

/// The collection one publish further.
fn next(repository: &Repository) -> Repository {
    let mut next = repository.clone();
    for role in ["targets", "targets/a"] {
        next.add_target(role, "v", b"content");
    }
    next.bump("snapshot");
    next
}

/// What a later publish uploads.
fn replaced(repository: &Repository) -> Parts {
    repository.parts(&["targets", "targets/a", "snapshot"])
}
