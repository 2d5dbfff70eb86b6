//! `countersign audit`: whether the record of decisions is whole.

mod files;
mod order;
mod verify;

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use countersign_access::audit::LineHash;

use crate::exit::{self, Failure};

/// Look at the audit log.
#[derive(Debug, Args)]
#[command(arg_required_else_help = false)]
pub(crate) struct Audit {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Check that no line of an audit log was removed, changed, moved, repeated or put in.
    ///
    /// Give all files of it, in any order: rotated ones find their place by what is in them. Files
    /// of several replicas are told apart by the replica that they name. The first line that does
    /// not continue the one before is told with file and line, and ends with 17.
    ///
    /// A line that was torn because its process was killed is told, and is no fault. Lines that
    /// were removed from the very end, and changes in the last line, leave no trace in the file:
    /// note the hash of the last line elsewhere, and give it later with --holds.
    ///
    /// Works beside a running server, and changes nothing.
    #[command(after_help = after_help())]
    Verify {
        /// The files of the audit log; compressed ones must be unpacked before
        #[arg(value_name = "FILE", required = true)]
        files: Vec<PathBuf>,
        /// A line with this hash must be there: one that an earlier run named as the last
        #[arg(long, value_name = "HASH")]
        holds: Vec<LineHash>,
        /// The hash of the last line of the file before the first one, when that is not there any
        /// more
        #[arg(long, value_name = "HASH")]
        continues: Option<LineHash>,
        /// Text to read, or JSON with one object per audit log
        #[arg(long, value_name = "FORMAT", default_value = "text")]
        format: Format,
    },
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Format {
    Text,
    Json,
}

fn after_help() -> String {
    const EXAMPLES: &str = "Examples:
  countersign audit verify /var/log/countersign/audit.log*
  countersign audit verify --format json audit.log | jq -r .last
  countersign audit verify --holds $(cat /mnt/elsewhere/last-hash) audit.log";
    format!("{EXAMPLES}\n\n{}", exit::help())
}

impl Audit {
    /// Runs the sub-command.
    pub(crate) fn run(self) -> Result<(), Failure> {
        let Command::Verify { files, holds, continues, format } = self.command;
        verify::verify(&files, holds, continues.unwrap_or(LineHash::NONE), format)
    }
}
