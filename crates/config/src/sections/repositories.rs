//! `[repositories]`: which collections this server is for.

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
}

fn prefixes<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<GunPrefix>, D::Error> {
    let texts = Vec::<String>::deserialize(deserializer)?;
    texts.iter().map(|text| text.parse().map_err(D::Error::custom)).collect()
}

fn texts<S: Serializer>(prefixes: &[GunPrefix], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(prefixes.iter().map(GunPrefix::as_str))
}
