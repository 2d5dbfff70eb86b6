//! Reads the file of settings: our own TOML. A file that is Notary's is passed on.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::ops::Range;
use std::path::Path;

use serde::Deserialize as _;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::key_rules::Rule;
use crate::nearest::{advice, keys_of, nearest};
use crate::notary::{self, NotaryConfig};
use crate::sections::access::{Access, Issuer};
use crate::sections::audit::Audit;
use crate::sections::caching::Caching;
use crate::sections::clock::Clock;
use crate::sections::database::Database;
use crate::sections::expiry::Expiry;
use crate::sections::keys::Keys;
use crate::sections::limits::Limits;
use crate::sections::log::Log;
use crate::sections::pkcs11::Pkcs11;
use crate::sections::repositories::{Limit, Repositories};
use crate::sections::retention::Retention;
use crate::sections::server::Server;
use crate::sections::signer::Signer;
use crate::sections::signing::Signing;
use crate::sections::tls::Tls;
use crate::sections::tokens::{Registry, Tokens};
use crate::{ConfigError, Origin, Program, Settings};

/// The longest piece of a value that an error shows, in characters.
const MAX_SHOWN: usize = 60;

/// What a file of settings says.
#[derive(Default)]
pub(crate) struct Read {
    pub(crate) settings: Settings,
    pub(crate) origins: BTreeMap<String, Origin>,
    /// The rest of Notary's file, if it is one.
    pub(crate) notary: Option<NotaryConfig>,
}

/// What the file at `path` says, which `named_by` names; relative paths in it are taken from its
/// own directory. `variable` looks up those of Notary's, which count over its file only.
pub(crate) fn read(
    program: Program,
    named_by: &'static str,
    path: &Path,
    variable: &dyn Fn(&str) -> Option<OsString>,
) -> Result<Read, ConfigError> {
    if has_notarys_extension(path) {
        return of_notary(program, named_by, path, variable);
    }
    let text = fs::read_to_string(path).map_err(|error| ConfigError::Unreadable {
        path: path.to_owned(),
        named_by,
        reason: error.to_string(),
    })?;
    let document = Document { path, text: &text };
    let table = DeTable::parse(&text).map_err(|error| document.not_toml(&error))?;
    if has_notarys_keys(table.get_ref()) {
        return of_notary(program, named_by, path, variable);
    }
    let mut settings = document.settings(table.get_ref())?;
    settings.rebase(path.parent().unwrap_or(Path::new("")));
    let origin = |(key, line)| (key, Origin::File { path: path.to_owned(), line });
    let origins = document.lines(table.get_ref()).into_iter().map(origin).collect();
    Ok(Read { settings, origins, notary: None })
}

fn of_notary(
    program: Program,
    named_by: &'static str,
    path: &Path,
    variable: &dyn Fn(&str) -> Option<OsString>,
) -> Result<Read, ConfigError> {
    let notary::Read { settings, origins, config } =
        notary::read(program, named_by, path, variable)?;
    Ok(Read { settings, origins, notary: Some(config) })
}

struct Document<'a> {
    path: &'a Path,
    text: &'a str,
}

impl Document<'_> {
    fn settings(&self, table: &DeTable<'_>) -> Result<Settings, ConfigError> {
        self.refuse_unknown_keys(table, &known_keys())?;
        toml::Deserializer::parse(self.text)
            .and_then(Settings::deserialize)
            .map_err(|error| self.bad_value(&error, table))
    }

    /// Every key of the file with its line, counted from 1.
    fn lines(&self, table: &DeTable<'_>) -> Vec<(String, usize)> {
        let mut lines = Vec::new();
        for (section, value) in table {
            let DeValue::Table(inside) = value.get_ref() else { continue };
            for key in inside.keys() {
                let (line, _) = self.place(key.span().start).unwrap_or_default();
                lines.push((format!("{}.{}", section.get_ref(), key.get_ref()), line));
            }
        }
        lines
    }

    fn not_toml(&self, error: &toml::de::Error) -> ConfigError {
        if self.text.trim_start().starts_with('{') {
            return ConfigError::JsonByAnotherName { path: self.path.to_owned() };
        }
        ConfigError::NotToml {
            origin: self.origin(error.span()),
            problem: error.message().replace('\n', " "),
        }
    }

    fn refuse_unknown_keys(
        &self,
        table: &DeTable<'_>,
        known: &[String],
    ) -> Result<(), ConfigError> {
        for (section, value) in table {
            let name = section.get_ref();
            if !keys_of::<Settings>().contains(&name.as_ref()) {
                return Err(self.unknown(section.span(), name.to_string(), known));
            }
            // Serde would take an array for a section, field by field.
            let DeValue::Table(inside) = value.get_ref() else {
                return Err(self.not_a_table(section.span(), name));
            };
            for key in inside.keys() {
                let path = format!("{name}.{}", key.get_ref());
                if !known.contains(&path) {
                    return Err(self.unknown(key.span(), path, known));
                }
            }
            for (key, value) in inside {
                self.refuse_unknown_keys_in_list(&format!("{name}.{}", key.get_ref()), value)?;
            }
        }
        Ok(())
    }

    /// The same for the tables of a list of tables.
    fn refuse_unknown_keys_in_list(
        &self,
        path: &str,
        value: &Spanned<DeValue<'_>>,
    ) -> Result<(), ConfigError> {
        let known = keys_of_tables(path);
        let DeValue::Array(tables) = value.get_ref() else { return Ok(()) };
        if known.is_empty() {
            return Ok(());
        }
        for table in tables {
            let DeValue::Table(inside) = table.get_ref() else {
                return Err(self.not_tables(table.span(), path));
            };
            for key in inside.keys() {
                let key_path = format!("{path}.{}", key.get_ref());
                if !known.contains(&key_path) {
                    return Err(self.unknown_in_list(key.span(), key_path, path, &known));
                }
            }
        }
        Ok(())
    }

    fn unknown(&self, span: Range<usize>, key: String, known: &[String]) -> ConfigError {
        let mend = advice(&key, known);
        ConfigError::UnknownKey { origin: self.origin(Some(span)), key, mend }
    }

    fn unknown_in_list(
        &self,
        span: Range<usize>,
        key: String,
        path: &str,
        known: &[String],
    ) -> ConfigError {
        let mend = match nearest(&key, known.iter().map(String::as_str)) {
            Some(meant) => format!("did you mean `{meant}`?"),
            None => {
                let last = |key: &String| key.rsplit('.').next().unwrap_or_default().to_owned();
                let keys: Vec<String> = known.iter().map(last).collect();
                format!("the keys of [[{path}]] are {}", keys.join(", "))
            }
        };
        ConfigError::UnknownKey { origin: self.origin(Some(span)), key, mend }
    }

    fn not_a_table(&self, span: Range<usize>, section: &str) -> ConfigError {
        let (origin, section) = (self.origin(Some(span)), section.to_owned());
        ConfigError::NotASection { origin, section }
    }

    fn not_tables(&self, span: Range<usize>, path: &str) -> ConfigError {
        ConfigError::NotTables { origin: self.origin(Some(span)), path: path.to_owned() }
    }

    fn bad_value(&self, error: &toml::de::Error, table: &DeTable<'_>) -> ConfigError {
        let span = error.span().unwrap_or_default();
        let key = key_around(table, &span).unwrap_or_default();
        let written = self.text.get(span.clone()).unwrap_or_default();
        let value = written.lines().next().unwrap_or_default().chars().take(MAX_SHOWN).collect();
        ConfigError::BadValue {
            origin: format!("{}: {key}", self.origin(Some(span))),
            value,
            mend: error.message().replace('\n', " "),
        }
    }

    /// The file with line and column, both counted from 1.
    fn origin(&self, span: Option<Range<usize>>) -> String {
        let path = self.path.display();
        match span.and_then(|span| self.place(span.start)) {
            Some((line, column)) => format!("{path}:{line}:{column}"),
            None => path.to_string(),
        }
    }

    /// Line and column of the byte at `start`, both counted from 1.
    fn place(&self, start: usize) -> Option<(usize, usize)> {
        let before = self.text.get(..start)?;
        let line = before.matches('\n').count().saturating_add(1);
        let column = before.rsplit('\n').next().unwrap_or_default().chars().count();
        Some((line, column.saturating_add(1)))
    }
}

/// Whether the name of the file says that it is Notary's.
pub(crate) fn has_notarys_extension(path: &Path) -> bool {
    let extension = path.extension().unwrap_or_default().to_ascii_lowercase();
    extension == "json" || extension == "yaml" || extension == "yml"
}

/// Whether the TOML is Notary's, which takes its keys in any case.
pub(crate) fn has_notarys_keys(table: &DeTable<'_>) -> bool {
    table.iter().any(|(section, value)| {
        let section = section.get_ref().to_lowercase();
        let DeValue::Table(inside) = value.get_ref() else { return section == "trust_service" };
        let mut keys = inside.keys().map(|key| key.get_ref().to_lowercase());
        section == "trust_service"
            || section == "server" && keys.any(|key| key == "http_addr" || key == "grpc_addr")
    })
}

/// The key, with its section, whose value holds `span`.
fn key_around(table: &DeTable<'_>, span: &Range<usize>) -> Option<String> {
    let holds = |value: &Spanned<DeValue<'_>>| {
        value.span().start <= span.start && span.end <= value.span().end
    };
    for (section, value) in table {
        let DeValue::Table(inside) = value.get_ref() else { continue };
        for (key, value) in inside {
            let path = format!("{}.{}", section.get_ref(), key.get_ref());
            // The tables of a list stand apart from its name.
            if let DeValue::Array(tables) = value.get_ref() {
                let tables = tables.iter().filter_map(|table| table.get_ref().as_table());
                let mut inner = tables.flat_map(|table| table.iter());
                if let Some((key, _)) = inner.find(|(_, value)| holds(value)) {
                    return Some(format!("{path}.{}", key.get_ref()));
                }
            }
            if holds(value) {
                return Some(path);
            }
        }
    }
    None
}

/// Every key that the file may have, as `section.key`.
pub(crate) fn known_keys() -> Vec<String> {
    let sections = [
        ("server", keys_of::<Server>()),
        ("tls", keys_of::<Tls>()),
        ("access", keys_of::<Access>()),
        ("tokens", keys_of::<Tokens>()),
        ("repositories", keys_of::<Repositories>()),
        ("database", keys_of::<Database>()),
        ("keys", keys_of::<Keys>()),
        ("signing", keys_of::<Signing>()),
        ("signer", keys_of::<Signer>()),
        ("pkcs11", keys_of::<Pkcs11>()),
        ("caching", keys_of::<Caching>()),
        ("limits", keys_of::<Limits>()),
        ("expiry", keys_of::<Expiry>()),
        ("retention", keys_of::<Retention>()),
        ("clock", keys_of::<Clock>()),
        ("log", keys_of::<Log>()),
        ("audit", keys_of::<Audit>()),
    ];
    let dotted = |(section, keys): (&str, &[&str])| -> Vec<String> {
        keys.iter().map(|key| format!("{section}.{key}")).collect()
    };
    sections.into_iter().flat_map(dotted).collect()
}

/// The keys of the tables in the list at `path`, with that path; empty where there are no tables.
fn keys_of_tables(path: &str) -> Vec<String> {
    let keys = match path {
        "access.issuers" => keys_of::<Issuer>(),
        "keys.rules" => keys_of::<Rule>(),
        "repositories.limits" => keys_of::<Limit>(),
        "tokens.services" => keys_of::<Registry>(),
        _ => &[],
    };
    keys.iter().map(|key| format!("{path}.{key}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_of_keys_has_every_section() {
        let mut sections: Vec<String> =
            known_keys().iter().filter_map(|k| Some(k.split('.').next()?.to_owned())).collect();
        sections.dedup();
        assert_eq!(sections, keys_of::<Settings>());
    }

    #[test]
    fn the_page_of_settings_names_every_key_and_no_other() {
        let page = include_str!("../../../docs/settings.md");
        let mut named: Vec<&str> =
            page.split('`').skip(1).step_by(2).filter(|text| is_key(text)).collect();
        named.sort_unstable();
        named.dedup();
        let mut known = known_keys();
        known.sort_unstable();
        assert_eq!(named, known);
    }

    fn is_key(text: &str) -> bool {
        text.split_once('.').is_some_and(|(section, key)| {
            keys_of::<Settings>().contains(&section)
                && key.bytes().all(|b| b.is_ascii_lowercase() || b == b'_')
        })
    }
}
