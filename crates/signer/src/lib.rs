//! A notary-signer for others: the gRPC services `KeyManagement`, `Signer` and health, over custody.
//!
//! Never in here: the formats of keys, TLS (whoever serves the router does that).
//!
//! Source: signer spec 1 and 4.
