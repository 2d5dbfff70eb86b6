//! From a passphrase to the content key: PBKDF2, then AES key wrap.
//!
//! Source: signer spec 3.2; RFC 7518 section 4.8 (PBES2), RFC 3394 (key wrap).

use aes_kw::{KeyInit as _, KwAes128, KwAes192, KwAes256};
use pbkdf2::pbkdf2_hmac;
use sha2::{Sha256, Sha384, Sha512};
use thiserror::Error;
use zeroize::Zeroizing;

use super::fault::Fault;
use super::jwe_header::{ContentAlg, JweHeader, KeyWrapAlg};
use super::passphrase::Passphrase;

/// The length of the salt of new tokens: 12 bytes, as the Go signer writes.
pub(super) const SALT_BYTES: usize = 12;

/// What key wrap adds to the key (RFC 3394: one semiblock).
const WRAP_OVERHEAD_BYTES: usize = 8;

/// How many PBKDF2 rounds seal a new row (`p2c`): 1,000 to 10,000,000, by default 8,192.
///
/// The default suits a generated passphrase of 256 bits; more rounds help only a passphrase that
/// a person chose, and cost that much at every first use of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rounds(u32);

/// The number of rounds is out of range.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("{0} derivation rounds: give {min} to {max}", min = Rounds::MIN, max = Rounds::MAX)]
pub struct BadRounds(pub u64);

impl Rounds {
    /// The fewest that a new row is sealed with (RFC 7518 section 4.8.1.2).
    pub const MIN: u32 = 1_000;
    /// The most that are ever done, for new and for stored rows.
    pub const MAX: u32 = 10_000_000;

    /// A number of rounds.
    ///
    /// # Errors
    /// [`BadRounds`] outside [`Self::MIN`] to [`Self::MAX`].
    pub fn new(rounds: u64) -> Result<Self, BadRounds> {
        u32::try_from(rounds)
            .ok()
            .filter(|rounds| (Self::MIN..=Self::MAX).contains(rounds))
            .map(Self)
            .ok_or(BadRounds(rounds))
    }

    /// The number.
    #[must_use]
    pub fn get(self) -> u32 {
        self.0
    }
}

impl Default for Rounds {
    fn default() -> Self {
        Self(8_192)
    }
}

/// Wraps the content key `cek` under the header of a new token, whose key wrap is AES-128.
pub(super) fn wrap(
    header: &JweHeader,
    passphrase: &Passphrase,
    cek: &[u8],
) -> Result<Vec<u8>, Fault> {
    let failed = Fault::Sealing("the content key cannot be wrapped");
    let kek = passphrase.derived().key(header, || derive(header, passphrase));
    let mut wrapped = vec![0; cek.len().saturating_add(WRAP_OVERHEAD_BYTES)];
    KwAes128::new_from_slice(&kek)
        .map_err(|_| failed.clone())?
        .wrap_key(cek, &mut wrapped)
        .map_err(|_| failed)?;
    Ok(wrapped)
}

/// Unwraps the content key. Its length is checked first, so that nothing is derived for a token
/// that cannot open.
pub(super) fn unwrap(
    header: &JweHeader,
    passphrase: &Passphrase,
    wrapped: &[u8],
) -> Result<Zeroizing<Vec<u8>>, Fault> {
    #[cfg(test)]
    counts::count_opened(passphrase.expose_bytes());
    let key_bytes = ContentAlg::key_bytes(header.enc);
    if wrapped.len() != key_bytes.saturating_add(WRAP_OVERHEAD_BYTES) {
        return Err(Fault::Token("the wrapped key has the wrong length"));
    }
    let kek = passphrase.derived().key(header, || derive(header, passphrase));
    let mut cek = Zeroizing::new(vec![0; key_bytes]);
    let done = match header.alg {
        KeyWrapAlg::Hs256A128 => {
            KwAes128::new_from_slice(&kek).map(|kw| kw.unwrap_key(wrapped, &mut cek).is_ok())
        }
        KeyWrapAlg::Hs384A192 => {
            KwAes192::new_from_slice(&kek).map(|kw| kw.unwrap_key(wrapped, &mut cek).is_ok())
        }
        KeyWrapAlg::Hs512A256 => {
            KwAes256::new_from_slice(&kek).map(|kw| kw.unwrap_key(wrapped, &mut cek).is_ok())
        }
    };
    match done {
        Ok(true) => Ok(cek),
        Ok(false) | Err(_) => Err(Fault::DoesNotOpen),
    }
}

/// The key-wrapping key. The salt is bound to the algorithm's name.
fn derive(header: &JweHeader, passphrase: &Passphrase) -> Zeroizing<Vec<u8>> {
    let salt = [header.alg.as_str().as_bytes(), &[0], &header.salt].concat();
    let (secret, rounds) = (passphrase.expose_bytes(), header.rounds);
    #[cfg(test)]
    counts::count_derived(secret);
    let mut kek = Zeroizing::new(Vec::new());
    match header.alg {
        KeyWrapAlg::Hs256A128 => {
            kek.resize(16, 0);
            pbkdf2_hmac::<Sha256>(secret, &salt, rounds, &mut kek);
        }
        KeyWrapAlg::Hs384A192 => {
            kek.resize(24, 0);
            pbkdf2_hmac::<Sha384>(secret, &salt, rounds, &mut kek);
        }
        KeyWrapAlg::Hs512A256 => {
            kek.resize(32, 0);
            pbkdf2_hmac::<Sha512>(secret, &salt, rounds, &mut kek);
        }
    }
    kek
}

/// What was done with a passphrase, by all tests of this process: for tests of what signatures
/// cost.
#[cfg(test)]
pub(super) mod counts {
    use std::collections::HashMap;
    use std::sync::Mutex;

    type Counts = Mutex<Option<HashMap<Vec<u8>, usize>>>;

    static DERIVED: Counts = Mutex::new(None);
    static OPENED: Counts = Mutex::new(None);

    fn count(counts: &Counts, secret: &[u8]) {
        let mut counts = counts.lock().unwrap();
        *counts.get_or_insert_default().entry(secret.to_vec()).or_default() += 1;
    }

    fn of(counts: &Counts, secret: &str) -> usize {
        let counts = counts.lock().unwrap();
        counts.as_ref().and_then(|all| all.get(secret.as_bytes())).copied().unwrap_or_default()
    }

    pub(super) fn count_derived(secret: &[u8]) {
        count(&DERIVED, secret);
    }

    pub(super) fn count_opened(secret: &[u8]) {
        count(&OPENED, secret);
    }

    /// How many keys were derived from it.
    pub(in super::super) fn derived(secret: &str) -> usize {
        of(&DERIVED, secret)
    }

    /// How many rows were to be opened with it.
    pub(in super::super) fn opened(secret: &str) -> usize {
        of(&OPENED, secret)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rounds_out_of_range_are_refused() {
        assert_eq!(Rounds::new(999), Err(BadRounds(999)));
        assert_eq!(Rounds::new(1_000).unwrap().get(), 1_000);
        assert_eq!(Rounds::new(10_000_000).unwrap().get(), 10_000_000);
        assert_eq!(Rounds::new(10_000_001), Err(BadRounds(10_000_001)));
        assert_eq!(Rounds::new(u64::MAX), Err(BadRounds(u64::MAX)));
    }

    /// Contract section 3.
    #[test]
    fn default_is_8192_rounds() {
        assert_eq!(Rounds::default().get(), 8_192);
    }
}
