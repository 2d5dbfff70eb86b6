//! The keys that wrap content keys, derived from one passphrase and kept in memory.
//!
//! A derivation is slow on purpose, for whoever guesses passphrases. All rows of a database are
//! sealed under one passphrase: who guesses needs one row of them, so a salt for each row would
//! make no guess dearer. A process therefore seals many rows with one salt, and derives once for
//! them. The content key of each row is random all the same, and so is its IV.
//!
//! What is kept opens no more than the passphrase does, which is in memory too. It is wiped when
//! it makes room, and together with the passphrase.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use zeroize::Zeroizing;

use super::fault::Fault;
use super::jwe_header::{JweHeader, KeyWrapAlg};
use super::key_wrap::{Rounds, SALT_BYTES};

/// How many rows one salt is for. A wrapping key that memory has damaged spoils no more.
const ROWS_PER_SALT: u32 = 1_024;

/// How many derived keys are kept: those of as many salts.
const KEPT: usize = 64;

/// The keys of one passphrase.
#[derive(Default)]
pub(super) struct DerivedKeys(Mutex<State>);

#[derive(Default)]
struct State {
    /// The latest last.
    kept: VecDeque<Derived>,
    sealing: Option<Sealing>,
}

struct Derived {
    alg: KeyWrapAlg,
    rounds: u32,
    salt: Vec<u8>,
    key: WrappingKey,
}

/// A key that wraps content keys.
pub(super) type WrappingKey = Arc<Zeroizing<Vec<u8>>>;

/// The salt of new rows.
struct Sealing {
    rounds: Rounds,
    salt: [u8; SALT_BYTES],
    left: u32,
}

impl DerivedKeys {
    /// The salt of the next row that is sealed in so many rounds; `fresh` makes one.
    pub(super) fn salt(
        &self,
        rounds: Rounds,
        fresh: impl FnOnce() -> Result<[u8; SALT_BYTES], Fault>,
    ) -> Result<[u8; SALT_BYTES], Fault> {
        let mut state = self.state();
        if let Some(sealing) = state.sealing.as_mut().filter(|sealing| sealing.rounds == rounds)
            && let Some(left) = sealing.left.checked_sub(1)
        {
            sealing.left = left;
            return Ok(sealing.salt);
        }
        let salt = fresh()?;
        state.sealing = Some(Sealing { rounds, salt, left: ROWS_PER_SALT.saturating_sub(1) });
        Ok(salt)
    }

    /// The key of what `header` names, which `derive` makes if it is not kept.
    pub(super) fn key(
        &self,
        header: &JweHeader,
        derive: impl FnOnce() -> Zeroizing<Vec<u8>>,
    ) -> WrappingKey {
        let is_meant = |kept: &Derived| {
            (kept.alg, kept.rounds) == (header.alg, header.rounds) && kept.salt == header.salt
        };
        let found =
            self.state().kept.iter().find(|kept| is_meant(kept)).map(|kept| kept.key.clone());
        if let Some(key) = found {
            return key;
        }
        // Not while others wait: it takes milliseconds.
        let key = Arc::new(derive());
        let mut state = self.state();
        state.kept.retain(|kept| !is_meant(kept));
        if state.kept.len() >= KEPT {
            state.kept.pop_front();
        }
        let (alg, rounds, salt) = (header.alg, header.rounds, header.salt.clone());
        state.kept.push_back(Derived { alg, rounds, salt, key: Arc::clone(&key) });
        key
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for DerivedKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DerivedKeys(secret)")
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::super::jwe;
    use super::super::key_wrap::counts;
    use super::super::passphrase::Passphrase;
    use super::*;

    fn passphrase(text: &str) -> Passphrase {
        Passphrase::new(text.into()).unwrap()
    }

    fn quick() -> Rounds {
        Rounds::new(1_000).unwrap()
    }

    #[test]
    fn rows_of_one_passphrase_are_derived_once_and_share_nothing_but_the_salt() {
        let secret = "derived in this test alone";
        let (one, other) = (passphrase(secret), passphrase(secret));
        let tokens: Vec<_> =
            (0..8).map(|_| jwe::seal(b"content", &one, quick()).unwrap()).collect();
        assert_eq!(counts::derived(secret), 1);
        let parts = |place: usize| {
            let part = |token: &Vec<u8>| token.split(|b| *b == b'.').nth(place).unwrap().to_vec();
            tokens.iter().map(part).collect::<BTreeSet<_>>().len()
        };
        assert_eq!([0, 1, 2, 3, 4].map(parts), [1, 8, 8, 8, 8]);
        for token in &tokens {
            assert_eq!(jwe::open(token, &one).unwrap().as_slice(), b"content");
        }
        assert_eq!(counts::derived(secret), 1);
        for token in &tokens {
            assert_eq!(jwe::open(token, &other).unwrap().as_slice(), b"content");
        }
        assert_eq!(counts::derived(secret), 2, "another process derives it too, once");
    }

    #[test]
    fn a_salt_is_for_so_many_rows_of_so_many_rounds() {
        let keys = DerivedKeys::default();
        let mut made = 0_u8;
        let mut salt = |rounds: u64| {
            let fresh = || {
                made += 1;
                Ok([made; SALT_BYTES])
            };
            keys.salt(Rounds::new(rounds).unwrap(), fresh).unwrap()[0]
        };
        for _ in 0..ROWS_PER_SALT {
            assert_eq!(salt(1_000), 1);
        }
        assert_eq!(salt(1_000), 2);
        assert_eq!(salt(2_000), 3);
        assert_eq!(salt(1_000), 4);
    }

    #[test]
    fn no_more_keys_are_kept_than_may_be_and_each_is_that_of_its_header() {
        let keys = DerivedKeys::default();
        let key = |salt: u8, made: u8| {
            let header = JweHeader::of_new(quick(), [salt; SALT_BYTES]);
            keys.key(&header, || Zeroizing::new(vec![made]))[0]
        };
        for salt in 0..100 {
            assert_eq!(key(salt, salt), salt);
        }
        assert_eq!(keys.state().kept.len(), KEPT);
        assert_eq!(key(99, 0), 99, "kept");
        assert_eq!(key(0, 7), 7, "it made room and is derived anew");
    }

    #[test]
    fn nothing_kept_is_shown() {
        let secret = passphrase("shown nowhere");
        jwe::seal(b"content", &secret, quick()).unwrap();
        assert_eq!(format!("{secret:?}"), "Passphrase(secret)");
    }
}
