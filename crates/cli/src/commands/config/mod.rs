//! `countersign config`: which settings hold, and whether serve can start with them.

mod check;
mod convert;
mod show;

use std::path::PathBuf;

use clap::{Args, Subcommand};

use crate::exit::Failure;
use crate::flags::{DatabaseFlags, LogFlags, SettingsFlags};

/// Look at the settings.
#[derive(Debug, Args)]
#[command(arg_required_else_help = false)]
pub(crate) struct Config {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Check that serve can start with these settings; nothing is made or changed.
    ///
    /// Reads what serve would read: the settings, the data directory, the rules of access, the
    /// passphrase, the certificates, the database. The address is not tried, so it works beside a running server.
    /// Each problem is one line, and the first one gives the exit code of serve.
    #[command(after_help = "Examples:
  countersign config check
  countersign config check --config /etc/countersign/countersign.toml")]
    Check {
        #[command(flatten)]
        flags: SettingsFlags,
        #[command(flatten)]
        log: LogFlags,
    },
    /// Write what Notary's own configuration says as countersign's file of settings.
    ///
    /// The file comes on standard output, with the settings that are not the default; on standard
    /// error, what is done otherwise than Notary's file says, or not at all. NOTARY_SERVER_… and
    /// COUNTERSIGN_… variables count as they do for serve.
    ///
    /// A URL with a password in it is left out, and that is said: it stays in the environment, or
    /// in a file that a variable names.
    #[command(after_help = "Examples:
  countersign config convert --config /etc/notary/server-config.json > countersign.toml
  countersign config convert --config /etc/notary/server-config.json \\
    --keys-database postgres://signer@db.internal/notarysigner > countersign.toml")]
    Convert {
        /// The configuration of notary-server, in JSON, TOML or YAML
        #[arg(long, value_name = "FILE")]
        config: PathBuf,
        #[command(flatten)]
        database: DatabaseFlags,
    },
    /// Show every setting with its value and where that came from.
    ///
    /// Give it the same flags and environment as serve. Secrets are never shown: of a passphrase
    /// file the path, of a passphrase in the environment that it is set.
    #[command(after_help = "Examples:
  countersign config show
  countersign config show --format toml > countersign.toml
  COUNTERSIGN_LISTEN=0.0.0.0:443 countersign config show --format json")]
    Show {
        #[command(flatten)]
        flags: SettingsFlags,
        #[command(flatten)]
        log: LogFlags,
        /// A table to read, a file of settings for --config, or JSON for programs
        #[arg(long, value_name = "FORMAT", default_value = "table")]
        format: show::Format,
    },
}

impl Config {
    /// Runs the sub-command.
    pub(crate) fn run(self) -> Result<(), Failure> {
        match self.command {
            Command::Check { flags, log } => check::run(flags.effective(log)?),
            Command::Convert { config, database } => convert::run(config, database),
            Command::Show { flags, log, format } => show::run(&flags.effective(log)?, format),
        }
    }
}
