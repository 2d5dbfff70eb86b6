//! The one binary: reads the command line, runs a command, turns its failure into one line and an
//! exit code.
//!
//! Never in here: logic worth testing on its own; that lives in the crates below. `doctor` is the
//! exception: what it judges is no part of the server.
//!
//! To add a command: a file in `commands`, a variant of [`Command`], an arm in [`run`], its help
//! pinned in `tests/cli/help.rs`, a section in `docs/commands.md`.

mod audit_log;
mod away;
mod backup_manifest;
mod certificates;
mod commands;
mod custody;
mod data_dir;
mod database;
mod exit;
mod flags;
mod greeting;
mod hardening;
mod key_passphrase;
mod key_ring;
mod key_source;
mod logs;
mod notary_name;
mod old_keys;
mod revocation;
mod signals;
mod token_desk;
mod token_greeting;
mod token_settings;
mod upkeep;
mod watched;

use std::io::{self, Write as _};
use std::process::ExitCode;

use clap::error::ErrorKind;
use clap::{Parser, Subcommand};

use crate::exit::Failure;

/// A content trust server: signs, keeps and serves TUF metadata for docker and notary.
#[derive(Debug, Parser)]
#[command(
    name = "countersign",
    version,
    max_term_width = 100,
    arg_required_else_help = false,
    after_help = "Examples:
  countersign serve                 start on https://localhost:4443, files in ./countersign-data
  countersign signer --help         keys on a machine of their own, for servers elsewhere
  countersign certs make            certificates, without starting a server
  countersign certs show            what clients must trust, and where docker wants it
  countersign check                 whether all that is stored is sound
  countersign config check          whether serve or signer can start with these settings
  countersign import                move everything out of a Notary
  countersign doctor URL            what a client of the server at URL will meet
  countersign serve --help          every setting, with its environment variable"
)]
struct CommandLine {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Access(commands::access::Access),
    Audit(commands::audit::Audit),
    Backup(commands::backup::Backup),
    Certs(commands::certs::Certs),
    Check(commands::check::Check),
    Completions(commands::completions::Completions),
    Config(commands::config::Config),
    Doctor(commands::doctor::Doctor),
    Gc(commands::gc::Gc),
    Import(commands::import::Import),
    Keys(commands::keys::Keys),
    Restore(commands::restore::Restore),
    Serve(commands::serve::Serve),
    Signer(commands::signer::Signer),
    /// Print the version.
    Version,
}

fn main() -> ExitCode {
    // Before anything is read that others must not see.
    if let Err(failure) = hardening::of_every_command() {
        return exit::conclude(Err(failure));
    }
    // Fails only when there is a provider already, and nothing ran before this line.
    rustls::crypto::ring::default_provider().install_default().ok();
    let arguments = match notary_name::translate(std::env::args_os().collect()) {
        Ok(line) => {
            for note in line.notes {
                // When standard error is closed, nobody reads notes.
                writeln!(io::stderr(), "countersign: note: {note}").ok();
            }
            line.arguments
        }
        Err(failure) => return exit::conclude(Err(failure)),
    };
    match CommandLine::try_parse_from(arguments) {
        Ok(line) => exit::conclude(run(line.command)),
        Err(shown)
            if matches!(shown.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) =>
        {
            exit::conclude(shown.print().map_err(Failure::Output))
        }
        Err(error) => exit::conclude(Err(Failure::Usage(in_one_line(&error)))),
    }
}

fn run(command: Command) -> Result<(), Failure> {
    match command {
        Command::Access(access) => access.run(),
        Command::Audit(audit) => audit.run(),
        Command::Backup(backup) => backup.run(),
        Command::Certs(certs) => certs.run(),
        Command::Check(check) => check.run(),
        Command::Completions(completions) => completions.run(),
        Command::Config(config) => config.run(),
        Command::Doctor(doctor) => doctor.run(),
        Command::Gc(gc) => gc.run(),
        Command::Import(import) => import.run(),
        Command::Keys(keys) => keys.run(),
        Command::Restore(restore) => restore.run(),
        Command::Serve(serve) => serve.run(),
        Command::Signer(signer) => signer.run(),
        Command::Version => writeln!(io::stdout(), "countersign {}", env!("CARGO_PKG_VERSION"))
            .map_err(Failure::Output),
    }
}

/// What clap says about a wrong command line, without its usage text.
fn in_one_line(error: &clap::Error) -> String {
    let text = error.render().to_string();
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let telling: Vec<&str> = lines.filter(|line| !line.starts_with("Usage:")).collect();
    telling.join("; ").trim_start_matches("error: ").to_owned()
}
