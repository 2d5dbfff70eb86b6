//! What goes wrong with a token, said so that an operator can mend it. No text holds a secret.

use std::path::PathBuf;

use cryptoki::error::{Error, RvError};
use thiserror::Error;

use crate::CustodyError;

/// Why a token does not do what it was asked.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum TokenError {
    /// A key is in another token than the one that is configured.
    #[error(
        "its private half is in the token {label:?}, and pkcs11.token names {configured:?}: name \
         that token, or rotate this role to a new server key"
    )]
    AnotherToken {
        /// The label of the token that has it.
        label: String,
        /// The label of the token that is configured.
        configured: String,
    },
    /// It does not answer, or says that it cannot now. Trying again later can help.
    #[error("the token {label:?} does not answer now ({reason}): see whether it is there and runs")]
    Away {
        /// Its label.
        label: String,
        /// What was said.
        reason: String,
    },
    /// It has no room for another key, or says so.
    #[error(
        "the token {label:?} is full ({reason}): remove keys that no root names any more, or make \
         keys elsewhere"
    )]
    Full {
        /// Its label.
        label: String,
        /// What was said.
        reason: String,
    },
    /// It has no such key.
    #[error(
        "there is no private key of the ID {id} in the token {label:?}: put back the token that \
         has it, or a backup of it, or rotate this role to a new server key"
    )]
    KeyMissing {
        /// Its label.
        label: String,
        /// The key's `CKA_ID`, in hex.
        id: String,
    },
    /// It has several keys where one is meant.
    #[error(
        "several private keys in the token {label:?} have the ID {id}: remove all but the right one"
    )]
    KeysAlike {
        /// Its label.
        label: String,
        /// Their `CKA_ID`, in hex.
        id: String,
    },
    /// It cannot do what a key needs.
    #[error(
        "the token {label:?} does not know {mechanism} ({reason}): choose an algorithm that it \
         knows, or another token"
    )]
    Mechanism {
        /// Its label.
        label: String,
        /// The mechanism, as PKCS#11 calls it.
        mechanism: &'static str,
        /// What was said.
        reason: String,
    },
    /// The module cannot be loaded.
    #[error("the PKCS#11 module {} cannot be loaded ({reason}): install it, or correct pkcs11.module", path.display())]
    Module {
        /// Its file.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// The module was loaded and does not start.
    #[error(
        "the PKCS#11 module {} does not start ({reason}): see its own configuration, and whether \
         this user may read it",
        path.display()
    )]
    ModuleFails {
        /// Its file.
        path: PathBuf,
        /// What was said.
        reason: String,
    },
    /// No token has this label.
    #[error(
        "no token has the label {label:?} ({}): correct pkcs11.token, or see that the token is \
         there",
        labels(seen)
    )]
    NoSuchToken {
        /// The label that was looked for.
        label: String,
        /// The labels of the tokens that are there.
        seen: Vec<String>,
    },
    /// The private key is not given out.
    #[error(
        "the token {label:?} does not give out the private key of the ID {id}: make a new key \
         elsewhere with countersign keys rotate"
    )]
    NotExtractable {
        /// Its label.
        label: String,
        /// The key's `CKA_ID`, in hex.
        id: String,
    },
    /// The private key may be given out wrapped, and is not.
    #[error(
        "the token {label:?} gives out the private key of the ID {id} only wrapped (CKM_AES_KEY_WRAP_PAD), \
         and here it does not ({reason}): make a new key elsewhere with countersign keys rotate"
    )]
    NotWrapped {
        /// Its label.
        label: String,
        /// The key's `CKA_ID`, in hex.
        id: String,
        /// What was said.
        reason: String,
    },
    /// The next wrong PIN would lock the token.
    #[error(
        "the token {label:?} takes only one more wrong PIN before it locks, so the PIN is not \
         tried: log in by hand with the right one, correct the PIN here, and start again"
    )]
    LastTry {
        /// Its label.
        label: String,
    },
    /// The PIN is locked.
    #[error(
        "the PIN of the token {label:?} is locked after too many wrong ones: have its security \
         officer set a new one, and give that"
    )]
    PinLocked {
        /// Its label.
        label: String,
    },
    /// The PIN is wrong.
    #[error(
        "the token {label:?} refuses the PIN ({reason}): give the right one in the file of \
         pkcs11.pin_file or in COUNTERSIGN_PKCS11_PIN_FILE, and start again; this one is not tried \
         again, because tokens lock after a few wrong ones"
    )]
    PinRefused {
        /// Its label.
        label: String,
        /// What was said.
        reason: String,
    },
    /// The token has no PIN for users yet, or one that must be changed first.
    #[error(
        "the token {label:?} has no PIN that can be used ({reason}): set the user's PIN with the \
         token's own tool, and give that"
    )]
    PinUnset {
        /// Its label.
        label: String,
        /// What was said.
        reason: String,
    },
    /// Nothing can be written to the token.
    #[error(
        "the token {label:?} is read-only ({reason}): make it writable, or make keys elsewhere"
    )]
    ReadOnly {
        /// Its label.
        label: String,
        /// What was said.
        reason: String,
    },
    /// Anything else.
    #[error("the token {label:?} refuses ({reason}): see its manual for what it allows")]
    Refused {
        /// Its label.
        label: String,
        /// What was said.
        reason: String,
    },
    /// Several tokens have this label.
    #[error("{count} tokens have the label {label:?}: give one of them another label")]
    TokensAlike {
        /// The label.
        label: String,
        /// How many.
        count: usize,
    },
    /// A signature of the token does not verify.
    #[error(
        "the token {label:?} made a signature that does not verify with the key of the ID {id}"
    )]
    BadSignature {
        /// Its label.
        label: String,
        /// The key's `CKA_ID`, in hex.
        id: String,
    },
}

impl TokenError {
    /// What the module said of the token with this label.
    pub(super) fn of(error: &Error, label: &str) -> Self {
        let (label, reason) = (label.to_owned(), said(error));
        let Error::Pkcs11(code, _) = error else { return Self::Refused { label, reason } };
        match code {
            RvError::PinIncorrect | RvError::PinInvalid | RvError::PinLenRange => {
                Self::PinRefused { label, reason }
            }
            RvError::PinLocked => Self::PinLocked { label },
            RvError::PinExpired | RvError::UserPinNotInitialized => {
                Self::PinUnset { label, reason }
            }
            RvError::DeviceMemory => Self::Full { label, reason },
            RvError::TokenWriteProtected | RvError::SessionReadOnly => {
                Self::ReadOnly { label, reason }
            }
            RvError::CryptokiNotInitialized
            | RvError::DeviceError
            | RvError::DeviceRemoved
            | RvError::FunctionCanceled
            | RvError::FunctionFailed
            | RvError::GeneralError
            | RvError::HostMemory
            | RvError::KeyHandleInvalid
            | RvError::ObjectHandleInvalid
            | RvError::OperationActive
            | RvError::SessionClosed
            | RvError::SessionCount
            | RvError::SessionHandleInvalid
            | RvError::SlotIdInvalid
            | RvError::TokenNotPresent
            | RvError::TokenNotRecognized
            | RvError::UserNotLoggedIn => Self::Away { label, reason },
            _ => Self::Refused { label, reason },
        }
    }

    /// Whether a new session can give another answer.
    pub(super) fn may_pass_with_a_new_session(&self) -> bool {
        let is_of_the_session = matches!(self, Self::BadSignature { .. } | Self::KeyMissing { .. });
        is_of_the_session || self.may_pass_with_a_new_start()
    }

    /// Whether the module, started anew, can give another answer.
    pub(super) fn may_pass_with_a_new_start(&self) -> bool {
        matches!(self, Self::Away { .. } | Self::NoSuchToken { .. })
    }

    /// Whether waiting can mend it: the token is not there (yet), or does not answer.
    #[must_use]
    pub fn is_away(&self) -> bool {
        match self {
            Self::Away { .. } => true,
            // With other tokens there, the label is more likely wrong than the token late.
            Self::NoSuchToken { seen, .. } => seen.is_empty(),
            _ => false,
        }
    }

    /// The same of a mechanism, where the module's words mean that it is not known.
    pub(super) fn of_mechanism(error: &Error, label: &str, mechanism: &'static str) -> Self {
        match error {
            Error::Pkcs11(
                RvError::MechanismInvalid
                | RvError::MechanismParamInvalid
                | RvError::CurveNotSupported
                | RvError::DomainParamsInvalid
                | RvError::FunctionNotSupported
                | RvError::KeySizeRange,
                _,
            ) => Self::Mechanism { label: label.to_owned(), mechanism, reason: said(error) },
            other => Self::of(other, label),
        }
    }

    /// The error as the boundary reports it, of the key with this ID.
    pub(crate) fn of_key(self, key_id: &str) -> CustodyError {
        match self {
            Self::AnotherToken { .. }
            | Self::BadSignature { .. }
            | Self::KeyMissing { .. }
            | Self::KeysAlike { .. }
            | Self::NotExtractable { .. }
            | Self::NotWrapped { .. } => {
                CustodyError::BadKey { key_id: key_id.to_owned(), reason: self.to_string() }
            }
            other => other.into(),
        }
    }
}

impl From<TokenError> for CustodyError {
    fn from(error: TokenError) -> Self {
        match error {
            TokenError::Away { .. }
            | TokenError::Full { .. }
            | TokenError::LastTry { .. }
            | TokenError::NoSuchToken { .. }
            | TokenError::PinLocked { .. }
            | TokenError::PinRefused { .. }
            | TokenError::PinUnset { .. } => Self::Unavailable { reason: error.to_string() },
            TokenError::AnotherToken { .. }
            | TokenError::BadSignature { .. }
            | TokenError::KeyMissing { .. }
            | TokenError::KeysAlike { .. }
            | TokenError::Mechanism { .. }
            | TokenError::Module { .. }
            | TokenError::ModuleFails { .. }
            | TokenError::NotExtractable { .. }
            | TokenError::NotWrapped { .. }
            | TokenError::ReadOnly { .. }
            | TokenError::Refused { .. }
            | TokenError::TokensAlike { .. } => Self::Other(error.to_string()),
        }
    }
}

/// The function and the code, as PKCS#11 names them: what a token's manual is searched for.
pub(super) fn said(error: &Error) -> String {
    match error {
        Error::Pkcs11(code, function) => format!("C_{function:?}: {code:?}"),
        other => other.to_string(),
    }
}

fn labels(seen: &[String]) -> String {
    match seen {
        [] => "the module shows no token at all".to_owned(),
        some => {
            let quoted: Vec<String> = some.iter().map(|label| format!("{label:?}")).collect();
            format!("the module shows {}", quoted.join(", "))
        }
    }
}
