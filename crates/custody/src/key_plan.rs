//! Where new keys go and by which algorithm, by role and GUN. Pure.
//!
//! Only new keys: what a root names stays where it is, and is found there.

use std::fmt;

use countersign_tuf::gun_prefix::GunPrefix;
use countersign_tuf::keys::ServerKeyAlgorithm;
use countersign_tuf::names::{Gun, ServerRole};

/// A place where private keys live.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Home {
    /// Sealed in the key database.
    #[default]
    Sealed,
    /// In a hardware token.
    Token,
    /// With another signer.
    Remote,
}

impl Home {
    /// The word for it in settings, on the command line and in logs.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Sealed => "sealed",
            Self::Token => "token",
            Self::Remote => "remote",
        }
    }
}

impl fmt::Display for Home {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// What a new key is to be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct KeyChoice {
    /// Where it lives.
    pub home: Home,
    /// Its algorithm.
    pub algorithm: ServerKeyAlgorithm,
}

/// The GUNs that a rule is about.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Guns {
    /// Every one.
    #[default]
    All,
    /// Those below a prefix.
    Below(GunPrefix),
    /// This one.
    One(Gun),
}

impl Guns {
    fn admits(&self, gun: &Gun) -> bool {
        match self {
            Self::All => true,
            Self::Below(prefix) => prefix.admits(gun),
            Self::One(one) => one == gun,
        }
    }
}

/// What new keys of some GUNs and roles are to be. What is left out is as it is without the rule.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KeyRule {
    /// The role; `None`: both.
    pub role: Option<ServerRole>,
    /// The GUNs.
    pub guns: Guns,
    /// Where keys live.
    pub home: Option<Home>,
    /// Their algorithm.
    pub algorithm: Option<ServerKeyAlgorithm>,
}

/// Where new keys go and by which algorithm: the first rule that fits decides.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KeyPlan {
    /// What holds where no rule fits, and for what a rule leaves out.
    pub default: KeyChoice,
    /// In the order in which they are asked.
    pub rules: Vec<KeyRule>,
}

impl KeyPlan {
    /// What a new key of this GUN and role is to be.
    #[must_use]
    pub fn choose(&self, gun: &Gun, role: ServerRole) -> KeyChoice {
        let fits =
            |rule: &&KeyRule| rule.role.is_none_or(|only| only == role) && rule.guns.admits(gun);
        let Some(rule) = self.rules.iter().find(fits) else { return self.default };
        KeyChoice {
            home: rule.home.unwrap_or(self.default.home),
            algorithm: rule.algorithm.unwrap_or(self.default.algorithm),
        }
    }

    /// Every home that a new key may be given.
    pub fn homes(&self) -> impl Iterator<Item = Home> {
        std::iter::once(self.default.home).chain(self.rules.iter().filter_map(|rule| rule.home))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn gun(name: &str) -> Gun {
        Gun::parse(name).unwrap()
    }

    fn below(prefix: &str) -> Guns {
        Guns::Below(prefix.parse().unwrap())
    }

    #[test]
    fn without_rules_every_key_is_as_the_default_says() {
        let default = KeyChoice { home: Home::Token, algorithm: ServerKeyAlgorithm::Ed25519 };
        let plan = KeyPlan { default, rules: Vec::new() };
        assert_eq!(plan.choose(&gun("a/b"), ServerRole::Snapshot), default);
        assert_eq!(KeyPlan::default().choose(&gun("a/b"), ServerRole::Timestamp), {
            KeyChoice { home: Home::Sealed, algorithm: ServerKeyAlgorithm::Ecdsa }
        });
    }

    #[test]
    fn the_first_rule_that_fits_decides_and_leaves_the_rest_to_the_default() {
        let timestamps = KeyRule {
            role: Some(ServerRole::Timestamp),
            guns: below("a/"),
            home: Some(Home::Token),
            algorithm: None,
        };
        let one = KeyRule {
            guns: Guns::One(gun("a/b")),
            algorithm: Some(ServerKeyAlgorithm::Ed25519),
            ..KeyRule::default()
        };
        let plan = KeyPlan { rules: vec![timestamps, one], ..KeyPlan::default() };
        let chosen = |name: &str, role| {
            let KeyChoice { home, algorithm } = plan.choose(&gun(name), role);
            (home, algorithm)
        };
        let (ecdsa, ed25519) = (ServerKeyAlgorithm::Ecdsa, ServerKeyAlgorithm::Ed25519);
        assert_eq!(chosen("a/b", ServerRole::Timestamp), (Home::Token, ecdsa));
        assert_eq!(chosen("a/b", ServerRole::Snapshot), (Home::Sealed, ed25519));
        assert_eq!(chosen("a/b/c", ServerRole::Snapshot), (Home::Sealed, ecdsa));
        assert_eq!(chosen("b/a", ServerRole::Timestamp), (Home::Sealed, ecdsa));
    }

    fn any_rule() -> impl Strategy<Value = KeyRule> {
        let roles = [None, Some(ServerRole::Timestamp), Some(ServerRole::Snapshot)];
        let guns = [Guns::All, below("a/"), below("a/b/"), Guns::One(gun("a/b/c"))];
        let homes = [None, Some(Home::Sealed), Some(Home::Token), Some(Home::Remote)];
        let algorithms = [None, Some(ServerKeyAlgorithm::Ecdsa), Some(ServerKeyAlgorithm::Ed25519)];
        let pick = prop::sample::select::<Option<ServerRole>>;
        (
            pick(roles.to_vec()),
            prop::sample::select(guns.to_vec()),
            prop::sample::select(homes.to_vec()),
            prop::sample::select(algorithms.to_vec()),
        )
            .prop_map(|(role, guns, home, algorithm)| KeyRule {
                role,
                guns,
                home,
                algorithm,
            })
    }

    proptest! {
        /// What comes after the first rule that fits, and what fits not, changes nothing.
        #[test]
        fn only_the_first_rule_that_fits_counts(
            rules in prop::collection::vec(any_rule(), 0..6),
            name in prop::sample::select(vec!["a", "a/b", "a/b/c", "a/b/c/d", "b/a"]),
            role in prop::sample::select(vec![ServerRole::Timestamp, ServerRole::Snapshot]),
        ) {
            let whole = KeyPlan { rules: rules.clone(), ..KeyPlan::default() };
            let chosen = whole.choose(&gun(name), role);
            let alone = |rule: &KeyRule| {
                KeyPlan { rules: vec![rule.clone()], ..KeyPlan::default() }.choose(&gun(name), role)
            };
            let fits = |rule: &&KeyRule| {
                let of_role = rule.role.is_none() || rule.role == Some(role);
                let of_gun = match &rule.guns {
                    Guns::All => true,
                    Guns::Below(prefix) => name.starts_with(prefix.as_str()),
                    Guns::One(one) => one.as_str() == name,
                };
                of_role && of_gun
            };
            let expected = rules.iter().find(fits).map_or(KeyChoice::default(), alone);
            prop_assert_eq!(chosen, expected);
            prop_assert!(whole.homes().any(|home| home == chosen.home));
        }
    }
}
