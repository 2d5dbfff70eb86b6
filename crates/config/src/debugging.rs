//! Whether others may look into the process: what only a variable says, since it is obeyed before
//! any file is read.

use std::ffi::OsString;

use crate::ConfigError;

const ALLOW_DEBUGGING: &str = "COUNTERSIGN_ALLOW_DEBUGGING";

/// The environment variables that say it.
pub(crate) const VARIABLES: [&str; 1] = [ALLOW_DEBUGGING];

/// Whether debuggers may attach to the process, and the system may write its memory to a file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Debugging {
    /// Whoever may debug the processes of its user sees everything that it knows.
    Allowed,
    /// Only who may look into every process does.
    #[default]
    Denied,
}

impl Debugging {
    /// What `COUNTERSIGN_ALLOW_DEBUGGING` says.
    ///
    /// `variable` looks an environment variable up; an empty one counts as not set.
    ///
    /// # Errors
    /// It is neither `true` nor `false`.
    pub fn of(variable: &dyn Fn(&str) -> Option<OsString>) -> Result<Self, ConfigError> {
        let said = variable(ALLOW_DEBUGGING).unwrap_or_default();
        match said.to_str() {
            Some("" | "false") => Ok(Self::Denied),
            Some("true") => Ok(Self::Allowed),
            _ => Err(ConfigError::BadValue {
                origin: ALLOW_DEBUGGING.to_owned(),
                value: format!("{said:?}"),
                mend: "expected true or false".to_owned(),
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(value: Option<&str>) -> Result<Debugging, ConfigError> {
        Debugging::of(&|name| (name == ALLOW_DEBUGGING).then(|| value.map(OsString::from))?)
    }

    #[test]
    fn only_true_allows_debugging() {
        assert_eq!(of(Some("true")).unwrap(), Debugging::Allowed);
        for denied in [None, Some(""), Some("false")] {
            assert_eq!(of(denied).unwrap(), Debugging::Denied, "{denied:?}");
        }
    }

    #[test]
    fn anything_else_is_refused_with_what_is_expected() {
        for value in ["1", "yes", "TRUE", " true"] {
            let error = of(Some(value)).unwrap_err().to_string();
            let expected =
                format!("COUNTERSIGN_ALLOW_DEBUGGING = {value:?}: expected true or false");
            assert_eq!(error, expected);
        }
    }
}
