//! What becomes of the database and the signer that Notary's file names, once it is known what
//! flags and variables say beside it.

use std::collections::BTreeMap;

use super::{Engine, NotaryConfig, NotarySigner, NotaryStorage};
use crate::{ConfigError, Origin};

/// The keys that flags and variables may set over the file.
const DATABASE: &str = "database.url";
const KEYS_DATABASE: &str = "database.keys_url";

impl NotaryConfig {
    /// Itself, with a note on each of the two, unless it asks for what this version has not.
    /// `origins` tell which settings were set, and by whom.
    pub(crate) fn settled(
        mut self,
        origins: &BTreeMap<String, Origin>,
    ) -> Result<Self, ConfigError> {
        if matches!(self.signer, NotarySigner::Itself { .. }) {
            self.notes.extend(self.signers_storage_note(origins)?);
            return Ok(self);
        }
        let of = |key| origins.get(key).filter(|origin| !is_of_notary(origin));
        let (database, keys) = (of(DATABASE), of(KEYS_DATABASE));
        let signer = self.signer_note(database, keys)?;
        self.notes.push(signer);
        self.notes.extend(self.storage_note(database)?);
        Ok(self)
    }

    fn signer_note(
        &self,
        database: Option<&Origin>,
        keys: Option<&Origin>,
    ) -> Result<String, ConfigError> {
        match (&self.signer, keys) {
            (NotarySigner::Remote { address }, Some(keys)) => Ok(format!(
                "trust_service: the signer at {address} is not asked: its keys are taken from the \
                 database of {keys}, and opened with the passphrases of NOTARY_SIGNER_<ALIAS>"
            )),
            (NotarySigner::Remote { address }, None) => Err(ConfigError::Notary {
                origin: self.places.signer.clone(),
                cause: format!("this version asks no remote signer ({address})"),
                mend: "give the signer's database in --keys-database or \
                       COUNTERSIGN_KEYS_DATABASE_URL_FILE, and its passphrases in \
                       NOTARY_SIGNER_<ALIAS>; or write \"local\" for keys that countersign makes \
                       and keeps itself"
                    .to_owned(),
            }),
            (NotarySigner::Local | NotarySigner::Itself { .. }, _) => {
                let place = match (keys, database, &self.storage) {
                    (Some(origin), ..) | (None, Some(origin), _) => {
                        format!("in the database of {origin}")
                    }
                    (None, None, NotaryStorage::Database { .. }) => {
                        "in the database of storage.db_url".to_owned()
                    }
                    (None, None, NotaryStorage::Memory) => "in the data directory".to_owned(),
                };
                Ok(format!(
                    "trust_service.type local: keys are kept sealed {place} and outlive a restart; \
                     in Notary they did not"
                ))
            }
        }
    }

    fn storage_note(&self, database: Option<&Origin>) -> Result<Option<String>, ConfigError> {
        match (&self.storage, database) {
            (NotaryStorage::Memory, None) => Ok(Some(
                "storage.backend memory: metadata is kept in the data directory and outlives a \
                 restart; in Notary it did not"
                    .to_owned(),
            )),
            (NotaryStorage::Memory | NotaryStorage::Database { .. }, Some(origin)) => {
                Ok(Some(format!("storage has no effect: metadata is in the database of {origin}")))
            }
            (NotaryStorage::Database { engine: Engine::MySql | Engine::Postgres, .. }, None) => {
                Ok(None)
            }
            (NotaryStorage::Database { engine, .. }, None) => Err(ConfigError::Notary {
                origin: self.places.backend.clone(),
                cause: format!("this version opens no {engine} database that Notary's file names"),
                mend: "stay with Notary until it does, or write \"memory\" for the database in \
                       countersign's data directory"
                    .to_owned(),
            }),
        }
    }
}

fn is_of_notary(origin: &Origin) -> bool {
    matches!(origin, Origin::Notary { .. } | Origin::NotaryVariable { .. })
}
