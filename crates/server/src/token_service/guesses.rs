//! How often somebody may be wrong about a password: by address, and by the name that is tried.
//!
//! A guess is spent before the password is looked at and given back when it was right, so only
//! wrong ones count, and asking for many at once gains nothing. Names that are no user's are
//! counted as those of users are.

use std::collections::HashMap;
use std::hash::Hash;
use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use ring::digest::{SHA256, digest};
use tokio::time::Instant;

use super::{GuessLimits, LoginFault};
use crate::budgets::{MAX_HOLDERS, network, whole_seconds};

/// How long a full table is not looked through again for what can be forgotten.
const SWEEP_PAUSE: Duration = Duration::from_secs(1);

pub(super) struct Guesses {
    addresses: Budgets<IpAddr>,
    names: Budgets<[u8; 32]>,
}

/// A guess that was spent.
pub(super) struct Guess {
    address: Option<IpAddr>,
    name: [u8; 32],
}

impl Guesses {
    pub(super) fn new(limits: &GuessLimits) -> Self {
        Self {
            addresses: Budgets::new(limits.per_address.get(), limits.window),
            names: Budgets::new(limits.per_user.get(), limits.window),
        }
    }

    /// Spends one guess of `address` and one about `name`.
    pub(super) fn spend(
        &self,
        address: Option<IpAddr>,
        name: &str,
        now: Instant,
    ) -> Result<Guess, LoginFault> {
        let guess = Guess { address: address.map(network), name: digest_of(name) };
        let wait = |wait: Duration| LoginFault::TooManyGuesses { wait: whole_seconds(wait) };
        self.addresses.spend(guess.address.as_ref(), now).map_err(wait)?;
        if let Err(left) = self.names.spend(Some(&guess.name), now) {
            self.addresses.give_back(guess.address.as_ref());
            return Err(wait(left));
        }
        Ok(guess)
    }

    pub(super) fn give_back(&self, guess: &Guess) {
        self.addresses.give_back(guess.address.as_ref());
        self.names.give_back(Some(&guess.name));
    }
}

/// One budget for each key. A budget is the moment at which it will be whole again.
struct Budgets<K> {
    /// The time in which one guess comes back.
    each: Duration,
    /// The time in which all come back.
    all: Duration,
    table: Mutex<Table<K>>,
}

struct Table<K> {
    whole_at: HashMap<K, Instant>,
    /// The budget of those that are not told apart.
    shared: Option<Instant>,
    swept: Option<Instant>,
}

impl<K: Eq + Hash + Clone> Budgets<K> {
    fn new(count: u32, window: Duration) -> Self {
        let each = window / count.max(1);
        let table = Table { whole_at: HashMap::new(), shared: None, swept: None };
        Self { each, all: each * count, table: Mutex::new(table) }
    }

    /// Spends one, or says how long there is none.
    fn spend(&self, key: Option<&K>, now: Instant) -> Result<(), Duration> {
        let mut table = self.table();
        let known = key.filter(|key| table.whole_at.contains_key(key) || table.has_room(now));
        let stored = match known {
            Some(key) => table.whole_at.get(key).copied(),
            None => table.shared,
        };
        let whole_at = stored.map_or(now, |at| at.max(now)) + self.each;
        let soonest = now + self.all;
        if whole_at > soonest {
            return Err(whole_at - soonest);
        }
        match known {
            Some(key) => {
                table.whole_at.insert(key.clone(), whole_at);
            }
            None => table.shared = Some(whole_at),
        }
        Ok(())
    }

    fn give_back(&self, key: Option<&K>) {
        let mut table = self.table();
        let stored = match key {
            Some(key) if table.whole_at.contains_key(key) => table.whole_at.get_mut(key),
            _ => table.shared.as_mut(),
        };
        if let Some(whole_at) = stored {
            *whole_at = whole_at.checked_sub(self.each).unwrap_or(*whole_at);
        }
    }

    fn table(&self) -> MutexGuard<'_, Table<K>> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<K: Eq + Hash> Table<K> {
    /// Whether one more can be told apart; forgets those whose budget is whole where that is needed.
    fn has_room(&mut self, now: Instant) -> bool {
        if self.whole_at.len() < MAX_HOLDERS {
            return true;
        }
        if self.swept.is_none_or(|swept| now.duration_since(swept) >= SWEEP_PAUSE) {
            self.swept = Some(now);
            self.whole_at.retain(|_, whole_at| *whole_at > now);
        }
        self.whole_at.len() < MAX_HOLDERS
    }
}

/// Names are as long as clients like; this is not.
fn digest_of(name: &str) -> [u8; 32] {
    let mut bytes = [0; 32];
    for (to, from) in bytes.iter_mut().zip(digest(&SHA256, name.as_bytes()).as_ref()) {
        *to = *from;
    }
    bytes
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;
    use std::num::NonZeroU32;

    use super::*;

    /// Three by address and five by name, all back within a minute.
    fn guesses() -> Guesses {
        let count = |count| NonZeroU32::new(count).unwrap();
        let window = Duration::from_secs(60);
        Guesses::new(&GuessLimits { per_address: count(3), per_user: count(5), window })
    }

    fn address(text: &str) -> Option<IpAddr> {
        Some(text.parse().unwrap())
    }

    fn refused(outcome: Result<Guess, LoginFault>) -> u64 {
        match outcome {
            Err(LoginFault::TooManyGuesses { wait }) => wait,
            Err(other) => panic!("{other:?}"),
            Ok(_) => panic!("one more was let pass"),
        }
    }

    #[test]
    fn an_address_is_let_guess_a_few_times_and_again_after_a_while() {
        let (guesses, now) = (guesses(), Instant::now());
        for name in ["a", "b", "c"] {
            guesses.spend(address("192.0.2.1"), name, now).unwrap();
        }
        assert_eq!(refused(guesses.spend(address("192.0.2.1"), "d", now)), 20);
        let later = now + Duration::from_secs(19);
        assert_eq!(refused(guesses.spend(address("192.0.2.1"), "d", later)), 1);
        let later = now + Duration::from_secs(20);
        guesses.spend(address("192.0.2.1"), "d", later).unwrap();
        refused(guesses.spend(address("192.0.2.1"), "d", later));
        guesses.spend(address("192.0.2.2"), "d", now).unwrap();
    }

    #[test]
    fn a_name_is_guessed_about_a_few_times_from_wherever() {
        let (guesses, now) = (guesses(), Instant::now());
        for last in 0..5 {
            guesses.spend(Some(Ipv4Addr::new(192, 0, 2, last).into()), "alice", now).unwrap();
        }
        assert_eq!(refused(guesses.spend(address("192.0.2.9"), "alice", now)), 12);
        // The refused one was none of its own.
        for name in ["a", "b", "c"] {
            guesses.spend(address("192.0.2.9"), name, now).unwrap();
        }
    }

    #[test]
    fn what_was_right_costs_nothing() {
        let (guesses, now) = (guesses(), Instant::now());
        for _ in 0..100 {
            let guess = guesses.spend(address("192.0.2.1"), "alice", now).unwrap();
            guesses.give_back(&guess);
        }
        for _ in 0..3 {
            guesses.spend(address("192.0.2.1"), "alice", now).unwrap();
        }
        refused(guesses.spend(address("192.0.2.1"), "alice", now));
    }

    #[test]
    fn a_network_of_64_bits_and_those_without_an_address_are_one_each() {
        let (guesses, now) = (guesses(), Instant::now());
        for (last, name) in ["a", "b", "c"].into_iter().enumerate() {
            guesses.spend(address(&format!("2001:db8::{last}")), name, now).unwrap();
            guesses.spend(None, name, now).unwrap();
        }
        refused(guesses.spend(address("2001:db8::ffff:1"), "d", now));
        refused(guesses.spend(None, "d", now));
        guesses.spend(address("2001:db8:0:1::1"), "d", now).unwrap();
    }

    #[test]
    fn memory_is_bounded_and_a_table_that_is_full_of_old_ones_is_cleared() {
        let (budgets, now) = (Budgets::new(3, Duration::from_secs(60)), Instant::now());
        for key in 0..MAX_HOLDERS {
            budgets.spend(Some(&key), now).unwrap();
        }
        for key in MAX_HOLDERS..MAX_HOLDERS + 3 {
            budgets.spend(Some(&key), now).unwrap();
        }
        budgets.spend(Some(&(MAX_HOLDERS + 4)), now).unwrap_err();
        assert_eq!(budgets.table().whole_at.len(), MAX_HOLDERS);
        budgets.spend(Some(&7), now).unwrap();
        let later = now + Duration::from_secs(60);
        budgets.spend(Some(&(MAX_HOLDERS + 4)), later).unwrap();
        assert!(budgets.table().whole_at.len() < 3, "all but the last one were whole again");
    }
}
