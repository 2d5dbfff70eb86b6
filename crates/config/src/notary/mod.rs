//! Notary's own configuration: the Go server's file as it stands, and `NOTARY_SERVER_*` over it,
//! turned into [`Settings`] and notes on what has no counterpart.
//!
//! Nothing is guessed on the open side: what would need a database that this version has not, or a
//! kind of access rules that there is none of, is a refusal, never a server without it. Never in
//! here: other I/O than reading the named file.
//!
//! - `source` reads the file and finds a key's value wherever it was written.
//! - `keys` is the list of keys there are; all others are warned of.
//! - `auth` is whose tokens are taken.
//! - `address`, `dsn` and `keywords` read the three small languages inside values.
//! - `storage` is the database that the file names.
//! - `signer` reads the file of the Go signer, and `NOTARY_SIGNER_*` over it.
//! - `settled` says what becomes of that database and of the signer.
//!
//! Source: server spec 7.2.

mod address;
mod auth;
mod dsn;
mod keys;
mod keywords;
mod settled;
mod signer;
mod source;
mod storage;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::Path;
use std::time::Duration;

use countersign_tuf::keys::ServerKeyAlgorithm;

pub use self::keys::advice_on_variable;
pub(crate) use self::signer::is_signers;
use self::source::{Source, Value};
pub use self::storage::{Engine, NotaryStorage};
use crate::sections::log::Level;
use crate::sections::signer::SignerAddress;
use crate::{ConfigError, DatabaseUrl, Origin, Program, Settings};

/// What Notary's file says beside the settings that it was turned into.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotaryConfig {
    /// Where the metadata is.
    pub storage: NotaryStorage,
    /// Who holds the server's keys.
    pub signer: NotarySigner,
    /// What is done otherwise than the file says, or not at all; each one line for the operator.
    pub notes: Vec<String>,
    /// Where the refusals below were written.
    places: Places,
}

/// Who holds the server's keys, by Notary's file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NotarySigner {
    /// The server itself (`trust_service.type` `local`).
    Local,
    /// A signer, at this host and port.
    Remote {
        /// Host and port, as the file has them.
        address: String,
    },
    /// The file is that of a signer.
    Itself {
        /// The alias under which it seals new keys; `None` where its keys were in memory only.
        default_alias: Option<String>,
    },
}

/// Settings out of Notary's file, where each came from, and the rest.
pub(crate) struct Read {
    pub(crate) settings: Settings,
    pub(crate) origins: BTreeMap<String, Origin>,
    pub(crate) config: NotaryConfig,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Places {
    backend: String,
}

/// Reads Notary's file at `path`, which `named_by` names, and the variables over it.
pub(crate) fn read(
    program: Program,
    named_by: &'static str,
    path: &Path,
    variable: &dyn Fn(&str) -> Option<OsString>,
) -> Result<Read, ConfigError> {
    if program == Program::Signer {
        return signer::read(named_by, path, variable);
    }
    let source = Source::read(named_by, path, source::PREFIX, variable)?;
    refuse_signers_file(&source)?;
    let mut reading = Reading {
        source: &source,
        settings: Settings::default(),
        origins: BTreeMap::new(),
        notes: Vec::new(),
    };
    reading.log()?;
    reading.repositories()?;
    let signer = reading.trust_service()?;
    let (storage, backend_place) = reading.storage()?;
    reading.caching()?;
    reading.server()?;
    reading.auth()?;
    reading.notes.extend(keys::without_counterpart(Program::Server, &source));
    let places = Places { backend: backend_place };
    let config = NotaryConfig { storage, signer, notes: reading.notes, places };
    Ok(Read { settings: reading.settings, origins: reading.origins, config })
}

/// The URL of the database that the file at `path` names, whatever else it says, and notes on that
/// URL.
pub(crate) fn database_in(
    program: Program,
    named_by: &'static str,
    path: &Path,
    variable: &dyn Fn(&str) -> Option<OsString>,
) -> Result<(DatabaseUrl, Vec<String>), ConfigError> {
    let prefix = match program {
        Program::Server => source::PREFIX,
        Program::Signer => source::SIGNER_PREFIX,
    };
    let source = Source::read(named_by, path, prefix, variable)?;
    let found = storage::read(&source)?;
    match found.storage {
        NotaryStorage::Database { url, .. } => Ok((url, found.notes)),
        NotaryStorage::Memory => Err(ConfigError::Notary {
            origin: source.place("storage.backend"),
            cause: "what is in memory only cannot be moved".to_owned(),
            mend: "name a configuration with a database".to_owned(),
        }),
    }
}

fn refuse_signers_file(source: &Source<'_>) -> Result<(), ConfigError> {
    match source.text("server.grpc_addr")? {
        None => Ok(()),
        Some(value) => Err(value.refused(
            "this is the configuration of notary-signer",
            "name the server's, which has server.http_addr, or start countersign signer",
        )),
    }
}

/// The state of one reading.
struct Reading<'a> {
    source: &'a Source<'a>,
    settings: Settings,
    origins: BTreeMap<String, Origin>,
    notes: Vec<String>,
}

impl Reading<'_> {
    fn came_from(&mut self, setting: &str, origin: Origin) {
        self.origins.insert(setting.to_owned(), origin);
    }

    fn log(&mut self) -> Result<(), ConfigError> {
        let said = self.source.text("logging.level")?;
        // Notary's default is not ours.
        let Some(value) = said else {
            self.settings.log.level = Level::Error;
            self.came_from("log.level", self.source.absent("logging.level"));
            return Ok(());
        };
        self.settings.log.level = match value.content.to_ascii_lowercase().as_str() {
            "trace" => Level::Trace,
            "debug" => Level::Debug,
            "info" => Level::Info,
            "warn" | "warning" => Level::Warn,
            "error" | "fatal" | "panic" => Level::Error,
            _ => {
                let cause = format!("{:?} is no level", value.content);
                return Err(value.refused(&cause, "write debug, info, warning or error"));
            }
        };
        self.came_from("log.level", value.origin);
        Ok(())
    }

    fn repositories(&mut self) -> Result<(), ConfigError> {
        let Some(value) = self.source.list("repositories.gun_prefixes")? else { return Ok(()) };
        let prefixes = &mut self.settings.repositories.gun_prefixes;
        for text in &value.content {
            let cause = format!("invalid GUN prefix {text}");
            let parsed = text.parse();
            prefixes.push(parsed.map_err(|bad: countersign_tuf::gun_prefix::BadGunPrefix| {
                value.refused(&cause, &bad.to_string())
            })?);
        }
        self.came_from("repositories.gun_prefixes", value.origin);
        Ok(())
    }

    /// Who holds the server's keys.
    fn trust_service(&mut self) -> Result<NotarySigner, ConfigError> {
        let kind = self.source.needed("trust_service.type", "write \"local\" or \"remote\"")?;
        match kind.content.as_str() {
            "local" => {
                self.settings.keys.algorithm = ServerKeyAlgorithm::Ed25519;
                self.came_from("keys.algorithm", kind.origin);
                Ok(NotarySigner::Local)
            }
            "remote" => self.remote(),
            other => {
                let cause = format!("{other:?} is no kind of trust service");
                Err(kind.refused(&cause, "write \"local\" or \"remote\""))
            }
        }
    }

    fn remote(&mut self) -> Result<NotarySigner, ConfigError> {
        let mend = "write where notary-signer listens";
        let host = self.source.needed("trust_service.hostname", mend)?;
        let port = self.source.needed("trust_service.port", mend)?;
        let algorithm =
            self.source.needed("trust_service.key_algorithm", "write \"ecdsa\" or \"ed25519\"")?;
        let Some(known) = ServerKeyAlgorithm::parse(&algorithm.content) else {
            let cause = format!("invalid key algorithm configured: {}", algorithm.content);
            return Err(algorithm.refused(&cause, "write \"ecdsa\" or \"ed25519\""));
        };
        self.settings.keys.algorithm = known;
        self.came_from("keys.algorithm", algorithm.origin);
        let address = self.signer_address(host, &port)?;
        self.signer_files()?;
        Ok(NotarySigner::Remote { address: address.to_string() })
    }

    fn signer_address(
        &mut self,
        host: Value<String>,
        port: &Value<String>,
    ) -> Result<SignerAddress, ConfigError> {
        let number = port.content.parse().ok().filter(|port| *port != 0);
        let Some(number) = number else {
            let cause = format!("{:?} is no port", port.content);
            return Err(port.refused(&cause, "write a number from 1 to 65535"));
        };
        let Ok(name) = host.content.parse() else {
            let cause = format!("{:?} is no name of a host", host.content);
            return Err(host.refused(&cause, "write a DNS name or an IP address"));
        };
        let address = SignerAddress { host: name, port: number };
        self.settings.signer.address = Some(address.clone());
        self.came_from("signer.address", host.origin);
        Ok(address)
    }

    fn signer_files(&mut self) -> Result<(), ConfigError> {
        const FILES: [(&str, &str); 3] = [
            ("ca", "trust_service.tls_ca_file"),
            ("cert", "trust_service.tls_client_cert"),
            ("key", "trust_service.tls_client_key"),
        ];
        let [_, cert, key] = FILES.map(|(_, key)| self.source.path(key));
        let mend = "set certificate and key, or neither to show the signer none";
        match (cert?, key?) {
            (Some(given), None) => {
                return Err(given.refused("it is set without trust_service.tls_client_key", mend));
            }
            (None, Some(given)) => {
                return Err(given.refused("it is set without trust_service.tls_client_cert", mend));
            }
            _ => {}
        }
        for (setting, key) in FILES {
            let Some(Value { content: path, origin, .. }) = self.source.path(key)? else {
                continue;
            };
            let signer = &mut self.settings.signer;
            match setting {
                "ca" => signer.ca = Some(path),
                "cert" => signer.cert = Some(path),
                _ => signer.key = Some(path),
            }
            self.came_from(&format!("signer.{setting}"), origin);
        }
        Ok(())
    }

    /// Where the metadata is, and the place where its engine was written.
    fn storage(&mut self) -> Result<(NotaryStorage, String), ConfigError> {
        let storage::Found { storage, place, origin, notes } = storage::read(self.source)?;
        self.notes.extend(notes);
        // Another engine is refused where it is known what flags say beside the file.
        if let NotaryStorage::Database { engine: Engine::MySql | Engine::Postgres, url } = &storage
        {
            self.settings.database.url = Some(url.clone());
            self.came_from("database.url", origin);
        }
        Ok((storage, place))
    }

    fn caching(&mut self) -> Result<(), ConfigError> {
        if let Some((time, origin)) = self.max_age("caching.max_age.current_metadata")? {
            self.settings.caching.current_max_age = time;
            self.came_from("caching.current_max_age_seconds", origin);
        }
        if let Some((time, origin)) = self.max_age("caching.max_age.consistent_metadata")? {
            self.settings.caching.consistent_max_age = time;
            self.came_from("caching.consistent_max_age_seconds", origin);
        }
        Ok(())
    }

    fn max_age(&self, key: &'static str) -> Result<Option<(Duration, Origin)>, ConfigError> {
        const YEAR: u64 = 31_536_000;
        let Some(value) = self.source.text(key)? else { return Ok(None) };
        match value.content.parse() {
            Ok(seconds @ 0..=YEAR) => Ok(Some((Duration::from_secs(seconds), value.origin))),
            _ => {
                let cause = format!("{:?} is no time to keep a document", value.content);
                Err(value.refused(&cause, "write a whole number of seconds from 0 to 31536000"))
            }
        }
    }

    fn server(&mut self) -> Result<(), ConfigError> {
        let address = self
            .source
            .needed("server.http_addr", "write host and port to listen on, such as \":4443\"")?;
        let listen = address::parse("server.http_addr", &address.content)
            .map_err(|bad| address.refused(&format!("{:?} {}", bad.0, bad.1), bad.2))?;
        self.settings.server.listen = listen.address;
        self.notes.extend(listen.note);
        self.came_from("server.listen", address.origin);

        let [cert, key, client_ca] =
            ["server.tls_cert_file", "server.tls_key_file", "server.client_ca_file"]
                .map(|key| self.source.path(key));
        let (cert, key, client_ca) = (cert?, key?, client_ca?);
        match (&cert, &key, &client_ca) {
            (Some(given), None, _) => return Err(half(given, "server.tls_key_file")),
            (None, Some(given), _) => return Err(half(given, "server.tls_cert_file")),
            (None, None, Some(given)) => return Err(half(given, "server.tls_cert_file")),
            (None, None, None) => {
                self.settings.tls.plain_http = true;
                self.came_from("tls.plain_http", self.source.absent("server.tls_cert_file"));
            }
            (Some(_), Some(_), _) => {}
        }
        for (setting, value) in [("cert", cert), ("key", key), ("client_ca", client_ca)] {
            let Some(Value { content: path, origin, .. }) = value else { continue };
            let tls = &mut self.settings.tls;
            match setting {
                "cert" => tls.cert = Some(path),
                "key" => tls.key = Some(path),
                _ => tls.client_ca = Some(path),
            }
            self.came_from(&format!("tls.{setting}"), origin);
        }
        Ok(())
    }
}

fn half<T>(given: &Value<T>, missing: &str) -> ConfigError {
    given.refused(
        &format!("it is set without {missing}"),
        "set certificate and key, or none of the server's TLS files for plain HTTP",
    )
}
