//! `countersign keys`: the keys that the server holds, one file for each thing to do with them.

mod list;
mod rotate_passphrase;

use clap::{Args, Subcommand};

use crate::exit::Failure;

/// Look at the server's keys, and change how they are kept.
#[derive(Debug, Args)]
#[command(arg_required_else_help = false)]
pub(crate) struct Keys {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    List(list::List),
    RotatePassphrase(rotate_passphrase::RotatePassphrase),
}

impl Keys {
    /// Runs the sub-command.
    pub(crate) fn run(self) -> Result<(), Failure> {
        match self.command {
            Command::List(list) => list.run(),
            Command::RotatePassphrase(rotate) => rotate.run(),
        }
    }
}
