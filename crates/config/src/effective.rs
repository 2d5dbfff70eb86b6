//! Which settings hold, and where each came from, for whoever asks instead of serving.
//!
//! Never in here: the content of a secret.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt;
use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::document::{self, Read};
use crate::overrides::{self, Overrides, Way};
use crate::sections::keys::{PASSPHRASE_KEY, PassphraseSource};
use crate::{ConfigError, NotaryConfig, Program, Settings, key_rules};

const DATABASE: &str = "database.url";
const KEYS_DATABASE: &str = "database.keys_url";
const RULES: &str = "keys.rules";

/// The settings that hold, and where each came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Effective {
    /// Whose they are.
    pub program: Program,
    /// The settings.
    pub settings: Settings,
    /// The file of settings, and the flag or variable that names it.
    pub file: Option<(PathBuf, &'static str)>,
    /// Where the passphrase of the server's keys comes from.
    pub passphrase: PassphraseSource,
    /// The rest of the file, when it is Notary's.
    pub notary: Option<NotaryConfig>,
    /// Keys without an entry have their default.
    origins: BTreeMap<String, Origin>,
}

/// Where a value came from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum Origin {
    /// Nothing sets it.
    Default,
    /// The file of settings.
    File {
        /// The file.
        path: PathBuf,
        /// The line of its key, counted from 1.
        line: usize,
    },
    /// Notary's file.
    Notary {
        /// The file.
        path: PathBuf,
        /// Its key; where the key is absent, Notary's default for it.
        key: String,
    },
    /// The environment, by the name that Notary gives a key of its file.
    NotaryVariable {
        /// The variable, such as `NOTARY_SERVER_LOGGING_LEVEL`.
        name: String,
    },
    /// The command line.
    Flag {
        /// The flag, such as `--listen`.
        name: &'static str,
    },
    /// The environment.
    Variable {
        /// The variable, such as `COUNTERSIGN_LISTEN`.
        name: &'static str,
    },
}

/// One setting that is set and changes nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Ignored {
    /// The key with its section.
    pub key: String,
    /// Where it was set.
    pub from: Origin,
    /// Why it changes nothing.
    pub why: &'static str,
}

/// One setting.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Listed {
    /// The key with its section, such as `server.listen`.
    pub key: String,
    /// The value in the form that the file takes; paths are absolute. `None`: not set, and there
    /// is no default.
    pub value: Option<toml::Value>,
    /// Where it came from.
    pub from: Origin,
}

impl Effective {
    /// The settings of a server that hold: see [`Settings::load`].
    ///
    /// # Errors
    /// As [`Settings::load`], and when two variables give the passphrase.
    pub fn load(
        flags: &Overrides,
        variable: &dyn Fn(&str) -> Option<OsString>,
    ) -> Result<Self, ConfigError> {
        Self::load_for(Program::Server, flags, variable)
    }

    /// The same for either program.
    ///
    /// # Errors
    /// As [`Effective::load`], and when a signer lacks what keeps others away from it.
    pub fn load_for(
        program: Program,
        flags: &Overrides,
        variable: &dyn Fn(&str) -> Option<OsString>,
    ) -> Result<Self, ConfigError> {
        let environment = Overrides::from_environment(variable)?;
        let named = overrides::config_file(flags, &environment);
        let file = named.map(|(named_by, path)| (path.to_owned(), named_by));
        let Read { mut settings, mut origins, notary } = match named {
            Some((named_by, path)) => document::read(program, named_by, path, variable)?,
            None => Read::default(),
        };
        environment.apply(Way::Variable, &mut settings)?;
        origins.extend(environment.said(Way::Variable));
        origins.extend(overrides::named_files(variable));
        flags.apply(Way::Flag, &mut settings)?;
        origins.extend(flags.said(Way::Flag));
        if let Some(notary) = &notary {
            notary.let_go_of_signer(&mut settings, &mut origins);
        }
        settings.tls = settings.tls.whole()?;
        program.complete(&mut settings, &origins)?;
        settings.signer = settings.signer.whole()?;
        settings.tokens = settings.tokens.whole()?;
        settings.access.check(&settings.tokens)?;
        settings.pkcs11 = settings.pkcs11.whole()?;
        key_rules::check(&settings, &origins)?;
        settings.database.metadata()?;
        settings.database.keys()?;
        let notary = notary.map(|notary| notary.settled(&origins)).transpose()?;
        let passphrase = settings.keys.passphrase_source(variable)?;
        Ok(Self { program, settings, file, passphrase, notary, origins })
    }

    /// Every setting of the program, in the order of the sections. Relative paths that flags, variables and
    /// defaults hold are taken from `working_dir`.
    ///
    /// # Errors
    /// [`ConfigError::Unshowable`] when a path is not UTF-8.
    pub fn listed(&self, working_dir: &Path) -> Result<Vec<Listed>, ConfigError> {
        let mut settings = self.settings.clone();
        let mut origins = self.origins.clone();
        if let PassphraseSource::File { path, named_by: name } = &self.passphrase
            && *name != PASSPHRASE_KEY
        {
            settings.keys.passphrase_file = Some(path.clone());
            origins.insert(PASSPHRASE_KEY.to_owned(), Origin::Variable { name });
        }
        settings.server.set_data_dir(working_dir.join(settings.server.data_dir()));
        settings.rebase(working_dir);
        let table = toml::Table::try_from(&settings)
            .map_err(|error| ConfigError::Unshowable { reason: error.to_string() })?;
        let value = |key: &str| {
            let (section, key) = key.split_once('.')?;
            table.get(section)?.get(key).cloned()
        };
        let origin = |key: &str| origins.get(key).cloned().unwrap_or(Origin::Default);
        let listed = |key: String| Listed { value: value(&key), from: origin(&key), key };
        Ok(self.program.shown_keys().map(listed).collect())
    }
}

impl Effective {
    /// What is set, and changes nothing for the program.
    #[must_use]
    pub fn ignored(&self) -> Vec<Ignored> {
        let ignored = |(key, from): (&String, &Origin)| {
            let (why, from) = (self.program.ignores(key)?, from.clone());
            Some(Ignored { key: key.clone(), from, why })
        };
        let mut all: Vec<Ignored> = self.origins.iter().filter_map(ignored).collect();
        if self.program == Program::Signer {
            all.extend(self.other_database());
            all.extend(self.algorithms_of_rules());
        }
        all
    }

    /// The database of the metadata, beside that of a signer's keys. What Notary's file has of both
    /// is told with the rest of it.
    fn other_database(&self) -> Option<Ignored> {
        let is_ours =
            |from: &&Origin| !matches!(from, Origin::Notary { .. } | Origin::NotaryVariable { .. });
        let from = self.origins.get(DATABASE).filter(is_ours)?.clone();
        self.origins.get(KEYS_DATABASE)?;
        let why = "a signer opens the database of its keys only, which database.keys_url names";
        Some(Ignored { key: DATABASE.to_owned(), from, why })
    }

    fn algorithms_of_rules(&self) -> Option<Ignored> {
        let named = self.settings.keys.rules.iter().any(|rule| rule.algorithm.is_some());
        let from = self.origins.get(RULES).filter(|_| named)?.clone();
        let why = "whoever wants a key names its algorithm";
        Some(Ignored { key: format!("algorithm in {RULES}"), from, why })
    }

    /// Those settings that are not what they are without any source, as [`Effective::listed`] has
    /// them.
    ///
    /// # Errors
    /// As [`Effective::listed`].
    pub fn changed(&self, working_dir: &Path) -> Result<Vec<Listed>, ConfigError> {
        let untouched = Self {
            program: self.program,
            settings: Settings::default(),
            file: None,
            passphrase: PassphraseSource::Made,
            notary: None,
            origins: BTreeMap::new(),
        };
        let defaults = untouched.listed(working_dir)?;
        let differs =
            |(one, default): (Listed, Listed)| (one.value != default.value).then_some(one);
        Ok(self.listed(working_dir)?.into_iter().zip(defaults).filter_map(differs).collect())
    }
}

impl fmt::Display for Ignored {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { key, from, why } = self;
        write!(f, "{key} ({from}) has no effect: {why}")
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File { path, line } => write!(f, "{}:{line}", path.display()),
            Self::Notary { path, key } => write!(f, "{}: {key}", path.display()),
            Self::NotaryVariable { name } => write!(f, "variable {name}"),
            Self::Flag { name } => write!(f, "flag {name}"),
            Self::Variable { name } => write!(f, "variable {name}"),
        }
    }
}
