//! `countersign keys`: the keys that the server holds, one file for each thing to do with them.

mod import;
mod list;
mod purge;
mod retire;
mod rotate;
mod rotate_passphrase;
mod show;
mod verify;
mod workroom;

use chrono::{DateTime, Utc};
use clap::{Args, Subcommand, ValueEnum};
use countersign_tuf::names::Gun;

use crate::exit::Failure;

/// Look at the server's keys, seal them anew, replace them, and let go of them.
#[derive(Debug, Args)]
#[command(arg_required_else_help = false)]
pub(crate) struct Keys {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Import(import::Import),
    List(list::List),
    RotatePassphrase(rotate_passphrase::RotatePassphrase),
    Show(show::Show),
    Rotate(rotate::Rotate),
    Retire(retire::Retire),
    Purge(purge::Purge),
    Verify(verify::Verify),
}

impl Keys {
    /// Runs the sub-command.
    pub(crate) fn run(self) -> Result<(), Failure> {
        match self.command {
            Command::Import(import) => import.run(),
            Command::List(list) => list.run(),
            Command::RotatePassphrase(rotate) => rotate.run(),
            Command::Show(show) => show.run(),
            Command::Rotate(rotate) => rotate.run(),
            Command::Retire(retire) => retire.run(),
            Command::Purge(purge) => purge.run(),
            Command::Verify(verify) => verify.run(),
        }
    }
}

/// How a report is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    Text,
    Json,
}

/// A GUN of the command line.
fn gun(text: &str) -> Result<Gun, String> {
    Gun::parse(text).map_err(|error| error.to_string())
}

/// A key ID of the command line.
fn key_id(text: &str) -> Result<String, String> {
    let is_id = text.len() == 64
        && text.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte));
    let mend = "a key ID is 64 digits and letters from a to f: countersign keys list shows them";
    if is_id { Ok(text.to_owned()) } else { Err(mend.to_owned()) }
}

/// A time as people read it.
fn time(at: Option<DateTime<Utc>>, absent: &str) -> String {
    at.map_or(absent.to_owned(), |at| at.format("%Y-%m-%dT%H:%M:%SZ").to_string())
}

/// What is stored may hold anything; on a terminal it is one line.
fn shown(stored: &str) -> String {
    stored.replace(char::is_control, "?")
}
