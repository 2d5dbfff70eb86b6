//! What flags and environment variables say; both can set the same things.

use std::ffi::OsString;
use std::fmt::Display;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use crate::sections::database::{KEYS_URL_FILE, URL_FILE};
use crate::sections::server::parse_listen;
use crate::{ConfigError, DatabaseUrl, HostName, Origin, Settings, secret};

/// What the command line says, or the environment: as it was written, `None` where it is silent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Overrides {
    /// `--config`, `COUNTERSIGN_CONFIG`: the file of settings.
    pub config: Option<PathBuf>,
    /// `--data-dir`, `COUNTERSIGN_DATA_DIR`.
    pub data_dir: Option<PathBuf>,
    /// `--database`, `COUNTERSIGN_DATABASE_URL`, and the file that
    /// `COUNTERSIGN_DATABASE_URL_FILE` names.
    pub database: Option<DatabaseUrl>,
    /// `--keys-database`, `COUNTERSIGN_KEYS_DATABASE_URL`, and the file that
    /// `COUNTERSIGN_KEYS_DATABASE_URL_FILE` names.
    pub keys_database: Option<DatabaseUrl>,
    /// `--listen`, `COUNTERSIGN_LISTEN`: `ADDR:PORT`.
    pub listen: Option<String>,
    /// `--host`, repeated; `COUNTERSIGN_HOSTS`, separated by commas. Empty when silent.
    pub hosts: Vec<String>,
    /// `--tls-cert`, `COUNTERSIGN_TLS_CERT`.
    pub tls_cert: Option<PathBuf>,
    /// `--tls-key`, `COUNTERSIGN_TLS_KEY`.
    pub tls_key: Option<PathBuf>,
    /// `--client-ca`, `COUNTERSIGN_CLIENT_CA`.
    pub client_ca: Option<PathBuf>,
    /// `--signer`, `COUNTERSIGN_SIGNER`: `HOST:PORT`.
    pub signer: Option<String>,
    /// `--signer-ca`, `COUNTERSIGN_SIGNER_CA`.
    pub signer_ca: Option<PathBuf>,
    /// `--signer-cert`, `COUNTERSIGN_SIGNER_CERT`.
    pub signer_cert: Option<PathBuf>,
    /// `--signer-key`, `COUNTERSIGN_SIGNER_KEY`.
    pub signer_key: Option<PathBuf>,
    /// `--read-only`; `COUNTERSIGN_READ_ONLY`, which is `true` or `false`.
    pub read_only: Option<String>,
    /// `--log-level`, `COUNTERSIGN_LOG_LEVEL`.
    pub log_level: Option<String>,
    /// `--log-format`, `COUNTERSIGN_LOG_FORMAT`.
    pub log_format: Option<String>,
}

impl Overrides {
    pub(crate) fn from_environment(
        variable: &dyn Fn(&str) -> Option<OsString>,
    ) -> Result<Self, ConfigError> {
        let set = |name: &Name| variable(name.variable).filter(|value| !value.is_empty());
        let path = |name: &Name| set(name).map(PathBuf::from);
        let text = |name: &Name| set(name).map(|value| utf8(name, value)).transpose();
        let hosts = text(&HOST)?.unwrap_or_default();
        Ok(Self {
            config: path(&CONFIG),
            data_dir: path(&DATA_DIR),
            database: database_url(variable, DATABASE.variable, URL_FILE)?,
            keys_database: database_url(variable, KEYS_DATABASE.variable, KEYS_URL_FILE)?,
            listen: text(&LISTEN)?,
            hosts: hosts
                .split(',')
                .map(|host| host.trim().to_owned())
                .filter(|h| !h.is_empty())
                .collect(),
            tls_cert: path(&TLS_CERT),
            tls_key: path(&TLS_KEY),
            client_ca: path(&CLIENT_CA),
            signer: text(&SIGNER)?,
            signer_ca: path(&SIGNER_CA),
            signer_cert: path(&SIGNER_CERT),
            signer_key: path(&SIGNER_KEY),
            read_only: text(&READ_ONLY)?,
            log_level: text(&LOG_LEVEL)?,
            log_format: text(&LOG_FORMAT)?,
        })
    }

    /// Puts what they say into `settings`.
    pub(crate) fn apply(&self, way: Way, settings: &mut Settings) -> Result<(), ConfigError> {
        if let Some(path) = path(way, &DATA_DIR, self.data_dir.as_deref())? {
            settings.server.set_data_dir(path);
        }
        if let Some(url) = database(way, &DATABASE, self.database.as_ref())? {
            settings.database.url = Some(url);
        }
        if let Some(url) = database(way, &KEYS_DATABASE, self.keys_database.as_ref())? {
            settings.database.keys_url = Some(url);
        }
        if let Some(text) = &self.listen {
            settings.server.listen =
                parse_listen(text).map_err(|mend| bad_value(way, &LISTEN, text, mend))?;
        }
        if !self.hosts.is_empty() {
            let parse = |text: &String| parsed::<HostName>(way, &HOST, text);
            settings.server.hosts = self.hosts.iter().map(parse).collect::<Result<_, _>>()?;
        }
        if let Some(path) = path(way, &TLS_CERT, self.tls_cert.as_deref())? {
            settings.tls.cert = Some(path);
            settings.tls.plain_http = false;
        }
        if let Some(path) = path(way, &TLS_KEY, self.tls_key.as_deref())? {
            settings.tls.key = Some(path);
        }
        if let Some(path) = path(way, &CLIENT_CA, self.client_ca.as_deref())? {
            settings.tls.client_ca = Some(path);
        }
        self.apply_signer(way, settings)?;
        if let Some(text) = &self.read_only {
            settings.server.read_only = parsed(way, &READ_ONLY, text)?;
        }
        if let Some(text) = &self.log_level {
            settings.log.level = parsed(way, &LOG_LEVEL, text)?;
        }
        if let Some(text) = &self.log_format {
            settings.log.format = parsed(way, &LOG_FORMAT, text)?;
        }
        Ok(())
    }

    fn apply_signer(&self, way: Way, settings: &mut Settings) -> Result<(), ConfigError> {
        let signer = &mut settings.signer;
        if let Some(text) = &self.signer {
            signer.address = Some(parsed(way, &SIGNER, text)?);
        }
        if let Some(path) = path(way, &SIGNER_CA, self.signer_ca.as_deref())? {
            signer.ca = Some(path);
        }
        if let Some(path) = path(way, &SIGNER_CERT, self.signer_cert.as_deref())? {
            signer.cert = Some(path);
        }
        if let Some(path) = path(way, &SIGNER_KEY, self.signer_key.as_deref())? {
            signer.key = Some(path);
        }
        Ok(())
    }
}

impl Overrides {
    /// The keys that they set, each with its origin.
    pub(crate) fn said(&self, way: Way) -> impl Iterator<Item = (String, Origin)> {
        let Self {
            config: _,
            data_dir,
            database,
            keys_database,
            listen,
            hosts,
            tls_cert,
            tls_key,
            client_ca,
            signer,
            signer_ca,
            signer_cert,
            signer_key,
            read_only,
            log_level,
            log_format,
        } = self;
        let said = [
            (&DATA_DIR, data_dir.is_some()),
            (&DATABASE, database.is_some()),
            (&KEYS_DATABASE, keys_database.is_some()),
            (&LISTEN, listen.is_some()),
            (&HOST, !hosts.is_empty()),
            (&TLS_CERT, tls_cert.is_some()),
            (&TLS_KEY, tls_key.is_some()),
            (&CLIENT_CA, client_ca.is_some()),
            (&SIGNER, signer.is_some()),
            (&SIGNER_CA, signer_ca.is_some()),
            (&SIGNER_CERT, signer_cert.is_some()),
            (&SIGNER_KEY, signer_key.is_some()),
            (&READ_ONLY, read_only.is_some()),
            (&LOG_LEVEL, log_level.is_some()),
            (&LOG_FORMAT, log_format.is_some()),
        ];
        let set = said.into_iter().filter(|(_, is_set)| *is_set);
        set.map(move |(name, _)| (name.key.to_owned(), way.origin(name)))
    }
}

/// The keys that a variable sets by naming a file, each with its origin.
pub(crate) fn named_files(
    variable: &dyn Fn(&str) -> Option<OsString>,
) -> impl Iterator<Item = (String, Origin)> {
    let set = |name: &str| variable(name).is_some_and(|value| !value.is_empty());
    [(&DATABASE, URL_FILE), (&KEYS_DATABASE, KEYS_URL_FILE)]
        .into_iter()
        .filter(move |(_, file)| set(file))
        .map(|(name, file)| (name.key.to_owned(), Origin::Variable { name: file }))
}

/// The file of settings, and what names it.
pub(crate) fn config_file<'a>(
    flags: &'a Overrides,
    environment: &'a Overrides,
) -> Option<(&'static str, &'a Path)> {
    let by = |way: Way, said: &'a Overrides| Some((way.name(&CONFIG), said.config.as_deref()?));
    by(Way::Flag, flags).or_else(|| by(Way::Variable, environment))
}

/// Where an override was written.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Way {
    Flag,
    Variable,
}

impl Way {
    fn origin(self, name: &Name) -> Origin {
        match self {
            Self::Flag => Origin::Flag { name: name.flag },
            Self::Variable => Origin::Variable { name: name.variable },
        }
    }

    fn name(self, name: &Name) -> &'static str {
        match self {
            Self::Flag => name.flag,
            Self::Variable => name.variable,
        }
    }
}

/// What a setting is called in the file, on the command line and in the environment.
struct Name {
    /// Empty for the name of the file itself.
    key: &'static str,
    flag: &'static str,
    variable: &'static str,
}

const CONFIG: Name = Name { key: "", flag: "--config", variable: "COUNTERSIGN_CONFIG" };
const DATA_DIR: Name =
    Name { key: "server.data_dir", flag: "--data-dir", variable: "COUNTERSIGN_DATA_DIR" };
const DATABASE: Name =
    Name { key: "database.url", flag: "--database", variable: "COUNTERSIGN_DATABASE_URL" };
const KEYS_DATABASE: Name = Name {
    key: "database.keys_url",
    flag: "--keys-database",
    variable: "COUNTERSIGN_KEYS_DATABASE_URL",
};
const LISTEN: Name =
    Name { key: "server.listen", flag: "--listen", variable: "COUNTERSIGN_LISTEN" };
const HOST: Name = Name { key: "server.hosts", flag: "--host", variable: "COUNTERSIGN_HOSTS" };
const TLS_CERT: Name =
    Name { key: "tls.cert", flag: "--tls-cert", variable: "COUNTERSIGN_TLS_CERT" };
const TLS_KEY: Name = Name { key: "tls.key", flag: "--tls-key", variable: "COUNTERSIGN_TLS_KEY" };
const CLIENT_CA: Name =
    Name { key: "tls.client_ca", flag: "--client-ca", variable: "COUNTERSIGN_CLIENT_CA" };
const SIGNER: Name =
    Name { key: "signer.address", flag: "--signer", variable: "COUNTERSIGN_SIGNER" };
const SIGNER_CA: Name =
    Name { key: "signer.ca", flag: "--signer-ca", variable: "COUNTERSIGN_SIGNER_CA" };
const SIGNER_CERT: Name =
    Name { key: "signer.cert", flag: "--signer-cert", variable: "COUNTERSIGN_SIGNER_CERT" };
const SIGNER_KEY: Name =
    Name { key: "signer.key", flag: "--signer-key", variable: "COUNTERSIGN_SIGNER_KEY" };
const READ_ONLY: Name =
    Name { key: "server.read_only", flag: "--read-only", variable: "COUNTERSIGN_READ_ONLY" };
const LOG_LEVEL: Name =
    Name { key: "log.level", flag: "--log-level", variable: "COUNTERSIGN_LOG_LEVEL" };
const LOG_FORMAT: Name =
    Name { key: "log.format", flag: "--log-format", variable: "COUNTERSIGN_LOG_FORMAT" };

/// The environment variables of all overrides.
pub(crate) const VARIABLES: [&str; 16] = [
    CONFIG.variable,
    DATA_DIR.variable,
    DATABASE.variable,
    KEYS_DATABASE.variable,
    LISTEN.variable,
    HOST.variable,
    TLS_CERT.variable,
    TLS_KEY.variable,
    CLIENT_CA.variable,
    SIGNER.variable,
    SIGNER_CA.variable,
    SIGNER_CERT.variable,
    SIGNER_KEY.variable,
    READ_ONLY.variable,
    LOG_LEVEL.variable,
    LOG_FORMAT.variable,
];

fn utf8(name: &Name, value: OsString) -> Result<String, ConfigError> {
    value.into_string().map_err(|value| {
        bad_value(Way::Variable, name, &value.display().to_string(), "write it as UTF-8")
    })
}

/// The URL in a variable, or in the file that another names.
pub(crate) fn database_url(
    variable: &dyn Fn(&str) -> Option<OsString>,
    text: &'static str,
    file: &'static str,
) -> Result<Option<DatabaseUrl>, ConfigError> {
    let set = |name: &str| variable(name).filter(|value| !value.is_empty());
    let read = match (set(text), set(file)) {
        (Some(_), Some(_)) => {
            return Err(ConfigError::TwoSecrets {
                first: text.to_owned(),
                second: file.to_owned(),
            });
        }
        (Some(value), None) => secret::from_variable(text, value)?,
        (None, Some(path)) => secret::from_file(file, Path::new(&path))?,
        (None, None) => return Ok(None),
    };
    Ok(Some(DatabaseUrl::from(read)))
}

/// Other users of a machine can read the command lines on it.
fn database(
    way: Way,
    name: &Name,
    said: Option<&DatabaseUrl>,
) -> Result<Option<DatabaseUrl>, ConfigError> {
    match (way, said) {
        (Way::Flag, Some(url)) => without_password(name.flag, url).map(Some),
        (_, said) => Ok(said.cloned()),
    }
}

/// The URL that a flag gives, when there is no password in it.
pub(crate) fn without_password(
    flag: &'static str,
    url: &DatabaseUrl,
) -> Result<DatabaseUrl, ConfigError> {
    if !url.holds_password() {
        return Ok(url.clone());
    }
    Err(ConfigError::UnusableSecret {
        origin: flag.to_owned(),
        problem: "holds a password, which other users of this machine can read",
        mend: "give the URL in the variable of that setting, or in the file that the variable \
               with _FILE names",
    })
}

fn path(way: Way, name: &Name, said: Option<&Path>) -> Result<Option<PathBuf>, ConfigError> {
    match said {
        Some(path) if path.as_os_str().is_empty() => {
            Err(bad_value(way, name, "", "write a path, or leave it out"))
        }
        said => Ok(said.map(Path::to_owned)),
    }
}

fn parsed<T>(way: Way, name: &Name, text: &str) -> Result<T, ConfigError>
where
    T: FromStr<Err: Display>,
{
    text.parse().map_err(|error: T::Err| bad_value(way, name, text, error))
}

fn bad_value(way: Way, name: &Name, value: &str, mend: impl Display) -> ConfigError {
    ConfigError::BadValue {
        origin: way.name(name).to_owned(),
        value: format!("{value:?}"),
        mend: mend.to_string(),
    }
}
