//! `[tokens]`: the built-in token service.

use std::path::{Path, PathBuf};
use std::time::Duration;

use countersign_tuf::gun_prefix::GunPrefix;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::ConfigError;
use crate::number::{count, hours, in_hours, in_seconds, seconds};

/// The longest name of an issuer or a service, in bytes.
const MAX_NAME_BYTES: usize = 255;

/// The section `[tokens]`. Without `users` there is no token service.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default)]
pub struct Tokens {
    /// The file of the users: as `htpasswd -B` writes it, or ours when its name ends in `.toml`.
    ///
    /// Default: none, which means that there is no token service.
    pub users: Option<PathBuf>,
    /// The issuer in the tokens.
    ///
    /// Default: `countersign`.
    #[serde(deserialize_with = "name")]
    pub issuer: String,
    /// The registries that take its tokens.
    ///
    /// Default: none. Each has a `name`, which is its `service`, and may have a `prefix`.
    #[serde(deserialize_with = "registries")]
    pub services: Vec<Registry>,
    /// The PEM file of the certificate of the key that signs tokens.
    ///
    /// Default: none, which means that `certs/token.crt` is made. Needs `key`.
    pub(crate) cert: Option<PathBuf>,
    /// The PEM file of that key.
    ///
    /// Default: none, which means that `certs/token.key` is made. Needs `cert`.
    pub(crate) key: Option<PathBuf>,
    /// How long a token is good.
    ///
    /// Unit: seconds. Default: 300. Range: 60 to 86400 (a day).
    #[serde(
        rename = "lifetime_seconds",
        deserialize_with = "seconds::<_, 60, 86_400>",
        serialize_with = "in_seconds"
    )]
    pub lifetime: Duration,
    /// How long a refresh token is good: for how long a `docker login` lasts.
    ///
    /// Unit: hours. Default: 720 (30 days). Range: 1 to 8760 (a year).
    #[serde(
        rename = "refresh_hours",
        deserialize_with = "hours::<_, 1, 8_760>",
        serialize_with = "in_hours"
    )]
    pub refresh: Duration,
    /// How many passwords are checked at a time; each takes a processor for a while.
    ///
    /// Default: 2. Range: 1 to 64.
    #[serde(deserialize_with = "count::<_, _, 1, 64>")]
    pub password_checks: u32,
    /// Wrong passwords from one address that are looked at within `guess_seconds`.
    ///
    /// Default: 50. Range: 1 to 1000000.
    #[serde(deserialize_with = "count::<_, _, 1, 1_000_000>")]
    pub guesses_per_address: u32,
    /// Wrong passwords with one user name that are looked at within `guess_seconds`.
    ///
    /// Default: 20. Range: 1 to 1000000.
    #[serde(deserialize_with = "count::<_, _, 1, 1_000_000>")]
    pub guesses_per_user: u32,
    /// The time in which spent guesses come back, one after the other.
    ///
    /// Unit: seconds. Default: 600. Range: 1 to 86400 (a day).
    #[serde(
        rename = "guess_seconds",
        deserialize_with = "seconds::<_, 1, 86_400>",
        serialize_with = "in_seconds"
    )]
    pub guess_window: Duration,
}

/// A registry that takes the tokens.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Registry {
    /// Its `service`: the audience of its tokens.
    #[serde(deserialize_with = "name")]
    pub name: String,
    /// What its repositories' names lack to be GUNs, such as `registry.example/`.
    #[serde(default, deserialize_with = "prefix", serialize_with = "text")]
    pub prefix: Option<GunPrefix>,
}

/// The operator's own key of tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OwnTokenKey<'a> {
    /// The file of the certificate.
    pub cert: &'a Path,
    /// The file of the key.
    pub key: &'a Path,
}

impl Tokens {
    /// The operator's own key; `None` when the server shall make one.
    #[must_use]
    pub fn own_key(&self) -> Option<OwnTokenKey<'_>> {
        let (cert, key) = self.cert.as_deref().zip(self.key.as_deref())?;
        Some(OwnTokenKey { cert, key })
    }

    /// Itself, when it has both files of the key or none, and is either off or has users.
    pub(crate) fn whole(self) -> Result<Self, ConfigError> {
        const CERT: &str = "the certificate of the token key (tokens.cert)";
        const KEY: &str = "the token key (tokens.key)";
        match (&self.cert, &self.key) {
            (Some(_), None) => Err(ConfigError::HalfIdentity { given: CERT, missing: KEY }),
            (None, Some(_)) => Err(ConfigError::HalfIdentity { given: KEY, missing: CERT }),
            _ if self.users.is_none() && self != Self::default() => {
                Err(ConfigError::TokensWithoutUsers)
            }
            _ => Ok(self),
        }
    }

    pub(crate) fn rebase(&mut self, base: &Path) {
        for path in [&mut self.users, &mut self.cert, &mut self.key] {
            *path = path.take().map(|path| base.join(path));
        }
    }
}

impl Default for Tokens {
    fn default() -> Self {
        Self {
            users: None,
            issuer: "countersign".to_owned(),
            services: Vec::new(),
            cert: None,
            key: None,
            lifetime: Duration::from_secs(300),
            refresh: Duration::from_secs(720 * 3600),
            password_checks: 2,
            guesses_per_address: 50,
            guesses_per_user: 20,
            guess_window: Duration::from_secs(600),
        }
    }
}

fn name<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let name = String::deserialize(deserializer)?;
    if name.is_empty() || name.len() > MAX_NAME_BYTES || name.chars().any(char::is_control) {
        return Err(D::Error::custom("write a name of 1 to 255 bytes without control characters"));
    }
    Ok(name)
}

fn prefix<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<GunPrefix>, D::Error> {
    let text = String::deserialize(deserializer)?;
    text.parse().map(Some).map_err(D::Error::custom)
}

fn text<S: Serializer>(prefix: &Option<GunPrefix>, serializer: S) -> Result<S::Ok, S::Error> {
    match prefix {
        Some(prefix) => serializer.serialize_str(prefix.as_str()),
        None => serializer.serialize_none(),
    }
}

fn registries<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Registry>, D::Error> {
    let registries = Vec::<Registry>::deserialize(deserializer)?;
    let mut names: Vec<&str> = registries.iter().map(|registry| registry.name.as_str()).collect();
    names.sort_unstable();
    match names.windows(2).find(|pair| pair.first() == pair.last()).and_then(<[&str]>::first) {
        Some(name) => {
            Err(D::Error::custom(format!("two services are called {name}: rename one of them")))
        }
        None => Ok(registries),
    }
}
