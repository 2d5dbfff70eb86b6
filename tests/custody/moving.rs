//! A collection whose keys go to another home and back, as the operator and the owner of its root
//! bring it about: the settings name the home, `keys rotate` prepares a key in it, the owner gives
//! the line that it prints, and everybody follows, whatever they have cached.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context as _, Result, bail, ensure};
use countersign_tests::key_commands::{keys, named, objects, text};
use countersign_tests::peers::countersign::Countersign;
use countersign_tests::peers::countersign_signer::CountersignSigner;
use countersign_tests::peers::go_notary::GoNotary;
use countersign_tests::peers::mariadb::MariaDb;
use countersign_tests::peers::notary_client::NotaryClient;
use countersign_tests::peers::postgres::Postgres;
use countersign_tests::peers::softhsm::SoftHsm;
use countersign_tests::session::{Server, Session};
use countersign_tests::wire::Wire;
use serde_json::Value;

use crate::every_day::GUN;
use crate::signature_log::signatures;
use crate::token;

/// The roles whose keys a server may hold.
const ROLES: [&str; 2] = ["timestamp", "snapshot"];

/// A collection, its owner, and readers.
struct Collection {
    s: Session,
    owner: NotaryClient,
    file: String,
    targets: Vec<String>,
    /// Each has read once, and nothing since.
    readers: Vec<NotaryClient>,
}

impl Collection {
    /// Published, with both keys in the hands of a server with these settings.
    async fn begin(settings: &str) -> Result<Self> {
        let server = Countersign::start_with(settings).await?;
        let mut s = Session::with(Server::Countersign(server))?;
        let (owner, file) = (s.client("owner")?, s.file("file", b"content")?);
        s.ok(&owner, &["init", "-p", GUN]).await?;
        s.ok(&owner, &["key", "rotate", GUN, "snapshot", "-r"]).await?;
        let mut begun = Self { s, owner, file, targets: Vec::new(), readers: Vec::new() };
        begun.publish("first").await?;
        begun.everybody_reads().await?;
        Ok(begun)
    }

    fn server(&self) -> Result<&Countersign> {
        match self.s.server() {
            Server::Countersign(server) => Ok(server),
            other => bail!("{other:?}"),
        }
    }

    fn data(&self) -> Result<PathBuf> {
        Ok(self.server()?.data().to_owned())
    }

    async fn publish(&mut self, target: &str) -> Result<()> {
        self.s.ok(&self.owner, &["add", "-p", GUN, target, &self.file]).await?;
        self.targets.push(target.to_owned());
        Ok(())
    }

    /// Those with old caches, in copies of these, and somebody new.
    async fn everybody_reads(&mut self) -> Result<()> {
        let now = self.targets.len();
        let mut all = vec![self.s.client(&format!("reader-{now}"))?];
        for (number, reader) in self.readers.iter().enumerate() {
            all.push(self.s.copy(reader, &format!("reader-{number}-at-{now}"))?);
        }
        for reader in &all {
            let listed = self.s.ok(reader, &["list", GUN]).await?;
            for target in &self.targets {
                ensure!(listed.says(&format!("{target} ")), "{target} is not in {listed:?}");
            }
        }
        self.readers.extend(all.into_iter().next());
        Ok(())
    }

    /// The server is started again with these settings.
    async fn settings_become(&mut self, settings: &str) -> Result<()> {
        fs::write(self.data()?.join("countersign.toml"), settings)?;
        let Server::Countersign(server) = self.s.server_mut() else { bail!("another server") };
        server.restart().await
    }

    /// The keys of both roles go to `home`, where the settings put new ones; gives the IDs of those
    /// that they replaced.
    async fn moves_to(&mut self, home: &str, settings: &str) -> Result<Vec<String>> {
        self.settings_become(settings).await?;
        self.publish(&format!("before-{home}")).await?;
        let (data, wire) = (self.data()?, Wire::to(self.server()?.endpoint())?);
        let mut replaced = Vec::new();
        for role in ROLES {
            let old = named(&wire, GUN, role).await?;
            let (code, said) = keys(&data, &["rotate", GUN, role, "--to", home]).await?;
            ensure!(code == 0, "{said}");
            ensure!(named(&wire, GUN, role).await? == old, "it is only prepared");
            let line = said.lines().map(str::trim).find(|line| line.starts_with("notary "));
            let words: Vec<&str> = line.context(said.clone())?.split(' ').skip(1).collect();
            self.s.ok(&self.owner, &words).await?;
            let new = named(&wire, GUN, role).await?;
            ensure!(new != old && said.contains(&format!("prepared: {new}")), "{new}: {said}");
            replaced.push(old);
        }
        self.publish(&format!("after-{home}")).await?;
        self.everybody_reads().await?;
        self.keys_are_in(home).await?;
        Ok(replaced)
    }

    /// What signed last, what the commands tell, and what they try out.
    async fn keys_are_in(&self, home: &str) -> Result<()> {
        let (data, wire) = (self.data()?, Wire::to(self.server()?.endpoint())?);
        let signed = signatures(&self.server()?.log());
        let listed = objects(&data, &["list", "--gun", GUN]).await?;
        let tried = objects(&data, &["verify"]).await?;
        ensure!(tried.len() == ROLES.len(), "{tried:?}");
        for role in ROLES {
            let id = named(&wire, GUN, role).await?;
            let last = signed.iter().rfind(|line| line["role"] == role);
            let last = last.with_context(|| format!("no signature for {role}"))?;
            ensure!(last["key_id"] == *id && last["home"] == home, "{last}");
            let row = listed.iter().find(|key| key["key_id"] == *id);
            let row = row.with_context(|| format!("{id} is not in {listed:?}"))?;
            ensure!(row["held_by"] == home && row["in_root"] == "yes", "{row}");
            ensure!(row["last_used"].is_string() && row["role"] == role, "{row}");
            let shown = objects(&data, &["show", &id]).await?;
            let [shown] = shown.as_slice() else { bail!("{shown:?}") };
            ensure!(shown["held_by"] == home && shown["gun"] == GUN, "{shown}");
            ensure!(shown["last_root"] == shown["current_root"], "{shown}");
            let tried = tried.iter().find(|tried| tried["role"] == role);
            let tried = tried.with_context(|| format!("{role} was not tried out"))?;
            ensure!(tried["well"] == true && tried["keys"][0]["held_by"] == home, "{tried}");
        }
        Ok(())
    }

    /// `replaced` are let go of for good, and nobody misses them.
    async fn lets_go_of(&mut self, mut replaced: Vec<String>) -> Result<()> {
        let data = self.data()?;
        let ids = |done: &[Value]| -> Result<Vec<String>> {
            let mut ids = Vec::new();
            for key in done {
                ids.push(text(key, "key_id")?.to_owned());
            }
            ids.sort();
            Ok(ids)
        };
        replaced.sort();
        let retired = objects(&data, &["retire", "--gun", GUN]).await?;
        ensure!(ids(&retired)? == replaced, "{retired:?} and not {replaced:?}");
        let purged = objects(&data, &["purge", "--older-than", "0"]).await?;
        ensure!(ids(&purged)? == replaced, "{purged:?} and not {replaced:?}");
        ensure!(purged.iter().all(|key| key["done"] == "removed"), "{purged:?}");
        for id in &replaced {
            let (code, said) = keys(&data, &["show", id]).await?;
            ensure!(code == 2 && said.contains("there is no such key"), "{code}: {said}");
        }
        self.publish(&format!("without-{}", replaced.concat())).await?;
        self.everybody_reads().await
    }
}

/// There with `section`, which makes `home` known, and back without it; `gone` takes away what the
/// section names.
async fn there_and_back(
    database: &str,
    home: &str,
    section: &str,
    gone: impl AsyncFnOnce() -> Result<()>,
) -> Result<()> {
    let mut collection = Collection::begin(database).await?;
    let there = format!("{database}{section}[keys]\ncustody = {home:?}\n");
    let replaced = collection.moves_to(home, &there).await?;
    collection.lets_go_of(replaced).await?;
    let back = format!("{database}{section}[keys]\ncustody = \"sealed\"\n");
    let replaced = collection.moves_to("sealed", &back).await?;
    // A signer's keys are let go of there.
    if home == "token" {
        collection.lets_go_of(replaced).await?;
    }
    // What held the keys in between is not needed any more.
    gone().await?;
    collection.settings_become(database).await?;
    collection.publish("alone").await?;
    collection.everybody_reads().await?;
    collection.keys_are_in("sealed").await
}

/// The section `[database]` that names this URL.
fn kept_in(url: &str) -> String {
    format!("[database]\nurl = {url:?}\n")
}

#[tokio::test]
async fn a_collection_goes_into_a_token_and_back_and_everybody_follows() -> Result<()> {
    let postgres = Postgres::start().await?;
    postgres.create_database("countersign", "").await?;
    let database = kept_in(&postgres.url("postgres", "countersign"));
    let hsm = SoftHsm::start()?;
    there_and_back(&database, "token", &token::section(&hsm)?, async || hsm.unplug()).await
}

#[tokio::test]
async fn a_collection_goes_to_our_signer_and_back_and_everybody_follows() -> Result<()> {
    let mariadb = MariaDb::start().await?;
    mariadb.create_database("countersign", "").await?;
    let database = kept_in(&mariadb.url("root", "countersign"));
    let mut signer = CountersignSigner::start().await?;
    let section = signer.signer_settings();
    there_and_back(&database, "remote", &section, async || signer.stop().await).await
}

#[tokio::test]
async fn a_collection_goes_to_notarys_signer_and_back_and_everybody_follows() -> Result<()> {
    let mut go = GoNotary::start().await?;
    let section = go.signer_settings();
    there_and_back("", "remote", &section, async || go.stop_signer()).await
}
