//! Who may have what: every request passes here once, before its operation.
//!
//! Never in here: what a token or a rule says; that is `countersign-access`.
//! Source: contract section 5 (token and rules must both pass; a refusal is always 401).

mod demand;
mod refusal;
mod rules;

use axum::http::HeaderMap;
use countersign_access::{Action, Caller, Decision, Resource};
use countersign_tuf::names::{Gun, RoleName};

use crate::peer::{Handshake, Peer};
use crate::route::Route;
use demand::{Demand, Wish};
#[cfg(test)]
pub(crate) use refusal::Challenge;
pub(crate) use refusal::{Refusal, RefusedWhy};
pub use rules::{LiveRules, RulesFileError, read_rules};

/// What decides over requests.
///
/// One that was made by [`Access::open`] lets everybody do everything.
#[derive(Debug, Default)]
pub struct Access {
    rules: Option<LiveRules>,
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
        Self { rules: Some(rules) }
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
    }

    /// Reads the files that access follows again, now.
    pub fn reread(&self) {
        if let Some(rules) = &self.rules {
            rules.reread();
        }
    }

    pub(crate) fn rules_state(&self) -> Option<RulesState> {
        let state =
            |rules: &LiveRules| RulesState { count: rules.count(), is_stale: rules.is_stale() };
        self.rules.as_ref().map(state)
    }

    /// Whom a request comes from, if it may have what its route demands.
    ///
    /// # Errors
    /// [`Refusal`] when it may not, or when it is not known who asks.
    #[expect(clippy::unused_async, reason = "reading the keys of tokens will wait")]
    pub(crate) async fn admit(
        &self,
        route: &Route,
        _headers: &HeaderMap,
        peer: &Peer,
    ) -> Result<Caller, Refusal> {
        let caller = Caller { token_user: None, certificate: peer.certificate.clone() };
        let Some(rules) = &self.rules else { return Ok(caller) };
        if let Some(Demand { items, wish: Some(Wish { action, resource }) }) = Demand::of(route) {
            let rules = rules.in_use();
            let decision = rules.decide(&caller, action, &resource);
            if !decision.allowed {
                let cause = cause(&caller, action.as_str(), decision);
                let why = RefusedWhy::InsufficientScope;
                return Err(Refusal { challenge: None, items, why, cause });
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
        Err(Refusal { challenge: None, items, why: RefusedWhy::InsufficientScope, cause })
    }

    /// Whether somebody who proves nothing could read the documents of `gun` as `peer` does.
    ///
    /// Where a certificate was shown, one may have been required.
    pub(crate) fn audience(&self, peer: &Peer, gun: &Gun) -> Audience {
        if peer.handshake == Handshake::Certified {
            return Audience::Some;
        }
        let Some(rules) = &self.rules else { return Audience::All };
        let resource = Resource::Gun(gun.clone());
        match rules.in_use().decide(&Caller::ANONYMOUS, Action::Pull, &resource).allowed {
            true => Audience::All,
            false => Audience::Some,
        }
    }
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
