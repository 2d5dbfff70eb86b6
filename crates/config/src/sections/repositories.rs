//! `[repositories]`: which collections this server is for, and how much they may take.

use std::num::NonZeroU32;

use countersign_tuf::gun_prefix::GunPrefix;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The section `[repositories]`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default)]
pub struct Repositories {
    /// The only beginnings that GUNs may have: a publish of any other is refused, and all else of
    /// it is not there.
    ///
    /// Default: none, which means any GUN. Each ends with a slash, such as `registry.example/`.
    #[serde(deserialize_with = "prefixes", serialize_with = "texts")]
    pub gun_prefixes: Vec<GunPrefix>,
    /// How much may be published below prefixes.
    ///
    /// Default: none, which means any amount, as often as anybody wants.
    #[serde(deserialize_with = "limits")]
    pub limits: Vec<Limit>,
}

/// The limits of one prefix: a table `[[repositories.limits]]`. Each holds for itself, and every
/// one that a GUN is below holds for it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct Limit {
    /// The beginning of the GUNs, with a slash at its end. Needed.
    #[serde(deserialize_with = "prefix", serialize_with = "text")]
    pub prefix: GunPrefix,
    /// The most GUNs that have a document.
    ///
    /// Default: none, which means any number.
    #[serde(default)]
    pub repositories: Option<u64>,
    /// The most bytes of all versions of all their documents together.
    ///
    /// Default: none, which means any number.
    #[serde(default)]
    pub bytes: Option<u64>,
    /// The most publishes within a minute at one server.
    ///
    /// Default: none, which means any number. From 1.
    #[serde(default)]
    pub publishes_per_minute: Option<NonZeroU32>,
}

fn prefix<'de, D: Deserializer<'de>>(deserializer: D) -> Result<GunPrefix, D::Error> {
    String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
}

fn prefixes<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<GunPrefix>, D::Error> {
    let texts = Vec::<String>::deserialize(deserializer)?;
    texts.iter().map(|text| text.parse().map_err(D::Error::custom)).collect()
}

fn limits<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Limit>, D::Error> {
    let limits = Vec::<Limit>::deserialize(deserializer)?;
    for (at, Limit { prefix, repositories, bytes, publishes_per_minute }) in
        limits.iter().enumerate()
    {
        if repositories.is_none() && bytes.is_none() && publishes_per_minute.is_none() {
            return Err(D::Error::custom(format!(
                "nothing limits {prefix}: write repositories, bytes or publishes_per_minute"
            )));
        }
        if limits.iter().take(at).any(|earlier| earlier.prefix == *prefix) {
            let twice = format!("{prefix} has two tables: write its limits in one");
            return Err(D::Error::custom(twice));
        }
    }
    Ok(limits)
}

fn text<S: Serializer>(prefix: &GunPrefix, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(prefix.as_str())
}

fn texts<S: Serializer>(prefixes: &[GunPrefix], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(prefixes.iter().map(GunPrefix::as_str))
}
