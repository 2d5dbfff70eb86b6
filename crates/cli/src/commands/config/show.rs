//! `countersign config show`: every setting, its value, and where that came from.

use std::fmt::Write as _;
use std::io::{self, Write as _};

use clap::ValueEnum;
use countersign_config::sections::keys::PassphraseSource;
use countersign_config::{Effective, Listed};
use serde_json::{Value, json};

use crate::exit::Failure;

/// How to print.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(super) enum Format {
    Table,
    Toml,
    Json,
}

/// Prints the settings.
pub(super) fn run(effective: &Effective, format: Format) -> Result<(), Failure> {
    let here = std::env::current_dir().map_err(|error| Failure::System {
        action: "find the working directory",
        reason: error.to_string(),
    })?;
    let listed = effective.listed(&here)?;
    let text = match format {
        Format::Table => table(effective, &listed),
        Format::Toml => toml(effective, &listed),
        Format::Json => json(effective, &listed),
    };
    io::stdout().write_all(text.as_bytes()).map_err(Failure::Output)
}

fn table(effective: &Effective, listed: &[Listed]) -> String {
    let file = match &effective.file {
        Some((path, named_by)) => format!("{} ({named_by})", path.display()),
        None => "none".to_owned(),
    };
    let mut rows = vec![["SETTING".to_owned(), "VALUE".to_owned(), "FROM".to_owned()]];
    rows.extend(listed.iter().map(|one| [one.key.clone(), plain(one), one.from.to_string()]));
    let width = |column: usize| {
        rows.iter().filter_map(|row| Some(row.get(column)?.chars().count())).max().unwrap_or(0)
    };
    let (first, second) = (width(0), width(1));
    let mut text = format!("file of settings: {file}\n");
    text.push_str(&format!("passphrase of the keys: {}\n\n", passphrase(effective)));
    for [key, value, from] in &rows {
        text.push_str(&format!("{key:first$}  {value:second$}  {from}\n"));
    }
    text
}

/// A value as a person would say it.
fn plain(listed: &Listed) -> String {
    let words = |value: &Value| match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    match listed.value.as_ref().map(|value| json!(value)) {
        None => "none".to_owned(),
        Some(Value::Array(list)) if list.is_empty() => "none".to_owned(),
        Some(Value::Array(list)) => list.iter().map(words).collect::<Vec<_>>().join(", "),
        Some(value) => words(&value),
    }
}

fn toml(effective: &Effective, listed: &[Listed]) -> String {
    let mut text = format!(
        "# What countersign serve would use; give it back with --config.\n\
         # Passphrase of the keys: {}\n",
        passphrase(effective)
    );
    let mut last = "";
    for one in listed {
        let (section, key) = one.key.split_once('.').unwrap_or(("", &one.key));
        if section != last {
            text.push_str(&format!("\n[{section}]\n"));
            last = section;
        }
        // What came from a path with a line break must not end the comment.
        let from = one.from.to_string().replace(char::is_control, " ");
        // Writing to a string does not fail.
        match &one.value {
            Some(value) => writeln!(text, "{key} = {value} # {from}").ok(),
            None => writeln!(text, "# {key} is not set").ok(),
        };
    }
    text
}

fn json(effective: &Effective, listed: &[Listed]) -> String {
    let file = effective.file.as_ref().map(
        |(path, named_by)| json!({ "path": path.display().to_string(), "named_by": named_by }),
    );
    let shown = json!({ "file": file, "passphrase": passphrase(effective), "settings": listed });
    format!("{shown:#}\n")
}

/// Where the passphrase comes from; never what it is.
fn passphrase(effective: &Effective) -> String {
    match &effective.passphrase {
        PassphraseSource::Variable => "(set), variable COUNTERSIGN_KEY_PASSPHRASE".to_owned(),
        PassphraseSource::File { path, named_by } => {
            format!("the file {}, {named_by}", path.display())
        }
        PassphraseSource::Made => {
            "secrets/key-passphrase in the data directory, made on the first start".to_owned()
        }
    }
}
