//! `keys purge` and `keys verify` on a server whose keys are in a token, and what is left there.

use anyhow::{Context as _, Result, ensure};
use countersign_storage::KeyArchive as _;
use countersign_storage::engine::sqlite::SqliteStore;
use countersign_tests::peers::notary_client::NotaryClient;
use countersign_tests::peers::softhsm::SoftHsm;
use countersign_tests::session::Session;
use countersign_tests::wire::Wire;

use crate::bench::objects;
use crate::binary::{Ended, run, serve, serve_with, server};

const GUN: &str = "example.com/token/app";

/// A code of PKCS#11, in hex.
const DEVICE_ERROR: &str = "30";

/// A collection whose timestamp key was rotated and let go of, beside its server.
struct Scene {
    hsm: SoftHsm,
    session: Session,
    alice: NotaryClient,
    config: String,
    data: String,
    /// The key that was let go of.
    old: String,
    /// The one that the root names.
    new: String,
}

impl Scene {
    async fn set() -> Result<Self> {
        let hsm = SoftHsm::start()?;
        let mut session = serve(&hsm).await?;
        let data = server(&session)?.data();
        let (config, data) =
            (data.join("countersign.toml").display().to_string(), data.display().to_string());
        let alice = session.client("alice")?;
        session.ok(&alice, &["init", "-p", GUN]).await?;
        let old = timestamp_key(&hsm, &data, "yes").await?;
        session.ok(&alice, &["key", "rotate", GUN, "timestamp", "-r"]).await?;
        let new = timestamp_key(&hsm, &data, "yes").await?;
        ensure!(old != new);
        let scene = Self { hsm, session, alice, config, data, old, new };
        let retired = scene.keys(&["retire", &scene.old]).await?;
        ensure!(retired.code == Some(0), "{}{}", retired.stdout, retired.stderr);
        Ok(scene)
    }

    /// Runs `countersign keys`.
    async fn keys(&self, arguments: &[&str]) -> Result<Ended> {
        let place = ["--config", &self.config, "--data-dir", &self.data];
        run(&self.hsm, &[&["keys"][..], arguments, &place].concat()).await
    }

    async fn purge(&self, arguments: &[&str]) -> Result<Ended> {
        self.keys(&[&["purge", "--older-than", "0"][..], arguments].concat()).await
    }

    /// The server still signs with what the root names.
    async fn publishes(&mut self, target: &str) -> Result<()> {
        let file = self.session.file("file", b"content")?;
        self.session.ok(&self.alice, &["add", "-p", GUN, target, &file]).await?;
        self.session.prints(&self.alice, &["list", GUN], &format!("{target} ")).await?;
        Ok(())
    }
}

/// The timestamp key of this standing, as `keys list` has it.
async fn timestamp_key(hsm: &SoftHsm, data: &str, standing: &str) -> Result<String> {
    let listed = run(hsm, &["keys", "list", "--data-dir", data, "--format", "json"]).await?;
    let keys = listed.stdout.lines().map(serde_json::from_str).collect::<Result<Vec<_>, _>>()?;
    let is_it = |key: &&serde_json::Value| key["role"] == "timestamp" && key["in_root"] == standing;
    let key = keys.iter().find(is_it).with_context(|| listed.stdout.clone())?;
    Ok(key["key_id"].as_str().context("an ID")?.to_owned())
}

fn says(ended: &Ended, code: i32, part: &str) -> Result<()> {
    let Ended { stdout, stderr, .. } = ended;
    ensure!(ended.code == Some(code), "{:?}\n{stdout}{stderr}", ended.code);
    ensure!(stdout.contains(part) || stderr.contains(part), "{part:?}\n{stdout}{stderr}");
    Ok(())
}

#[tokio::test]
async fn a_retired_key_is_purged_from_the_token_too_and_the_others_stay() -> Result<()> {
    let mut scene = Scene::set().await?;
    let before = objects(&scene.hsm);
    says(&scene.purge(&["--dry-run"]).await?, 0, &format!("would remove: {}", scene.old))?;
    says(&scene.keys(&["purge"]).await?, 0, "removed: 0 keys")?;
    ensure!(objects(&scene.hsm) == before);
    says(&scene.purge(&[]).await?, 0, &format!("removed: {}", scene.old))?;
    ensure!(objects(&scene.hsm) == before - 2, "both halves, and no more");
    says(&scene.keys(&["verify"]).await?, 0, "signs, held by: token")?;
    says(&scene.purge(&[]).await?, 0, "removed: 0 keys")?;
    scene.publishes("v2").await
}

#[tokio::test]
async fn a_purge_that_ended_in_the_middle_is_found_by_verify_and_mended_by_the_next() -> Result<()>
{
    let mut scene = Scene::set().await?;
    let before = objects(&scene.hsm);
    scene.hsm.fail(&format!("C_DestroyObject={DEVICE_ERROR}"))?;
    says(&scene.purge(&[]).await?, 21, "but from the token:")?;
    scene.hsm.fail("")?;
    ensure!(objects(&scene.hsm) == before, "the token kept it");
    let (old, new) = (scene.old.clone(), scene.new.clone());
    let found = scene.keys(&["verify"]).await?;
    says(&found, 21, "NAMED BY NO ROW")?;
    says(&found, 21, &format!("timestamp  {old}  made for {GUN}"))?;
    says(&scene.keys(&["verify", "--gun", GUN]).await?, 21, &old)?;
    let told = scene.keys(&["verify", "--format", "json"]).await?;
    says(&told, 21, &format!(r#""left_over":{{"cka_id":"{old}","key_id":"{old}"}}"#))?;
    says(&scene.purge(&[]).await?, 0, &format!("no row names it; --leftover {old} removes it"))?;
    let named = ["--leftover", &old, "--dry-run"];
    says(&scene.purge(&named).await?, 0, &format!("would remove from the token: {old}"))?;
    says(&scene.purge(&["--leftover", &new]).await?, 21, "or a row names it")?;
    ensure!(objects(&scene.hsm) == before, "nothing was named that may go");
    says(&scene.purge(&["--leftover", &old]).await?, 0, &format!("removed from the token: {old}"))?;
    ensure!(objects(&scene.hsm) == before - 2);
    says(&scene.keys(&["verify"]).await?, 0, "signs, held by: token")?;
    scene.publishes("v2").await
}

#[tokio::test]
async fn without_its_token_a_retired_key_stays_as_it_is() -> Result<()> {
    let mut scene = Scene::set().await?;
    scene.hsm.unplug()?;
    says(&scene.purge(&[]).await?, 21, "no token has the label")?;
    says(&scene.purge(&["--leftover", &scene.new]).await?, 22, "no token has the label")?;
    let without = ["keys", "purge", "--older-than", "0", "--data-dir", &scene.data];
    says(&run(&scene.hsm, &without).await?, 21, "[pkcs11] names none")?;
    scene.hsm.plug_in()?;
    says(&scene.keys(&["retire", "--undo", &scene.old]).await?, 0, "brought back")?;
    scene.publishes("v2").await
}

#[tokio::test]
async fn a_key_that_a_root_names_is_not_removed_although_its_row_is_lost() -> Result<()> {
    let scene = Scene::set().await?;
    let (database, before) =
        (std::path::Path::new(&scene.data).join("countersign.db"), objects(&scene.hsm));
    let store = SqliteStore::open(&database).await?;
    store.remove_key(&scene.new).await?;
    store.close().await;
    let refused = scene.keys(&["purge", "--leftover", &scene.new]).await?;
    says(&refused, 21, "the current root names it: restore its row")?;
    ensure!(objects(&scene.hsm) == before);
    Ok(())
}

/// What is left in it cannot be told then, although nothing that a root names is in it.
#[tokio::test]
async fn verify_says_that_a_token_which_is_away_could_not_be_looked_into() -> Result<()> {
    let hsm = SoftHsm::start()?;
    let mut session = serve_with(&hsm, "").await?;
    let alice = session.client("alice")?;
    session.ok(&alice, &["init", "-p", GUN]).await?;
    let data = server(&session)?.data();
    let (config, data) =
        (data.join("countersign.toml").display().to_string(), data.display().to_string());
    let verify = ["keys", "verify", "--config", &config, "--data-dir", &data];
    says(&run(&hsm, &verify).await?, 0, "signs, held by: sealed")?;
    hsm.unplug()?;
    let away = run(&hsm, &verify).await?;
    says(&away, 10, "signs, held by: sealed")?;
    says(&away, 10, "the token COULD NOT BE ASKED")?;
    says(&away, 10, "no token has the label")
}

/// As on the database of a signer.
#[tokio::test]
async fn where_no_root_is_stored_a_key_is_removed_only_if_that_is_meant() -> Result<()> {
    let hsm = SoftHsm::start()?;
    let session = serve(&hsm).await?;
    let data = server(&session)?.data().to_owned();
    let wire = Wire::to(server(&session)?.endpoint())?;
    ensure!(wire.document(GUN, "timestamp.key").await?.status == 200);
    let (config, data) =
        (data.join("countersign.toml").display().to_string(), data.display().to_string());
    let id = timestamp_key(&hsm, &data, "pending").await?;
    let store = SqliteStore::open(&std::path::Path::new(&data).join("countersign.db")).await?;
    store.remove_key(&id).await?;
    store.close().await;
    let before = objects(&hsm);
    let purge = ["keys", "purge", "--leftover", &id, "--config", &config, "--data-dir", &data];
    says(&run(&hsm, &purge).await?, 21, "give --roots-elsewhere")?;
    ensure!(objects(&hsm) == before);
    let meant = [&purge[..], &["--roots-elsewhere"]].concat();
    says(&run(&hsm, &meant).await?, 0, &format!("removed from the token: {id}"))?;
    ensure!(objects(&hsm) == before - 2);
    Ok(())
}
