//! `countersign config show`: every setting, its value, and where that came from.

use std::fmt::Write as _;
use std::io::{self, Write as _};

use clap::ValueEnum;
use countersign_config::sections::keys::PassphraseSource;
use countersign_config::{
    AliasPassphrase, Effective, Listed, Program, SignerVariables, folded_alias,
};
use countersign_custody::sealed::DEFAULT_ALIAS;
use serde_json::{Value, json};

use crate::commands::signer::default_alias;
use crate::data_dir::DataDir;
use crate::exit::Failure;
use crate::key_ring;
use crate::key_source::KeptFile;

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
    let alias = default_alias(effective.notary.as_ref());
    let mut passphrases = passphrases(effective, &key_ring::variables_under(alias.as_deref())?);
    passphrases.extend(kept(effective, &passphrases)?);
    let text = match format {
        Format::Table => table(effective, &listed, &passphrases),
        Format::Toml => toml(effective, &listed, &passphrases),
        Format::Json => json(effective, &listed, &passphrases),
    };
    io::stdout().write_all(text.as_bytes()).map_err(Failure::Output)
}

fn table(effective: &Effective, listed: &[Listed], passphrases: &[Shown]) -> String {
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
    text.push_str(&format!("settings of: countersign {}\n", command(effective.program)));
    for one in passphrases {
        text.push_str(&format!("passphrase of {}: {}\n", one.keys(), one.from));
    }
    for one in effective.ignored() {
        text.push_str(&format!("{one}\n"));
    }
    text.push('\n');
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

fn toml(effective: &Effective, listed: &[Listed], passphrases: &[Shown]) -> String {
    let command = command(effective.program);
    let mut text = format!("# What countersign {command} would use; give it back with --config.\n");
    for one in passphrases {
        text.push_str(&format!("# Passphrase of {}: {}\n", one.keys(), one.from));
    }
    for one in effective.ignored() {
        text.push_str(&format!("# {}\n", in_a_line(&one.to_string())));
    }
    let mut last = "";
    for one in listed {
        let (section, key) = one.key.split_once('.').unwrap_or(("", &one.key));
        if section != last {
            text.push_str(&format!("\n[{section}]\n"));
            last = section;
        }
        let from = in_a_line(&one.from.to_string());
        // Writing to a string does not fail.
        match &one.value {
            Some(value) => writeln!(text, "{key} = {value} # {from}").ok(),
            None => writeln!(text, "# {key} is not set").ok(),
        };
    }
    text
}

/// What came from a path with a line break must not end the comment.
fn in_a_line(text: &str) -> String {
    text.replace(char::is_control, " ")
}

fn command(program: Program) -> &'static str {
    match program {
        Program::Server => "serve",
        Program::Signer => "signer",
    }
}

fn json(effective: &Effective, listed: &[Listed], passphrases: &[Shown]) -> String {
    let file = effective.file.as_ref().map(
        |(path, named_by)| json!({ "path": path.display().to_string(), "named_by": named_by }),
    );
    let passphrases: Vec<Value> = passphrases
        .iter()
        .map(|one| json!({ "alias": one.alias, "new_keys": one.new_keys, "from": one.from }))
        .collect();
    let shown = json!({
        "program": command(effective.program),
        "file": file,
        "passphrases": passphrases,
        "settings": listed,
        "ignored": effective.ignored(),
    });
    format!("{shown:#}\n")
}

/// Where the passphrase of one alias comes from; never what it is.
struct Shown {
    alias: String,
    /// Whether new keys are sealed under it.
    new_keys: bool,
    from: String,
}

impl Shown {
    fn keys(&self) -> String {
        match (self.new_keys, key_ring::is_ours(&self.alias)) {
            (true, true) => "the keys".to_owned(),
            (true, false) => format!("new keys, alias {}", self.alias),
            (false, _) => format!("the keys of alias {}", self.alias),
        }
    }
}

/// That of new keys first.
fn passphrases(effective: &Effective, variables: &SignerVariables) -> Vec<Shown> {
    let default = key_ring::default_alias(variables);
    let shown = |alias: &str, from: String| Shown {
        alias: alias.to_owned(),
        new_keys: folded_alias(alias) == folded_alias(default),
        from,
    };
    let mut all = Vec::new();
    let of_signer = |given: &AliasPassphrase| match &given.file {
        Some(_) => format!("the file that {} names", given.variable),
        None => format!("(set), variable {}", given.variable),
    };
    if key_ring::is_ours(default) {
        all.push(shown(default, ours(&effective.passphrase)));
    } else {
        let missing = || format!("missing: set NOTARY_SIGNER_{}", folded_alias(default));
        all.push(shown(default, variables.of(default).map_or_else(missing, of_signer)));
        if effective.passphrase != PassphraseSource::Made {
            all.push(shown(DEFAULT_ALIAS, ours(&effective.passphrase)));
        }
    }
    let others = variables
        .given()
        .iter()
        .filter(|one| !key_ring::is_ours(&one.alias) && one.alias != folded_alias(default));
    all.extend(others.map(|given| shown(&given.alias, of_signer(given))));
    all
}

/// Those in files of the data directory that no variable hides.
fn kept(effective: &Effective, others: &[Shown]) -> Result<Vec<Shown>, Failure> {
    let dir = DataDir::at(effective.settings.server.data_dir())?;
    let is_hidden = |file: &KeptFile| {
        others.iter().any(|one| folded_alias(&one.alias) == folded_alias(&file.alias))
    };
    // A directory that cannot be read is what a start will say.
    let files = KeptFile::all(&dir).unwrap_or_default().into_iter();
    let shown = |file: KeptFile| Shown {
        from: format!("the file {}", file.path.display()),
        alias: file.alias,
        new_keys: false,
    };
    Ok(files.filter(|file| !is_hidden(file)).map(shown).collect())
}

/// Where the passphrase of our own alias comes from.
fn ours(source: &PassphraseSource) -> String {
    match source {
        PassphraseSource::Variable { name } => format!("(set), variable {name}"),
        PassphraseSource::File { path, named_by } => {
            format!("the file {}, {named_by}", path.display())
        }
        PassphraseSource::Made => {
            "secrets/key-passphrase in the data directory, made on the first start".to_owned()
        }
    }
}
