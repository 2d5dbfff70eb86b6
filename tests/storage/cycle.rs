//! A pair of databases that changes hands: the Go pair publishes, ours serves and publishes on what
//! it left, the Go pair goes on, and so again. Users notice nothing, whatever they have cached.

use std::path::Path;

use anyhow::{Context, Result, bail, ensure};
use countersign_tests::peers::countersign::{binary, healthy};
use countersign_tests::peers::go_notary::GoNotary;
use countersign_tests::peers::notary_client::NotaryClient;
use countersign_tests::peers::process::{Process, Program};
use countersign_tests::session::{Server, Session};
use countersign_tests::signer::Signer;
use countersign_tests::upload::server_key;
use countersign_tests::wire::Wire;
use rustix::process::Signal;
use serde_json::Value;

/// How often the databases go to ours and back.
const TURNS: usize = 2;

/// The collection that the Go pair began.
const BY_GO: &str = "example.com/lab/by-go";

/// A GUN for which a key was asked and nothing was published.
const PENDING: &str = "example.com/lab/pending";

/// Everybody who lives through the turns.
struct Cast {
    owner: NotaryClient,
    delegate: Signer,
    /// One per phase so far, who has read nothing since.
    readers: Vec<NotaryClient>,
    /// Collections, and the targets that each holds.
    collections: Vec<(String, Vec<String>)>,
    file: String,
    phase: usize,
}

/// Plays the turns on a Go pair that was started just now; `keys_url` names the signer's database.
pub(crate) async fn play(go: GoNotary, keys_url: &str) -> Result<GoNotary> {
    let mut s = Session::with(Server::Go(Box::new(go)))?;
    let data = s.directory().join("data");
    let mut cast = Cast::begin(&mut s).await?;
    cast.phase(&mut s, "go").await?;
    let pending = pending_key(&s).await?;
    for _ in 0..TURNS {
        pair(&mut s)?.stop_both()?;
        let mut ours = start_ours(pair(&mut s)?, &data, keys_url).await?;
        ensure!(pending_key(&s).await? == pending, "ours offers another pending key");
        let played = cast.phase(&mut s, "ours").await;
        played.with_context(|| ours.log())?;
        ours.signal(Signal::TERM)?;
        let ended = ours.ended().await?;
        ensure!(ended.success(), "{ended}\n{}", ours.log());
        ensure!(!ours.log().contains("WARNING: no passphrase"), "{}", ours.log());

        pair(&mut s)?.start_both().await?;
        ensure!(pending_key(&s).await? == pending, "Go offers another pending key");
        cast.phase(&mut s, "go").await?;
    }
    match s.into_server() {
        Server::Go(go) => Ok(*go),
        other => bail!("{other:?} is no Go pair"),
    }
}

impl Cast {
    /// The Go pair's first publishes, of every kind.
    async fn begin(s: &mut Session) -> Result<Self> {
        let (owner, file) = (s.client("owner")?, s.file("file", b"content")?);
        s.ok(&owner, &["init", "-p", BY_GO]).await?;
        s.ok(&owner, &["key", "rotate", BY_GO, "snapshot", "-r"]).await?;
        let delegate = Signer::with_ecdsa(s, "delegate").await?;
        let add = ["delegation", "add", "-p", BY_GO, "targets/team", &delegate.certificate];
        s.ok(&owner, &[&add[..], &["--all-paths"]].concat()).await?;
        let collections = vec![(BY_GO.to_owned(), Vec::new())];
        Ok(Self { owner, delegate, readers: Vec::new(), collections, file, phase: 0 })
    }

    /// What happens under each server: those with old caches read, publishers of all kinds publish
    /// to every collection, a server key is rotated, a new collection begins, a new user reads it all.
    async fn phase(&mut self, s: &mut Session, who: &str) -> Result<()> {
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
        let add = ["add", "-p", BY_GO, name.as_str(), self.file.as_str()];
        s.ok(&self.delegate.client, &[&add[..], &role[..]].concat()).await?;
        let role = if phase.is_multiple_of(3) { "snapshot" } else { "timestamp" };
        s.ok(&self.owner, &["key", "rotate", BY_GO, role, "-r"]).await?;

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

fn pair(s: &mut Session) -> Result<&mut GoNotary> {
    match s.server_mut() {
        Server::Go(go) => Ok(go),
        other => bail!("{other:?} is no Go pair"),
    }
}

/// The key that whoever serves now offers for a GUN without a publish.
async fn pending_key(s: &Session) -> Result<Value> {
    server_key(&Wire::to(s.server().endpoint())?, PENDING, "timestamp").await
}

/// Ours as the Go pair's operator starts it: with the server's own file, in the place of both.
async fn start_ours(go: &GoNotary, data: &Path, keys_url: &str) -> Result<Process> {
    let (config, data) = (go.server_config(), data.to_string_lossy().into_owned());
    let config = config.to_string_lossy().into_owned();
    let program = Program::new(binary()?)
        .args(["serve", "--config", &config, "--data-dir", &data, "--keys-database", keys_url])
        .env("NOTARY_SIGNER_DEFAULT_ALIAS", GoNotary::ALIAS)
        .env("NOTARY_SIGNER_FIRST", GoNotary::PASSPHRASE);
    let mut process = Process::spawn("countersign", &program, None)?;
    healthy(&mut process, go.endpoint()).await?;
    Ok(process)
}
