//! Makes tokens and the keys and certificates that they name: good ones, and every kind of bad one.
//!
//! Keys and certificates come from the `openssl` command line (expired certificates from rcgen,
//! which takes dates of the past), signatures from crates of their own: nothing here is shared with
//! the code that judges tokens.

mod certificates;
mod jws;
mod keys;

pub(crate) use certificates::{Certificate, Standing};
pub(crate) use jws::{Jws, base64url, cut};
pub(crate) use keys::{Hash, Key, Kind};
