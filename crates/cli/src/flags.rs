//! The flags that name settings, for every command that reads settings.

use std::convert::Infallible;
use std::ffi::OsString;
use std::path::PathBuf;

use clap::Args;
use countersign_config::sections::database::Location;
use countersign_config::{
    ConfigError, DatabaseUrl, Effective, NotaryConfig, NotarySigner, Overrides, Program, Settings,
    advice_on_notary_variable, advice_on_variable, compared_database,
};
use secrecy::SecretString;

/// What every command needs to know about a server.
#[derive(Debug, Args)]
pub(crate) struct SettingsFlags {
    /// The file of settings, in TOML, or Notary's own as it stands [env: COUNTERSIGN_CONFIG]
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Where database, secrets and generated certificates are kept; made when missing
    /// [default: ./countersign-data] [env: COUNTERSIGN_DATA_DIR]
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
    #[command(flatten)]
    database: DatabaseFlags,
    /// The address to listen on; port 0 takes a free one [default: 127.0.0.1:4443]
    /// [env: COUNTERSIGN_LISTEN]
    #[arg(long, value_name = "ADDR:PORT")]
    listen: Option<String>,
    /// One more name or IP address that the generated certificate shall hold; repeat it for more
    /// [env: COUNTERSIGN_HOSTS, separated by commas]
    #[arg(long = "host", value_name = "NAME")]
    hosts: Vec<String>,
    /// Your own certificate chain in PEM, instead of a generated one; needs --tls-key
    /// [env: COUNTERSIGN_TLS_CERT]
    #[arg(long, value_name = "FILE")]
    tls_cert: Option<PathBuf>,
    /// The private key of your own certificate in PEM; needs --tls-cert [env: COUNTERSIGN_TLS_KEY]
    #[arg(long, value_name = "FILE")]
    tls_key: Option<PathBuf>,
    /// The authorities in PEM whose certificates clients must show; without it clients need none
    /// [env: COUNTERSIGN_CLIENT_CA]
    #[arg(long, value_name = "FILE")]
    client_ca: Option<PathBuf>,
    #[command(flatten)]
    signer: SignerFlags,
    /// Only read: publishes, deletions and new keys are answered 503, and nothing is signed again
    /// [env: COUNTERSIGN_READ_ONLY, true or false]
    #[arg(long)]
    read_only: bool,
}

impl SettingsFlags {
    /// The settings that hold.
    pub(crate) fn settings(self) -> Result<Settings, ConfigError> {
        self.settings_with(LogFlags::default())
    }

    /// The settings that hold, those of the log included.
    pub(crate) fn settings_with(self, log: LogFlags) -> Result<Settings, ConfigError> {
        self.effective(log).map(|effective| effective.settings)
    }

    /// The settings that hold, those of the log included, and where each came from.
    pub(crate) fn effective(self, log: LogFlags) -> Result<Effective, ConfigError> {
        Effective::load(&self.overrides(log), &environment)
    }

    /// What the flags say, for whoever reads the settings more than once.
    pub(crate) fn overrides(self, log: LogFlags) -> Overrides {
        Overrides {
            config: self.config,
            data_dir: self.data_dir,
            database: self.database.database,
            keys_database: self.database.keys_database,
            listen: self.listen,
            hosts: self.hosts,
            tls_cert: self.tls_cert,
            tls_key: self.tls_key,
            client_ca: self.client_ca,
            signer: self.signer.signer,
            signer_ca: self.signer.signer_ca,
            signer_cert: self.signer.signer_cert,
            signer_key: self.signer.signer_key,
            read_only: self.read_only.then(|| true.to_string()),
            log_level: log.log_level,
            log_format: log.log_format,
        }
    }
}

/// The signer that a server asks.
#[derive(Debug, Args)]
struct SignerFlags {
    /// The signer that holds the server's keys, ours or Notary's, by a name that its certificate is
    /// for [default: none, the keys are sealed in the database] [env: COUNTERSIGN_SIGNER]
    #[arg(long, value_name = "HOST:PORT")]
    signer: Option<String>,
    /// The signer's certificate in PEM, or the authorities that issued it [default: the system's
    /// authorities] [env: COUNTERSIGN_SIGNER_CA]
    #[arg(long, value_name = "FILE")]
    signer_ca: Option<PathBuf>,
    /// The certificate chain in PEM that the signer is shown; needs --signer-key
    /// [env: COUNTERSIGN_SIGNER_CERT]
    #[arg(long, value_name = "FILE")]
    signer_cert: Option<PathBuf>,
    /// The private key of that certificate in PEM; needs --signer-cert
    /// [env: COUNTERSIGN_SIGNER_KEY]
    #[arg(long, value_name = "FILE")]
    signer_key: Option<PathBuf>,
}

/// Where a server keeps its files, for commands that look at nothing else.
#[derive(Clone, Debug, Args)]
pub(crate) struct DataDirFlags {
    /// The file of settings of the server, its own or Notary's [env: COUNTERSIGN_CONFIG]
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Its data directory [default: ./countersign-data] [env: COUNTERSIGN_DATA_DIR]
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
    #[command(flatten)]
    database: DatabaseFlags,
}

/// Where the database is, for every command that opens it.
#[derive(Clone, Debug, Args)]
pub(crate) struct DatabaseFlags {
    /// The database: sqlite:PATH, postgres://USER@HOST/NAME or mysql://USER@HOST/NAME, without a
    /// password [default: countersign.db in the data directory] [env: COUNTERSIGN_DATABASE_URL, or
    /// COUNTERSIGN_DATABASE_URL_FILE for a file that holds it, each with a password]
    #[arg(long, value_name = "URL", value_parser = database_url)]
    database: Option<DatabaseUrl>,
    /// The database with the sealed keys, where that is another, as Notary has it
    /// [default: that of --database] [env: COUNTERSIGN_KEYS_DATABASE_URL, or
    /// COUNTERSIGN_KEYS_DATABASE_URL_FILE]
    #[arg(long, value_name = "URL", value_parser = database_url)]
    keys_database: Option<DatabaseUrl>,
}

/// As [`database_url`], for databases that are no setting.
pub(crate) fn source_url(text: &str) -> Result<DatabaseUrl, Infallible> {
    database_url(text)
}

/// Kept as it was written; what is wrong with it is said where all settings are judged.
#[expect(clippy::unnecessary_wraps, reason = "the form that clap wants")]
pub(crate) fn database_url(text: &str) -> Result<DatabaseUrl, Infallible> {
    Ok(DatabaseUrl::from(SecretString::from(text)))
}

impl DatabaseFlags {
    /// These flags beside others.
    pub(crate) fn over(self, flags: Overrides) -> Overrides {
        Overrides { database: self.database, keys_database: self.keys_database, ..flags }
    }
}

impl DataDirFlags {
    /// The settings that hold.
    pub(crate) fn settings(self) -> Result<Settings, ConfigError> {
        let Self { config, data_dir, database } = self;
        let DatabaseFlags { database, keys_database } = database;
        load(&Overrides { config, data_dir, database, keys_database, ..Overrides::default() })
    }
}

/// The database that `--compare` or its variables name.
pub(crate) fn compared(flag: Option<&DatabaseUrl>) -> Result<Option<Location>, ConfigError> {
    compared_database(flag, &environment)
}

/// The settings that hold now: these flags over this process's environment over the file.
pub(crate) fn load(flags: &Overrides) -> Result<Settings, ConfigError> {
    load_for(Program::Server, flags).map(|effective| effective.settings)
}

/// The same for either program, with the origins and the rest of Notary's file.
pub(crate) fn load_for(program: Program, flags: &Overrides) -> Result<Effective, ConfigError> {
    Effective::load_for(program, flags, &environment)
}

/// As [`load`], with the origins and the rest of Notary's file.
pub(crate) fn load_effective(flags: &Overrides) -> Result<Effective, ConfigError> {
    Effective::load(flags, &environment)
}

/// The flags of the log, for commands that write one.
#[derive(Debug, Default, Args)]
pub(crate) struct LogFlags {
    /// How much to log on standard error: error, warn, info, debug or trace [default: info]
    /// [env: COUNTERSIGN_LOG_LEVEL]
    #[arg(long, value_name = "LEVEL")]
    log_level: Option<String>,
    /// The form of the log: human, json, or auto for human on a terminal and json elsewhere
    /// [default: auto] [env: COUNTERSIGN_LOG_FORMAT]
    #[arg(long, value_name = "FORMAT")]
    log_format: Option<String>,
}

impl LogFlags {
    /// What they say.
    pub(crate) fn overrides(self) -> Overrides {
        let Self { log_level, log_format } = self;
        Overrides { log_level, log_format, ..Overrides::default() }
    }
}

/// Looks up an environment variable of this process.
pub(crate) fn environment(name: &str) -> Option<OsString> {
    std::env::var_os(name)
}

/// The names of the environment variables of this process.
pub(crate) fn variable_names() -> impl Iterator<Item = String> {
    std::env::vars_os().filter_map(|(name, _)| name.into_string().ok())
}

/// What is done otherwise than Notary's file says, variables over it that name no key included.
pub(crate) fn notary_notes(notary: Option<NotaryConfig>) -> Vec<String> {
    let Some(notary) = notary else { return Vec::new() };
    if matches!(notary.signer, NotarySigner::Itself { .. }) {
        // Any other variable with its prefix is the passphrase of an alias.
        return notary.notes;
    }
    let misspelt = variable_names().filter_map(|name| advice_on_notary_variable(&name));
    notary.notes.into_iter().chain(misspelt).collect()
}

/// The environment variables of this process that look like settings and are none, each with
/// advice.
pub(crate) fn unknown_variables() -> Vec<(String, String)> {
    variable_names()
        .filter_map(|name| advice_on_variable(&name).map(|advice| (name, advice)))
        .collect()
}
