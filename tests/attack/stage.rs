//! A server, an impostor before it, and readers who come to the impostor.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use anyhow::{Result, ensure};
use countersign_tests::peers::countersign::Countersign;
use countersign_tests::peers::impostor::{Impostor, Recording};
use countersign_tests::peers::notary_client::NotaryClient;
use tempfile::TempDir;

/// The collection that readers read.
pub(crate) const GUN: &str = "example.com/lab/app";

/// Every role of that collection.
pub(crate) const ROLES: [&str; 5] = ["root", "targets", "targets/a", "snapshot", "timestamp"];

pub(crate) struct Stage {
    pub(crate) impostor: Impostor,
    pub(crate) server: Countersign,
    directory: TempDir,
}

impl Stage {
    /// A server without collections, and an impostor that does not lie yet.
    pub(crate) async fn set() -> Result<Self> {
        let server = Countersign::start().await?;
        let directory = TempDir::new()?;
        let folder = directory.path().join("impostor");
        fs::create_dir_all(&folder)?;
        let impostor = Impostor::open(&folder, server.endpoint()).await?;
        Ok(Self { impostor, server, directory })
    }

    /// A new user, who comes to the impostor.
    pub(crate) fn reader(&self, name: &str) -> Result<NotaryClient> {
        NotaryClient::new(&self.directory.path().join(name), self.impostor.endpoint())
    }

    /// Where to put a file.
    pub(crate) fn folder(&self) -> &Path {
        self.directory.path()
    }

    /// The reader lists the collection, and this target in it.
    pub(crate) async fn sees(&self, reader: &NotaryClient, target: &str) -> Result<()> {
        let outcome = reader.run(&["list", GUN]).await?;
        let line = format!("{target} ");
        ensure!(outcome.succeeded() && outcome.stdout.contains(&line), "no {target}: {outcome:?}");
        Ok(())
    }

    /// The reader lists the collection without this target, which it is offered.
    pub(crate) async fn does_not_see(&self, reader: &NotaryClient, target: &str) -> Result<()> {
        let outcome = reader.run(&["list", GUN]).await?;
        let listed = outcome.succeeded() && outcome.says("DIGEST");
        ensure!(listed && !outcome.stdout.contains(target), "{target} is shown: {outcome:?}");
        Ok(())
    }

    /// The reader is lied to, refuses in these words, lists nothing, and keeps only what it kept
    /// before or what is `credible`.
    pub(crate) async fn refuses(
        &self,
        reader: &NotaryClient,
        credible: &[&Recording],
        words: &str,
    ) -> Result<()> {
        let before = kept(reader);
        self.impostor.forget_told();
        let outcome = reader.run(&["list", GUN]).await?;
        let lied_about: BTreeSet<String> = self.impostor.told().into_iter().collect();
        ensure!(!lied_about.is_empty(), "nobody was lied to: {outcome:?}");
        let fits = outcome.code == Some(1) && outcome.says(words);
        ensure!(fits, "not refused with {words:?} after lies about {lied_about:?}: {outcome:?}");
        ensure!(!outcome.says("DIGEST"), "something was listed all the same: {outcome:?}");
        let after = kept(reader);
        for (role, bytes) in &after {
            let mut good = credible.iter().copied().chain([&before]);
            let known = good.any(|recording| recording.get(role) == Some(bytes));
            ensure!(known, "the client keeps a {role} that it must not believe");
        }
        let lost: Vec<_> = before.keys().filter(|role| !after.contains_key(*role)).collect();
        ensure!(lost.is_empty(), "the client has forgotten {lost:?}");
        Ok(())
    }

    /// The attack on a forged collection is over: the reader lists it as it is.
    pub(crate) async fn ends_well(
        &self,
        reader: &NotaryClient,
        honest: &Recording,
        target: &str,
    ) -> Result<()> {
        self.impostor.show(honest);
        self.is_well(reader, honest, target).await
    }

    /// The reader lists the collection as it is, and keeps it so.
    pub(crate) async fn is_well(
        &self,
        reader: &NotaryClient,
        honest: &Recording,
        target: &str,
    ) -> Result<()> {
        self.sees(reader, target).await?;
        let after = kept(reader);
        let differs = |role: &&str| after.get(*role) != honest.get(*role);
        let wrong: Vec<&str> = ROLES.into_iter().filter(differs).collect();
        ensure!(wrong.is_empty(), "the client does not keep the true {wrong:?}");
        Ok(())
    }
}

/// The reader lists what it knew, says that it may be old, and does not learn what is new.
pub(crate) async fn goes_on_with_the_cache(
    reader: &NotaryClient,
    known: &str,
    new: &str,
) -> Result<()> {
    let outcome = reader.run(&["list", GUN]).await?;
    let listed = |target: &str| outcome.stdout.contains(&format!("{target} "));
    ensure!(outcome.succeeded() && listed(known) && !listed(new), "{outcome:?}");
    ensure!(outcome.stderr.contains("using cached timestamp"), "no warning: {outcome:?}");
    Ok(())
}

/// What a client keeps of the collection.
fn kept(reader: &NotaryClient) -> Recording {
    let document = |role: &str| Some((role.to_owned(), reader.cached(GUN, role).ok()?));
    ROLES.into_iter().filter_map(document).collect()
}
