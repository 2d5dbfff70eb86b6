//! Sets of JSON Web Keys (RFC 7517 section 5), as token services publish them.

use thiserror::Error;

use super::jwk::{BadJwk, Jwk};
use super::members::{self, BadMembers, Members};

/// The most keys that a set may have.
pub const MAX_JWKS_KEYS: usize = 100;

/// Public keys of a token service.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Jwks {
    keys: Vec<Jwk>,
    passed_over: usize,
}

/// Text is no set of keys that could check tokens.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum BadJwks {
    /// It does not have the form of one.
    #[error(transparent)]
    Members(#[from] BadMembers),
    /// No list of keys.
    #[error("it has no list `keys`")]
    NoList,
    /// More keys than anybody needs.
    #[error("it has more than {MAX_JWKS_KEYS} keys")]
    Many,
    /// A private key is in it.
    #[error("key {0} has its private half in it; publish the public one alone, and make a new key")]
    Private(usize),
    /// Keys, but none for checking the signatures of tokens.
    #[error("none of its keys can check a token; the first: {0}")]
    Unusable(String),
}

impl Jwks {
    /// Reads a set. Keys for other uses and of other kinds are passed over.
    ///
    /// # Errors
    /// [`BadJwks`] when it is none, shows a private key, or has keys but none that is of use. A set
    /// with an empty list is one.
    pub fn parse(text: &[u8]) -> Result<Self, BadJwks> {
        let value = members::parse(text)?;
        let set = Members::of(&value, &["keys"])?;
        let listed = set.list("keys")?.ok_or(BadJwks::NoList)?;
        if listed.len() > MAX_JWKS_KEYS {
            return Err(BadJwks::Many);
        }
        let (mut keys, mut first) = (Vec::new(), None);
        for (index, value) in listed.iter().enumerate() {
            match Jwk::of(value) {
                Ok(jwk) if jwk.has_private_half => {
                    return Err(BadJwks::Private(index.saturating_add(1)));
                }
                Ok(jwk) if jwk.checks_signatures => keys.push(jwk),
                Ok(_) => _ = first.get_or_insert("it is not for signatures".to_owned()),
                Err(BadJwk::Members(cause)) => return Err(cause.into()),
                Err(cause) => _ = first.get_or_insert(cause.to_string()),
            }
        }
        match (keys.is_empty(), first) {
            (true, Some(first)) => Err(BadJwks::Unusable(first)),
            _ => Ok(Self { passed_over: listed.len().saturating_sub(keys.len()), keys }),
        }
    }

    /// The keys that are of use.
    #[must_use]
    pub fn keys(&self) -> &[Jwk] {
        &self.keys
    }

    /// How many are not.
    #[must_use]
    pub fn passed_over(&self) -> usize {
        self.passed_over
    }
}
