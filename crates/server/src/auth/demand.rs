//! What each route demands of its caller.
//!
//! Source: server spec 2.2 (the table; 405 and 301 come before it), contract section 5.

use countersign_access::{AccessItem, Action, Resource};
use countersign_tuf::names::Gun;

use crate::route::{Route, RouteName};

/// What a route demands, in the words of tokens and in those of the rules.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Demand {
    /// What a token must have, all of it, in the order in which the challenge names it.
    pub(crate) items: Vec<AccessItem>,
    /// The name that was asked for, where it is no text; the items have it with U+FFFD.
    pub(crate) raw_name: Option<Box<[u8]>>,
    /// What the rules are asked for; `None` for what changes and shows nothing.
    pub(crate) wish: Option<Wish>,
}

/// An action on something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Wish {
    pub(crate) action: Action,
    pub(crate) resource: Resource,
}

impl Demand {
    /// What `route` demands; `None` for what anybody may have.
    pub(crate) fn of(route: &Route) -> Option<Self> {
        match route {
            Route::BadEscape
            | Route::GetToken
            | Route::Health
            | Route::Live
            | Route::MethodNotAllowed
            | Route::Metrics
            | Route::PostToken
            | Route::Ready
            | Route::Redirect(_) => None,
            Route::Ping | Route::Unknown => {
                Some(Self { items: vec![AccessItem::catalog()], raw_name: None, wish: None })
            }
            Route::Changefeed(None) => Some(Self {
                items: vec![AccessItem::catalog()],
                raw_name: None,
                wish: Some(Wish { action: Action::Changefeed, resource: Resource::Catalog }),
            }),
            Route::Changefeed(Some(gun)) => Some(Self::on(gun, &["pull"], Action::Changefeed)),
            Route::GetRole(gun, _) => Some(Self::on(gun, &["pull"], Action::Pull)),
            Route::Publish(gun) | Route::GetKey(gun, _) => {
                Some(Self::on(gun, &["push", "pull"], Action::Push))
            }
            Route::RotateKey(gun, _) => Some(Self::on(gun, &["*"], Action::RotateKeys)),
            Route::Delete(gun) => Some(Self::on(gun, &["*"], Action::Delete)),
            Route::UnusableGun { route, gun, .. } => {
                let actions = token_actions(*route);
                let name = String::from_utf8_lossy(gun);
                let item = |action: &&'static str| AccessItem::repository(&name, action);
                let raw_name = std::str::from_utf8(gun).is_err().then(|| gun.as_slice().into());
                Some(Self { items: actions.iter().map(item).collect(), raw_name, wish: None })
            }
        }
    }

    fn on(gun: &Gun, token_actions: &[&'static str], action: Action) -> Self {
        let item = |needed: &&'static str| AccessItem::repository(gun.as_str(), needed);
        Self {
            items: token_actions.iter().map(item).collect(),
            raw_name: None,
            wish: Some(Wish { action, resource: Resource::Gun(gun.clone()) }),
        }
    }
}

/// What a token must have for a route whose GUN cannot be stored.
fn token_actions(route: RouteName) -> &'static [&'static str] {
    match route {
        RouteName::Delete | RouteName::RotateKey => &["*"],
        RouteName::GetKey | RouteName::Publish => &["push", "pull"],
        RouteName::Changefeed
        | RouteName::GetRole
        | RouteName::GetRoleByDigest
        | RouteName::GetRoleByVersion
        | RouteName::Health
        | RouteName::Live
        | RouteName::Metrics
        | RouteName::Ping
        | RouteName::Ready
        | RouteName::Token
        | RouteName::Unknown => &["pull"],
    }
}

#[cfg(test)]
mod tests {
    use axum::http::Method;

    use super::*;

    fn scopes(method: &Method, path: &str) -> Vec<String> {
        let items = Demand::of(&Route::parse(method, path)).map(|demand| demand.items);
        let scope = |item: AccessItem| format!("{}:{}:{}", item.kind, item.name, item.action);
        items.unwrap_or_default().into_iter().map(scope).collect()
    }

    /// Checklist rows C-150 and C-152.
    #[test]
    fn each_route_demands_what_notary_demands() {
        let get = &Method::GET;
        for path in ["/v2/", "/v2/_trust/changefeed", "/elsewhere", "/v2/x"] {
            assert_eq!(scopes(get, path), ["registry:catalog:*"], "{path}");
        }
        for file in ["root.json", "1.root.json", "targets/a.json"] {
            let path = format!("/v2/e/a/_trust/tuf/{file}");
            assert_eq!(scopes(get, &path), ["repository:e/a:pull"], "{file}");
        }
        assert_eq!(scopes(get, "/v2/e/a/_trust/changefeed"), ["repository:e/a:pull"]);
        let both = ["repository:e/a:push", "repository:e/a:pull"];
        assert_eq!(scopes(&Method::POST, "/v2/e/a/_trust/tuf/"), both);
        assert_eq!(scopes(get, "/v2/e/a/_trust/tuf/timestamp.key"), both);
        let all = ["repository:e/a:*"];
        assert_eq!(scopes(&Method::POST, "/v2/e/a/_trust/tuf/snapshot.key"), all);
        assert_eq!(scopes(&Method::DELETE, "/v2/e/a/_trust/tuf/"), all);
    }

    #[test]
    fn what_is_asked_by_machines_and_what_is_no_request_demands_nothing() {
        for path in ["/_notary_server/health", "/metrics", "/_countersign/live", "/v2/..", "/%"] {
            assert!(scopes(&Method::GET, path).is_empty(), "{path}");
        }
        assert!(scopes(&Method::PATCH, "/v2/").is_empty());
    }
}
