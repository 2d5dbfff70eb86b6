//! What the built-in token service gives out: tokens that registries and trust servers take, and
//! refresh tokens, which only the service itself takes.
//!
//! - [`Scope`] is what a client asks for, [`Audience`] the service that it asks for it.
//! - [`narrow`] says what of it a caller gets, as [`Grant`]s.
//! - [`TokenKey`] signs it; [`RefreshKey`] makes and reads refresh tokens.
//!
//! Never in here: who may log in; that is `users`.
//! Source: the token specifications of docker/distribution (scope, jwt, oauth); server spec 2.3.

mod access_token;
mod grant;
mod key;
mod refresh;
mod scope;

pub use access_token::{AccessToken, TokenFacts};
pub use grant::{Audience, Grant, Names, Rights, narrow};
pub use key::{BadTokenKey, TokenKey};
pub use refresh::{RefreshKey, RefreshToken};
pub use scope::{MAX_SCOPES, Scope, TooManyScopes};
