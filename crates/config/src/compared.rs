//! Where a database is that others are compared with: named by a flag, or by a variable when a
//! password is needed for it.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use secrecy::ExposeSecret as _;

use crate::overrides::{database_url, without_password};
use crate::sections::database::Location;
use crate::{ConfigError, DatabaseUrl};

const URL: &str = "COUNTERSIGN_COMPARE_DATABASE_URL";
const URL_FILE: &str = "COUNTERSIGN_COMPARE_DATABASE_URL_FILE";

/// The environment variables that name the database to compare with.
pub(crate) const VARIABLES: [&str; 2] = [URL, URL_FILE];

/// The database to compare with; `None` when nothing names one. A flag, which may be a plain path,
/// wins over the variables.
///
/// `variable` looks an environment variable up; an empty one counts as not set.
///
/// # Errors
/// When the flag holds a password, two variables name one, a file cannot be read, or it is no
/// URL of a database.
pub fn compared_database(
    flag: Option<&DatabaseUrl>,
    variable: &dyn Fn(&str) -> Option<OsString>,
) -> Result<Option<Location>, ConfigError> {
    const FLAG: &str = "--compare";
    if let Some(url) = flag {
        let url = without_password(FLAG, url)?;
        let text = url.secret().expose_secret();
        if Path::new(text).exists() {
            return Ok(Some(Location::Sqlite(PathBuf::from(text))));
        }
        return url.location(FLAG).map(Some);
    }
    let url = database_url(variable, URL, URL_FILE)?;
    url.map(|url| url.location(URL)).transpose()
}

#[cfg(test)]
mod tests {
    use secrecy::SecretString;

    use super::*;

    fn compared(
        flag: Option<&str>,
        variables: &[(&str, &str)],
    ) -> Result<Option<Location>, ConfigError> {
        let flag = flag.map(|text| DatabaseUrl::from(SecretString::from(text)));
        compared_database(flag.as_ref(), &|name| {
            variables.iter().find(|(n, _)| *n == name).map(|(_, value)| OsString::from(value))
        })
    }

    #[test]
    fn nothing_names_none() {
        assert_eq!(compared(None, &[(URL, "")]).unwrap(), None);
    }

    #[test]
    fn a_path_or_a_url_is_a_place() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("old.db");
        std::fs::write(&file, "").unwrap();
        let place = Some(Location::Sqlite(file.clone()));
        let path = file.to_str().unwrap();
        assert_eq!(compared(Some(path), &[]).unwrap(), place);
        assert_eq!(compared(Some(&format!("sqlite:{path}")), &[]).unwrap(), place);
        assert_eq!(compared(None, &[(URL, &format!("sqlite:{path}"))]).unwrap(), place);
        assert!(compared(Some("/nowhere/old.db"), &[]).is_err());
    }

    #[test]
    fn a_password_is_taken_from_variables_only() {
        let url = "postgres://ada:geheim@h/d";
        let error = compared(Some(url), &[]).unwrap_err().to_string();
        assert!(error.contains("--compare holds a password"), "{error}");
        assert!(!error.contains("geheim"), "{error}");
        assert!(matches!(compared(None, &[(URL, url)]), Ok(Some(Location::Postgres(_)))));
        assert!(compared(None, &[(URL, url), (URL_FILE, "/x")]).is_err());
    }
}
