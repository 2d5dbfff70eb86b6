//! The two forms of the file of users.

use std::collections::BTreeMap;

use thiserror::Error;
use toml::de::{DeTable, DeValue};

use super::{BadHash, PasswordHash};

/// The longest name of a user, in bytes.
const MAX_NAME_BYTES: usize = 255;

/// How a file of users is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// `name:hash`, as the program `htpasswd -B` writes it.
    Htpasswd,
    /// A section `[users]` with `name = "hash"`.
    Toml,
}

impl Format {
    /// The form of a file of this name: TOML when it ends so, else that of `htpasswd`.
    #[must_use]
    pub fn of_name(name: &str) -> Self {
        match name.to_ascii_lowercase().ends_with(".toml") {
            true => Self::Toml,
            false => Self::Htpasswd,
        }
    }
}

/// A file of users that cannot be used. Shows nothing of a hash or password.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("line {line}: {problem}")]
pub struct UsersError {
    /// The line, counted from 1.
    pub line: usize,
    /// What is wrong there, and what to do.
    pub problem: Problem,
}

/// What is wrong with a line of a file of users.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Problem {
    /// The hash does not count.
    #[error("user {user}: {reason}")]
    Hash {
        /// Whose.
        user: String,
        /// Why.
        reason: BadHash,
    },
    /// The name cannot be a user's.
    #[error("{0}")]
    Name(BadName),
    /// Not `name:hash`.
    #[error("write one user a line, as name:hash, which `countersign access hash` prints")]
    NoColon,
    /// Not TOML; holds why.
    #[error("not TOML: {0}")]
    NotToml(String),
    /// Something other than users.
    #[error("{0:?} is not known here: write [users], then one name = \"hash\" a line")]
    NotUsers(String),
    /// The name is there already.
    #[error("user {0} is there twice: remove one of the lines")]
    Twice(String),
}

/// Why a text cannot be the name of a user.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum BadName {
    /// A colon ends the name in what clients send.
    #[error("the name of a user holds no colon")]
    Colon,
    /// A control character.
    #[error("the name of a user holds no control characters")]
    Control,
    /// Nothing, or too much.
    #[error("the name of a user has 1 to {MAX_NAME_BYTES} bytes")]
    Length,
}

impl BadName {
    /// What is wrong with `name`, if anything.
    ///
    /// # Errors
    /// When it cannot be the name of a user.
    pub fn look(name: &str) -> Result<(), Self> {
        if name.is_empty() || name.len() > MAX_NAME_BYTES {
            return Err(Self::Length);
        }
        if name.contains(':') {
            return Err(Self::Colon);
        }
        if name.chars().any(char::is_control) {
            return Err(Self::Control);
        }
        Ok(())
    }
}

type Hashes = BTreeMap<String, PasswordHash>;

pub(super) fn of_htpasswd(text: &str) -> Result<Hashes, UsersError> {
    let mut hashes = Hashes::new();
    for (before, line) in text.trim_start_matches('\u{feff}').lines().enumerate() {
        let line = line.trim_end();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let read = line
            .split_once(':')
            .ok_or(Problem::NoColon)
            .and_then(|(name, hash)| add(&mut hashes, name, hash));
        read.map_err(|problem| UsersError { line: before.saturating_add(1), problem })?;
    }
    Ok(hashes)
}

pub(super) fn of_toml(text: &str) -> Result<Hashes, UsersError> {
    let line = |start: usize| {
        let before = text.get(..start).unwrap_or_default();
        before.matches('\n').count().saturating_add(1)
    };
    let table = DeTable::parse(text).map_err(|error| {
        // The rest of what the parser says shows the line, which may hold a hash.
        let problem = Problem::NotToml(error.message().lines().next().unwrap_or("").to_owned());
        UsersError { line: line(error.span().unwrap_or_default().start), problem }
    })?;
    let mut hashes = Hashes::new();
    for (key, value) in table.get_ref() {
        let refused = |problem| UsersError { line: line(key.span().start), problem };
        let DeValue::Table(users) = value.get_ref() else {
            return Err(refused(Problem::NotUsers(key.get_ref().to_string())));
        };
        if key.get_ref() != "users" {
            return Err(refused(Problem::NotUsers(key.get_ref().to_string())));
        }
        for (name, value) in users {
            let refused = |problem| UsersError { line: line(name.span().start), problem };
            let DeValue::String(hash) = value.get_ref() else {
                return Err(refused(Problem::NotUsers(name.get_ref().to_string())));
            };
            add(&mut hashes, name.get_ref(), hash).map_err(refused)?;
        }
    }
    Ok(hashes)
}

fn add(hashes: &mut Hashes, name: &str, hash: &str) -> Result<(), Problem> {
    BadName::look(name).map_err(Problem::Name)?;
    let hash = PasswordHash::parse(hash)
        .map_err(|reason| Problem::Hash { user: name.to_owned(), reason })?;
    match hashes.insert(name.to_owned(), hash) {
        None => Ok(()),
        Some(_) => Err(Problem::Twice(name.to_owned())),
    }
}
