//! The secrets that seal rows, and the aliases that rows name them by.
//!
//! Never in here: where a passphrase comes from (file or environment).
//!
//! Source: signer spec 3.4; contract section 1 (alias of new rows).

use std::collections::HashMap;
use std::fmt;

use secrecy::{ExposeSecret as _, SecretString};

/// The alias of new rows: the Go signer opens them with `NOTARY_SIGNER_COUNTERSIGN`.
pub const DEFAULT_ALIAS: &str = "countersign";

/// A passphrase that seals keys: at least one byte, used exactly as given. Wiped when dropped;
/// printing it gives no part of it.
pub struct Passphrase(SecretString);

impl Passphrase {
    /// A passphrase; `None` when `text` is empty, which counts as not set.
    #[must_use]
    pub fn new(text: SecretString) -> Option<Self> {
        (!text.expose_secret().is_empty()).then_some(Self(text))
    }

    /// The UTF-8 bytes that keys are derived from.
    pub(super) fn expose_bytes(&self) -> &[u8] {
        self.0.expose_secret().as_bytes()
    }
}

impl fmt::Debug for Passphrase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Passphrase(secret)")
    }
}

/// Every passphrase that rows may be sealed under, by alias.
///
/// Aliases are compared as the Go signer compares them: it reads the passphrase of alias `a.B`
/// from `NOTARY_SIGNER_A_B`, so case, and the difference between `.` and `_`, do not matter.
#[derive(Debug)]
pub struct Passphrases {
    default_alias: String,
    default: Passphrase,
    others: HashMap<String, Passphrase>,
}

impl Passphrases {
    /// One passphrase, which seals new rows under `default_alias` (stored as it is spelt here).
    #[must_use]
    pub fn new(default_alias: &str, passphrase: Passphrase) -> Self {
        Self {
            default_alias: default_alias.to_owned(),
            default: passphrase,
            others: HashMap::new(),
        }
    }

    /// The same with one more, which opens rows of `alias` and seals none. Replaces the one that
    /// was given for that alias before; the default's stays.
    #[must_use]
    pub fn with(mut self, alias: &str, passphrase: Passphrase) -> Self {
        if folded(alias) != folded(&self.default_alias) {
            self.others.insert(folded(alias), passphrase);
        }
        self
    }

    /// The alias of new rows.
    pub(super) fn default_alias(&self) -> &str {
        &self.default_alias
    }

    /// The passphrase of new rows.
    pub(super) fn default(&self) -> &Passphrase {
        &self.default
    }

    /// The passphrase of rows that name `alias`.
    pub(super) fn of(&self, alias: &str) -> Option<&Passphrase> {
        if folded(alias) == folded(&self.default_alias) {
            return Some(&self.default);
        }
        self.others.get(&folded(alias))
    }

    /// All of them, the default first.
    pub(super) fn all(&self) -> impl Iterator<Item = &Passphrase> {
        std::iter::once(&self.default).chain(self.others.values())
    }
}

/// The environment variable from which Notary takes the passphrase of `alias`.
pub(super) fn variable_of(alias: &str) -> String {
    format!("NOTARY_SIGNER_{}", folded(alias))
}

fn folded(alias: &str) -> String {
    alias.to_uppercase().replace('.', "_")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn passphrase(text: &str) -> Passphrase {
        Passphrase::new(text.into()).unwrap()
    }

    #[test]
    fn empty_text_is_no_passphrase() {
        assert!(Passphrase::new("".into()).is_none());
    }

    #[test]
    fn aliases_are_compared_as_environment_variables() {
        let ring = Passphrases::new("Time.stamp_1", passphrase("one"))
            .with("timestamp_2", passphrase("two"));
        assert_eq!(ring.of("TIME_STAMP_1").unwrap().expose_bytes(), b"one");
        assert_eq!(ring.of("Timestamp_2").unwrap().expose_bytes(), b"two");
        assert!(ring.of("timestamp-2").is_none());
        assert_eq!(variable_of("Time.stamp_1"), "NOTARY_SIGNER_TIME_STAMP_1");
    }

    #[test]
    fn another_spelling_of_the_default_alias_does_not_replace_it() {
        let ring = Passphrases::new("countersign", passphrase("one"))
            .with("COUNTERSIGN", passphrase("two"));
        assert_eq!(ring.of("countersign").unwrap().expose_bytes(), b"one");
        assert_eq!(ring.all().count(), 1);
    }

    #[test]
    fn debug_of_passphrases_shows_no_secret() {
        let ring = Passphrases::new("countersign", passphrase("planted-one"))
            .with("old", passphrase("planted-two"));
        assert!(!format!("{ring:?} {:#?}", passphrase("planted-three")).contains("planted"));
    }
}
