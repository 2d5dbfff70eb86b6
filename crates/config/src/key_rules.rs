//! Which homes keys may have, and the rules of `[[keys.rules]]` that send new keys to them.

use std::collections::BTreeMap;

use countersign_tuf::gun_prefix::GunPrefix;
use countersign_tuf::keys::ServerKeyAlgorithm;
use countersign_tuf::names::{Gun, ServerRole};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::{ConfigError, Origin, Settings};

/// A home of keys, by its word in the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum KeyHome {
    /// Sealed in the key database.
    Sealed,
    /// In a hardware token.
    Token,
    /// With another signer.
    Remote,
}

impl KeyHome {
    /// Its word.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Sealed => "sealed",
            Self::Token => "token",
            Self::Remote => "remote",
        }
    }

    /// What makes it one that keys can go to.
    fn mend(self) -> &'static str {
        match self {
            Self::Sealed => "write another",
            Self::Token => "no token is configured: name one in [pkcs11], or write \"sealed\"",
            Self::Remote => {
                "no signer is configured: name it (--signer or signer.address), or write \"sealed\""
            }
        }
    }
}

/// What new keys of some GUNs and roles are to be: a table `[[keys.rules]]`. The first one that
/// fits decides; what it leaves out is as `[keys]` says.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default)]
pub struct Rule {
    /// The role: `timestamp` or `snapshot`.
    ///
    /// Default: both.
    #[serde(
        deserialize_with = "role",
        serialize_with = "name_of_role",
        skip_serializing_if = "Option::is_none"
    )]
    pub role: Option<ServerRole>,
    /// The one GUN that it is about.
    ///
    /// Default: none, which means any, or those of `gun_prefix`.
    #[serde(
        deserialize_with = "gun",
        serialize_with = "name_of_gun",
        skip_serializing_if = "Option::is_none"
    )]
    pub gun: Option<Gun>,
    /// The beginning of the GUNs that it is about, with a slash at its end.
    ///
    /// Default: none, which means any.
    #[serde(
        deserialize_with = "prefix",
        serialize_with = "name_of_prefix",
        skip_serializing_if = "Option::is_none"
    )]
    pub gun_prefix: Option<GunPrefix>,
    /// Where the keys live: `sealed`, `token` or `remote`.
    ///
    /// Default: as `keys.custody`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub custody: Option<KeyHome>,
    /// Their algorithm: `ecdsa` or `ed25519`.
    ///
    /// Default: as `keys.algorithm`.
    #[serde(
        deserialize_with = "algorithm",
        serialize_with = "name_of_algorithm",
        skip_serializing_if = "Option::is_none"
    )]
    pub algorithm: Option<ServerKeyAlgorithm>,
}

impl Rule {
    /// Whether all that `other` is about is what this one is about too.
    fn covers(&self, other: &Self) -> bool {
        let role = self.role.is_none() || self.role == other.role;
        let guns = match (&self.gun, &self.gun_prefix, &other.gun, &other.gun_prefix) {
            (None, None, _, _) => true,
            (Some(one), _, Some(other), _) => one == other,
            (None, Some(prefix), Some(gun), _) => prefix.admits(gun),
            (None, Some(prefix), None, Some(inner)) => inner.as_str().starts_with(prefix.as_str()),
            (Some(_), _, None, _) | (None, Some(_), None, None) => false,
        };
        role && guns
    }
}

/// The rules as the file has them; each must say something, and be asked at all.
pub(crate) fn rules<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Rule>, D::Error> {
    let rules = Vec::<Rule>::deserialize(deserializer)?;
    for (index, rule) in rules.iter().enumerate() {
        let number = index.saturating_add(1);
        if rule.custody.is_none() && rule.algorithm.is_none() {
            let idle = format!("table {number} says nothing of keys: write custody or algorithm");
            return Err(D::Error::custom(idle));
        }
        if rule.gun.is_some() && rule.gun_prefix.is_some() {
            let two = format!("table {number} has gun and gun_prefix: write one of them");
            return Err(D::Error::custom(two));
        }
        if let Some(before) = rules.iter().take(index).position(|before| before.covers(rule)) {
            let before = before.saturating_add(1);
            let idle = format!(
                "table {number} is never asked, because table {before} comes before it and fits \
                 wherever it does: put it first, or take it out"
            );
            return Err(D::Error::custom(idle));
        }
    }
    Ok(rules)
}

/// Passes when every home that new keys are sent to is there.
pub(crate) fn check(
    settings: &Settings,
    origins: &BTreeMap<String, Origin>,
) -> Result<(), ConfigError> {
    let there = settings.key_homes();
    let keys = &settings.keys;
    let default = keys.custody.map(|home| ("keys.custody", home));
    let by_rules = keys.rules.iter().filter_map(|rule| Some(("keys.rules.custody", rule.custody?)));
    let missing = default.into_iter().chain(by_rules).find(|(_, home)| !there.contains(home));
    let Some((key, home)) = missing else { return Ok(()) };
    let written = if key == "keys.custody" { key } else { "keys.rules" };
    let origin = origins.get(written).cloned().unwrap_or(Origin::Default);
    Err(ConfigError::BadValue {
        origin: format!("{origin}: {key}"),
        value: format!("{:?}", home.as_str()),
        mend: home.mend().to_owned(),
    })
}

impl Settings {
    /// The homes that keys can have under these settings.
    #[must_use]
    pub fn key_homes(&self) -> Vec<KeyHome> {
        let signer = self.signer.address.as_ref().map(|_| KeyHome::Remote);
        let token = self.pkcs11.configured().map(|_| KeyHome::Token);
        [KeyHome::Sealed].into_iter().chain(token).chain(signer).collect()
    }

    /// Where new keys go for which no rule says it.
    #[must_use]
    pub fn default_key_home(&self) -> KeyHome {
        match (self.keys.custody, &self.signer.address) {
            (Some(home), _) => home,
            (None, Some(_)) => KeyHome::Remote,
            (None, None) => KeyHome::Sealed,
        }
    }
}

fn role<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<ServerRole>, D::Error> {
    let text = String::deserialize(deserializer)?;
    let roles = [ServerRole::Timestamp, ServerRole::Snapshot];
    let found = roles.into_iter().find(|role| role.as_str() == text);
    found.map(Some).ok_or_else(|| D::Error::custom("write timestamp or snapshot"))
}

fn name_of_role<S: Serializer>(
    role: &Option<ServerRole>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    role.map(ServerRole::as_str).serialize(serializer)
}

fn gun<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Gun>, D::Error> {
    let text = String::deserialize(deserializer)?;
    Gun::parse(&text).map(Some).map_err(D::Error::custom)
}

fn name_of_gun<S: Serializer>(gun: &Option<Gun>, serializer: S) -> Result<S::Ok, S::Error> {
    gun.as_ref().map(Gun::as_str).serialize(serializer)
}

fn prefix<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<GunPrefix>, D::Error> {
    String::deserialize(deserializer)?.parse().map(Some).map_err(D::Error::custom)
}

fn name_of_prefix<S: Serializer>(
    prefix: &Option<GunPrefix>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    prefix.as_ref().map(GunPrefix::as_str).serialize(serializer)
}

fn algorithm<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<ServerKeyAlgorithm>, D::Error> {
    let text = String::deserialize(deserializer)?;
    let known = ServerKeyAlgorithm::parse(&text);
    known.map(Some).ok_or_else(|| D::Error::custom("write ecdsa or ed25519"))
}

fn name_of_algorithm<S: Serializer>(
    algorithm: &Option<ServerKeyAlgorithm>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    algorithm.map(ServerKeyAlgorithm::as_str).serialize(serializer)
}
