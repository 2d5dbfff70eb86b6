//! `countersign serve`: the server.

mod settings;
mod started;

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;

use clap::Args;
use countersign_config::{Effective, Settings};
use countersign_server::tls::LiveTls;
use countersign_server::{Access, LiveRules, Tokens, Transport};
use countersign_trust::{Clock as _, SystemClock};
use tokio::runtime::Runtime;

use crate::certificates::Certificates;
use crate::custody::KnownSigner;
use crate::data_dir::DataDir;
use crate::database::Databases;
use crate::exit::{self, Failure};
use crate::flags::{self, LogFlags, SettingsFlags};
use crate::revocation::Revocation;
use crate::token_desk::TokenDesk;
use crate::token_settings::token_settings;
use crate::{audit_log, hardening, key_ring, logs};
pub(crate) use settings::{key_plan, policy, sealed_settings, server_settings};
use started::Started;

/// Start the server.
///
/// The first start makes the data directory with a database, a passphrase that seals the server's
/// keys, and a certificate under an authority of its own. Later starts use what is there. Keep the
/// directory: who loses it loses the keys.
///
/// Flags win over environment variables, those over the file, and the file over the defaults. An
/// empty variable counts as not set.
#[derive(Debug, Args)]
#[command(after_help = after_help())]
pub(crate) struct Serve {
    #[command(flatten)]
    flags: SettingsFlags,
    #[command(flatten)]
    log: LogFlags,
}

fn after_help() -> String {
    const SECRETS: &str = "Secrets (never on the command line):
  COUNTERSIGN_KEY_PASSPHRASE        the passphrase that seals the server's keys
  COUNTERSIGN_KEY_PASSPHRASE_FILE   a file that holds it; keys.passphrase_file in the file of
                                    settings does the same
  Without either, secrets/key-passphrase in the data directory is made on the first start.
  COUNTERSIGN_PKCS11_PIN            the PIN of the token in [pkcs11]
  COUNTERSIGN_PKCS11_PIN_FILE       a file that holds it; pkcs11.pin_file does the same
  NOTARY_SIGNER_DEFAULT_ALIAS       another alias than countersign for new keys, as Notary has it
  NOTARY_SIGNER_<ALIAS>             the passphrase of the keys of that alias
  NOTARY_SIGNER_<ALIAS>_FILE        a file that holds it";
    const EXAMPLES: &str = "Examples:
  countersign serve
  countersign serve --listen 0.0.0.0:4443 --host trust.example.com --data-dir /var/lib/countersign
  countersign serve --tls-cert fullchain.pem --tls-key privkey.pem
  countersign serve --client-ca clients.pem
  countersign serve --signer signer.internal:7899 --signer-ca signer-ca.pem \\
    --signer-cert trust.crt --signer-key trust.key
  COUNTERSIGN_HOSTS=trust.example.com,10.0.0.7 countersign serve --config countersign.toml
  countersign serve --config server-config.json     (Notary's own, as it stands)";
    const FILE: &str = "A file of settings:
  [server]
  data_dir = \"/var/lib/countersign\"
  listen = \"0.0.0.0:4443\"
  hosts = [\"trust.example.com\"]
  [log]
  format = \"json\"";
    format!("{EXAMPLES}\n\n{FILE}\n\n{SECRETS}\n\n{}", exit::help())
}

impl Serve {
    /// Serves until a signal asks to stop.
    pub(crate) fn run(self) -> Result<(), Failure> {
        let flags = self.flags.overrides(self.log);
        let Effective { settings, notary, .. } = flags::load_effective(&flags)?;
        let notes = flags::notary_notes(notary);
        let level = logs::start(&settings.log);
        hardening::of_a_server();
        let dir = DataDir::at(settings.server.data_dir())?;
        let hold = dir.hold()?;
        let listener = listen(&settings)?;
        let databases = Databases::of(&settings, &dir)?;
        let passphrases = Arc::new(key_ring::obtain(&settings.keys, &dir, &hold)?);
        let now = SystemClock.now();
        // Before the lists are loaded, so that no change between is missed.
        let revocation = Revocation::of(&settings);
        let (transport, authority) = match Certificates::load_unless_plain(&settings, &dir, now)? {
            Some(Certificates { identity, clients, authority }) => {
                (Transport::Tls(LiveTls::new(identity, &clients)?), Some(authority))
            }
            None => (Transport::Plain, None),
        };
        let signer = KnownSigner::load(&settings.signer, now)?;
        let tokens = TokenDesk::open(&settings, &dir, Arc::new(SystemClock))?;
        let audit_log = audit_log::start(&settings.audit)?;
        let access = Arc::new(access(&settings, tokens.as_ref())?);
        let runtime = Runtime::new().map_err(|error| system("start threads", &error))?;
        let started = Started {
            flags,
            settings,
            notes,
            warnings: Vec::new(),
            level,
            dir,
            databases,
            signer,
            listener,
            transport,
            revocation,
            authority,
            access,
            tokens,
            audit_log: audit_log.clone(),
        };
        let serving = audit_log::around(audit_log, Box::pin(started.serve(passphrases)));
        let outcome = runtime.block_on(serving);
        // Everything that matters has come to its end; what is left may wait for a database.
        runtime.shutdown_background();
        outcome
    }
}

/// Who may have what, as the settings say.
fn access(settings: &Settings, desk: Option<&TokenDesk>) -> Result<Access, Failure> {
    let mut access = Access::open();
    let wanted = token_settings(&settings.access);
    if let Some(tokens) = wanted.or_else(|| Some(desk?.wanted(settings))) {
        access = access.with_tokens(Tokens::load(tokens, Arc::new(SystemClock))?);
    }
    if let Some(path) = &settings.access.rules {
        access = access.under_rules(LiveRules::load(path)?);
    }
    Ok(access)
}

pub(super) fn listen(settings: &Settings) -> Result<TcpListener, Failure> {
    listen_on(settings.server.listen, "--listen")
}

/// Listens on the address that `setting` gives.
pub(super) fn listen_on(
    address: SocketAddr,
    setting: &'static str,
) -> Result<TcpListener, Failure> {
    let failed = |reason| Failure::Listen { address, reason, setting };
    let listener = TcpListener::bind(address).map_err(failed)?;
    listener.set_nonblocking(true).map_err(failed)?;
    Ok(listener)
}

pub(super) fn system(action: &'static str, error: &io::Error) -> Failure {
    Failure::System { action, reason: error.to_string() }
}
