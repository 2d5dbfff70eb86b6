//! A secret that seals rows, and the aliases that rows name it by.
//!
//! Source: signer spec 3.4; contract section 1 (alias of new rows).

use std::fmt;

use secrecy::{ExposeSecret as _, SecretString};
use subtle::ConstantTimeEq as _;

use super::derived_keys::DerivedKeys;

/// The alias of new rows: the Go signer opens them with `NOTARY_SIGNER_COUNTERSIGN`.
pub const DEFAULT_ALIAS: &str = "countersign";

/// A passphrase that seals keys: at least one byte, used exactly as given. Wiped when dropped;
/// printing it gives no part of it.
pub struct Passphrase {
    text: SecretString,
    derived: DerivedKeys,
}

impl Passphrase {
    /// A passphrase; `None` when `text` is empty, which counts as not set.
    #[must_use]
    pub fn new(text: SecretString) -> Option<Self> {
        (!text.expose_secret().is_empty()).then(|| Self { text, derived: DerivedKeys::default() })
    }

    /// The UTF-8 bytes that keys are derived from.
    pub(super) fn expose_bytes(&self) -> &[u8] {
        self.text.expose_secret().as_bytes()
    }

    /// The keys that were derived from it.
    pub(super) fn derived(&self) -> &DerivedKeys {
        &self.derived
    }

    /// Whether both are the same text.
    pub(super) fn is(&self, other: &Self) -> bool {
        self.expose_bytes().ct_eq(other.expose_bytes()).into()
    }
}

impl fmt::Debug for Passphrase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Passphrase(secret)")
    }
}

/// The environment variable from which Notary takes the passphrase of `alias`.
pub(super) fn variable_of(alias: &str) -> String {
    format!("NOTARY_SIGNER_{}", folded(alias))
}

/// The alias in the form in which aliases are compared.
pub(super) fn folded(alias: &str) -> String {
    alias.to_uppercase().replace('.', "_")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn empty_text_is_no_passphrase() {
        assert!(Passphrase::new("".into()).is_none());
    }

    #[test]
    fn the_variable_of_an_alias_is_the_one_that_notary_reads() {
        assert_eq!(variable_of("Time.stamp_1"), "NOTARY_SIGNER_TIME_STAMP_1");
    }
}
