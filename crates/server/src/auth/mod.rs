//! Who may have what: every request passes here once, before its operation.
//!
//! Never in here: what a token or a rule says; that is `countersign-access`.
//! Source: contract section 5 (token and rules must both pass; a refusal is always 401).

mod bearer;
mod demand;
mod denial;
mod go_quoted;
mod refusal;
mod rules;
mod tokens;

use std::sync::Arc;

use axum::http::{HeaderMap, Uri, header};
use countersign_access::{Action, Caller, Decision, Resource};
use countersign_tuf::names::{Gun, RoleName};

use crate::peer::{Handshake, Peer};
use crate::route::Route;
use demand::{Demand, Wish};
pub(crate) use denial::Denial;
pub(crate) use refusal::{Challenge, Refusal, RefusedWhy};
pub use rules::{LiveRules, RulesFileError, read_rules};
pub use tokens::{GivenBy, IssuerSettings, JwksUrl, Realm, TokenKeysError, TokenSettings, Tokens};

/// What decides over requests.
///
/// One that was made by [`Access::open`] lets everybody do everything.
#[derive(Debug, Default)]
pub struct Access {
    rules: Option<LiveRules>,
    tokens: Option<Arc<Tokens>>,
}

/// How the rules stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RulesState {
    /// How many are in use.
    pub(crate) count: usize,
    /// Whether their file holds something else, which cannot be used.
    pub(crate) is_stale: bool,
}

/// Who may read a document, as far as caches must know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Audience {
    /// Everybody who asks.
    All,
    /// Those who prove who they are.
    Some,
}

impl Access {
    /// Lets everybody do everything.
    #[must_use]
    pub fn open() -> Self {
        Self::default()
    }

    /// Lets nobody do what these rules do not allow.
    #[must_use]
    pub fn under_rules(self, rules: LiveRules) -> Self {
        Self { rules: Some(rules), ..self }
    }

    /// Lets nobody do without a token what shows or changes anything.
    #[must_use]
    pub fn with_tokens(self, tokens: Arc<Tokens>) -> Self {
        Self { tokens: Some(tokens), ..self }
    }

    /// What judges tokens; `None` where none is asked for.
    #[must_use]
    pub fn tokens(&self) -> Option<&Arc<Tokens>> {
        self.tokens.as_ref()
    }

    /// Takes over what changes behind URLs, until `stopped`.
    pub async fn keep(self: Arc<Self>, stopped: impl Future<Output = ()>) {
        match &self.tokens {
            Some(tokens) => tokens.keep(stopped).await,
            None => stopped.await,
        }
    }

    /// The rules, if there are any.
    #[must_use]
    pub fn rules(&self) -> Option<&LiveRules> {
        self.rules.as_ref()
    }

    /// Looks at the files that access follows; to be called every few seconds. Reads files.
    pub fn look(&self) {
        if let Some(rules) = &self.rules {
            rules.look();
        }
        if let Some(tokens) = &self.tokens {
            tokens.look();
        }
    }

    /// Reads the files that access follows again, now, and has what is behind URLs fetched again.
    pub fn reread(&self) {
        if let Some(rules) = &self.rules {
            rules.reread();
        }
        if let Some(tokens) = &self.tokens {
            tokens.reread();
        }
    }

    pub(crate) fn rules_state(&self) -> Option<RulesState> {
        let state =
            |rules: &LiveRules| RulesState { count: rules.count(), is_stale: rules.is_stale() };
        self.rules.as_ref().map(state)
    }

    /// Whom a request comes from, if it may have what its route demands: by its token first, then
    /// by the rules.
    ///
    /// # Errors
    /// [`Denial`] when it may not, when it is not known who asks, and when that cannot be told for
    /// now.
    pub(crate) async fn admit(
        &self,
        route: &Route,
        headers: &HeaderMap,
        uri: &Uri,
        peer: &Peer,
    ) -> Result<Caller, Denial> {
        let Some(tokens) = &self.tokens else {
            return Ok(self.admit_tokenless(route, headers, uri, peer)?);
        };
        let mut caller = Caller { token_user: None, certificate: peer.certificate.clone() };
        let Some(demand) = Demand::of(route) else { return Ok(caller) };
        let host = host(headers, uri);
        let token = tokens.admit(headers, host, &demand).await?;
        caller.token_user = token.subject().map(str::to_owned);
        Ok(self.admit_by_rules(caller, demand, host)?)
    }

    /// The same for those who have no token, which is right where none is asked for.
    ///
    /// # Errors
    /// [`Refusal`] when the rules do not let it come.
    pub(crate) fn admit_tokenless(
        &self,
        route: &Route,
        headers: &HeaderMap,
        uri: &Uri,
        peer: &Peer,
    ) -> Result<Caller, Refusal> {
        let caller = Caller { token_user: None, certificate: peer.certificate.clone() };
        if self.rules.is_none() {
            return Ok(caller);
        }
        match Demand::of(route) {
            Some(demand) => self.admit_by_rules(caller, demand, host(headers, uri)),
            None => Ok(caller),
        }
    }

    fn admit_by_rules(
        &self,
        caller: Caller,
        demand: Demand,
        host: &str,
    ) -> Result<Caller, Refusal> {
        if let (Some(rules), Some(Wish { action, resource })) = (&self.rules, &demand.wish) {
            let rules = rules.in_use();
            let decision = rules.decide(&caller, *action, resource);
            if !decision.allowed {
                let cause = cause(&caller, action.as_str(), decision);
                let why = RefusedWhy::InsufficientScope;
                let challenge = self.challenge(host);
                let Demand { items, raw_name, .. } = demand;
                let user = caller.token_user.as_deref().map(Into::into);
                return Err(Refusal { challenge, items, raw_name, user, why, cause });
            }
        }
        Ok(caller)
    }

    /// Lets a publish of `roles` pass that [`Access::admit`] has let come so far.
    ///
    /// # Errors
    /// [`Refusal`] when the rules do not let `caller` publish one of them.
    pub(crate) fn admit_roles<'r>(
        &self,
        caller: &Caller,
        gun: &Gun,
        host: &str,
        mut roles: impl Iterator<Item = &'r RoleName>,
    ) -> Result<(), Refusal> {
        let Some(rules) = &self.rules else { return Ok(()) };
        let rules = rules.in_use();
        let refused = roles.find_map(|role| {
            let decision = rules.decide_push(caller, gun, role);
            (!decision.allowed).then(|| cause(caller, &format!("push {role}"), decision))
        });
        let Some(cause) = refused else { return Ok(()) };
        let demand = Demand::of(&Route::Publish(gun.clone()));
        let items = demand.map(|demand| demand.items).unwrap_or_default();
        let challenge = self.challenge(host);
        let why = RefusedWhy::InsufficientScope;
        let user = caller.token_user.as_deref().map(Into::into);
        Err(Refusal { challenge, items, raw_name: None, user, why, cause })
    }

    /// Where a client gets a token; `None` where none is asked for.
    fn challenge(&self, host: &str) -> Option<Box<Challenge>> {
        self.tokens.as_ref().map(|tokens| Box::new(tokens.challenge(host)))
    }

    /// Whether somebody who proves nothing could read the documents of `gun` as `peer` does.
    ///
    /// Where a certificate was shown, one may have been required. Where a token is needed, only what
    /// this server gives out is known: an anonymous one, with the rights that the rules give.
    pub(crate) fn audience(&self, peer: &Peer, gun: &Gun) -> Audience {
        if peer.handshake == Handshake::Certified {
            return Audience::Some;
        }
        let given_by = self.tokens.as_ref().map(|tokens| tokens.settings().given_by);
        let rules = match (given_by, &self.rules) {
            (None, None) => return Audience::All,
            (Some(GivenBy::Others), _) | (Some(GivenBy::ThisServer), None) => {
                return Audience::Some;
            }
            (None | Some(GivenBy::ThisServer), Some(rules)) => rules,
        };
        let resource = Resource::Gun(gun.clone());
        match rules.in_use().decide(&Caller::ANONYMOUS, Action::Pull, &resource).allowed {
            true => Audience::All,
            false => Audience::Some,
        }
    }
}

/// The host that a request is for, as Go tells it: an absolute URI wins, which is how HTTP/2
/// names it.
pub(crate) fn host<'a>(headers: &'a HeaderMap, uri: &'a Uri) -> &'a str {
    let by_uri = uri.authority().map(axum::http::uri::Authority::as_str);
    let by_header = || headers.get(header::HOST)?.to_str().ok();
    by_uri.or_else(by_header).unwrap_or_default()
}

/// What the log says of a refusal by the rules.
fn cause(caller: &Caller, action: &str, decision: Decision<'_>) -> String {
    match caller.user() {
        Some(user) => format!("{user:?} may not {action}: {decision}"),
        None => format!("an anonymous caller may not {action}: {decision}"),
    }
}

#[cfg(test)]
mod tests;
