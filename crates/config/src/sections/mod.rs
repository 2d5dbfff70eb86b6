//! One file per section of the configuration file.

pub mod access;
pub mod audit;
pub mod caching;
pub mod clock;
pub mod database;
pub mod expiry;
pub mod keys;
pub mod limits;
pub mod log;
pub mod pkcs11;
pub mod repositories;
pub mod retention;
pub mod server;
pub mod signer;
pub mod signing;
pub mod tls;
pub mod tokens;
