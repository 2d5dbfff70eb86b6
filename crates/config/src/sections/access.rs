//! `[access]`: who may have what.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::keys_url::KeysUrl;
use crate::sections::tokens::Tokens;
use crate::{ConfigError, number};

/// The section `[access]`. Without it everybody may do everything.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default)]
pub struct Access {
    /// The URL of the token service that clients are sent to.
    ///
    /// Default: none. Needed with `issuers`, unless `autoredirect` is set.
    pub realm: Option<String>,
    /// Send clients to `https://HOST/auth/token`, where HOST is what their request was for.
    ///
    /// Default: `false`. Wins over `realm`.
    pub autoredirect: bool,
    /// What clients must ask a token for.
    ///
    /// Default: none. Needed with `issuers`.
    pub service: Option<String>,
    /// Whose tokens count.
    ///
    /// Default: none, which means that no token is asked for, or those of `[tokens]`.
    pub issuers: Vec<Issuer>,
    /// The file of rules that say who may do what on which GUNs.
    ///
    /// Default: none, which means that no rule narrows what anybody may do.
    pub rules: Option<PathBuf>,
    /// How much memory verdicts on tokens may be remembered in, in bytes.
    ///
    /// Default: 8 MiB. From 0, which means that none is, to 1 GiB.
    #[serde(deserialize_with = "number::bytes::<_, 0, { 1 << 30 }>")]
    pub token_cache_bytes: u64,
}

impl Default for Access {
    fn default() -> Self {
        Self {
            realm: None,
            autoredirect: false,
            service: None,
            issuers: Vec::new(),
            rules: None,
            token_cache_bytes: 8 << 20,
        }
    }
}

/// One issuer: a table `[[access.issuers]]`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default)]
pub struct Issuer {
    /// What the claim `iss` must be. Needed.
    pub issuer: String,
    /// What the claim `aud` may be.
    ///
    /// Default: `access.service` alone.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub audiences: Vec<String>,
    /// A PEM file whose certificates are roots and keys.
    pub root_cert_bundle: Option<PathBuf>,
    /// A file with a JSON Web Key Set.
    pub jwks_file: Option<PathBuf>,
    /// The URL of a JSON Web Key Set.
    pub jwks_url: Option<KeysUrl>,
    /// A PEM file with the authorities that the certificate behind `jwks_url` must be by.
    ///
    /// Default: those of the system.
    pub jwks_ca: Option<PathBuf>,
    /// How often `jwks_url` is asked, in seconds.
    ///
    /// Default: 300. From 10 to 86400.
    #[serde(
        rename = "jwks_refresh_seconds",
        deserialize_with = "number::seconds::<_, 10, 86400>",
        serialize_with = "number::in_seconds"
    )]
    pub jwks_refresh: Duration,
    /// Judge its tokens by Notary's rules alone: `aud` is one text, keys have libtrust IDs, and
    /// there is no Ed25519.
    ///
    /// Default: `false`.
    pub like_notary: bool,
}

impl Default for Issuer {
    fn default() -> Self {
        Self {
            issuer: String::new(),
            audiences: Vec::new(),
            root_cert_bundle: None,
            jwks_file: None,
            jwks_url: None,
            jwks_ca: None,
            jwks_refresh: Duration::from_secs(300),
            like_notary: false,
        }
    }
}

impl Access {
    /// Nothing, when what is there fits together: half of it would refuse everybody, or let
    /// everybody in.
    pub(crate) fn check(&self, tokens: &Tokens) -> Result<(), ConfigError> {
        let refused = |cause: &str, mend: &str| {
            let (cause, mend) = (cause.to_owned(), mend.to_owned());
            Err(ConfigError::AccessHalfSet { cause, mend })
        };
        if self.issuers.is_empty() && tokens.users.is_some() {
            // The server's own token service is the issuer.
            if self.service.as_deref().is_some_and(str::is_empty) {
                return refused("access.service is empty", "write a name, or take it out");
            }
            return Ok(());
        }
        if self.issuers.is_empty() {
            if self.realm.is_some() || self.service.is_some() || self.autoredirect {
                return refused(
                    "access.issuers has no issuer, so that no token would be asked for",
                    "write a table [[access.issuers]], or take realm, service and autoredirect out",
                );
            }
            return Ok(());
        }
        if self.service.as_deref().unwrap_or_default().is_empty() {
            return refused("access.service is not set", "write what tokens must be for");
        }
        let realm = self.realm.as_deref().unwrap_or_default();
        if realm.is_empty() && !self.autoredirect {
            return refused(
                "access.realm is not set",
                "write the URL of the token service, or set access.autoredirect",
            );
        }
        for (index, issuer) in self.issuers.iter().enumerate() {
            let number = index.saturating_add(1);
            if let Err((cause, mend)) = issuer.check() {
                return refused(&format!("access.issuers, table {number}: {cause}"), mend);
            }
            if self.issuers.iter().take(index).any(|other| other.issuer == issuer.issuer) {
                return refused(
                    &format!("access.issuers, table {number}: {:?} is there twice", issuer.issuer),
                    "write one table for each issuer",
                );
            }
        }
        Ok(())
    }

    pub(crate) fn rebase(&mut self, base: &Path) {
        self.rules = self.rules.take().map(|path| base.join(path));
        for issuer in &mut self.issuers {
            let files = [&mut issuer.root_cert_bundle, &mut issuer.jwks_file, &mut issuer.jwks_ca];
            for file in files {
                *file = file.take().map(|path| base.join(path));
            }
        }
    }
}

impl Issuer {
    fn check(&self) -> Result<(), (String, &'static str)> {
        let keys = [self.root_cert_bundle.is_some(), self.jwks_file.is_some()];
        let has_set = self.jwks_file.is_some() || self.jwks_url.is_some();
        if self.issuer.is_empty() {
            Err(("`issuer` is not set".to_owned(), "write what the claim `iss` of its tokens is"))
        } else if !keys.contains(&true) && self.jwks_url.is_none() {
            Err((
                format!("{:?} has no keys", self.issuer),
                "set `root_cert_bundle`, `jwks_file` or `jwks_url`",
            ))
        } else if self.jwks_ca.is_some() && self.jwks_url.is_none() {
            Err((
                "`jwks_ca` goes with `jwks_url`, which is not set".to_owned(),
                "set `jwks_url`, or take `jwks_ca` out",
            ))
        } else if self.like_notary && (has_set || self.audiences.len() > 1) {
            Err((
                "`like_notary` goes with `root_cert_bundle` and one audience only".to_owned(),
                "take `like_notary` out, or key sets and further audiences",
            ))
        } else if self.audiences.iter().any(String::is_empty) {
            Err(("an audience is empty".to_owned(), "write whom tokens are for"))
        } else {
            Ok(())
        }
    }
}
