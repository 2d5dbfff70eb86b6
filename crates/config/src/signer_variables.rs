//! The passphrases of Notary's signer in the environment: `NOTARY_SIGNER_DEFAULT_ALIAS`, and
//! `NOTARY_SIGNER_` with an alias in capitals, or that with `_FILE` for a file that holds it.
//!
//! The signer's own settings have the same prefix; they are no aliases. Neither is what Kubernetes
//! sets for a service of the name `notary-signer`.
//!
//! Source: signer spec 3.4, 4.2 and 4.3; contract section 1.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use secrecy::SecretString;

use crate::{ConfigError, secret};

const PREFIX: &str = "NOTARY_SIGNER_";
const FILE: &str = "_FILE";

/// In the order in which the signer asks: its setting, and the variable that came before it.
const DEFAULT_ALIAS: [&str; 2] =
    ["NOTARY_SIGNER_STORAGE_DEFAULT_ALIAS", "NOTARY_SIGNER_DEFAULT_ALIAS"];

/// The longest alias that its column holds, in characters.
const MAX_ALIAS: usize = 50;

/// The signer's own settings, as its variables spell them.
const SETTINGS: [&str; 19] = [
    "DEFAULT_ALIAS",
    "LOGGING_LEVEL",
    "REPORTING_BUGSNAG_API_KEY",
    "REPORTING_BUGSNAG_ENDPOINT",
    "REPORTING_BUGSNAG_RELEASE_STAGE",
    "SERVER_CLIENT_CA_FILE",
    "SERVER_GRPC_ADDR",
    "SERVER_HTTP_ADDR",
    "SERVER_TLS_CERT_FILE",
    "SERVER_TLS_KEY_FILE",
    "STORAGE_BACKEND",
    "STORAGE_CLIENT_CERT_FILE",
    "STORAGE_CLIENT_KEY_FILE",
    "STORAGE_DATABASE",
    "STORAGE_DB_URL",
    "STORAGE_DEFAULT_ALIAS",
    "STORAGE_PASSWORD",
    "STORAGE_TLS_CA_FILE",
    "STORAGE_USERNAME",
];

/// What the environment says to Notary's signer of passphrases. Holds none of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SignerVariables {
    default_alias: Option<String>,
    given: Vec<AliasPassphrase>,
}

/// Where the passphrase of one alias is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AliasPassphrase {
    /// The alias in capitals with `_` for each dot: the form in which aliases are compared.
    pub alias: String,
    /// The variable that gives it.
    pub variable: String,
    /// The file that holds it; `None`: the variable does.
    pub file: Option<PathBuf>,
}

impl SignerVariables {
    /// What the variables of these `names` say; an empty one counts as not set.
    ///
    /// # Errors
    /// When an alias has two passphrases, or the default alias cannot be one.
    pub fn find(
        names: impl IntoIterator<Item = String>,
        variable: &dyn Fn(&str) -> Option<OsString>,
    ) -> Result<Self, ConfigError> {
        let set = |name: &str| variable(name).filter(|value| !value.is_empty());
        let mut given: Vec<AliasPassphrase> = Vec::new();
        for name in names {
            let Some(rest) = name.strip_prefix(PREFIX).filter(|rest| is_alias(rest)) else {
                continue;
            };
            let Some(value) = set(&name) else { continue };
            let found = match rest.strip_suffix(FILE).filter(|alias| !alias.is_empty()) {
                Some(alias) => {
                    let file = Some(PathBuf::from(value));
                    AliasPassphrase { alias: alias.to_owned(), variable: name, file }
                }
                None => AliasPassphrase { alias: rest.to_owned(), variable: name, file: None },
            };
            if let Some(other) = given.iter().find(|other| other.alias == found.alias) {
                let mut both = [other.variable.clone(), found.variable];
                both.sort();
                let [first, second] = both;
                return Err(ConfigError::TwoSecrets { first, second });
            }
            given.push(found);
        }
        given.sort_by(|one, other| one.alias.cmp(&other.alias));
        Ok(Self { default_alias: default_alias(variable)?, given })
    }

    /// The alias under which new keys are sealed, as it was written.
    #[must_use]
    pub fn default_alias(&self) -> Option<&str> {
        self.default_alias.as_deref()
    }

    /// The same where a file of the signer's names the alias, with what its variables say over it.
    #[must_use]
    pub fn under(self, default_alias: &str) -> Self {
        Self { default_alias: Some(default_alias.to_owned()), ..self }
    }

    /// The passphrases that are given, by alias.
    #[must_use]
    pub fn given(&self) -> &[AliasPassphrase] {
        &self.given
    }

    /// The passphrase of `alias`, however it is spelt.
    #[must_use]
    pub fn of(&self, alias: &str) -> Option<&AliasPassphrase> {
        let folded = folded(alias);
        self.given.iter().find(|one| one.alias == folded)
    }
}

impl AliasPassphrase {
    /// The passphrase itself.
    ///
    /// # Errors
    /// When it is no text, or its file cannot be read or is empty.
    pub fn read(
        &self,
        variable: &dyn Fn(&str) -> Option<OsString>,
    ) -> Result<SecretString, ConfigError> {
        match &self.file {
            Some(path) => from_file(&self.variable, path),
            None => {
                secret::from_variable(&self.variable, variable(&self.variable).unwrap_or_default())
            }
        }
    }
}

/// The secret in a file that a variable of Notary's names. The path is not shown: where somebody
/// has an alias that ends in `_file`, it is a passphrase.
fn from_file(variable: &str, path: &Path) -> Result<SecretString, ConfigError> {
    secret::from_file("", path).map_err(|error| match error {
        ConfigError::UnusableSecret { problem, mend, .. } => ConfigError::UnusableSecret {
            origin: format!("the file that {variable} names"),
            problem,
            mend,
        },
        _ => ConfigError::UnusableSecret {
            origin: format!("the file that {variable} names"),
            problem: "cannot be read",
            mend: "name a file that this user may read; an alias that ends in _file has its \
                   passphrase in a file only",
        },
    })
}

/// The alias as the signer spells it in the names of variables.
#[must_use]
pub fn folded(alias: &str) -> String {
    alias.to_uppercase().replace('.', "_")
}

/// Whether keys can be sealed under `alias`: the variable of its passphrase is nobody else's, and
/// its column holds it.
#[must_use]
pub fn names_an_alias(alias: &str) -> bool {
    let folded = folded(alias);
    // Rows of keys in a token have this where others have an alias.
    let of_tokens = folded == "PKCS11";
    alias.chars().count() <= MAX_ALIAS
        && !alias.chars().any(char::is_control)
        && is_alias(&folded)
        && !folded.ends_with(FILE)
        && !of_tokens
}

fn is_alias(rest: &str) -> bool {
    let of_kubernetes = rest.starts_with("SERVICE_") || rest == "PORT" || rest.starts_with("PORT_");
    !rest.is_empty() && !of_kubernetes && !SETTINGS.contains(&rest)
}

fn default_alias(
    variable: &dyn Fn(&str) -> Option<OsString>,
) -> Result<Option<String>, ConfigError> {
    let set = |name: &&str| variable(name).filter(|value| !value.is_empty());
    let Some((name, value)) = DEFAULT_ALIAS.iter().find_map(|name| Some((name, set(name)?))) else {
        return Ok(None);
    };
    let refused = |value: String, mend: &str| ConfigError::BadValue {
        origin: (*name).to_owned(),
        value: format!("{value:?}"),
        mend: mend.to_owned(),
    };
    let alias = value
        .into_string()
        .map_err(|value| refused(value.display().to_string(), "write it as UTF-8"))?;
    match alias_fault(&alias) {
        Some(mend) => Err(refused(alias, mend)),
        None => Ok(Some(alias)),
    }
}

/// What to do about a text that cannot be the alias of keys; `None` when it can.
pub(crate) fn alias_fault(alias: &str) -> Option<&'static str> {
    if alias.chars().count() > MAX_ALIAS {
        return Some("write at most 50 characters");
    }
    let mend = "write another: its passphrase would be in a variable that is something else";
    (!is_alias(&folded(alias))).then_some(mend)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use secrecy::ExposeSecret as _;

    use super::*;

    fn find(variables: &[(&str, &str)]) -> Result<SignerVariables, ConfigError> {
        let names = variables.iter().map(|(name, _)| (*name).to_owned());
        SignerVariables::find(names, &lookup(variables))
    }

    fn lookup(variables: &[(&str, &str)]) -> impl Fn(&str) -> Option<OsString> {
        let owned: Vec<(String, String)> =
            variables.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
        move |wanted| {
            owned.iter().find(|(name, _)| name == wanted).map(|(_, value)| OsString::from(value))
        }
    }

    fn aliases(found: &SignerVariables) -> Vec<&str> {
        found.given().iter().map(|one| one.alias.as_str()).collect()
    }

    #[test]
    fn what_a_variable_of_its_own_can_name_is_an_alias() {
        for alias in ["countersign_2", "Time.1", "y-2027", "ä"] {
            assert!(names_an_alias(alias), "{alias:?}");
        }
        let long = "a".repeat(51);
        for alias in
            ["", "default_alias", "Server.GRPC_addr", "port", "a_file", "pkcs11", "a\nb", &long]
        {
            assert!(!names_an_alias(alias), "{alias:?}");
        }
    }

    /// Signer spec 3.4 and 4.3.
    #[test]
    fn settings_of_the_signer_and_of_kubernetes_are_no_aliases() {
        let found = find(&[
            ("NOTARY_SIGNER_SERVER_GRPC_ADDR", ":7899"),
            ("NOTARY_SIGNER_SERVER_TLS_KEY_FILE", "/a"),
            ("NOTARY_SIGNER_STORAGE_DB_URL", "u:p@tcp(h)/d"),
            ("NOTARY_SIGNER_LOGGING_LEVEL", "debug"),
            ("NOTARY_SIGNER_DEFAULT_ALIAS", "Time.1"),
            ("NOTARY_SIGNER_PORT", "tcp://10.0.0.1:7899"),
            ("NOTARY_SIGNER_PORT_7899_TCP_ADDR", "10.0.0.1"),
            ("NOTARY_SIGNER_SERVICE_HOST", "10.0.0.1"),
            ("NOTARY_SIGNER_", "x"),
            ("NOTARY_SERVER_TIME_1", "x"),
            ("NOTARY_SIGNER_EMPTY", ""),
            ("NOTARY_SIGNER_TIME_2", "two"),
            ("NOTARY_SIGNER_TIME_1", "one"),
        ]);
        let found = found.unwrap();
        assert_eq!(aliases(&found), ["TIME_1", "TIME_2"]);
        assert_eq!(found.default_alias(), Some("Time.1"));
        assert_eq!(found.of("time.1").unwrap().variable, "NOTARY_SIGNER_TIME_1");
        assert_eq!(found.of("time-1"), None);
    }

    #[test]
    fn a_passphrase_is_read_from_its_variable_or_from_the_file_that_one_names() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("secret");
        fs::write(&path, "in a file\n").unwrap();
        let path = path.display().to_string();
        let variables = [("NOTARY_SIGNER_A", "in the variable"), ("NOTARY_SIGNER_B_FILE", &path)];
        let found = find(&variables).unwrap();
        let read = |alias| found.of(alias).unwrap().read(&lookup(&variables)).unwrap();
        assert_eq!(read("a").expose_secret(), "in the variable");
        assert_eq!(read("b").expose_secret(), "in a file");
        assert!(!format!("{found:?}").contains("in the variable"));
    }

    #[test]
    fn two_passphrases_of_one_alias_are_refused() {
        let error = find(&[("NOTARY_SIGNER_A_FILE", "/x"), ("NOTARY_SIGNER_A", "s3cret")]);
        let expected = "NOTARY_SIGNER_A and NOTARY_SIGNER_A_FILE are both set: set one of them";
        assert_eq!(error.unwrap_err().to_string(), expected);
    }

    #[test]
    fn a_file_that_cannot_be_read_is_told_without_what_the_variable_holds() {
        let variables = [("NOTARY_SIGNER_KEY_FILE", "planted-s3cret")];
        let found = find(&variables).unwrap();
        let error = found.of("key").unwrap().read(&lookup(&variables)).unwrap_err();
        let said = format!("{error} {error:?}");
        assert!(said.contains("the file that NOTARY_SIGNER_KEY_FILE names cannot be read"));
        assert!(!said.contains("planted-s3cret"), "{said}");
    }

    #[test]
    fn the_signers_setting_of_the_default_alias_wins_over_the_older_variable() {
        let found = find(&[
            ("NOTARY_SIGNER_DEFAULT_ALIAS", "old"),
            ("NOTARY_SIGNER_STORAGE_DEFAULT_ALIAS", "new"),
        ]);
        assert_eq!(found.unwrap().default_alias(), Some("new"));
        assert_eq!(find(&[("NOTARY_SIGNER_DEFAULT_ALIAS", "")]).unwrap().default_alias(), None);
    }

    #[test]
    fn a_default_alias_that_cannot_be_one_is_refused() {
        let long = "a".repeat(51);
        for alias in ["server.grpc_addr", "Storage_DB_URL", "port_1", long.as_str()] {
            let error = find(&[("NOTARY_SIGNER_DEFAULT_ALIAS", alias)]).unwrap_err().to_string();
            assert!(error.starts_with("NOTARY_SIGNER_DEFAULT_ALIAS = "), "{error}");
        }
    }
}
