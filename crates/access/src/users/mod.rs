//! The users of the built-in token service, and whether a password is theirs.
//!
//! Never in here: where the file is, and how often somebody may guess.
//! Whoever asks learns from neither answer nor time whether a user exists: every check takes one
//! evaluation of bcrypt for each cost that the file has, whoever is named and whatever the password.

mod file;
mod hash;

use std::collections::BTreeMap;
use std::fmt;

pub use file::{BadName, Format, Problem, UsersError};
pub use hash::{
    BadHash, MAX_COST, MAX_PASSWORD_BYTES, NEW_HASH_COST, Password, PasswordHash, Unhashable,
};

/// Whether a password fits a hash: [`PasswordHash::fits`], or what a test counts with.
pub type Evaluate<'a> = dyn Fn(&PasswordHash, &Password) -> bool + 'a;

/// Who exists, and the hash of each one's password. Printing it tells only how many there are.
pub struct Users {
    hashes: BTreeMap<String, PasswordHash>,
    /// For each cost that the file has, a hash that no password fits.
    fillers: Vec<PasswordHash>,
}

impl Users {
    /// The users in the text of a file.
    ///
    /// # Errors
    /// [`UsersError`], with the line and what to do.
    pub fn parse(text: &str, format: Format) -> Result<Self, UsersError> {
        let hashes = match format {
            Format::Htpasswd => file::of_htpasswd(text)?,
            Format::Toml => file::of_toml(text)?,
        };
        Ok(Self::of(hashes))
    }

    fn of(hashes: BTreeMap<String, PasswordHash>) -> Self {
        let mut costs: Vec<u32> = hashes.values().map(PasswordHash::cost).collect();
        costs.sort_unstable();
        costs.dedup();
        if costs.is_empty() {
            costs.push(NEW_HASH_COST);
        }
        Self { hashes, fillers: costs.into_iter().map(PasswordHash::of_nobody).collect() }
    }

    /// How many there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.hashes.len()
    }

    /// The user called `name`, if `password` is theirs. Takes as long as the costs in the file
    /// say, up to seconds: never on a thread that serves requests.
    #[must_use]
    pub fn check(
        &self,
        name: &str,
        password: &Password,
        evaluate: &Evaluate<'_>,
    ) -> Option<(&str, &PasswordHash)> {
        let found = self.hashes.get_key_value(name).filter(|_| password.can_be_right());
        let mut right = false;
        for filler in &self.fillers {
            match found {
                Some((_, hash)) if hash.cost() == filler.cost() => {
                    right = evaluate(hash, password);
                }
                _ => {
                    evaluate(filler, password);
                }
            }
        }
        found.filter(|_| right).map(|(name, hash)| (name.as_str(), hash))
    }

    /// The user called `name`, whatever the password.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<(&str, &PasswordHash)> {
        self.hashes.get_key_value(name).map(|(name, hash)| (name.as_str(), hash))
    }

    /// The lowest cost in the file.
    #[must_use]
    pub fn least_cost(&self) -> Option<u32> {
        self.hashes.values().map(PasswordHash::cost).min()
    }
}

impl fmt::Debug for Users {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Users({})", self.hashes.len())
    }
}

#[cfg(test)]
mod tests;
