//! `countersign config convert`: Notary's own configuration as our file of settings.

use std::io::{self, Write as _};
use std::path::PathBuf;

use countersign_config::{Listed, Overrides};

use crate::exit::Failure;
use crate::flags;

/// Writes the settings that Notary's file at `config` changes.
pub(super) fn run(config: PathBuf) -> Result<(), Failure> {
    let flags = Overrides { config: Some(config.clone()), ..Overrides::default() };
    let effective = flags::load_effective(&flags)?;
    let Some(notary) = &effective.notary else {
        return Err(Failure::Usage(format!(
            "{} is not Notary's, which is JSON, YAML, or TOML with server.http_addr: give it to \
             serve as it is",
            config.display()
        )));
    };
    let here = std::env::current_dir().map_err(|error| Failure::System {
        action: "find the working directory",
        reason: error.to_string(),
    })?;
    let text = toml(&effective.changed(&here)?);
    for note in &notary.notes {
        // When standard error is closed, the file on standard output is still whole.
        writeln!(io::stderr(), "countersign: note: {note}").ok();
    }
    io::stdout().write_all(text.as_bytes()).map_err(Failure::Output)
}

fn toml(listed: &[Listed]) -> String {
    let mut text = "# Converted from the configuration of notary-server.\n".to_owned();
    let mut last = "";
    for one in listed {
        let (section, key) = one.key.split_once('.').unwrap_or(("", &one.key));
        let Some(value) = &one.value else { continue };
        if section != last {
            text.push_str(&format!("\n[{section}]\n"));
            last = section;
        }
        text.push_str(&format!("{key} = {value}\n"));
    }
    text
}
