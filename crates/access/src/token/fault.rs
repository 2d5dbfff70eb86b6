//! Why a token does not count. For the operator's log: the client hears `invalid_token` only.

use thiserror::Error;

use super::chain::BadChain;
use super::jwk::BadJwk;
use super::jws::BadJws;
use super::members::BadMembers;

/// How much of a text out of a token is shown, in characters.
const SHOWN: usize = 100;

/// A token does not count.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum TokenFault {
    /// It is no token.
    #[error("it is no token: {0}")]
    Jws(#[from] BadJws),
    /// Its claims have another form.
    #[error("in its claims, {0}")]
    Claims(BadMembers),
    /// Its header has another form.
    #[error("in its header, {0}")]
    Header(BadMembers),
    /// Somebody else issued it.
    #[error("its issuer is {0}, which is none that is trusted here")]
    Issuer(Shown),
    /// It is for another service.
    #[error("its audience is {0}, which is none of this service")]
    Audience(Shown),
    /// It counts no more.
    #[error("it expired at {0} seconds since 1970")]
    Expired(i64),
    /// It does not count yet.
    #[error("it counts from {0} seconds since 1970 on; are the clocks right?")]
    Early(i64),
    /// Nobody signed it.
    #[error("it has no signature")]
    Unsigned,
    /// An algorithm that nobody may use.
    #[error("its algorithm {0} is none that counts here")]
    Algorithm(Shown),
    /// A header that must be understood.
    #[error("its header has `crit`, and none of what that may name is known here")]
    Critical,
    /// Nothing tells whose key signed it.
    #[error("its header has no x5c, jwk or kid")]
    NoKey,
    /// Its certificates lead nowhere.
    #[error("its chain of certificates does not count: {0}")]
    Chain(#[from] BadChain),
    /// The key in its header is none.
    #[error("the jwk in its header does not count: {0}")]
    Jwk(#[from] BadJwk),
    /// The key in its header has its private half.
    #[error("the jwk in its header has its private half")]
    PrivateJwk,
    /// The key in its header has another name.
    #[error("the jwk in its header has a kid that is not its libtrust ID")]
    JwkName,
    /// The key in its header is another than that of the certificates beside it.
    #[error("the jwk in its header is not the key of its x5c")]
    JwkChain,
    /// A key of a kind that Notary does not take.
    #[error("its key is Ed25519, which the issuer's settings do not allow")]
    Ed25519,
    /// No trusted key has this name.
    #[error("its key {key} is none that is trusted for issuer {issuer}")]
    UnknownKey {
        /// The issuer, as it is configured.
        issuer: String,
        /// What the token calls its key.
        key: Shown,
    },
    /// No trusted key has this name, but not all keys are known.
    #[error("its key {key} is not known, and not all keys of issuer {issuer} could be read")]
    KeysLacking {
        /// The issuer, as it is configured.
        issuer: String,
        /// What the token calls its key.
        key: Shown,
    },
    /// Another key signed it, or another algorithm was used than the key takes.
    #[error("its signature does not verify")]
    Signature,
}

/// A text out of a token, quoted and cut.
#[derive(Clone, PartialEq, Eq)]
pub struct Shown(String);

impl Shown {
    pub(super) fn new(text: &str) -> Self {
        Self(text.chars().take(SHOWN).collect())
    }
}

impl std::fmt::Display for Shown {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:?}", self.0)
    }
}

impl std::fmt::Debug for Shown {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:?}", self.0)
    }
}
