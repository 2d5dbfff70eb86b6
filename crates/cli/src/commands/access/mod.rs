//! `countersign access`: who may have what.

mod explain;
mod hash;

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

use crate::exit::{self, Failure};

/// Look at who may have what.
#[derive(Debug, Args)]
#[command(arg_required_else_help = false)]
pub(crate) struct Access {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Say whether the rules let somebody do something, and which rule decides.
    ///
    /// Reads the file that access.rules names, as it is now, and asks no server. Where tokens are
    /// asked for, a token must allow it as well.
    #[command(after_help = after_help())]
    Explain(Explain),
    /// Make a line for the file of users of the token service, of a password on standard input.
    #[command(after_help = HASH_EXAMPLES)]
    Hash(Hash),
}

const HASH_EXAMPLES: &str = "Example:
  read -rs PASSWORD && printf %s \"$PASSWORD\" | countersign access hash ada >> users.htpasswd";

/// Whose password it is.
#[derive(Debug, Args)]
struct Hash {
    /// The name of the user
    #[arg(value_name = "NAME")]
    user: String,
}

fn after_help() -> String {
    const EXAMPLES: &str = "Examples:
  countersign access explain alice push example.com/team/app
  countersign access explain alice push example.com/team/app --role targets/a
  countersign access explain - pull example.com/team/app           nobody in particular
  countersign access explain - pull example.com/team/app --certificate ci
  countersign access explain mirror changefeed                     of the whole server";
    format!("{EXAMPLES}\n\n{}", exit::help())
}

/// What is asked about.
#[derive(Debug, Args)]
struct Explain {
    /// Whom a token names, or - for a request without a token that names somebody
    #[arg(value_name = "USER")]
    user: String,
    /// What the request is for: pull, push, delete, rotate-keys or changefeed
    #[arg(value_name = "ACTION")]
    action: String,
    /// On what; without it the changefeed of the whole server
    #[arg(value_name = "GUN")]
    gun: Option<String>,
    /// The name in the client certificate of the request
    #[arg(long, value_name = "NAME")]
    certificate: Option<String>,
    /// For push: one role of the upload; without it, whether there is any that may be published
    #[arg(long, value_name = "ROLE")]
    role: Option<String>,
    /// The file of settings of the server [env: COUNTERSIGN_CONFIG]
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Text to read, or one JSON object
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    format: Format,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Format {
    Text,
    Json,
}

impl Access {
    /// Runs the subcommand.
    pub(crate) fn run(self) -> Result<(), Failure> {
        match self.command {
            Command::Explain(explain) => explain.run(),
            Command::Hash(hash) => hash.run(),
        }
    }
}
