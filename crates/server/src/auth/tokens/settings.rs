//! What tokens are taken.

use std::path::PathBuf;
use std::time::Duration;

use countersign_access::token::Audiences;

/// What tokens are taken, and where clients get them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenSettings {
    /// Where clients get a token.
    pub realm: Realm,
    /// Who gives out the tokens.
    pub given_by: GivenBy,
    /// What clients must ask a token for.
    pub service: String,
    /// Whose tokens count.
    pub issuers: Vec<IssuerSettings>,
    /// How much memory verdicts may be remembered in, in bytes; 0: none is.
    pub cache_bytes: u64,
}

/// Who gives out the tokens that are taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GivenBy {
    /// Another: it is not known what an anonymous caller gets there.
    Others,
    /// The token service of this server alone, under the same rules.
    ThisServer,
}

/// The token service that clients are sent to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Realm {
    /// `/token` on the host that the request was for: our own token service.
    OwnService,
    /// `/auth/token` on the host that the request was for.
    ThisHost,
    /// This URL.
    Url(String),
}

/// One issuer of tokens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IssuerSettings {
    /// What `iss` must be.
    pub name: String,
    /// What `aud` must be. By Notary's rules, keys are taken by them too: no Ed25519, and only
    /// libtrust IDs as names.
    pub audiences: Audiences,
    /// PEM file whose certificates are roots and keys.
    pub root_cert_bundle: Option<PathBuf>,
    /// File of a JSON Web Key Set.
    pub jwks_file: Option<PathBuf>,
    /// URL of one.
    pub jwks_url: Option<JwksUrl>,
}

/// Where keys are fetched from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JwksUrl {
    /// `https`; `http` on this machine only.
    pub url: String,
    /// PEM file of the authorities that the certificate there must be by; `None`: those of the
    /// system.
    pub ca: Option<PathBuf>,
    /// How often.
    pub refresh: Duration,
}
