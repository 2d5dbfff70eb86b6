//! The passphrase that keys are to be sealed with next: its alias, and where it is.

use std::path::PathBuf;

use countersign_config::sections::keys::Keys;
use countersign_config::{SignerVariables, folded_alias, names_an_alias};
use countersign_custody::sealed::{DEFAULT_ALIAS, Passphrase, PassphraseSource as _};
use countersign_storage::{KeyAliases, StorageResult};
use zeroize::Zeroizing;

use crate::data_dir::{DataDir, put_private_file};
use crate::exit::Failure;
use crate::key_passphrase;
use crate::key_source::{KeptFile, KeySource};

/// More aliases than anybody has.
const MOST_ALIASES: usize = 1_000;

/// A passphrase, and where it is.
pub(super) struct Next {
    pub(super) passphrase: Passphrase,
    pub(super) origin: Origin,
}

/// Where the next passphrase is.
pub(super) enum Origin {
    /// It was there, in the environment or a file.
    Given,
    /// In a file that was made just now.
    Made(PathBuf),
    /// In a file that would be made.
    ToBeMade(PathBuf),
}

impl Next {
    /// The passphrase of `alias`; made, and kept in a file, where none is given.
    pub(super) fn obtain(alias: &str, keys: &Keys, dir: &DataDir) -> Result<Self, Failure> {
        if let Some(given) = given(alias, keys, dir)? {
            return Ok(given);
        }
        let file = file(alias, dir)?;
        let failed = |problem: String| Failure::Passphrase {
            path: file.path.clone(),
            problem,
            mend: "make the data directory writable, or give the passphrase in the environment",
        };
        let text: Zeroizing<String> = key_passphrase::random_text(&file.path)?;
        put_private_file(&file.path, text.as_bytes()).map_err(|error| failed(error.to_string()))?;
        // Whoever made it at the same time may have been first.
        let passphrase = file.read()?;
        Ok(Self { passphrase, origin: Origin::Made(file.path) })
    }

    /// The same without making anything.
    pub(super) fn look(alias: &str, keys: &Keys, dir: &DataDir) -> Result<Self, Failure> {
        if let Some(given) = given(alias, keys, dir)? {
            return Ok(given);
        }
        let passphrase = key_passphrase::stand_in(dir)?;
        Ok(Self { passphrase, origin: Origin::ToBeMade(file(alias, dir)?.path) })
    }
}

fn given(alias: &str, keys: &Keys, dir: &DataDir) -> Result<Option<Next>, Failure> {
    if !names_an_alias(alias) {
        return Err(Failure::Usage(format!(
            "--alias {alias:?} cannot be one: take at most 50 letters and digits, with {} a \
             variable that nothing else has",
            variable(alias)
        )));
    }
    let source = KeySource::of(keys, dir);
    // What is given and cannot be read is told, and not passed over as in `find`.
    let passphrase = match source.given(alias)? {
        Some(given) => Some(given),
        None => source.find(alias).into_iter().next(),
    };
    Ok(passphrase.map(|passphrase| Next { passphrase, origin: Origin::Given }))
}

/// The file that is to hold the passphrase of `alias`.
fn file(alias: &str, dir: &DataDir) -> Result<KeptFile, Failure> {
    let variable = variable(alias);
    let file = KeptFile::of(alias, dir).ok_or_else(|| {
        Failure::Usage(format!(
            "no file can be named by the alias {alias:?}: take one of letters, digits, dots, - and \
             _, or give its passphrase in {variable}"
        ))
    })?;
    if !dir.path().is_dir() {
        return Err(Failure::Usage(format!(
            "{} is no data directory: name that of the servers with --data-dir, or give the new \
             passphrase in {variable}, or in a file that {variable}_FILE names",
            dir.path().display()
        )));
    }
    Ok(file)
}

/// The alias to rotate to where the command line names none and no rotation was begun.
pub(super) async fn alias(
    present: &str,
    aliases: &dyn KeyAliases,
    variables: &SignerVariables,
) -> StorageResult<String> {
    if let Some(wanted) = variables.default_alias()
        && folded_alias(wanted) != folded_alias(present)
    {
        return Ok(wanted.to_owned());
    }
    let mut highest = number(present).max(1);
    let mut last: Option<String> = None;
    for _ in 0..MOST_ALIASES {
        let samples = aliases.samples_of_next_alias(last.as_deref(), 1).await?;
        let Some(sample) = samples.into_iter().next() else { break };
        highest = highest.max(number(&sample.passphrase_alias));
        last = Some(sample.passphrase_alias);
    }
    Ok(format!("{DEFAULT_ALIAS}_{}", highest.saturating_add(1)))
}

/// The number of one of our own aliases; 0 of any other.
fn number(alias: &str) -> u32 {
    let folded = folded_alias(alias);
    let number = folded.strip_prefix(&folded_alias(DEFAULT_ALIAS));
    number.and_then(|rest| rest.strip_prefix('_')?.parse().ok()).unwrap_or_default()
}

/// The variable that gives the passphrase of `alias`.
pub(super) fn variable(alias: &str) -> String {
    format!("NOTARY_SIGNER_{}", folded_alias(alias))
}

/// How a server that lacks the passphrase of `alias` gets it.
pub(super) fn mend(alias: &str) -> String {
    let variable = variable(alias);
    format!(
        "put it into secrets/key-passphrase.{alias} of each one's data directory, readable for its \
         user, or start it with {variable} or {variable}_FILE, and run this again"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_our_own_aliases_have_numbers() {
        for (alias, expected) in [
            ("countersign", 0),
            ("countersign_2", 2),
            ("Countersign.17", 17),
            ("countersign_", 0),
            ("countersign_x", 0),
            ("countersign_99999999999", 0),
            ("timestamp_1", 0),
        ] {
            assert_eq!(number(alias), expected, "{alias}");
        }
    }

    #[test]
    fn a_passphrase_is_made_once_and_found_from_then_on() {
        let folder = tempfile::tempdir().unwrap();
        let dir = DataDir::at(folder.path()).unwrap();
        let keys = Keys::default();
        let rehearsed = Next::look("y2027", &keys, &dir).unwrap();
        assert!(matches!(rehearsed.origin, Origin::ToBeMade(_)));
        assert!(!dir.secrets().exists(), "a rehearsal makes nothing");
        let first = Next::obtain("y2027", &keys, &dir).unwrap();
        let Origin::Made(path) = first.origin else { panic!("it was there") };
        let made = std::fs::read(&path).unwrap();
        assert_eq!(made.len(), 64);
        let again = Next::obtain("Y2027", &keys, &dir).unwrap();
        assert!(matches!(again.origin, Origin::Given));
        assert_eq!(std::fs::read(&path).unwrap(), made);
    }

    #[test]
    fn what_no_file_or_variable_can_be_named_by_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let dir = DataDir::at(folder.path()).unwrap();
        let long = "a".repeat(51);
        for alias in ["", "default_alias", "server.grpc_addr", "../../x", "a/b", &long, "x_file"] {
            let refused = Next::obtain(alias, &Keys::default(), &dir);
            assert!(matches!(refused, Err(Failure::Usage(_))), "{alias:?}");
        }
        assert!(std::fs::read_dir(folder.path()).unwrap().next().is_none());
    }
}
