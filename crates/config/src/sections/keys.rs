//! `[keys]`: the keys that the server makes and holds.

use std::ffi::OsString;
use std::path::PathBuf;

use countersign_tuf::keys::ServerKeyAlgorithm;
use secrecy::SecretString;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::key_rules::{KeyHome, Rule, rules};
use crate::number::count;
use crate::{ConfigError, secret};

/// The environment variable that holds the passphrase.
pub(crate) const PASSPHRASE: &str = "COUNTERSIGN_KEY_PASSPHRASE";
/// The environment variable that names a file with the passphrase.
pub(crate) const PASSPHRASE_FILE: &str = "COUNTERSIGN_KEY_PASSPHRASE_FILE";

/// The setting that names a file with the passphrase.
pub(crate) const PASSPHRASE_KEY: &str = "keys.passphrase_file";
/// What Notary's signer calls the passphrase of the alias that new keys have here.
const SIGNERS: &str = "NOTARY_SIGNER_COUNTERSIGN";
/// The same for a file that holds it.
const SIGNERS_FILE: &str = "NOTARY_SIGNER_COUNTERSIGN_FILE";

/// The section `[keys]`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default)]
pub struct Keys {
    /// The algorithm of new keys.
    ///
    /// Default: `ecdsa`. One of `ecdsa`, `ed25519`.
    #[serde(deserialize_with = "algorithm", serialize_with = "name_of_algorithm")]
    pub algorithm: ServerKeyAlgorithm,
    /// Where new keys live.
    ///
    /// Default: `sealed`. One of `sealed`, `token`, `remote`, as far as they are configured.
    pub custody: Option<KeyHome>,
    /// The file with the passphrase that seals the keys.
    ///
    /// Default: none. The environment variables `COUNTERSIGN_KEY_PASSPHRASE` and
    /// `COUNTERSIGN_KEY_PASSPHRASE_FILE` win over it, and so do `NOTARY_SIGNER_COUNTERSIGN` and
    /// `NOTARY_SIGNER_COUNTERSIGN_FILE`, as Notary's signer names them.
    pub passphrase_file: Option<PathBuf>,
    /// How long a key may wait for its first signature before clearing retires it.
    ///
    /// Unit: days. Default: 90. Range: 0 (for ever) to 3650 (10 years).
    #[serde(deserialize_with = "count::<_, _, 0, 3650>")]
    pub pending_days: u32,
    /// Other algorithms and homes for new keys of some roles and GUNs.
    ///
    /// Default: none. The first that fits decides.
    #[serde(deserialize_with = "rules")]
    pub rules: Vec<Rule>,
}

impl Default for Keys {
    fn default() -> Self {
        Self {
            algorithm: ServerKeyAlgorithm::default(),
            custody: None,
            passphrase_file: None,
            pending_days: 90,
            rules: Vec::new(),
        }
    }
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
            PassphraseSource::Variable { name } => {
                secret::from_variable(name, variable(name).unwrap_or_default()).map(Some)
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
        for (name, named_by) in [(PASSPHRASE, PASSPHRASE_FILE), (SIGNERS, SIGNERS_FILE)] {
            match (set(name), set(named_by)) {
                (Some(_), Some(_)) => {
                    let (first, second) = (name.to_owned(), named_by.to_owned());
                    return Err(ConfigError::TwoSecrets { first, second });
                }
                (Some(_), None) => return Ok(PassphraseSource::Variable { name }),
                (None, Some(path)) => {
                    return Ok(PassphraseSource::File { path: PathBuf::from(path), named_by });
                }
                (None, None) => {}
            }
        }
        Ok(match self.passphrase_file.clone() {
            Some(path) => PassphraseSource::File { path, named_by: PASSPHRASE_KEY },
            None => PassphraseSource::Made,
        })
    }
}

/// Where the passphrase of the server's keys comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PassphraseSource {
    /// A variable holds it.
    Variable {
        /// The variable, such as `COUNTERSIGN_KEY_PASSPHRASE`.
        name: &'static str,
    },
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
        let signers = given(&keys, &[(SIGNERS, "from the signer's variable")]).unwrap();
        assert_eq!(signers.unwrap(), "from the signer's variable");
        let signers = given(&keys, &[(SIGNERS_FILE, &b), (PASSPHRASE, "ours")]).unwrap();
        assert_eq!(signers.unwrap(), "ours");
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
