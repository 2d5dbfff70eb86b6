//! Why a signer's answer is none that can be used. Inside the room only: the boundary sees
//! [`CustodyError`].
//!
//! Never in here: what was to be signed, signatures.

use thiserror::Error;
use tonic::Code;

use super::link::SignerAt;
use crate::CustodyError;
use countersign_tuf::keys::KeyId;

/// The longest piece of a signer's words that is passed on, in characters.
const MAX_SAID: usize = 200;

/// Why a call brought nothing.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub(super) enum Fault {
    /// This process lets go of the signer.
    #[error("it is not asked any more: the server stops")]
    Closed,
    /// An answer that no honest signer gives.
    #[error("its answer is refused: {0}")]
    Dishonest(String),
    /// No answer in time.
    #[error("it did not answer within {seconds} s")]
    Late {
        /// How long was waited, in seconds.
        seconds: u64,
    },
    /// An answer of the Go signer when its database is away: a key without algorithm and bytes.
    #[error("it answered with an empty key, as a Go signer does whose database is away")]
    NoDatabase,
    /// It is there, and says that it does not work.
    #[error("its health: {service} says {status}")]
    NotServing {
        /// The service that was asked about.
        service: &'static str,
        /// What it said.
        status: String,
    },
    /// Any error that it answers.
    #[error("{code:?}: {said}")]
    Refused {
        /// The gRPC code.
        code: Code,
        /// What it said.
        said: String,
    },
    /// What is to be signed is longer than the protocol allows.
    #[error(
        "{bytes} bytes are more than a signer takes in one message ({most}): keep the keys of this \
         collection in the server's own database"
    )]
    TooLong {
        /// How long it is.
        bytes: usize,
        /// How long it may be.
        most: usize,
    },
    /// The signer has the key and cannot use it.
    #[error("it holds the key and cannot use it: {said}")]
    Unusable {
        /// What it said.
        said: String,
    },
}

impl Fault {
    /// The fault of a call about one key.
    pub(super) fn of_key(self, signer: &SignerAt, id: &KeyId) -> CustodyError {
        match self {
            Self::Dishonest(_) | Self::Unusable { .. } => CustodyError::BadKey {
                key_id: id.to_string(),
                reason: format!("the signer at {signer}: {self}"),
            },
            other => other.of_signer(signer),
        }
    }

    /// The fault of a call about no key yet, or about none.
    pub(super) fn of_signer(self, signer: &SignerAt) -> CustodyError {
        let reason = format!("the signer at {signer}: {self}");
        match self {
            Self::TooLong { .. } => CustodyError::Other(reason),
            Self::Closed
            | Self::Dishonest(_)
            | Self::Late { .. }
            | Self::NoDatabase
            | Self::NotServing { .. }
            | Self::Refused { .. }
            | Self::Unusable { .. } => CustodyError::Unavailable { reason },
        }
    }
}

/// Another's words as one line of bounded length.
pub(super) fn one_line(text: &str) -> String {
    let shown: String =
        text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(MAX_SAID).collect();
    if shown.len() < text.len() { format!("{shown}…") } else { shown }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signers_words_are_one_short_line() {
        let said = one_line(&format!("first\nsecond\u{1b}[31m{}", "x".repeat(1_000)));
        assert!(said.starts_with("first second [31m"), "{said}");
        assert_eq!(said.chars().count(), MAX_SAID + 1);
        assert_eq!(one_line("plain"), "plain");
    }
}
