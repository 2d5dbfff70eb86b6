//! `[keys]`: the keys that the server makes and holds.

use std::ffi::OsString;
use std::path::PathBuf;

use countersign_tuf::keys::ServerKeyAlgorithm;
use secrecy::SecretString;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::{ConfigError, secret};

/// The environment variable that holds the passphrase.
pub(crate) const PASSPHRASE: &str = "COUNTERSIGN_KEY_PASSPHRASE";
/// The environment variable that names a file with the passphrase.
pub(crate) const PASSPHRASE_FILE: &str = "COUNTERSIGN_KEY_PASSPHRASE_FILE";

/// The section `[keys]`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default)]
pub struct Keys {
    /// The algorithm of new keys.
    ///
    /// Default: `ecdsa`. One of `ecdsa`, `ed25519`.
    #[serde(deserialize_with = "algorithm", serialize_with = "name_of_algorithm")]
    pub algorithm: ServerKeyAlgorithm,
    /// The file with the passphrase that seals the keys.
    ///
    /// Default: none. The environment variables `COUNTERSIGN_KEY_PASSPHRASE` and
    /// `COUNTERSIGN_KEY_PASSPHRASE_FILE` win over it.
    pub passphrase_file: Option<PathBuf>,
}

impl Keys {
    /// The passphrase that the operator gives; `None` when nothing gives one.
    ///
    /// `variable` looks an environment variable up; an empty one counts as not set.
    ///
    /// # Errors
    /// When two variables give one, or the file cannot be read or is empty or no text.
    pub fn passphrase(
        &self,
        variable: &dyn Fn(&str) -> Option<OsString>,
    ) -> Result<Option<SecretString>, ConfigError> {
        match self.passphrase_source(variable)? {
            PassphraseSource::Variable => {
                let value = variable(PASSPHRASE).unwrap_or_default();
                secret::from_variable(PASSPHRASE, value).map(Some)
            }
            PassphraseSource::File { path, named_by } => {
                secret::from_file(named_by, &path).map(Some)
            }
            PassphraseSource::Made => Ok(None),
        }
    }

    /// Where the passphrase comes from. Reads no secret.
    ///
    /// # Errors
    /// When two variables give one.
    pub fn passphrase_source(
        &self,
        variable: &dyn Fn(&str) -> Option<OsString>,
    ) -> Result<PassphraseSource, ConfigError> {
        let set = |name| variable(name).filter(|value| !value.is_empty());
        let file = |path, named_by| PassphraseSource::File { path, named_by };
        match (set(PASSPHRASE), set(PASSPHRASE_FILE), &self.passphrase_file) {
            (Some(_), Some(_), _) => {
                Err(ConfigError::TwoSecrets { first: PASSPHRASE, second: PASSPHRASE_FILE })
            }
            (Some(_), None, _) => Ok(PassphraseSource::Variable),
            (None, Some(path), _) => Ok(file(PathBuf::from(path), PASSPHRASE_FILE)),
            (None, None, Some(path)) => Ok(file(path.clone(), "keys.passphrase_file")),
            (None, None, None) => Ok(PassphraseSource::Made),
        }
    }
}

/// Where the passphrase of the server's keys comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PassphraseSource {
    /// `COUNTERSIGN_KEY_PASSPHRASE` holds it.
    Variable,
    /// A file of the operator.
    File {
        /// The file.
        path: PathBuf,
        /// The setting or variable that names it.
        named_by: &'static str,
    },
    /// The file in the data directory that the first start makes.
    Made,
}

fn algorithm<'de, D: Deserializer<'de>>(deserializer: D) -> Result<ServerKeyAlgorithm, D::Error> {
    let text = String::deserialize(deserializer)?;
    ServerKeyAlgorithm::parse(&text).ok_or_else(|| D::Error::custom("write ecdsa or ed25519"))
}

fn name_of_algorithm<S: Serializer>(
    algorithm: &ServerKeyAlgorithm,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(algorithm.as_str())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use secrecy::ExposeSecret as _;

    use super::*;

    fn given(keys: &Keys, variables: &[(&str, &str)]) -> Result<Option<String>, ConfigError> {
        let variable = |name: &str| {
            variables.iter().find(|(n, _)| *n == name).map(|(_, value)| OsString::from(value))
        };
        let secret = keys.passphrase(&variable)?;
        Ok(secret.map(|secret| secret.expose_secret().to_owned()))
    }

    #[test]
    fn without_any_setting_there_is_no_passphrase() {
        assert_eq!(given(&Keys::default(), &[]).unwrap(), None);
        assert_eq!(
            given(&Keys::default(), &[(PASSPHRASE, ""), (PASSPHRASE_FILE, "")]).unwrap(),
            None
        );
    }

    #[test]
    fn the_environment_wins_over_the_file_of_settings() {
        let dir = tempfile::tempdir().unwrap();
        let path = |name: &str| dir.path().join(name);
        fs::write(path("a"), "from keys.passphrase_file\n").unwrap();
        fs::write(path("b"), "from the variable's file\n").unwrap();
        let keys = Keys { passphrase_file: Some(path("a")), ..Keys::default() };
        let b = path("b").display().to_string();
        assert_eq!(given(&keys, &[]).unwrap().unwrap(), "from keys.passphrase_file");
        let with_file = given(&keys, &[(PASSPHRASE_FILE, &b)]).unwrap();
        assert_eq!(with_file.unwrap(), "from the variable's file");
        let with_value = given(&keys, &[(PASSPHRASE, "from the variable")]).unwrap();
        assert_eq!(with_value.unwrap(), "from the variable");
    }

    #[test]
    fn two_variables_at_once_are_refused() {
        let error = given(&Keys::default(), &[(PASSPHRASE, "s3cret"), (PASSPHRASE_FILE, "/x")]);
        let error = error.unwrap_err();
        assert_eq!(
            error.to_string(),
            "COUNTERSIGN_KEY_PASSPHRASE and COUNTERSIGN_KEY_PASSPHRASE_FILE are both set: \
             set one of them"
        );
    }
}
