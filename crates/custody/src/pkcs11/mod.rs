//! Keys that are made in a token and never leave it: a hardware security module, a smart card, or
//! whatever else has a PKCS#11 module.
//!
//! - [`TokenCustody`] is the [`crate::Custody`] over a token and a
//!   [`countersign_storage::KeyStore`].
//! - [`Token`] is one token: its module (`module`), the login, and a bounded number of `session`s
//!   that are opened again when the token comes back.
//! - [`TokenKey`] is a key in it (`objects` makes, finds and uses what the token calls objects);
//!   [`TokenUri`] is how a row of the key database names it.
//! - [`leftovers`] are keys in it that no row names.
//! - [`TokenError`] says what is wrong and how it is mended.
//!
//! Never in here: SQL, where the PIN comes from, and private keys outside the token, except
//! one that is on its way into it or out of it, in memory that is wiped.
//!
//! Source: PKCS#11 2.40 (OASIS); EdDSA from PKCS#11 3.0; RFC 7512 (URIs).

mod by_id;
mod custody;
mod error;
mod key;
mod labelled;
mod leftovers;
mod module;
mod objects;
mod point;
mod session;
mod token;
mod uri;
mod wrapped;

pub use custody::TokenCustody;
pub use error::TokenError;
pub use key::TokenKey;
pub use leftovers::{Leftover, leftovers};
pub use token::{Pin, Token, TokenSettings};
pub use uri::TokenUri;
