//! Why a request does not pass.

use super::Refusal;

/// Why a request does not pass.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Denial {
    /// It cannot be told for now: the keys of a token service have not been read. Never a 401,
    /// which would have a client ask for a new token, in vain.
    KeysAway {
        /// What the operator is told.
        cause: String,
    },
    /// It may not.
    Refused(Refusal),
}

impl From<Refusal> for Denial {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}
