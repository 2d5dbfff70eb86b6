//! One file per command.

pub(crate) mod certs;
pub(crate) mod serve;
