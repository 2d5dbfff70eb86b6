//! Tokens of registries: whose are taken, and where their keys come from.
//!
//! - `settings` says what is taken; `sources` reads the keys of one issuer from files, `fetch`
//!   those behind a URL; `judge` remembers verdicts.
//! - [`Tokens`] puts them together, and takes over new keys while requests go on.
//!
//! Never in here: what makes a token good; that is `countersign-access`.

mod fetch;
mod fetcher;
mod judge;
mod keeping;
mod settings;
mod sources;
#[cfg(test)]
mod tests;

use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwap;
use axum::http::HeaderMap;
use countersign_access::token::{TokenFault, VerifiedToken, Verifier};
use countersign_trust::Clock;
use tokio::sync::Notify;

use super::bearer::Bearer;
use super::demand::Demand;
use super::{Challenge, Denial, Refusal, RefusedWhy};
use fetcher::{Fetcher, News};
use judge::Judge;
pub use settings::{GivenBy, IssuerSettings, JwksUrl, Realm, TokenSettings};
use sources::Source;
pub use sources::TokenKeysError;

/// Takes the tokens of one or several issuers.
pub struct Tokens {
    settings: TokenSettings,
    clock: Arc<dyn Clock>,
    /// Replaced, with all that it remembers, whenever keys change.
    judge: ArcSwap<Judge>,
    sources: Mutex<Vec<Source>>,
    /// One for each issuer with a URL.
    fetchers: Vec<Arc<Fetcher>>,
    /// Fetch now.
    hurry: Notify,
}

impl std::fmt::Debug for Tokens {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tokens").field("settings", &self.settings).finish_non_exhaustive()
    }
}

impl Tokens {
    /// Reads the keys in files. Those behind URLs are fetched once the server runs.
    ///
    /// # Errors
    /// [`TokenKeysError`] when a file cannot be read, or is not what it should be.
    pub fn load(
        settings: TokenSettings,
        clock: Arc<dyn Clock>,
    ) -> Result<Arc<Self>, TokenKeysError> {
        let read = |issuer: &IssuerSettings| {
            issuer.jwks_url.as_ref().map_or(Ok(()), fetch::check)?;
            Source::read(issuer)
        };
        let sources = settings.issuers.iter().map(read).collect::<Result<Vec<_>, _>>()?;
        let fetcher = |issuer: &IssuerSettings| {
            let url = issuer.jwks_url.clone()?;
            Some(Arc::new(Fetcher::new(issuer.name.clone(), url)))
        };
        Ok(Arc::new(Self {
            judge: ArcSwap::from_pointee(judge(&sources, settings.cache_bytes)),
            fetchers: settings.issuers.iter().filter_map(fetcher).collect(),
            sources: Mutex::new(sources),
            settings,
            clock,
            hurry: Notify::new(),
        }))
    }

    /// What they were made with.
    #[must_use]
    pub fn settings(&self) -> &TokenSettings {
        &self.settings
    }

    /// The token of a request, if it counts and has all that `demand` names.
    pub(super) async fn admit(
        self: &Arc<Self>,
        headers: &HeaderMap,
        host: &str,
        demand: &Demand,
    ) -> Result<Arc<VerifiedToken>, Denial> {
        let refused = |why, cause: String| Refusal {
            challenge: Some(Box::new(self.challenge(host))),
            items: demand.items.clone(),
            raw_name: demand.raw_name.clone(),
            user: None,
            why,
            cause,
        };
        let token = match Bearer::of(headers) {
            Bearer::Missing => {
                return Err(refused(RefusedWhy::NoToken, "no bearer token came".into()).into());
            }
            Bearer::Garbage => {
                let cause = "the token is no text".to_owned();
                return Err(refused(RefusedWhy::InvalidToken, cause).into());
            }
            Bearer::Token(token) => token,
        };
        let verified = match self.verify(token).await {
            Ok(verified) => verified,
            Err(fault @ TokenFault::KeysLacking { .. }) => {
                return Err(Denial::KeysAway { cause: cause_of(&fault) });
            }
            Err(fault) => {
                let cause = cause_of(&fault);
                return Err(refused(RefusedWhy::InvalidToken, cause).into());
            }
        };
        match demand.items.iter().find(|item| !verified.grants(item)) {
            None => Ok(verified),
            Some(item) => {
                let whose = match verified.subject() {
                    Some(user) => format!("the token of {user:?}"),
                    None => "an anonymous token".to_owned(),
                };
                let (kind, action) = (item.kind, item.action);
                let cause = format!("{whose} lacks {kind}:{:?}:{action}", item.name);
                let user = verified.subject().map(Into::into);
                let refusal = refused(RefusedWhy::InsufficientScope, cause);
                Err(Refusal { user, ..refusal }.into())
            }
        }
    }

    /// What a client that lacks rights is told of where to get them.
    pub(super) fn challenge(&self, host: &str) -> Challenge {
        let realm = match &self.settings.realm {
            Realm::Url(url) => url.clone(),
            Realm::OwnService => format!("https://{host}/token"),
            Realm::ThisHost => format!("https://{host}/auth/token"),
        };
        Challenge { realm, service: self.settings.service.clone() }
    }

    /// The verdict. A key that is not known has the keys of its issuer fetched, as far as they are
    /// behind a URL and have not been fetched just now.
    async fn verify(self: &Arc<Self>, token: &str) -> Result<Arc<VerifiedToken>, TokenFault> {
        let verdict = self.judge.load().verify(token, self.clock.now());
        let issuer = match &verdict {
            Err(TokenFault::UnknownKey { issuer, .. } | TokenFault::KeysLacking { issuer, .. }) => {
                issuer
            }
            _ => return verdict,
        };
        let Some(fetcher) = self.fetchers.iter().find(|fetcher| fetcher.issuer() == issuer) else {
            return verdict;
        };
        match Fetcher::ask(fetcher, self).await {
            News::Some => self.judge.load().verify(token, self.clock.now()),
            News::None => verdict,
        }
    }

    /// Takes over what `change` makes of the keys. It says whether it changed any.
    fn change(&self, change: impl FnOnce(&mut Vec<Source>) -> bool) {
        let mut sources = self.sources.lock().unwrap_or_else(PoisonError::into_inner);
        if change(&mut sources) {
            self.judge.store(Arc::new(judge(&sources, self.settings.cache_bytes)));
        }
    }
}

/// What the log says of a token that does not count: a line that whoever sent it cannot make long.
fn cause_of(fault: &TokenFault) -> String {
    const MAX_CHARACTERS: usize = 400;
    format!("the token: {fault}").chars().take(MAX_CHARACTERS).collect()
}

fn judge(sources: &[Source], cache_bytes: u64) -> Judge {
    Judge::new(Verifier::new(sources.iter().map(Source::issuer).collect()), cache_bytes)
}
