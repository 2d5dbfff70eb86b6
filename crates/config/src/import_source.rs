//! Where an import comes from: the two databases of a Notary, or of another Countersign.

use std::ffi::OsString;
use std::path::PathBuf;

use crate::notary::database_in;
use crate::overrides::{database_url, without_password};
use crate::sections::database::Location;
use crate::{ConfigError, DatabaseUrl, Program};

const FROM: &str = "COUNTERSIGN_IMPORT_FROM";
const FROM_FILE: &str = "COUNTERSIGN_IMPORT_FROM_FILE";
const FROM_KEYS: &str = "COUNTERSIGN_IMPORT_FROM_KEYS";
const FROM_KEYS_FILE: &str = "COUNTERSIGN_IMPORT_FROM_KEYS_FILE";

/// The environment variables of an import.
pub(crate) const VARIABLES: [&str; 4] = [FROM, FROM_FILE, FROM_KEYS, FROM_KEYS_FILE];

/// What the command line says of the source.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ImportFlags {
    /// `--from`: the database of the server.
    pub from: Option<DatabaseUrl>,
    /// `--from-keys`: the database of the signer.
    pub from_keys: Option<DatabaseUrl>,
    /// `--from-config`: the configuration of `notary-server`.
    pub config: Option<PathBuf>,
    /// `--from-signer-config`: the configuration of `notary-signer`.
    pub signer_config: Option<PathBuf>,
}

/// Where an import comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImportSource {
    /// The database with the metadata.
    pub metadata: Location,
    /// The database with the keys, where that is another.
    pub keys: Option<Location>,
    /// What is to be said of the URLs in Notary's files.
    pub notes: Vec<String>,
}

impl ImportSource {
    /// What `flags` name, else the environment, else the configuration files that `flags` name.
    /// The keys are in the database of the metadata when nothing names theirs.
    ///
    /// # Errors
    /// When nothing names the metadata, a source cannot be read, or a flag holds a password.
    pub fn load(
        flags: &ImportFlags,
        variable: &dyn Fn(&str) -> Option<OsString>,
    ) -> Result<Self, ConfigError> {
        let mut notes = Vec::new();
        let mut url = |said: &Option<DatabaseUrl>, names: Names, file: &Option<PathBuf>| {
            if let Some(url) = said {
                return without_password(names.flag, url).map(|url| Some((url, names.flag)));
            }
            if let Some(url) = database_url(variable, names.text, names.file)? {
                return Ok(Some((url, names.text)));
            }
            let Some(path) = file else { return Ok(None) };
            let (url, said) = database_in(names.program, names.config, path, variable)?;
            notes.extend(said);
            Ok(Some((url, names.config)))
        };
        let metadata = url(&flags.from, SERVER, &flags.config)?;
        let keys = url(&flags.from_keys, SIGNER, &flags.signer_config)?;
        let Some((metadata, named_by)) = metadata else {
            return Err(ConfigError::UnusableSecret {
                origin: "the source of the import".to_owned(),
                problem: "is not named",
                mend: "give --from and --from-keys, or --from-config and --from-signer-config",
            });
        };
        let keys = keys.filter(|(url, _)| *url != metadata);
        Ok(Self {
            metadata: metadata.location(named_by)?,
            keys: keys.map(|(url, named_by)| url.location(named_by)).transpose()?,
            notes,
        })
    }
}

/// The ways in which one database is named.
struct Names {
    program: Program,
    flag: &'static str,
    text: &'static str,
    file: &'static str,
    config: &'static str,
}

const SERVER: Names = Names {
    program: Program::Server,
    flag: "--from",
    text: FROM,
    file: FROM_FILE,
    config: "--from-config",
};

const SIGNER: Names = Names {
    program: Program::Signer,
    flag: "--from-keys",
    text: FROM_KEYS,
    file: FROM_KEYS_FILE,
    config: "--from-signer-config",
};

#[cfg(test)]
mod tests {
    use secrecy::{ExposeSecret as _, SecretString};

    use super::*;

    fn url(text: &str) -> Option<DatabaseUrl> {
        Some(DatabaseUrl::from(SecretString::from(text)))
    }

    fn none(_: &str) -> Option<OsString> {
        None
    }

    fn shown(location: &Location) -> String {
        match location {
            Location::MySql(url) | Location::Postgres(url) => {
                url.secret().expose_secret().to_owned()
            }
            other => format!("{other:?}"),
        }
    }

    #[test]
    fn flags_win_over_variables_and_those_over_files() {
        let dir = tempfile::tempdir().unwrap();
        let file = |name: &str, user: &str| {
            let path = dir.path().join(name);
            let url = format!("postgres://{user}:pw@h/notary?sslmode=verify-full");
            let text = format!(r#"{{"storage": {{"backend": "postgres", "db_url": "{url}"}}}}"#);
            std::fs::write(&path, text).unwrap();
            Some(path)
        };
        let flags = ImportFlags {
            config: file("server.json", "server"),
            signer_config: file("signer.json", "signer"),
            ..ImportFlags::default()
        };
        let source = ImportSource::load(&flags, &none).unwrap();
        assert!(shown(&source.metadata).starts_with("postgres://server:pw@h/"));
        assert!(shown(&source.keys.unwrap()).starts_with("postgres://signer:pw@h/"));
        assert_eq!(source.notes, [""; 0]);
        let variable =
            |name: &str| (name == FROM).then(|| OsString::from("postgres://variable:pw@h/notary"));
        let source = ImportSource::load(&flags, &variable).unwrap();
        assert!(shown(&source.metadata).starts_with("postgres://variable:"));
        let flags = ImportFlags { from: url("postgres://flag@h/notary"), ..flags };
        let source = ImportSource::load(&flags, &variable).unwrap();
        assert!(shown(&source.metadata).starts_with("postgres://flag@"));
    }

    #[test]
    fn the_same_database_twice_is_one() {
        let same = || url("postgres://u@h/notary");
        let flags = ImportFlags { from: same(), from_keys: same(), ..ImportFlags::default() };
        assert_eq!(ImportSource::load(&flags, &none).unwrap().keys, None);
    }

    #[test]
    fn a_password_on_the_command_line_is_refused_without_being_shown() {
        let flags = ImportFlags {
            from: url("postgres://u@h/n"),
            from_keys: url("postgres://u:geheim@h/m"),
            ..ImportFlags::default()
        };
        let error = ImportSource::load(&flags, &none).unwrap_err();
        let said = format!("{error} {error:?}");
        assert!(said.contains("--from-keys") && !said.contains("geheim"), "{said}");
    }

    #[test]
    fn nothing_named_is_told_with_the_ways_to_name_it() {
        let error = ImportSource::load(&ImportFlags::default(), &none).unwrap_err();
        assert!(error.to_string().contains("--from-config"), "{error}");
    }
}
