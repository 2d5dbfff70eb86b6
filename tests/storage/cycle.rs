//! A pair of databases that changes hands: the Go pair publishes, ours serves and publishes on what
//! it left, the Go pair goes on, and so again. Users notice nothing, whatever they have cached.

use std::path::Path;

use anyhow::{Context, Result, bail, ensure};
use countersign_tests::cast::Cast;
use countersign_tests::peers::countersign::{binary, healthy};
use countersign_tests::peers::go_notary::GoNotary;
use countersign_tests::peers::process::{Process, Program};
use countersign_tests::session::{Server, Session};
use countersign_tests::upload::server_key;
use countersign_tests::wire::Wire;
use rustix::process::Signal;
use serde_json::Value;

/// How often the databases go to ours and back.
const TURNS: usize = 2;

/// A GUN for which a key was asked and nothing was published.
const PENDING: &str = "example.com/lab/pending";

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
