//! Everybody who uses a deployment while what serves it changes: publishers of all kinds, and readers
//! whose caches are as old as each change.
//!
//! What never comes in: what is changed, and how.

use anyhow::{Result, ensure};

use crate::peers::notary_client::NotaryClient;
use crate::session::Session;
use crate::signer::Signer;

/// The collection that all begins with.
const FIRST: &str = "example.com/lab/first";

/// Everybody who lives through the changes.
#[derive(Debug)]
pub struct Cast {
    owner: NotaryClient,
    delegate: Signer,
    /// One per phase so far, who has read nothing since.
    readers: Vec<NotaryClient>,
    /// Collections, and the targets that each holds.
    collections: Vec<(String, Vec<String>)>,
    file: String,
    phase: usize,
}

impl Cast {
    /// The first publishes, of every kind.
    ///
    /// # Errors
    /// One of them fails.
    pub async fn begin(s: &mut Session) -> Result<Self> {
        let (owner, file) = (s.client("owner")?, s.file("file", b"content")?);
        s.ok(&owner, &["init", "-p", FIRST]).await?;
        s.ok(&owner, &["key", "rotate", FIRST, "snapshot", "-r"]).await?;
        let delegate = Signer::with_ecdsa(s, "delegate").await?;
        let add = ["delegation", "add", "-p", FIRST, "targets/team", &delegate.certificate];
        s.ok(&owner, &[&add[..], &["--all-paths"]].concat()).await?;
        let collections = vec![(FIRST.to_owned(), Vec::new())];
        Ok(Self { owner, delegate, readers: Vec::new(), collections, file, phase: 0 })
    }

    /// What happens under each server, which is called `who`: those with old caches read, publishers
    /// of all kinds publish to every collection, a server key is rotated, a new collection begins, a
    /// new user reads it all.
    ///
    /// # Errors
    /// Somebody does not get what is theirs.
    pub async fn phase(&mut self, s: &mut Session, who: &str) -> Result<()> {
        self.phase += 1;
        let phase = self.phase;
        for (number, reader) in self.readers.iter().enumerate() {
            // A copy, so that the reader keeps the cache of their own phase for later ones.
            let late = s.copy(reader, &format!("reader-{number}-in-{phase}"))?;
            self.reads_all(s, &late).await?;
        }
        let target = format!("v{phase}");
        for (gun, targets) in &mut self.collections {
            s.ok(&self.owner, &["add", "-p", gun, &target, &self.file]).await?;
            targets.push(target.clone());
        }
        let (name, role) = (format!("team-{phase}"), ["--roles", "targets/team"]);
        let add = ["add", "-p", FIRST, name.as_str(), self.file.as_str()];
        s.ok(&self.delegate.client, &[&add[..], &role[..]].concat()).await?;
        let role = if phase.is_multiple_of(3) { "snapshot" } else { "timestamp" };
        s.ok(&self.owner, &["key", "rotate", FIRST, role, "-r"]).await?;

        let gun = format!("example.com/lab/{who}-{phase}");
        s.ok(&self.owner, &["init", "-p", &gun]).await?;
        s.ok(&self.owner, &["key", "rotate", &gun, "snapshot", "-r"]).await?;
        s.ok(&self.owner, &["add", "-p", &gun, &target, &self.file]).await?;
        self.collections.push((gun, vec![target]));
        if let Some((_, targets)) = self.collections.first_mut() {
            targets.push(name);
        }
        let reader = s.client(&format!("reader-{phase}"))?;
        self.reads_all(s, &reader).await?;
        self.readers.push(reader);
        Ok(())
    }

    /// A reader sees every target of every collection.
    async fn reads_all(&self, s: &mut Session, reader: &NotaryClient) -> Result<()> {
        for (gun, targets) in &self.collections {
            let listed = s.ok(reader, &["list", gun]).await?;
            for target in targets {
                ensure!(listed.says(target), "{target} of {gun} is not in {listed:?}");
            }
        }
        Ok(())
    }
}
