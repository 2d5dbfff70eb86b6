//! Passwords, and their hashes by bcrypt.

use std::fmt;

use secrecy::{ExposeSecret as _, SecretString};
use thiserror::Error;

/// The most bytes of a password; bcrypt looks at no more.
pub const MAX_PASSWORD_BYTES: usize = 72;

/// The highest cost of a hash that is taken from a file: about a second of one processor. Every
/// check of any password takes as long as the slowest one.
pub const MAX_COST: u32 = 14;

/// The cost of hashes that we make: about a tenth of a second.
pub const NEW_HASH_COST: u32 = 11;

/// The lowest cost that there is.
const MIN_COST: u32 = 4;

/// The length of every hash, in bytes.
const HASH_BYTES: usize = 60;

/// A password as a client sent it. Wiped when dropped; printing it gives no part of it.
pub struct Password(SecretString);

impl Password {
    /// Any text, of any length.
    #[must_use]
    pub fn new(text: String) -> Self {
        Self(SecretString::from(text))
    }

    /// Whether some user may have it: what is longer than bcrypt looks at would count for whatever
    /// begins the same, and so would what holds a NUL in other programs.
    #[must_use]
    pub fn can_be_right(&self) -> bool {
        let bytes = self.bytes();
        !bytes.is_empty() && bytes.len() <= MAX_PASSWORD_BYTES && !bytes.contains(&0)
    }

    fn bytes(&self) -> &[u8] {
        self.0.expose_secret().as_bytes()
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(secret)")
    }
}

/// A hash of a password by bcrypt. Printing it tells only its cost.
#[derive(Clone, PartialEq, Eq)]
pub struct PasswordHash {
    text: Box<str>,
    cost: u32,
}

/// Why a text is no hash that counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum BadHash {
    /// Another scheme, or no hash at all.
    #[error(
        "the password is not hashed by bcrypt ($2y$, $2b$ or $2a$): make a new hash with \
         `countersign access hash` or `htpasswd -B`"
    )]
    OtherScheme,
    /// It begins as a hash by bcrypt does and is none.
    #[error(
        "the hash is no whole hash by bcrypt, which has {HASH_BYTES} characters: make a new one \
         with `countersign access hash` or `htpasswd -B`"
    )]
    Damaged,
    /// A check would take too long.
    #[error(
        "the hash has a cost of {0}, and every login would take as long: make a new one of at most \
         {MAX_COST} with `countersign access hash` or `htpasswd -B -C 11`"
    )]
    TooCostly(u32),
}

/// Why a password has no hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum Unhashable {
    /// It is empty, too long, or holds a NUL.
    #[error("a password has 1 to {MAX_PASSWORD_BYTES} bytes, none of them NUL: choose another one")]
    Password,
    /// The system is in trouble.
    #[error("the system gave no randomness")]
    NoRandomness,
}

impl PasswordHash {
    /// A hash from a file.
    ///
    /// # Errors
    /// [`BadHash`] when it is by another scheme, damaged or too costly.
    pub fn parse(text: &str) -> Result<Self, BadHash> {
        let scheme = ["$2y$", "$2b$", "$2a$"].iter().find_map(|scheme| text.strip_prefix(scheme));
        let rest = scheme.ok_or(BadHash::OtherScheme)?;
        let (cost, _) = rest.split_once('$').ok_or(BadHash::Damaged)?;
        let two_digits = cost.len() == 2 && cost.bytes().all(|byte| byte.is_ascii_digit());
        let cost: u32 = match cost.parse() {
            Ok(cost) if two_digits && cost >= MIN_COST => cost,
            _ => return Err(BadHash::Damaged),
        };
        if text.parse::<bcrypt::HashParts>().is_err() {
            return Err(BadHash::Damaged);
        }
        if cost > MAX_COST {
            return Err(BadHash::TooCostly(cost));
        }
        Ok(Self { text: text.into(), cost })
    }

    /// A new hash of `password`, with a salt from the system.
    ///
    /// # Errors
    /// [`Unhashable`] when no user could log in with it.
    pub fn make(password: &Password) -> Result<Self, Unhashable> {
        Self::make_at(password, NEW_HASH_COST)
    }

    pub(super) fn make_at(password: &Password, cost: u32) -> Result<Self, Unhashable> {
        if !password.can_be_right() {
            return Err(Unhashable::Password);
        }
        let made = bcrypt::hash_with_result(password.bytes(), cost)
            .map_err(|_| Unhashable::NoRandomness)?;
        Ok(Self { text: made.format_for_version(bcrypt::Version::TwoY).into(), cost })
    }

    /// What a check of an unknown user is made with: no password fits it.
    pub(super) fn of_nobody(cost: u32) -> Self {
        let text = format!("$2b${cost:02}${}", ".".repeat(53)).into();
        Self { text, cost }
    }

    /// Whether it is the hash of `password`. Takes long, on purpose.
    #[must_use]
    pub fn fits(&self, password: &Password) -> bool {
        bcrypt::verify(password.bytes(), &self.text).unwrap_or(false)
    }

    /// Two to the power of this is how much work a check is.
    #[must_use]
    pub fn cost(&self) -> u32 {
        self.cost
    }

    /// The hash as files hold it.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.text
    }
}

impl fmt::Debug for PasswordHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PasswordHash(cost {})", self.cost)
    }
}
