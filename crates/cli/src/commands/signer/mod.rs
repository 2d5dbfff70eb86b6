//! `countersign signer`: keys on a machine of their own, for trust servers elsewhere.

mod flags;
mod greeting;
mod started;

use std::sync::Arc;

use clap::Args;
use countersign_config::{Effective, NotaryConfig, NotarySigner, Program, Settings};
use countersign_custody::sealed::Passphrases;
use countersign_server::tls::LiveTls;
use countersign_server::{Access, Transport};
use countersign_trust::{Clock as _, SystemClock};
use tokio::runtime::Runtime;

use crate::certificates::Certificates;
use crate::data_dir::{DataDir, Hold};
use crate::database::Databases;
use crate::exit::{self, Failure};
use crate::flags::LogFlags;
use crate::revocation::Revocation;
use crate::upkeep::Upkeep;
use crate::{hardening, key_ring, logs};
use flags::SignerFlags;
use started::Started;

/// Start a signer: make and hold keys, and sign with them, for trust servers on other machines.
///
/// It speaks the protocol of Notary's signer, so countersign serve and Notary's server can both use
/// it. Clients must show a certificate by an authority of the file of --client-ca, or one that is
/// itself in that file; signing.clients in the file of settings narrows whom it signs for.
///
/// The first start makes the data directory with a database and a passphrase that seals the keys.
/// Keep the directory: who loses it loses the keys.
#[derive(Debug, Args)]
#[command(after_help = after_help())]
pub(crate) struct Signer {
    #[command(flatten)]
    flags: SignerFlags,
    #[command(flatten)]
    log: LogFlags,
}

fn after_help() -> String {
    const SECRETS: &str = "Secrets (never on the command line), as countersign serve has them:
  COUNTERSIGN_KEY_PASSPHRASE        the passphrase that seals the keys
  COUNTERSIGN_KEY_PASSPHRASE_FILE   a file that holds it; keys.passphrase_file in the file of
                                    settings does the same
  Without either, secrets/key-passphrase in the data directory is made on the first start.
  NOTARY_SIGNER_DEFAULT_ALIAS       another alias than countersign for new keys, as Notary has it
  NOTARY_SIGNER_<ALIAS>             the passphrase of the keys of that alias
  NOTARY_SIGNER_<ALIAS>_FILE        a file that holds it";
    const EXAMPLES: &str = "Examples:
  countersign signer --tls-cert signer.crt --tls-key signer.key --client-ca clients.pem
  countersign signer --listen 0.0.0.0:7899 --data-dir /var/lib/countersign-signer \\
    --tls-cert signer.crt --tls-key signer.key --client-ca server.crt
  countersign signer --config signer.toml
  countersign signer --config signer-config.json    (Notary's own, as it stands)";
    const FILE: &str = "A file of settings:
  [server]
  data_dir = \"/var/lib/countersign-signer\"
  listen = \"0.0.0.0:7899\"
  [tls]
  cert = \"signer.crt\"
  key = \"signer.key\"
  client_ca = \"clients.pem\"
  [signing]
  clients = [\"trust-server\"]";
    format!("{EXAMPLES}\n\n{FILE}\n\n{SECRETS}\n\n{}", exit::help())
}

impl Signer {
    /// Signs until a signal asks to stop.
    pub(crate) fn run(self) -> Result<(), Failure> {
        let flags = self.flags.overrides(self.log);
        let Effective { settings, notary, .. } = crate::flags::load_for(Program::Signer, &flags)?;
        let alias = default_alias(notary.as_ref());
        let notes = crate::flags::notary_notes(notary);
        let level = logs::start(&settings.log);
        hardening::of_a_server();
        let dir = DataDir::at(settings.server.data_dir())?;
        let hold = dir.hold()?;
        let listener = super::serve::listen(&settings)?;
        let metrics_listener = settings
            .signing
            .metrics_listen
            .map(|address| super::serve::listen_on(address, "signing.metrics_listen"));
        let metrics_listener = metrics_listener.transpose()?;
        let databases = Databases::of_keys(&settings, &dir)?;
        let passphrases = Arc::new(passphrases(alias.as_deref(), &settings, &dir, &hold)?);
        let now = SystemClock.now();
        // Before the lists are loaded, so that no change between is missed.
        let revocation = Revocation::of(&settings);
        let certificates = Certificates::load(&settings, &dir, now)?;
        certificates.warn_of_ends(now);
        let tls = LiveTls::new(certificates.identity, &certificates.clients)?;
        let runtime =
            Runtime::new().map_err(|error| super::serve::system("start threads", &error))?;
        let upkeep = Upkeep {
            program: Program::Signer,
            flags,
            settings: settings.clone(),
            dir: dir.clone(),
            transport: Transport::Tls(tls.clone()),
            signer: None,
            revocation,
            tokens: None,
            audit: None,
            level,
            access: Arc::new(Access::open()),
            clock: Arc::new(SystemClock),
        };
        let started = Started { settings, notes, dir, databases, listener, metrics_listener, tls };
        let outcome = runtime.block_on(Box::pin(started.sign(passphrases, upkeep)));
        // Everything that matters has come to its end; what is left may wait for a database.
        runtime.shutdown_background();
        outcome
    }
}

/// The alias of new keys, where Notary's file names it.
pub(super) fn default_alias(notary: Option<&NotaryConfig>) -> Option<String> {
    match &notary?.signer {
        NotarySigner::Itself { default_alias } => default_alias.clone(),
        NotarySigner::Local | NotarySigner::Remote { .. } => None,
    }
}

fn passphrases(
    alias: Option<&str>,
    settings: &Settings,
    dir: &DataDir,
    hold: &Hold,
) -> Result<Passphrases, Failure> {
    match alias {
        Some(alias) => key_ring::obtain_under(alias, &settings.keys, dir, hold),
        None => key_ring::obtain(&settings.keys, dir, hold),
    }
}
