//! Keys in SoftHSM, asked by a server itself and by our signer.

use std::path::Path;
use std::process::{Command, ExitStatus};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result};
use chrono::Utc;
use countersign_custody::pkcs11::TokenCustody;
use countersign_custody::pkcs11::{Pin, Token, TokenSettings};
use countersign_custody::sealed::SealedSettings;
use countersign_storage::KeyStore;
use countersign_tests::peers::countersign_signer::CountersignSigner;
use countersign_tests::peers::softhsm::{LABEL, PIN, SoftHsm};

use crate::embedded::Embedded;
use crate::ours;
use crate::signer::Signer;

/// What it is within the server's process.
pub(crate) const EMBEDDED: &str = "keys in SoftHSM, rows in SQLite";

/// What it is at our signer.
pub(crate) const AT_OUR_SIGNER: &str = "our signer, keys in SoftHSM";

const MODULE: &str = "/usr/lib/softhsm/libsofthsm2.so";

/// How many sessions the token is asked in.
const SESSIONS: u32 = 8;

/// Whether SoftHSM already sees a token: its module reads that from the environment.
pub(crate) fn is_seen() -> bool {
    std::env::var_os("SOFTHSM2_CONF").is_some()
}

/// Runs this program again, with a new token that its module sees.
pub(crate) fn run_again() -> Result<ExitStatus> {
    let hsm = SoftHsm::start()?;
    let (name, value) = hsm.environment();
    let mut again = Command::new(std::env::current_exe()?);
    again.args(std::env::args_os().skip(1)).env(name, value);
    again.status().context("this program does not run again")
}

/// Custody of its own over that token, with new keys.
pub(crate) async fn embedded(store: Arc<dyn KeyStore>, keys: usize) -> Result<Embedded> {
    let settings = TokenSettings {
        module: Path::new(MODULE).to_owned(),
        label: LABEL.to_owned(),
        sessions: SESSIONS,
        patience: Duration::from_secs(10),
    };
    let pin = Pin::new(PIN.into()).context("a PIN")?;
    let token = Token::load(settings, pin).await?;
    #[expect(clippy::disallowed_methods, reason = "the clock of whoever opens custody")]
    let now = Arc::new(Utc::now);
    let custody = TokenCustody::new(store, token, SealedSettings::default(), now);
    Embedded::over(EMBEDDED, Arc::new(custody), keys).await
}

/// Our signer over a token of its own, with new keys.
pub(crate) async fn at_our_signer(hsm: &SoftHsm, keys: usize) -> Result<Signer> {
    let (module, pin) = (Path::new(MODULE), hsm.pin_file()?);
    let settings = format!(
        "[keys]\ncustody = \"token\"\n[pkcs11]\nmodule = {module:?}\ntoken = {LABEL:?}\n\
         pin_file = {pin:?}\nsessions = {SESSIONS}\n"
    );
    let (_, configuration) = hsm.environment();
    let configuration = configuration.to_str().context("the path of the token is no text")?;
    let environment = [("SOFTHSM2_CONF", configuration)];
    let signer = CountersignSigner::start_with(&settings, &environment).await?;
    ours::ask(AT_OUR_SIGNER, signer, None, keys).await
}
