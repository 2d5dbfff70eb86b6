//! `countersign config convert`: Notary's own configuration as our file of settings.

use std::io::{self, Write as _};
use std::path::PathBuf;

use countersign_config::{Listed, Overrides, Settings};

use crate::exit::Failure;
use crate::flags::{self, DatabaseFlags};

/// How a URL with a password is given.
const SECRET_URLS: [(&str, &str); 2] = [
    (
        "database.url",
        "COUNTERSIGN_DATABASE_URL, or in the file that COUNTERSIGN_DATABASE_URL_FILE names",
    ),
    (
        "database.keys_url",
        "COUNTERSIGN_KEYS_DATABASE_URL, or in the file that COUNTERSIGN_KEYS_DATABASE_URL_FILE names",
    ),
];

/// Writes the settings that Notary's file at `config` changes.
pub(super) fn run(config: PathBuf, database: DatabaseFlags) -> Result<(), Failure> {
    let flags = database.over(Overrides { config: Some(config.clone()), ..Overrides::default() });
    let effective = flags::load_effective(&flags)?;
    if effective.notary.is_none() {
        return Err(Failure::Usage(format!(
            "{} is not Notary's, which is JSON, YAML, or TOML with server.http_addr: give it to \
             serve as it is",
            config.display()
        )));
    }
    let here = std::env::current_dir().map_err(|error| Failure::System {
        action: "find the working directory",
        reason: error.to_string(),
    })?;
    let mut notes = Vec::new();
    let text = toml(&effective.changed(&here)?, &effective.settings, &mut notes);
    for note in flags::notary_notes(effective.notary).iter().chain(&notes) {
        // When standard error is closed, the file on standard output is still whole.
        writeln!(io::stderr(), "countersign: note: {note}").ok();
    }
    io::stdout().write_all(text.as_bytes()).map_err(Failure::Output)
}

fn toml(listed: &[Listed], settings: &Settings, notes: &mut Vec<String>) -> String {
    let mut text = "# Converted from the configuration of notary-server.\n".to_owned();
    let mut last = "";
    for one in listed {
        let (section, key) = one.key.split_once('.').unwrap_or(("", &one.key));
        let Some(value) = &one.value else { continue };
        if section != last {
            text.push_str(&format!("\n[{section}]\n"));
            last = section;
        }
        if settings.database.holds_password(&one.key) {
            // What is shown of it is no URL to connect with.
            let mend = format!(
                "{} is left out, because it holds a password: give it in {}",
                one.key,
                SECRET_URLS.iter().find(|(key, _)| *key == one.key).map_or("", |(_, how)| how)
            );
            text.push_str(&format!("# {mend}\n# {key} = {value}\n"));
            notes.push(mend);
            continue;
        }
        text.push_str(&format!("{key} = {value}\n"));
    }
    text
}
