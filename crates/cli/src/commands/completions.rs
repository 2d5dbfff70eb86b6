//! `countersign completions`: what a shell needs to complete the command line.

use std::io::{self, Write as _};

use clap::{Args, CommandFactory as _};
use clap_complete::Shell;

use crate::CommandLine;
use crate::exit::Failure;

/// Print what a shell needs to complete countersign's command line.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  countersign completions bash > /usr/share/bash-completion/completions/countersign
  countersign completions zsh > /usr/share/zsh/site-functions/_countersign
  countersign completions fish > ~/.config/fish/completions/countersign.fish")]
pub(crate) struct Completions {
    /// The shell
    shell: Shell,
}

impl Completions {
    /// Prints them.
    pub(crate) fn run(self) -> Result<(), Failure> {
        let mut text = Vec::new();
        let mut line = CommandLine::command();
        clap_complete::generate(self.shell, &mut line, "countersign", &mut text);
        io::stdout().write_all(&text).map_err(Failure::Output)
    }
}
