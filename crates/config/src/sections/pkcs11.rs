//! `[pkcs11]`: the token that may hold the server's keys.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use secrecy::SecretString;
use serde::{Deserialize, Serialize};

use crate::number::count;
use crate::{ConfigError, secret};

/// The environment variable that holds the PIN.
pub(crate) const PIN: &str = "COUNTERSIGN_PKCS11_PIN";
/// The environment variable that names a file with the PIN.
pub(crate) const PIN_FILE: &str = "COUNTERSIGN_PKCS11_PIN_FILE";
/// The setting that names a file with the PIN.
const PIN_KEY: &str = "pkcs11.pin_file";

/// The section `[pkcs11]`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default)]
pub struct Pkcs11 {
    /// The file of the token's PKCS#11 module, a shared library.
    ///
    /// Default: none; then there is no token.
    pub(crate) module: Option<PathBuf>,
    /// The label of the token.
    ///
    /// Default: none. Needed with `module`.
    pub(crate) token: Option<String>,
    /// The file with the PIN of the token's user.
    ///
    /// Default: none. The environment variables `COUNTERSIGN_PKCS11_PIN` and
    /// `COUNTERSIGN_PKCS11_PIN_FILE` win over it.
    pub(crate) pin_file: Option<PathBuf>,
    /// The most sessions with the token at once: as many signatures are made at the same time.
    ///
    /// Default: 4. Range: 1 to 256.
    #[serde(deserialize_with = "count::<_, _, 1, 256>")]
    pub(crate) sessions: u32,
}

impl Default for Pkcs11 {
    fn default() -> Self {
        Self { module: None, token: None, pin_file: None, sessions: 4 }
    }
}

/// A token that is configured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConfiguredToken<'a> {
    /// The file of its module.
    pub module: &'a Path,
    /// Its label.
    pub label: &'a str,
    /// The most sessions with it at once.
    pub sessions: u32,
}

impl Pkcs11 {
    /// The token, if there is one.
    #[must_use]
    pub fn configured(&self) -> Option<ConfiguredToken<'_>> {
        let (module, label) = (self.module.as_deref()?, self.token.as_deref()?);
        Some(ConfiguredToken { module, label, sessions: self.sessions })
    }

    /// The file that `pin_file` names.
    #[must_use]
    pub fn pin_file(&self) -> Option<&Path> {
        self.pin_file.as_deref()
    }

    /// The PIN of the token's user; `None` when nothing gives one.
    ///
    /// `variable` looks an environment variable up; an empty one counts as not set.
    ///
    /// # Errors
    /// When two variables give one, or the file cannot be read or is empty or no text.
    pub fn pin(
        &self,
        variable: &dyn Fn(&str) -> Option<OsString>,
    ) -> Result<Option<SecretString>, ConfigError> {
        let set = |name| variable(name).filter(|value| !value.is_empty());
        match (set(PIN), set(PIN_FILE)) {
            (Some(_), Some(_)) => {
                Err(ConfigError::TwoSecrets { first: PIN.to_owned(), second: PIN_FILE.to_owned() })
            }
            (Some(value), None) => secret::from_variable(PIN, value).map(Some),
            (None, Some(path)) => secret::from_file(PIN_FILE, Path::new(&path)).map(Some),
            (None, None) => {
                self.pin_file.as_deref().map(|path| secret::from_file(PIN_KEY, path)).transpose()
            }
        }
    }

    /// Itself, when it names a module and a token, or neither.
    pub(crate) fn whole(self) -> Result<Self, ConfigError> {
        let label = self.token.as_deref().filter(|label| !label.is_empty());
        match (&self.module, label) {
            (Some(_), None) => {
                Err(ConfigError::HalfToken { given: "pkcs11.module", missing: "pkcs11.token" })
            }
            (None, Some(_)) => {
                Err(ConfigError::HalfToken { given: "pkcs11.token", missing: "pkcs11.module" })
            }
            (None, None) if self.pin_file.is_some() => {
                Err(ConfigError::HalfToken { given: PIN_KEY, missing: "pkcs11.module" })
            }
            _ => Ok(self),
        }
    }

    /// Takes the relative paths of a file from `base`.
    pub(crate) fn rebase(&mut self, base: &Path) {
        for path in [&mut self.module, &mut self.pin_file].into_iter().flatten() {
            *path = base.join(&*path);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use secrecy::ExposeSecret as _;

    use super::*;

    fn given(section: &Pkcs11, variables: &[(&str, &str)]) -> Result<Option<String>, ConfigError> {
        let variable = |name: &str| {
            variables.iter().find(|(n, _)| *n == name).map(|(_, value)| OsString::from(value))
        };
        let pin = section.pin(&variable)?;
        Ok(pin.map(|pin| pin.expose_secret().to_owned()))
    }

    #[test]
    fn the_environment_wins_over_the_file_of_settings() {
        let dir = tempfile::tempdir().unwrap();
        let path = |name: &str| dir.path().join(name);
        fs::write(path("a"), "1111\n").unwrap();
        fs::write(path("b"), "2222\n").unwrap();
        let section = Pkcs11 { pin_file: Some(path("a")), ..Pkcs11::default() };
        let b = path("b").display().to_string();
        assert_eq!(given(&Pkcs11::default(), &[(PIN, "")]).unwrap(), None);
        assert_eq!(given(&section, &[]).unwrap().unwrap(), "1111");
        assert_eq!(given(&section, &[(PIN_FILE, &b)]).unwrap().unwrap(), "2222");
        assert_eq!(given(&section, &[(PIN, "3333")]).unwrap().unwrap(), "3333");
        let both = given(&section, &[(PIN, "3333"), (PIN_FILE, &b)]).unwrap_err();
        assert!(matches!(&both, ConfigError::TwoSecrets { .. }), "{both}");
        assert!(!format!("{both} {both:?}").contains("3333"));
    }

    #[test]
    fn half_a_token_is_refused_by_what_is_missing() {
        let module = || Some(PathBuf::from("/m.so"));
        let label = |text: &str| Some(text.to_owned());
        let of = |module, token, pin_file| Pkcs11 { module, token, pin_file, sessions: 4 };
        for (half, missing) in [
            (of(module(), None, None), "pkcs11.token"),
            (of(module(), label(""), None), "pkcs11.token"),
            (of(None, label("t"), None), "pkcs11.module"),
            (of(None, None, module()), "pkcs11.module"),
        ] {
            let error = half.whole().unwrap_err();
            assert!(error.to_string().contains(&format!("without {missing}")), "{error}");
        }
        let whole = of(module(), label("t"), None).whole().unwrap();
        let expected = ConfiguredToken { module: Path::new("/m.so"), label: "t", sessions: 4 };
        assert_eq!(whole.configured(), Some(expected));
        assert_eq!(Pkcs11::default().whole().unwrap().configured(), None);
    }
}
