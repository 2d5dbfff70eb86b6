//! Reads a secret from an environment variable or from a file; there is no third way in.

use std::ffi::OsString;
use std::fs;
use std::path::Path;

use secrecy::SecretString;
use zeroize::Zeroizing;

use crate::ConfigError;

/// The secret that `value`, the content of the environment variable `variable`, holds.
pub(crate) fn from_variable(variable: &str, value: OsString) -> Result<SecretString, ConfigError> {
    let text = value.into_string().map_err(|_| not_text(variable.to_owned()))?;
    Ok(SecretString::from(text))
}

/// The secret in the file at `path`, which the setting `named_by` names, without the line break
/// that editors and `echo` put at the end.
///
/// # Errors
/// When the file cannot be read, is empty or is no text.
pub fn from_file(named_by: &'static str, path: &Path) -> Result<SecretString, ConfigError> {
    let bytes = Zeroizing::new(fs::read(path).map_err(|error| ConfigError::Unreadable {
        path: path.to_owned(),
        named_by,
        reason: error.to_string(),
    })?);
    let origin = || format!("{} ({named_by})", path.display());
    let text = str::from_utf8(&bytes).map_err(|_| not_text(origin()))?;
    let text = text.strip_suffix('\n').unwrap_or(text);
    let text = text.strip_suffix('\r').unwrap_or(text);
    if text.is_empty() {
        return Err(ConfigError::UnusableSecret {
            origin: origin(),
            problem: "is empty",
            mend: "write the secret into it, or name another file",
        });
    }
    Ok(SecretString::from(text))
}

fn not_text(origin: String) -> ConfigError {
    ConfigError::UnusableSecret {
        origin,
        problem: "is not UTF-8",
        mend: "use a secret that is text, such as base64",
    }
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret as _;

    use super::*;

    fn read(content: &[u8]) -> Result<String, ConfigError> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("secret");
        fs::write(&path, content).unwrap();
        from_file("keys.passphrase_file", &path).map(|secret| secret.expose_secret().to_owned())
    }

    #[test]
    fn one_line_break_at_the_end_is_not_part_of_a_secret() {
        assert_eq!(read(b"open sesame").unwrap(), "open sesame");
        assert_eq!(read(b"open sesame\n").unwrap(), "open sesame");
        assert_eq!(read(b"open sesame\r\n").unwrap(), "open sesame");
        assert_eq!(read(b"open\nsesame\n\n").unwrap(), "open\nsesame\n");
    }

    #[test]
    fn an_empty_file_is_no_secret() {
        assert!(matches!(
            read(b"\n"),
            Err(ConfigError::UnusableSecret { problem: "is empty", .. })
        ));
    }

    #[test]
    fn bytes_that_are_no_text_are_refused_without_being_shown() {
        let error = read(b"s3cret\xff").unwrap_err();
        assert!(error.to_string().contains("is not UTF-8"), "{error}");
        assert!(!format!("{error} {error:?}").contains("s3cret"));
    }

    #[test]
    fn a_missing_file_is_named_with_the_setting_that_names_it() {
        let error = from_file("keys.passphrase_file", Path::new("/nowhere/secret")).unwrap_err();
        assert!(error.to_string().contains("/nowhere/secret (keys.passphrase_file)"), "{error}");
    }
}
