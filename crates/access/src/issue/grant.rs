//! What of that which is asked for a caller gets.
//!
//! A token for this server is narrowed once more by the rules when it is used, so it may say less
//! exactly what they say; a registry knows no rules, so a token for one says it all.

use countersign_tuf::names::Gun;
use serde::Serialize;

use super::Scope;
use crate::{Action, Resource};

/// A service that tokens are given out for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Audience {
    /// Its name, as its challenge says it and as the `aud` of its tokens.
    pub name: String,
    /// What the names in its scopes are.
    pub names: Names,
}

/// What the names in the scopes of a service are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Names {
    /// GUNs: the service is a trust server of this make.
    Guns,
    /// Names of repositories in a registry; this before each is its GUN.
    Images {
        /// Such as `registry.example/`; may be empty.
        prefix: String,
    },
}

/// What a caller may have at all.
#[derive(Clone, Copy)]
pub enum Rights<'a> {
    /// All that it asks for: there are no rules, and it has proved who it is.
    All,
    /// Nothing: there are no rules, and nobody knows who it is.
    None,
    /// What the rules say.
    Ruled(&'a dyn Fn(Action, &Resource) -> bool),
}

/// One resource with the actions that a token allows on it, as the token holds it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Grant {
    /// `repository` or `registry`.
    #[serde(rename = "type")]
    pub kind: &'static str,
    /// As the client asked for it.
    pub name: String,
    /// In the client's order, none twice.
    pub actions: Vec<&'static str>,
}

/// What of `scopes` a caller with `rights` gets at `audience`. Resources without any right are left
/// out; one that is asked for twice is there once.
#[must_use]
pub fn narrow(scopes: &[Scope], audience: &Audience, rights: Rights<'_>) -> Vec<Grant> {
    let mut grants: Vec<Grant> = Vec::new();
    for scope in scopes {
        let Some(resource) = Asked::of(scope, audience) else { continue };
        let kind = resource.kind();
        for action in scope.actions.iter().filter_map(|action| known(action)) {
            if !resource.allows(action, rights) {
                continue;
            }
            let same = |grant: &&mut Grant| grant.kind == kind && grant.name == scope.name;
            match grants.iter_mut().find(same) {
                Some(grant) if grant.actions.contains(&action) => {}
                Some(grant) => grant.actions.push(action),
                None => {
                    let name = scope.name.clone();
                    grants.push(Grant { kind, name, actions: vec![action] });
                }
            }
        }
    }
    grants
}

/// The actions that registries and trust servers ask for; no other is ever granted.
fn known(action: &str) -> Option<&'static str> {
    ["pull", "push", "delete", "*"].into_iter().find(|known| *known == action)
}

/// A resource of which something can be granted.
enum Asked {
    Catalog,
    /// Of this server.
    Collection(Resource),
    /// Of a registry.
    Image(Resource),
}

impl Asked {
    /// Other kinds, such as plugins (`repository(plugin)`), are nobody's.
    fn of(scope: &Scope, audience: &Audience) -> Option<Self> {
        match (scope.kind.as_str(), &audience.names) {
            ("registry", _) if scope.name == "catalog" => Some(Self::Catalog),
            ("repository", Names::Guns) => {
                Gun::parse(&scope.name).ok().map(Resource::Gun).map(Self::Collection)
            }
            ("repository", Names::Images { prefix }) => {
                if scope.name.is_empty() {
                    return None;
                }
                let gun = Gun::parse(&format!("{prefix}{}", scope.name)).ok()?;
                Some(Self::Image(Resource::Gun(gun)))
            }
            _ => None,
        }
    }

    fn kind(&self) -> &'static str {
        match self {
            Self::Catalog => "registry",
            Self::Collection(_) | Self::Image(_) => "repository",
        }
    }

    fn allows(&self, action: &str, rights: Rights<'_>) -> bool {
        let may = match rights {
            Rights::All => return !matches!(self, Self::Catalog) || action == "*",
            Rights::None => return false,
            Rights::Ruled(may) => may,
        };
        match (self, action) {
            (Self::Catalog, "*") => may(Action::Changefeed, &Resource::Catalog),
            // Publishing and the changefeed of a GUN ask for `pull` too.
            (Self::Collection(gun), "pull") => {
                may(Action::Pull, gun) || may(Action::Push, gun) || may(Action::Changefeed, gun)
            }
            (Self::Collection(gun), "push") => may(Action::Push, gun),
            (Self::Collection(gun), "delete") => may(Action::Delete, gun),
            (Self::Collection(gun), "*") => {
                may(Action::RotateKeys, gun) || may(Action::Delete, gun)
            }
            (Self::Image(gun), "pull") => may(Action::Pull, gun),
            (Self::Image(gun), "push") => may(Action::Push, gun),
            (Self::Image(gun), "delete" | "*") => {
                [Action::Pull, Action::Push, Action::Delete].iter().all(|action| may(*action, gun))
            }
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn own() -> Audience {
        Audience { name: "trust".to_owned(), names: Names::Guns }
    }

    fn registry(prefix: &str) -> Audience {
        let names = Names::Images { prefix: prefix.to_owned() };
        Audience { name: "registry".to_owned(), names }
    }

    /// What is granted of `asked`, written as scopes.
    fn granted(asked: &str, audience: &Audience, rights: Rights<'_>) -> String {
        let scopes = Scope::parse_all([asked].into_iter()).unwrap();
        let shown = |g: &Grant| format!("{}:{}:{}", g.kind, g.name, g.actions.join(","));
        let grants = narrow(&scopes, audience, rights);
        grants.iter().map(shown).collect::<Vec<_>>().join(" ")
    }

    /// The same under rules that allow `allowed` on the GUN `e/a`, and nothing on any other.
    fn ruled(asked: &str, audience: &Audience, allowed: &[Action]) -> String {
        let gun = Resource::Gun(Gun::parse("e/a").unwrap());
        let may =
            |action: Action, resource: &Resource| allowed.contains(&action) && *resource == gun;
        granted(asked, audience, Rights::Ruled(&may))
    }

    #[test]
    fn without_rules_a_known_user_gets_what_it_asks_for_and_nobody_gets_nothing() {
        let asked = "repository:e/a:push,pull registry:catalog:* repository:e/b:*,delete";
        for audience in [own(), registry("")] {
            assert_eq!(granted(asked, &audience, Rights::All), asked);
            assert_eq!(granted(asked, &audience, Rights::None), "");
        }
    }

    #[test]
    fn what_is_asked_for_twice_is_granted_once() {
        assert_eq!(
            granted("repository:a:pull,pull repository:a:push,pull", &own(), Rights::All),
            "repository:a:pull,push"
        );
    }

    #[test]
    fn unknown_kinds_actions_and_names_are_never_granted() {
        for asked in [
            "repository(plugin):a:pull",
            "repository(image):a:pull",
            "repository:a:admin",
            "repository:a:PULL",
            "repository::pull",
            "registry:catalog:pull",
            "registry:other:*",
            "catalog:catalog:*",
            "Repository:a:pull",
        ] {
            for audience in [own(), registry("r/")] {
                assert_eq!(granted(asked, &audience, Rights::All), "", "{asked}");
            }
        }
        let long = format!("repository:{}:pull", "a".repeat(254));
        assert_eq!(granted(&long, &own(), Rights::All), long);
        assert_eq!(granted(&long, &registry("r/"), Rights::All), "");
    }

    #[test]
    fn at_our_own_server_a_token_says_what_some_route_may_need() {
        let all = "repository:e/a:pull,push,delete,*";
        for (allowed, expected) in [
            (&[][..], ""),
            (&[Action::Pull], "repository:e/a:pull"),
            (&[Action::Changefeed], "repository:e/a:pull"),
            (&[Action::Push], "repository:e/a:pull,push"),
            (&[Action::RotateKeys], "repository:e/a:*"),
            (&[Action::Delete], "repository:e/a:delete,*"),
            (&Action::ALL, all),
        ] {
            assert_eq!(ruled(all, &own(), allowed), expected, "{allowed:?}");
        }
        assert_eq!(ruled("repository:e/b:pull,push,*", &own(), &Action::ALL), "");
    }

    #[test]
    fn at_a_registry_all_rights_take_all_of_pull_push_and_delete() {
        let asked = "repository:a:pull,push,delete,*";
        let registry = registry("e/");
        for (allowed, expected) in [
            (&[][..], ""),
            (&[Action::Pull], "repository:a:pull"),
            (&[Action::Changefeed, Action::RotateKeys], ""),
            (&[Action::Push], "repository:a:push"),
            (&[Action::Delete], ""),
            (&[Action::Push, Action::Delete], "repository:a:push"),
            (&[Action::Pull, Action::Push], "repository:a:pull,push"),
            (&[Action::Pull, Action::Push, Action::Delete], asked),
        ] {
            assert_eq!(ruled(asked, &registry, allowed), expected, "{allowed:?}");
        }
        // Without the prefix it is another GUN.
        assert_eq!(ruled("repository:e/a:pull", &registry, &Action::ALL), "");
    }

    #[test]
    fn the_catalog_is_for_those_who_may_read_the_changefeed_of_all() {
        for audience in [own(), registry("e/")] {
            let may = |action: Action, resource: &Resource| {
                action == Action::Changefeed && *resource == Resource::Catalog
            };
            let asked = "registry:catalog:*";
            assert_eq!(granted(asked, &audience, Rights::Ruled(&may)), asked);
            assert_eq!(ruled(asked, &audience, &Action::ALL), "");
        }
    }
}
