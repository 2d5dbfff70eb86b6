//! The Go server's file and the variables over it, as one place to ask for a key.
//!
//! Keys are compared without case, whether written nested or with dots; a variable that is empty
//! counts as not set, and so does an empty text in the file. A value is a text, whatever it was
//! written as: Notary converts numbers and texts into each other.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value as Json;
use zeroize::Zeroizing;

use crate::{ConfigError, Origin};

/// The prefix of the environment variables of Notary's server.
pub(super) const PREFIX: &str = "NOTARY_SERVER_";
/// The same of its signer.
pub(super) const SIGNER_PREFIX: &str = "NOTARY_SIGNER_";

/// The file and the environment.
pub(super) struct Source<'a> {
    path: &'a Path,
    /// By dotted key in small letters. No value is an object.
    values: BTreeMap<String, Json>,
    prefix: &'static str,
    variable: &'a dyn Fn(&str) -> Option<OsString>,
}

/// A value, and where it was written. It may be a secret, hence no `Debug`.
pub(super) struct Value<T> {
    pub(super) content: T,
    pub(super) origin: Origin,
    /// The same for an error: the file and the key, or the variable.
    pub(super) place: String,
}

impl<T> Value<T> {
    /// The refusal of this value. `cause` never holds a secret.
    pub(super) fn refused(&self, cause: &str, mend: &str) -> ConfigError {
        ConfigError::Notary {
            origin: self.place.clone(),
            cause: cause.to_owned(),
            mend: mend.to_owned(),
        }
    }

    fn with<U>(self, content: U) -> Value<U> {
        Value { content, origin: self.origin, place: self.place }
    }
}

impl<'a> Source<'a> {
    /// Reads the file at `path`, which `named_by` names; its form goes by its extension. Variables
    /// over it begin with `prefix`.
    pub(super) fn read(
        named_by: &'static str,
        path: &'a Path,
        prefix: &'static str,
        variable: &'a dyn Fn(&str) -> Option<OsString>,
    ) -> Result<Self, ConfigError> {
        let text = fs::read_to_string(path).map(Zeroizing::new).map_err(|error| {
            ConfigError::Unreadable { path: path.to_owned(), named_by, reason: error.to_string() }
        })?;
        let mut source = Self { path, values: BTreeMap::new(), prefix, variable };
        match source.parse(&text)? {
            Json::Object(top) => {
                for (key, value) in top {
                    source.put(key.to_lowercase(), value)?;
                }
                Ok(source)
            }
            // An empty YAML file.
            Json::Null => Ok(source),
            _ => Err(source.broken("it holds no keys".to_owned())),
        }
    }

    fn parse(&self, text: &str) -> Result<Json, ConfigError> {
        let extension = self.path.extension().unwrap_or_default().to_ascii_lowercase();
        let parsed = match extension.to_str() {
            Some("json") => serde_json::from_str(text).map_err(|error| error.to_string()),
            Some("yaml" | "yml") => serde_saphyr::from_str(text).map_err(|error| error.to_string()),
            _ => toml::from_str(text).map_err(|error| error.to_string()),
        };
        parsed.map_err(|problem| self.broken(problem))
    }

    fn broken(&self, problem: String) -> ConfigError {
        ConfigError::Notary {
            origin: self.path.display().to_string(),
            // Parsers show the line on lines of its own, and the line may hold a password.
            cause: problem.lines().next().unwrap_or_default().to_owned(),
            mend: "mend the file; its form is that of its extension, .json, .toml or .yaml"
                .to_owned(),
        }
    }

    fn put(&mut self, key: String, value: Json) -> Result<(), ConfigError> {
        if let Json::Object(inside) = value {
            return inside.into_iter().try_for_each(|(name, value)| {
                self.put(format!("{key}.{}", name.to_lowercase()), value)
            });
        }
        if self.values.insert(key.clone(), value).is_some() {
            return Err(ConfigError::Notary {
                origin: self.place(&key),
                cause: "the key is there twice, in different case or form".to_owned(),
                mend: "leave one of them".to_owned(),
            });
        }
        Ok(())
    }

    /// The file and the key, as errors name them.
    pub(super) fn place(&self, key: &str) -> String {
        format!("{}: {key}", self.path.display())
    }

    /// The origin of what follows from the absence of `key`.
    pub(super) fn absent(&self, key: &'static str) -> Origin {
        Origin::Notary { path: self.path.to_owned(), key: key.to_owned() }
    }

    /// The keys of the file, dotted and in small letters.
    pub(super) fn keys(&self) -> impl Iterator<Item = &str> {
        self.values.keys().map(String::as_str)
    }

    /// The value of `key` as text; `None` when it is not set.
    pub(super) fn text(&self, key: &str) -> Result<Option<Value<String>>, ConfigError> {
        if let Some(value) = self.of_variable(key)? {
            return Ok(Some(value));
        }
        let Some(value) = self.of_file(key) else { return Ok(None) };
        let content = match value.content {
            Json::String(text) => text.clone(),
            Json::Number(number) => number.to_string(),
            Json::Bool(truth) => truth.to_string(),
            _ => return Err(value.refused("it is no single value", "write one text or number")),
        };
        Ok((!content.is_empty()).then(|| value.with(content)))
    }

    /// The value of a key that must be set, and that Notary takes only as a text.
    pub(super) fn needed_text(&self, key: &str, mend: &str) -> Result<Value<String>, ConfigError> {
        let value = self.needed(key, mend)?;
        match self.of_file(key) {
            Some(written) if written.place == value.place && !written.content.is_string() => {
                Err(value.refused("it is no text", "write it in quotes"))
            }
            _ => Ok(value),
        }
    }

    /// The value of a key that must be set.
    pub(super) fn needed(&self, key: &str, mend: &str) -> Result<Value<String>, ConfigError> {
        self.text(key)?.ok_or_else(|| ConfigError::Notary {
            origin: self.place(key),
            cause: "it is not set".to_owned(),
            mend: mend.to_owned(),
        })
    }

    /// A path; a relative one is taken from the file's directory, wherever it was written.
    pub(super) fn path(&self, key: &str) -> Result<Option<Value<PathBuf>>, ConfigError> {
        let base = self.path.parent().unwrap_or(Path::new(""));
        let absolute = |value: Value<String>| {
            let path = base.join(&value.content);
            value.with(path)
        };
        Ok(self.text(key)?.map(absolute))
    }

    /// A list of texts; one text is split at blanks.
    pub(super) fn list(&self, key: &str) -> Result<Option<Value<Vec<String>>>, ConfigError> {
        let words = |text: &str| text.split_whitespace().map(str::to_owned).collect();
        if let Some(value) = self.of_variable(key)? {
            let content = words(&value.content);
            return Ok(Some(value.with(content)));
        }
        let Some(value) = self.of_file(key) else { return Ok(None) };
        let content = match value.content {
            Json::String(text) => Some(words(text)),
            Json::Array(list) => list.iter().map(|one| Some(one.as_str()?.to_owned())).collect(),
            _ => None,
        };
        match content {
            Some(content) => Ok(Some(value.with(content))),
            None => Err(value.refused("it is no list of texts", "write a list of texts")),
        }
    }

    /// The first key that begins with `prefix` and is set to anything, in the file or by one of
    /// the variables that Notary reads below that prefix.
    pub(super) fn first_below(&self, prefix: &str) -> Option<Value<()>> {
        let name = self.variable_name(&format!("{prefix}type"));
        if (self.variable)(&name).is_some_and(|value| !value.is_empty()) {
            let place = name.clone();
            return Some(Value { content: (), origin: Origin::NotaryVariable { name }, place });
        }
        let section = prefix.trim_end_matches('.');
        let below = |key: &&str| *key == section || key.starts_with(prefix);
        let said = |value: &Value<&Json>| value.content.as_str() != Some("");
        let value = self.keys().filter(below).find_map(|key| self.of_file(key).filter(said))?;
        Some(value.with(()))
    }

    fn of_variable(&self, key: &str) -> Result<Option<Value<String>>, ConfigError> {
        let name = self.variable_name(key);
        let Some(content) = (self.variable)(&name).filter(|value| !value.is_empty()) else {
            return Ok(None);
        };
        let value = Value { content, place: name.clone(), origin: Origin::NotaryVariable { name } };
        match value.content.to_str().map(str::to_owned) {
            Some(text) => Ok(Some(value.with(text))),
            None => Err(value.refused("it is no text", "write it as UTF-8")),
        }
    }

    fn of_file(&self, key: &str) -> Option<Value<&Json>> {
        let content = self.values.get(key).filter(|value| !value.is_null())?;
        let origin = Origin::Notary { path: self.path.to_owned(), key: key.to_owned() };
        Some(Value { content, origin, place: self.place(key) })
    }

    /// The environment variable that Notary reads for `key`.
    fn variable_name(&self, key: &str) -> String {
        prefixed(self.prefix, key)
    }
}

/// The environment variable that Notary's server reads for `key`.
pub(super) fn variable_name(key: &str) -> String {
    prefixed(PREFIX, key)
}

fn prefixed(prefix: &str, key: &str) -> String {
    format!("{prefix}{}", key.to_uppercase().replace('.', "_"))
}
