//! `countersign config`: which settings hold, and whether serve or signer can start with them.

mod check;
mod convert;
mod program;
mod show;

use std::path::PathBuf;

use clap::{Args, Subcommand};

use crate::exit::Failure;
use crate::flags::{DatabaseFlags, LogFlags, SettingsFlags};
use program::For;

/// Look at the settings.
#[derive(Debug, Args)]
#[command(arg_required_else_help = false)]
pub(crate) struct Config {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Check that serve or signer can start with these settings; nothing is made or changed.
    ///
    /// Reads what the start would read: the settings, the data directory, the rules of access, the
    /// passphrase, the certificates, the token, the database. The address is not tried, so it works
    /// beside a running server. Each problem is one line, and the first one gives the exit code of
    /// the start. What is set and has no effect is a note.
    #[command(after_help = "Examples:
  countersign config check
  countersign config check --config /etc/countersign/countersign.toml
  countersign config check --config /etc/notary/signer-config.json
  countersign config check --for signer --config signer.toml")]
    Check {
        /// Whose settings they are [default: signer where the file is the configuration of
        /// Notary's signer, or has [signing] and no section that only serve follows; else serve]
        #[arg(long = "for", value_name = "COMMAND")]
        program: Option<For>,
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
    /// Give it the same flags and environment as serve, or as signer. Secrets are never shown: of a
    /// passphrase file the path, of a passphrase in the environment that it is set.
    #[command(after_help = "Examples:
  countersign config show
  countersign config show --format toml > countersign.toml
  countersign config show --config /etc/notary/signer-config.json
  COUNTERSIGN_LISTEN=0.0.0.0:443 countersign config show --format json")]
    Show {
        /// Whose settings they are [default: signer where the file is the configuration of
        /// Notary's signer, or has [signing] and no section that only serve follows; else serve]
        #[arg(long = "for", value_name = "COMMAND")]
        program: Option<For>,
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
            Command::Check { program, flags, log } => {
                check::run(program::effective(program, flags, log)?)
            }
            Command::Convert { config, database } => convert::run(config, database),
            Command::Show { program, flags, log, format } => {
                show::run(&program::effective(program, flags, log)?, format)
            }
        }
    }
}
