//! One file per command.

pub(crate) mod access;
pub(crate) mod audit;
pub(crate) mod backup;
pub(crate) mod certs;
pub(crate) mod check;
pub(crate) mod completions;
pub(crate) mod config;
pub(crate) mod doctor;
pub(crate) mod gc;
pub(crate) mod import;
pub(crate) mod keys;
pub(crate) mod restore;
pub(crate) mod serve;
pub(crate) mod signer;
