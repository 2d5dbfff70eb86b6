//! Which command the settings are for, and that the flags are its own.

use clap::ValueEnum;
use countersign_config::{Effective, Overrides, Program};

use crate::exit::Failure;
use crate::flags::{LogFlags, SettingsFlags, environment, load_for};

/// A command that takes settings.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(super) enum For {
    Serve,
    Signer,
}

/// The settings of the command that is named, or that the file of settings is for.
pub(super) fn effective(
    wanted: Option<For>,
    flags: SettingsFlags,
    log: LogFlags,
) -> Result<Effective, Failure> {
    let flags = flags.overrides(log);
    let program = match wanted {
        Some(For::Serve) => Program::Server,
        Some(For::Signer) => Program::Signer,
        None => Program::recognised(&flags, &environment)?,
    };
    if program == Program::Signer
        && let Some(flag) = flag_of_servers(&flags)
    {
        return Err(Failure::Usage(format!(
            "{flag} is no flag of countersign signer, whose settings these are: leave it out, or \
             say --for serve"
        )));
    }
    Ok(load_for(program, &flags)?)
}

/// The first flag that `countersign signer` does not take.
fn flag_of_servers(flags: &Overrides) -> Option<&'static str> {
    let given = [
        ("--keys-database", flags.keys_database.is_some()),
        ("--host", !flags.hosts.is_empty()),
        ("--signer", flags.signer.is_some()),
        ("--signer-ca", flags.signer_ca.is_some()),
        ("--signer-cert", flags.signer_cert.is_some()),
        ("--signer-key", flags.signer_key.is_some()),
        ("--read-only", flags.read_only.is_some()),
    ];
    given.into_iter().find_map(|(flag, is_given)| is_given.then_some(flag))
}
