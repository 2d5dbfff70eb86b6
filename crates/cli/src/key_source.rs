//! Where passphrases of keys are looked up, alias by alias: in the environment, as Notary's signer
//! has them, and in files of the data directory, `secrets/key-passphrase.<alias>`.
//!
//! Never in here: a path made from an alias as it is stored; the files that are there are compared
//! with it.
//!
//! Source: contract section 1, signer spec 3.4.

use std::fs;
use std::io;
use std::path::PathBuf;

use countersign_config::sections::keys::Keys;
use countersign_config::{ConfigError, folded_alias, read_secret_file};
use countersign_custody::sealed::{Passphrase, PassphraseSource};
use secrecy::SecretString;

use crate::data_dir::DataDir;
use crate::flags::environment;
use crate::key_ring;

/// The longest alias that its column holds, in characters.
pub(crate) const MAX_ALIAS: usize = 50;

/// How the names of these files begin.
const PREFIX: &str = "key-passphrase.";

/// How the names of files end that are not whole yet.
pub(crate) const UNFINISHED: &str = ".unfinished";

/// The passphrase of one alias in a file.
pub(crate) struct KeptFile {
    /// The alias as the file spells it.
    pub(crate) alias: String,
    pub(crate) path: PathBuf,
}

impl KeptFile {
    /// The file that `alias` has, or would have; `None` for an alias that no file is named by.
    pub(crate) fn of(alias: &str, dir: &DataDir) -> Option<Self> {
        let path = dir.secrets().join(format!("{PREFIX}{alias}"));
        names_a_file(alias).then(|| Self { alias: alias.to_owned(), path })
    }

    /// Those that are in the data directory, in the order of their names.
    pub(crate) fn all(dir: &DataDir) -> io::Result<Vec<Self>> {
        let entries = match fs::read_dir(dir.secrets()) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries?,
        };
        let mut found = Vec::new();
        for entry in entries {
            let name = entry?.file_name();
            let alias = name.to_str().and_then(|name| name.strip_prefix(PREFIX));
            found.extend(alias.and_then(|alias| Self::of(alias, dir)));
        }
        found.sort_by(|one, other| one.alias.cmp(&other.alias));
        Ok(found)
    }

    /// What it holds.
    pub(crate) fn read(&self) -> Result<Passphrase, ConfigError> {
        read_secret_file("a passphrase of keys", &self.path).and_then(|secret| {
            Passphrase::new(secret).ok_or_else(|| ConfigError::UnusableSecret {
                origin: self.path.display().to_string(),
                problem: "is empty",
                mend: "write the passphrase into it",
            })
        })
    }
}

/// Whether a file can be named by this alias: it means the same to every file system and shell.
fn names_a_file(alias: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    let unfinished = UNFINISHED.trim_start_matches('.');
    (1..=MAX_ALIAS).contains(&alias.len())
        && alias.chars().all(plain)
        && !alias.starts_with('.')
        && alias != unfinished
        && !alias.ends_with(UNFINISHED)
}

/// All places of one server where a passphrase can be.
pub(crate) struct KeySource {
    keys: Keys,
    dir: DataDir,
}

impl KeySource {
    /// Those of a server with these settings and this data directory.
    pub(crate) fn of(keys: &Keys, dir: &DataDir) -> Self {
        Self { keys: keys.clone(), dir: dir.clone() }
    }

    /// What the environment or the settings give for `alias`.
    pub(crate) fn given(&self, alias: &str) -> Result<Option<Passphrase>, ConfigError> {
        let secret: Option<SecretString> = if key_ring::is_ours(alias) {
            self.keys.passphrase(&environment)?
        } else {
            let variables = key_ring::variables()?;
            variables.of(alias).map(|given| given.read(&environment)).transpose()?
        };
        Ok(secret.and_then(Passphrase::new))
    }

    /// What files of the data directory hold for `alias`.
    fn kept(&self, alias: &str) -> Vec<Passphrase> {
        let files = KeptFile::all(&self.dir).unwrap_or_else(|error| {
            let path = self.dir.secrets();
            tracing::warn!(path = %path.display(), %error, "passphrases cannot be looked up there");
            Vec::new()
        });
        let mut files: Vec<_> = files
            .into_iter()
            .filter(|one| folded_alias(&one.alias) == folded_alias(alias))
            .collect();
        let first = self.dir.key_passphrase();
        if key_ring::is_ours(alias) && first.exists() {
            files.push(KeptFile { alias: alias.to_owned(), path: first });
        }
        files.iter().filter_map(readable).collect()
    }
}

/// What the file holds; one that cannot be read is told and passed over.
pub(crate) fn readable(file: &KeptFile) -> Option<Passphrase> {
    let told = |error: &ConfigError| {
        tracing::warn!(alias = file.alias, %error, "a passphrase of keys cannot be read");
    };
    file.read().inspect_err(told).ok()
}

impl PassphraseSource for KeySource {
    fn find(&self, alias: &str) -> Vec<Passphrase> {
        let given = self.given(alias).unwrap_or_else(|error| {
            tracing::warn!(alias, %error, "the passphrase of keys that is given cannot be read");
            None
        });
        given.into_iter().chain(self.kept(alias)).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    fn source(files: &[(&str, &str)]) -> (KeySource, tempfile::TempDir) {
        let folder = tempfile::tempdir().unwrap();
        let dir = DataDir::at(folder.path()).unwrap();
        fs::create_dir(dir.secrets()).unwrap();
        for (name, text) in files {
            fs::write(dir.secrets().join(name), text).unwrap();
        }
        (KeySource::of(&Keys::default(), &dir), folder)
    }

    #[test]
    fn a_file_is_found_by_its_alias_however_that_is_spelt() {
        let (source, _folder) = source(&[("key-passphrase.Time.1", "one\n")]);
        for alias in ["Time.1", "time_1", "TIME_1"] {
            assert_eq!(source.find(alias).len(), 1, "{alias}");
        }
        assert!(source.find("time-1").is_empty());
    }

    #[test]
    fn the_first_file_is_that_of_our_own_alias_and_of_no_other() {
        let (source, _folder) = source(&[("key-passphrase", "first")]);
        assert_eq!(source.find("countersign").len(), 1);
        assert!(source.find("countersign_2").is_empty());
    }

    #[test]
    fn no_alias_leads_out_of_the_folder_or_to_an_unfinished_file() {
        let unfinished =
            [("key-passphrase.unfinished", "x"), ("key-passphrase.a.7.unfinished", "x")];
        let (source, folder) = source(&unfinished);
        fs::write(folder.path().join("outside"), "x").unwrap();
        for alias in
            ["", "/../../outside", "../outside", "unfinished", "a.7.unfinished", "a\0b", "ä"]
        {
            assert!(source.find(alias).is_empty(), "{alias:?}");
            assert!(KeptFile::of(alias, &source.dir).is_none(), "{alias:?}");
        }
        let longest = "a".repeat(MAX_ALIAS);
        assert!(KeptFile::of(&longest, &source.dir).is_some());
        assert!(KeptFile::of(&format!("{longest}a"), &source.dir).is_none());
    }

    #[test]
    fn an_empty_or_unreadable_file_gives_nothing_and_stops_nothing() {
        let (source, folder) =
            source(&[("key-passphrase.empty", ""), ("key-passphrase.good", "x")]);
        fs::create_dir(folder.path().join("secrets/key-passphrase.folder")).unwrap();
        let closed = fs::Permissions::from_mode(0o000);
        fs::set_permissions(folder.path().join("secrets/key-passphrase.empty"), closed).unwrap();
        assert!(source.find("empty").is_empty());
        assert!(source.find("folder").is_empty());
        assert_eq!(source.find("good").len(), 1);
    }

    #[test]
    fn without_a_folder_of_secrets_nothing_is_found() {
        let folder = tempfile::tempdir().unwrap();
        let dir = DataDir::at(folder.path()).unwrap();
        assert!(KeySource::of(&Keys::default(), &dir).find("any").is_empty());
    }
}
