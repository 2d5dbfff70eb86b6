//! The real binary with a token in its settings.

use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use countersign_tests::peers::countersign::{Countersign, binary};
use countersign_tests::peers::softhsm::{LABEL, PIN, SoftHsm};
use countersign_tests::session::{Server, Session};
use tokio::process::Command;

/// Settings with the token, and whatever else.
pub(crate) fn settings(hsm: &SoftHsm, module: &Path, more: &str) -> Result<String> {
    Ok(format!(
        "[pkcs11]\nmodule = {module:?}\ntoken = {LABEL:?}\npin_file = {:?}\n{more}",
        hsm.pin_file()?
    ))
}

/// A server whose new keys go into the token, by the module that fails on request.
pub(crate) async fn serve(hsm: &SoftHsm) -> Result<Session> {
    serve_with(hsm, "[keys]\ncustody = \"token\"\n").await
}

/// A server that has the token.
pub(crate) async fn serve_with(hsm: &SoftHsm, more: &str) -> Result<Session> {
    let settings = settings(hsm, &hsm.faulty_module()?, more)?;
    Session::with(Server::Countersign(Countersign::start_with(&settings).await?))
}

/// The server of a session.
pub(crate) fn server(session: &Session) -> Result<&Countersign> {
    match session.server() {
        Server::Countersign(server) => Ok(server),
        other => anyhow::bail!("{other:?} is another server"),
    }
}

/// How a command ended.
pub(crate) struct Ended {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// Runs a command of the binary with SoftHSM's own module, in whose environment the tokens are.
pub(crate) async fn run(hsm: &SoftHsm, arguments: &[&str]) -> Result<Ended> {
    let (name, value) = hsm.environment();
    let output = Command::new(binary()?)
        .args(arguments)
        .env(name, value)
        .kill_on_drop(true)
        .output()
        .await
        .context("countersign does not start")?;
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    let (stdout, stderr) = (text(output.stdout), text(output.stderr));
    ensure!(!format!("{stdout}{stderr}").contains(PIN), "the PIN is shown: {stdout}{stderr}");
    Ok(Ended { code: output.status.code(), stdout, stderr })
}
