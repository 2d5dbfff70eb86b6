//! What becomes of the database and the signer that Notary's file names, once it is known what
//! flags and variables say beside it.

use std::collections::BTreeMap;

use super::{Engine, NotaryConfig, NotarySigner, NotaryStorage};
use crate::sections::signer::Signer;
use crate::{ConfigError, Origin, Settings};

/// The keys that flags and variables may set over the file.
const DATABASE: &str = "database.url";
const KEYS_DATABASE: &str = "database.keys_url";
const SIGNER: &str = "signer.address";

impl NotaryConfig {
    /// Takes the file's signer out of `settings` where a flag or variable says which database its
    /// keys are in: they are taken from there.
    pub(crate) fn let_go_of_signer(
        &self,
        settings: &mut Settings,
        origins: &mut BTreeMap<String, Origin>,
    ) {
        let of_notary = |key: &str| origins.get(key).is_some_and(is_of_notary);
        let keys_are_named = origins.contains_key(KEYS_DATABASE) && !of_notary(KEYS_DATABASE);
        if keys_are_named && of_notary(SIGNER) {
            settings.signer = Signer::default();
            origins.retain(|key, _| !key.starts_with("signer."));
        }
    }

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
        self.notes.extend(self.signer_note(database, keys, of(SIGNER)));
        self.notes.extend(self.storage_note(database)?);
        Ok(self)
    }

    fn signer_note(
        &self,
        database: Option<&Origin>,
        keys: Option<&Origin>,
        signer: Option<&Origin>,
    ) -> Option<String> {
        match (&self.signer, keys, signer) {
            (_, _, Some(signer)) => {
                Some(format!("trust_service has no effect: the signer of {signer} is asked"))
            }
            (NotarySigner::Remote { address }, Some(keys), None) => Some(format!(
                "trust_service: the signer at {address} is not asked: its keys are taken from the \
                 database of {keys}, and opened with the passphrases of NOTARY_SIGNER_<ALIAS>"
            )),
            // As the file says.
            (NotarySigner::Remote { .. }, None, None) => None,
            (NotarySigner::Local | NotarySigner::Itself { .. }, _, None) => {
                let place = match (keys, database, &self.storage) {
                    (Some(origin), ..) | (None, Some(origin), _) => {
                        format!("in the database of {origin}")
                    }
                    (None, None, NotaryStorage::Database { .. }) => {
                        "in the database of storage.db_url".to_owned()
                    }
                    (None, None, NotaryStorage::Memory) => "in the data directory".to_owned(),
                };
                Some(format!(
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
