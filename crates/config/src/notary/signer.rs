//! The Go signer's file as it stands, and `NOTARY_SIGNER_*` over it.
//!
//! Source: signer spec 4.2, 4.3 and 3.4.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::Path;

use super::source::{SIGNER_PREFIX, Source, Value};
use super::{NotaryConfig, NotarySigner, NotaryStorage, Places, Read, Reading, address, keys};
use crate::signer_variables::alias_fault;
use crate::{ConfigError, Origin, Program, Settings};

/// Reads the signer's file at `path`, which `named_by` names, and the variables over it.
pub(super) fn read(
    named_by: &'static str,
    path: &Path,
    variable: &dyn Fn(&str) -> Option<OsString>,
) -> Result<Read, ConfigError> {
    let source = Source::read(named_by, path, SIGNER_PREFIX, variable)?;
    refuse_servers_file(&source)?;
    let mut reading = Reading {
        source: &source,
        settings: Settings::default(),
        origins: BTreeMap::new(),
        notes: Vec::new(),
    };
    reading.log()?;
    let (storage, backend) = reading.storage()?;
    let default_alias = match &storage {
        NotaryStorage::Memory => None,
        NotaryStorage::Database { .. } => Some(reading.default_alias()?),
    };
    reading.grpc()?;
    reading.notes.extend(keys::without_counterpart(Program::Signer, &source));
    let signer = NotarySigner::Itself { default_alias };
    let places = Places { backend };
    let config = NotaryConfig { storage, signer, notes: reading.notes, places };
    Ok(Read { settings: reading.settings, origins: reading.origins, config })
}

/// Whether the file at `path` is a signer's: it names an address for gRPC, or else the alias of new
/// keys and nothing that only a server has.
pub(crate) fn is_signers(named_by: &'static str, path: &Path) -> bool {
    let Ok(source) = Source::read(named_by, path, SIGNER_PREFIX, &|_| None) else { return false };
    let has = |key: &str| source.text(key).is_ok_and(|value| value.is_some());
    let names_alias = has("storage.default_alias") || has("default_alias");
    has("server.grpc_addr") || (names_alias && !has("trust_service.type"))
}

/// A server's file names no address for gRPC, and what only it has.
fn refuse_servers_file(source: &Source<'_>) -> Result<(), ConfigError> {
    if source.text("server.grpc_addr")?.is_some() {
        return Ok(());
    }
    match source.text("trust_service.type")? {
        None => Ok(()),
        Some(value) => Err(value.refused(
            "this is the configuration of notary-server",
            "name the signer's, which has server.grpc_addr, or start countersign serve",
        )),
    }
}

impl Reading<'_> {
    /// The alias of new keys, by its setting or by the key that came before it.
    fn default_alias(&self) -> Result<String, ConfigError> {
        let older = || self.source.text("default_alias");
        let value = match self.source.text("storage.default_alias")? {
            Some(value) => Some(value),
            None => older()?,
        };
        let Some(value) = value else {
            return Err(ConfigError::Notary {
                origin: self.source.place("storage.default_alias"),
                cause: "must provide a default alias for the key DB".to_owned(),
                mend:
                    "write the alias under which new keys are sealed, and give its passphrase in \
                       NOTARY_SIGNER_<ALIAS>"
                        .to_owned(),
            });
        };
        match alias_fault(&value.content) {
            None => Ok(value.content),
            Some(mend) => {
                let cause = format!("{:?} cannot be an alias", value.content);
                Err(value.refused(&cause, mend))
            }
        }
    }

    /// Where it listens, and the files of TLS.
    fn grpc(&mut self) -> Result<(), ConfigError> {
        let key = "server.grpc_addr";
        let mend = "write host and port to listen on, such as \":7899\"";
        let value = self.source.needed(key, mend)?;
        let listen = address::parse(key, &value.content)
            .map_err(|bad| value.refused(&format!("{:?} {}", bad.0, bad.1), bad.2))?;
        self.settings.server.listen = listen.address;
        self.notes.extend(listen.note);
        self.came_from("server.listen", value.origin);
        let [cert, key, client_ca] =
            ["server.tls_cert_file", "server.tls_key_file", "server.client_ca_file"]
                .map(|key| self.source.path(key));
        let tls = &mut self.settings.tls;
        let mut files = Vec::new();
        for (setting, place, value) in [
            ("tls.cert", &mut tls.cert, cert?),
            ("tls.key", &mut tls.key, key?),
            ("tls.client_ca", &mut tls.client_ca, client_ca?),
        ] {
            let Some(Value { content, origin, .. }) = value else { continue };
            *place = Some(content);
            files.push((setting, origin));
        }
        for (setting, origin) in files {
            self.came_from(setting, origin);
        }
        Ok(())
    }
}

impl NotaryConfig {
    /// What becomes of the storage that a signer's file names, once it is known what flags and
    /// variables say beside it.
    pub(super) fn signers_storage_note(
        &self,
        origins: &BTreeMap<String, Origin>,
    ) -> Result<Option<String>, ConfigError> {
        let ours = |key| {
            origins.get(key).filter(|origin| {
                !matches!(origin, Origin::Notary { .. } | Origin::NotaryVariable { .. })
            })
        };
        if let Some(origin) = ours("database.keys_url").or_else(|| ours("database.url")) {
            return Ok(Some(format!(
                "storage has no effect: keys are in the database of {origin}"
            )));
        }
        match &self.storage {
            NotaryStorage::Memory => Ok(Some(
                "storage.backend memory: keys are kept sealed in the data directory and outlive a \
                 restart; in Notary they did not"
                    .to_owned(),
            )),
            NotaryStorage::Database { engine: super::Engine::Sqlite, .. } => {
                Err(ConfigError::Notary {
                    origin: self.places.backend.clone(),
                    cause: "this version opens no SQLite database that Notary's file names"
                        .to_owned(),
                    mend: "write mysql or postgres, or \"memory\" for keys in countersign's data \
                           directory"
                        .to_owned(),
                })
            }
            NotaryStorage::Database { .. } => Ok(None),
        }
    }
}
