//! Tokens of registries: compact JWS, read and verified.
//!
//! - [`PublicKey`] is a key as certificates and JWKs carry it, with its libtrust [`KeyId`].
//! - [`Algorithm`] checks a signature by a key; a key takes the algorithms of its own kind only.
//! - [`CompactJws`] is a token as it was received, nothing of it believed.
//! - [`CertificateBundle`] and [`Jwks`] are the keys that an operator trusts; [`TrustedKeys`] are
//!   those of one issuer.
//! - [`Verifier`] gives the verdict: a [`VerifiedToken`], or a [`TokenFault`] for the log.
//!
//! Never in here: where a token or a key comes from. No URL that a token names is ever followed.
//! Source: server spec 2.3 and 2.4; RFC 7515, 7517, 7518, 7638, 8037.
//!
//! To add an algorithm: a variant of [`Algorithm`] with its check, a kind of [`PublicKey`] if it
//! has a new one, its form in `jwk.rs`, and a row in `docs/tokens.md`.

mod algorithm;
mod base64url;
mod bundle;
mod chain;
mod claims;
mod fault;
mod jwk;
mod jwks;
mod jws;
mod key_id;
mod members;
mod public_key;
#[cfg(test)]
mod tests;
mod trusted_keys;
mod verified;
mod verifier;

pub use algorithm::Algorithm;
pub use bundle::{BadBundle, CertificateBundle};
pub use chain::{BadChain, MAX_CHAIN};
pub use fault::{Shown, TokenFault};
pub use jwk::{BadJwk, Jwk};
pub use jwks::{BadJwks, Jwks, MAX_JWKS_KEYS};
pub use jws::{BadJws, CompactJws, MAX_TOKEN_BYTES};
pub use key_id::{KeyId, Thumbprint};
pub use members::BadMembers;
pub use public_key::{BadPublicKey, PublicKey};
pub use trusted_keys::{Completeness, TrustedKeys};
pub use verified::VerifiedToken;
pub use verifier::{Audiences, Issuer, Verifier};
