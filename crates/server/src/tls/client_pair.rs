//! Certificates with which clients prove themselves, by the authority of a directory.
//!
//! A file that this program did not make, or whose key is elsewhere, is never overwritten.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use chrono::{DateTime, Utc};

use super::TlsError;
use super::files::{self, Secrecy};
use super::generated::{Action, is_due, new_key};
use super::issue::{self, Authority, Bearer, Leaf};

/// The name of a client: in its certificate, and of its two files.
///
/// 1 to 64 letters, digits, `.`, `_` and `-`; the first is a letter or digit. The names of the
/// directory's own files, `ca` and `server`, are not free.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientName(String);

impl ClientName {
    /// The name as it was given.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for ClientName {
    type Err = NotAClientName;

    fn from_str(text: &str) -> Result<Self, NotAClientName> {
        const MAX_BYTES: usize = 64;
        let free = !["ca", "server"].iter().any(|taken| text.eq_ignore_ascii_case(taken));
        let fits = (1..=MAX_BYTES).contains(&text.len());
        let begins = text.starts_with(|first: char| first.is_ascii_alphanumeric());
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
        if free && fits && begins && text.chars().all(plain) {
            return Ok(Self(text.to_owned()));
        }
        Err(NotAClientName)
    }
}

/// The text is not the name of a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotAClientName;

impl fmt::Display for NotAClientName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            "write up to 64 letters, digits, dots, underscores and hyphens, the first a letter or \
             digit; not ca or server",
        )
    }
}

impl std::error::Error for NotAClientName {}

/// A client's certificate and key, and what was done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientFiles {
    /// The certificate.
    pub cert: PathBuf,
    /// The private key.
    pub key: PathBuf,
    /// What was done: `Made` says that the pair is new.
    pub action: Action,
}

/// Sees to it that `dir`, which holds an authority that can sign, holds `NAME.crt` and `NAME.key`.
///
/// Made when neither is there; the certificate alone is issued again when it is in the last third
/// of its life; otherwise both are kept.
///
/// # Errors
/// [`TlsError::Incomplete`] without the authority, [`TlsError::Foreign`] when there is a
/// certificate without its key, or by another authority, and what reading and writing met.
pub fn ensure_client(
    dir: &Path,
    name: &ClientName,
    now: DateTime<Utc>,
) -> Result<ClientFiles, TlsError> {
    let path = |ending: &str| dir.join(format!("{}.{ending}", name.as_str()));
    let authority = Authority::of_dir(dir)?;
    let (cert, key) = (path("crt"), path("key"));
    let issue = |key: &rcgen::KeyPair| {
        let pem = authority.issue(&Bearer::Client(name.as_str().to_owned()), key, now)?;
        files::write(&cert, Secrecy::Public, pem.as_bytes())
    };
    let foreign = |reason| TlsError::Foreign { path: cert.clone(), reason };
    let action = match (files::is_there(&cert)?, files::is_there(&key)?) {
        (false, false) => {
            issue(&new_key(&key)?)?;
            Action::Made
        }
        // A run that was cut short after the key was written.
        (false, true) => {
            issue(&issue::load_key(&key)?)?;
            Action::Made
        }
        (true, false) => return Err(foreign("its key is elsewhere")),
        (true, true) => {
            let leaf = Leaf::load(&cert)?;
            if !authority.issued(&leaf) {
                return Err(foreign("is by another authority"));
            }
            if is_due(&leaf, now) {
                issue(&issue::load_key(&key)?)?;
                Action::Reissued
            } else {
                Action::Kept
            }
        }
    };
    Ok(ClientFiles { cert, key, action })
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use chrono::TimeDelta;
    use tempfile::TempDir;

    use super::*;
    use crate::testing::now;
    use crate::tls::{Identity, generated};

    fn directory() -> TempDir {
        let dir = tempfile::tempdir().unwrap();
        generated::ensure(dir.path(), &[], now()).unwrap();
        dir
    }

    fn name(text: &str) -> ClientName {
        text.parse().unwrap()
    }

    #[test]
    fn names_that_could_leave_the_directory_or_hit_its_files_are_refused() {
        for text in ["ci", "a.b_c-d", "7", &"x".repeat(64)] {
            assert_eq!(name(text).as_str(), text);
        }
        for text in ["", "ca", "server", "CA", "../x", "a/b", ".x", "-x", "é", &"x".repeat(65)] {
            assert_eq!(text.parse::<ClientName>(), Err(NotAClientName), "{text}");
        }
    }

    #[test]
    fn a_pair_is_made_once_and_kept() {
        let dir = directory();
        let made = ensure_client(dir.path(), &name("ci"), now()).unwrap();
        assert_eq!(made.action, Action::Made);
        let mode = std::fs::metadata(&made.key).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        let before = std::fs::read(&made.cert).unwrap();
        Identity::load(&made.cert, &made.key).unwrap();
        let again = ensure_client(dir.path(), &name("ci"), now() + TimeDelta::days(260)).unwrap();
        assert_eq!(again.action, Action::Kept);
        assert_eq!(std::fs::read(&made.cert).unwrap(), before);
    }

    #[test]
    fn in_the_last_third_of_its_life_a_certificate_is_issued_again_for_its_key() {
        let dir = directory();
        let made = ensure_client(dir.path(), &name("ci"), now()).unwrap();
        let (cert, key) = (std::fs::read(&made.cert).unwrap(), std::fs::read(&made.key).unwrap());
        let later = now() + TimeDelta::days(270);
        let again = ensure_client(dir.path(), &name("ci"), later).unwrap();
        assert_eq!(again.action, Action::Reissued);
        assert_ne!(std::fs::read(&made.cert).unwrap(), cert);
        assert_eq!(std::fs::read(&made.key).unwrap(), key);
        Identity::load(&made.cert, &made.key).unwrap();
    }

    #[test]
    fn a_run_that_died_after_the_key_is_completed() {
        let dir = directory();
        let made = ensure_client(dir.path(), &name("ci"), now()).unwrap();
        let key = std::fs::read(&made.key).unwrap();
        std::fs::remove_file(&made.cert).unwrap();
        ensure_client(dir.path(), &name("ci"), now()).unwrap();
        assert_eq!(std::fs::read(&made.key).unwrap(), key);
        Identity::load(&made.cert, &made.key).unwrap();
    }

    #[test]
    fn a_certificate_whose_key_is_elsewhere_or_by_another_authority_is_left_alone() {
        let (dir, other) = (directory(), directory());
        let made = ensure_client(dir.path(), &name("ci"), now()).unwrap();
        let theirs = ensure_client(other.path(), &name("ci"), now()).unwrap();
        std::fs::copy(&theirs.cert, &made.cert).unwrap();
        let before = std::fs::read(&made.cert).unwrap();
        for _ in 0..2 {
            let error = ensure_client(dir.path(), &name("ci"), now()).unwrap_err();
            assert!(matches!(error, TlsError::Foreign { .. }), "{error}");
            std::fs::remove_file(&made.key).ok();
        }
        assert_eq!(std::fs::read(&made.cert).unwrap(), before);
    }

    #[test]
    fn without_an_authority_that_can_sign_nothing_is_made() {
        let dir = directory();
        std::fs::remove_file(dir.path().join("ca.key")).unwrap();
        let error = ensure_client(dir.path(), &name("ci"), now()).unwrap_err();
        assert!(matches!(error, TlsError::Incomplete { missing: "ca.key", .. }), "{error}");
        assert!(!dir.path().join("ci.key").exists());
    }
}
