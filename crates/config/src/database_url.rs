//! The URL of a database, as it was written. It may hold a password, so it is never shown whole.

use std::fmt;
use std::path::{Path, PathBuf};

use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use subtle::ConstantTimeEq as _;

use crate::ConfigError;
use crate::sections::database::Location;

const SQLITE: &str = "sqlite:";
const MYSQL: &str = "mysql://";
const POSTGRES: [&str; 2] = ["postgres://", "postgresql://"];

/// The URL of a database. It is shown without its password.
#[derive(Clone)]
pub struct DatabaseUrl(SecretString);

impl DatabaseUrl {
    /// The URL with its password, for whoever connects.
    #[must_use]
    pub fn secret(&self) -> &SecretString {
        &self.0
    }

    /// Whether a password is in it.
    pub(crate) fn holds_password(&self) -> bool {
        // What is shown lacks nothing but that.
        !same(&self.shown(), self.0.expose_secret())
    }

    /// What it points to; `origin` names the setting in an error.
    pub(crate) fn location(&self, origin: &str) -> Result<Location, ConfigError> {
        let text = self.0.expose_secret();
        if let Some(path) = text.strip_prefix(SQLITE).map(path_in).filter(|path| !path.is_empty()) {
            return Ok(Location::Sqlite(PathBuf::from(path)));
        }
        if text.starts_with(MYSQL) {
            return Ok(Location::MySql(self.clone()));
        }
        if POSTGRES.iter().any(|scheme| text.starts_with(scheme)) {
            return Ok(Location::Postgres(self.clone()));
        }
        Err(ConfigError::UnusableSecret {
            origin: origin.to_owned(),
            problem: "is not the URL of a database",
            mend: "write sqlite:PATH, postgres://USER@HOST:PORT/NAME or mysql://USER@HOST:PORT/NAME",
        })
    }

    /// Takes the relative path of a file from `base`.
    pub(crate) fn rebase(&mut self, base: &Path) {
        if let Some(path) = self.0.expose_secret().strip_prefix(SQLITE).map(path_in) {
            let path = base.join(path);
            if let Some(path) = path.to_str() {
                self.0 = SecretString::from(format!("{SQLITE}{path}"));
            }
        }
    }

    /// The URL with three stars for each password.
    fn shown(&self) -> String {
        let text = self.0.expose_secret();
        let Some((scheme, rest)) = text.split_once("://") else { return text.to_owned() };
        let (before, parameters) = match rest.split_once('?') {
            Some((before, parameters)) => (before, Some(parameters)),
            None => (rest, None),
        };
        let before = match before.rsplit_once('@') {
            Some((login, place)) => match login.split_once(':') {
                Some((user, _)) => format!("{user}:***@{place}"),
                None => before.to_owned(),
            },
            None => before.to_owned(),
        };
        let Some(parameters) = parameters else { return format!("{scheme}://{before}") };
        let parameters: Vec<&str> = parameters
            .split('&')
            .map(|pair| if pair.starts_with("password=") { "password=***" } else { pair })
            .collect();
        format!("{scheme}://{before}?{}", parameters.join("&"))
    }
}

/// `sqlite:PATH`; `sqlite://PATH` is written as well.
fn path_in(rest: &str) -> &str {
    rest.strip_prefix("//").unwrap_or(rest)
}

impl From<SecretString> for DatabaseUrl {
    fn from(text: SecretString) -> Self {
        Self(text)
    }
}

impl PartialEq for DatabaseUrl {
    fn eq(&self, other: &Self) -> bool {
        same(self.0.expose_secret(), other.0.expose_secret())
    }
}

/// Takes as long wherever they differ.
fn same(one: &str, other: &str) -> bool {
    one.as_bytes().ct_eq(other.as_bytes()).into()
}

impl Eq for DatabaseUrl {}

impl fmt::Debug for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DatabaseUrl({})", self.shown())
    }
}

impl Serialize for DatabaseUrl {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.shown())
    }
}

impl<'de> Deserialize<'de> for DatabaseUrl {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self(SecretString::from(String::deserialize(deserializer)?)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> DatabaseUrl {
        DatabaseUrl(SecretString::from(text))
    }

    #[test]
    fn a_password_is_shown_as_stars() {
        for (text, shown) in [
            ("postgres://u:geheim@h:5432/d", "postgres://u:***@h:5432/d"),
            ("postgres://u:ge:he@im@h/d?sslmode=require", "postgres://u:***@h/d?sslmode=require"),
            ("postgres://u@h/d?password=geheim&a=b", "postgres://u@h/d?password=***&a=b"),
            ("postgres://u@h/d", "postgres://u@h/d"),
            ("sqlite:/var/lib/a:b@c.db", "sqlite:/var/lib/a:b@c.db"),
        ] {
            assert_eq!(url(text).shown(), shown);
            assert_eq!(format!("{:?}", url(text)), format!("DatabaseUrl({shown})"));
            assert_eq!(url(text).holds_password(), text != shown);
        }
    }

    #[test]
    fn a_scheme_says_which_database() {
        let sqlite = |path: &str| Location::Sqlite(PathBuf::from(path));
        assert_eq!(url("sqlite:a/b.db").location("x").unwrap(), sqlite("a/b.db"));
        assert_eq!(url("sqlite:///a/b.db").location("x").unwrap(), sqlite("/a/b.db"));
        let postgres = url("postgresql://u@h/d");
        assert_eq!(postgres.location("x").unwrap(), Location::Postgres(postgres.clone()));
        let mysql = url("mysql://u@h/d");
        assert_eq!(mysql.location("x").unwrap(), Location::MySql(mysql.clone()));
    }

    #[test]
    fn another_scheme_is_refused_without_being_shown() {
        for text in
            ["oracle://u:geheim@h/d", "mariadb://u:geheim@h/d", "/var/lib/a.db", "sqlite:", ""]
        {
            let error = url(text).location("database.url").unwrap_err();
            let said = format!("{error} {error:?}");
            assert!(said.contains("database.url is not the URL"), "{said}");
            assert!(!said.contains("geheim"), "{said}");
        }
    }
}
