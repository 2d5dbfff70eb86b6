//! A file of rules that is followed while the server runs.
//!
//! A change is taken over when two looks in a row have found the same text, so that a file that
//! is just being written is never taken for whole. What cannot be used leaves the rules in place
//! that are in use.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::{ArcSwap, Guard};
use countersign_access::{RULES_MAX_BYTES, Rules, RulesError};
use thiserror::Error;

/// Why a file of rules cannot be used: cause, then mend, in one line.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum RulesFileError {
    /// The file cannot be read.
    #[error("the rules {} cannot be read ({reason}): name a file that this user may read", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        reason: String,
    },
    /// The file is not understood.
    #[error("{}:{error}", path.display())]
    Wrong {
        /// The file.
        path: PathBuf,
        /// Where in it, and why.
        error: RulesError,
    },
}

/// Reads the rules in `path`, once.
///
/// # Errors
/// [`RulesFileError`] when there are none that can be used.
pub fn read_rules(path: &Path) -> Result<Rules, RulesFileError> {
    parse(path, &read(path)?)
}

/// The rules in use, and the file that they follow.
#[derive(Debug)]
pub struct LiveRules {
    path: PathBuf,
    in_use: ArcSwap<Rules>,
    /// Whether the file holds what cannot be used.
    is_stale: AtomicBool,
    looks: Mutex<Looks>,
}

/// What was found in the file.
type Found = Result<String, RulesFileError>;

#[derive(Debug)]
struct Looks {
    /// What was judged last, whatever the verdict.
    judged: Found,
    /// What the last look found, when that is something else.
    new: Option<Found>,
}

impl LiveRules {
    /// The rules in `path`, which is followed from now on.
    ///
    /// # Errors
    /// [`RulesFileError`] when there are none that can be used.
    pub fn load(path: &Path) -> Result<Self, RulesFileError> {
        let text = read(path)?;
        let rules = parse(path, &text)?;
        warn(path, &rules);
        Ok(Self {
            path: path.to_owned(),
            in_use: ArcSwap::from_pointee(rules),
            is_stale: AtomicBool::new(false),
            looks: Mutex::new(Looks { judged: Ok(text), new: None }),
        })
    }

    /// The rules in use.
    pub(crate) fn in_use(&self) -> Guard<Arc<Rules>> {
        self.in_use.load()
    }

    /// The file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// How many rules are in use.
    #[must_use]
    pub fn count(&self) -> usize {
        self.in_use().count()
    }

    /// Whether the file holds something else than the rules in use, because it cannot be used.
    pub(crate) fn is_stale(&self) -> bool {
        self.is_stale.load(Ordering::Relaxed)
    }

    /// One of many looks at the file: takes over what this and the last one found.
    pub(crate) fn look(&self) {
        let found = read(&self.path);
        let mut looks = self.looks.lock().unwrap_or_else(PoisonError::into_inner);
        if found == looks.judged {
            looks.new = None;
        } else if looks.new.as_ref() == Some(&found) {
            self.judge(&mut looks, found);
        } else {
            looks.new = Some(found);
        }
    }

    /// Takes over what the file holds now, because somebody says that it is whole.
    pub(crate) fn reread(&self) {
        let found = read(&self.path);
        let mut looks = self.looks.lock().unwrap_or_else(PoisonError::into_inner);
        self.judge(&mut looks, found);
    }

    fn judge(&self, looks: &mut Looks, found: Found) {
        let rules = found.as_ref().map_err(Clone::clone).and_then(|text| parse(&self.path, text));
        self.is_stale.store(rules.is_err(), Ordering::Relaxed);
        *looks = Looks { judged: found, new: None };
        match rules {
            Ok(rules) => {
                warn(&self.path, &rules);
                let count = rules.count();
                self.in_use.store(Arc::new(rules));
                tracing::info!(rules = count, file = %self.path.display(), "rules read again");
            }
            Err(error) => tracing::error!(
                %error,
                rules = self.count(),
                "the rules cannot be read again; those in use stay"
            ),
        }
    }
}

/// The text of the file, one byte more than it may have at most.
fn read(path: &Path) -> Found {
    let most = u64::try_from(RULES_MAX_BYTES).unwrap_or(u64::MAX).saturating_add(1);
    let mut text = String::new();
    let read = File::open(path).and_then(|file| {
        if file.metadata()?.is_dir() {
            return Err(io::Error::from(io::ErrorKind::IsADirectory));
        }
        file.take(most).read_to_string(&mut text)
    });
    match read {
        Ok(_) => Ok(text),
        Err(error) => {
            Err(RulesFileError::Unreadable { path: path.to_owned(), reason: error.to_string() })
        }
    }
}

fn parse(path: &Path, text: &str) -> Result<Rules, RulesFileError> {
    Rules::parse(text).map_err(|error| RulesFileError::Wrong { path: path.to_owned(), error })
}

fn warn(path: &Path, rules: &Rules) {
    for warning in rules.warnings() {
        tracing::warn!(file = %path.display(), line = warning.line(), "{warning}");
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    const ONE: &str = "[[rules]]\nallow = ['pull']\nanyone = true\nguns = ['**']\n";

    fn live(text: &str) -> (LiveRules, tempfile::TempDir) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("rules.toml");
        fs::write(&path, text).unwrap();
        (LiveRules::load(&path).unwrap(), dir)
    }

    #[test]
    fn a_change_is_taken_over_at_the_second_look_that_finds_it() {
        let (rules, _dir) = live(ONE);
        fs::write(rules.path(), ONE.repeat(2)).unwrap();
        rules.look();
        assert_eq!(rules.count(), 1);
        fs::write(rules.path(), ONE.repeat(3)).unwrap();
        rules.look();
        assert_eq!(rules.count(), 1, "the file was still being written");
        rules.look();
        assert_eq!(rules.count(), 3);
    }

    #[test]
    fn a_change_is_taken_over_at_once_when_somebody_asks() {
        let (rules, _dir) = live(ONE);
        fs::write(rules.path(), ONE.repeat(2)).unwrap();
        rules.reread();
        assert_eq!(rules.count(), 2);
    }

    #[test]
    fn the_last_good_rules_stay_when_the_file_is_bad_or_gone_and_that_can_be_seen() {
        let (rules, _dir) = live(ONE);
        fs::write(rules.path(), "[[rules]]\n").unwrap();
        rules.look();
        assert!(!rules.is_stale());
        rules.look();
        assert_eq!((rules.count(), rules.is_stale()), (1, true));
        fs::remove_file(rules.path()).unwrap();
        rules.look();
        rules.look();
        assert_eq!((rules.count(), rules.is_stale()), (1, true));
        fs::write(rules.path(), ONE).unwrap();
        rules.look();
        rules.look();
        assert_eq!((rules.count(), rules.is_stale()), (1, false));
    }

    #[test]
    fn a_file_that_cannot_be_used_is_named_with_the_place_in_it() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("rules.toml");
        let refused = |path: &Path| read_rules(path).unwrap_err().to_string();
        assert!(refused(&path).contains("rules.toml cannot be read (No such file"));
        assert!(refused(dir.path()).contains("cannot be read (is a directory)"));
        fs::write(&path, "\nfoo = 1\n").unwrap();
        assert!(refused(&path).contains("rules.toml:2:1: unknown key"));
        fs::write(&path, [0xff]).unwrap();
        assert!(refused(&path).contains("valid UTF-8"));
        fs::write(&path, vec![b'#'; RULES_MAX_BYTES + 2]).unwrap();
        assert!(refused(&path).contains("rules.toml:1:1: the file has more than"));
    }
}
