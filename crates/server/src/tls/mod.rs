//! TLS: the server's certificate and key, whose certificates clients must show and whom these name,
//! and the one rustls configuration.
//!
//! One provider, ring, named wherever a configuration is built. Never in here: plain text. What
//! does not load is an error that stops the start; nothing falls back to plain HTTP.

mod accept;
mod client_pair;
mod client_verifier;
mod clients;
mod files;
pub mod generated;
mod identity;
mod issue;
mod live;
mod revocation;
mod revoke;
mod shown;
mod token_pair;
mod user_name;
mod validity;

use std::io;
use std::path::{Path, PathBuf};

use chrono::{DateTime, Utc};
use countersign_access::issue::BadTokenKey;
use thiserror::Error;

pub(crate) use accept::TlsAccept;
pub use client_pair::{ClientFiles, ClientName, NotAClientName, ensure_client};
pub use clients::{ClientAuthorities, ClientPolicy, ClientTerms, Presence};
pub use identity::{Identity, ShownPair, certificates_in, validity_in};
#[cfg(test)]
pub(crate) use issue::set_validity;
pub use live::LiveTls;
pub use revocation::RevocationLists;
pub use revoke::{RevokedClient, revoke_client};
pub(crate) use shown::{NotLetIn, Shown};
pub use token_pair::TokenPair;
pub use user_name::NameSource;
pub use validity::{Stage, Validity};

/// Why TLS cannot be set up. The text says the cause, then the mend.
#[derive(Debug, Error)]
pub enum TlsError {
    /// A name that no certificate can carry.
    #[error(
        "{host:?} is neither a host name nor an IP address: give --host a name such as trust.example.com"
    )]
    BadHost {
        /// The name as given.
        host: String,
    },
    /// The file holds no revocation list that can be used.
    #[error(
        "{path} holds no revocation list in PEM or DER form that can be used ({reason}): replace it \
         by one of version 2 that says when it ends, such as openssl ca -gencrl writes with \
         crl_extensions"
    )]
    BadList {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// The file is not what it should be.
    #[error("{path} holds no {expected} in PEM form ({reason}): replace the file")]
    BadPem {
        /// The file.
        path: PathBuf,
        /// What should be in it.
        expected: &'static str,
        /// What is wrong.
        reason: String,
    },
    /// The certificate is not valid any more, or not yet.
    #[error(
        "the certificate in {path} is valid from {not_before} to {not_after} and the time is {now}: renew it, or set the clock"
    )]
    Expired {
        /// The file.
        path: PathBuf,
        /// First moment of validity.
        not_before: DateTime<Utc>,
        /// Last moment of validity.
        not_after: DateTime<Utc>,
        /// The time it was judged at.
        now: DateTime<Utc>,
    },
    /// A certificate is there that was not made here, or whose key is elsewhere.
    #[error("{path} is there already and {reason}: move it away, or choose another name")]
    Foreign {
        /// The file.
        path: PathBuf,
        /// Why it is not made again.
        reason: &'static str,
    },
    /// The files do not go together, and none of them may be overwritten.
    #[error(
        "{dir} lacks {missing}, and what is there does not let it be made: put it back, or empty the directory to have new certificates made"
    )]
    Incomplete {
        /// The directory.
        dir: PathBuf,
        /// The file that is missing.
        missing: &'static str,
    },
    /// Reading or writing failed.
    #[error("{action} {path}: {source}: check that the path exists and who may use it")]
    Io {
        /// What was tried: `cannot read`, `cannot write`, `cannot make`.
        action: &'static str,
        /// Where.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Making a certificate failed.
    #[error("cannot make a certificate: {reason}: check the files beside it")]
    Issue {
        /// What is wrong.
        reason: String,
    },
    /// The key of tokens, or its certificate, cannot be used.
    #[error("{reason} (key in {key}, certificate in {cert})")]
    TokenKey {
        /// The certificate's file.
        cert: PathBuf,
        /// The key's file.
        key: PathBuf,
        /// What is wrong, and what to do.
        reason: BadTokenKey,
    },
    /// The key does not belong to the certificate.
    #[error("the key in {key} does not belong to the certificate in {cert}: give the pair")]
    Mismatch {
        /// The certificate's file.
        cert: PathBuf,
        /// The key's file.
        key: PathBuf,
    },
    /// The key is of a kind, or the certificate of a form, that TLS here cannot use.
    #[error("{path} cannot be used for TLS ({reason}): use an ECDSA, Ed25519 or RSA key")]
    Unusable {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
}

fn bad_list(path: &Path, reason: impl ToString) -> TlsError {
    TlsError::BadList { path: path.to_owned(), reason: reason.to_string() }
}
