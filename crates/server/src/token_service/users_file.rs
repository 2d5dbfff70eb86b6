//! A file of users that is followed while the server runs.
//!
//! A change is taken over when two looks in a row have found the same content, so that a file that
//! is just being written is never taken for whole. What cannot be used leaves the users in place.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use countersign_access::users::{Format, Users, UsersError};
use ring::digest::{SHA256, digest};
use thiserror::Error;
use zeroize::Zeroizing;

/// The largest file, in bytes: some forty thousand users.
const MAX_BYTES: u64 = 4 << 20;

/// Why a file of users cannot be used: cause, then mend, in one line. Shows no hash.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum UsersFileError {
    /// The file cannot be read.
    #[error("the users in {path} cannot be read ({reason}): name a file that this user may read")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        reason: String,
    },
    /// The file is not understood.
    #[error("{path}: {error}")]
    Wrong {
        /// The file.
        path: PathBuf,
        /// Where in it, and why.
        error: UsersError,
    },
}

/// A file of users, and what was last found in it.
#[derive(Debug)]
pub struct UsersFile {
    path: PathBuf,
    looks: Mutex<Looks>,
}

/// A digest of the content, or why there is none.
type Found = Result<Vec<u8>, UsersFileError>;

#[derive(Debug)]
struct Looks {
    /// What was judged last, whatever the verdict.
    judged: Found,
    /// What the last look found, when that is something else.
    new: Option<Found>,
}

impl UsersFile {
    /// The users in `path`, and the file to follow.
    ///
    /// # Errors
    /// [`UsersFileError`] when there are none that can be used.
    pub fn load(path: &Path) -> Result<(Self, Users), UsersFileError> {
        let content = read(path)?;
        let users = parse(path, &content)?;
        let looks = Looks { judged: Ok(digest_of(&content)), new: None };
        Ok((Self { path: path.to_owned(), looks: Mutex::new(looks) }, users))
    }

    /// The file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The users that are in the file now, where that has changed and stayed so for two looks.
    pub(super) fn look(&self) -> Option<Users> {
        let content = read(&self.path);
        let found = content.as_ref().map(|content| digest_of(content)).map_err(Clone::clone);
        let mut looks = self.looks();
        if looks.judged == found {
            looks.new = None;
            return None;
        }
        if looks.new.as_ref() != Some(&found) {
            looks.new = Some(found);
            return None;
        }
        self.judge(&mut looks, found, content)
    }

    /// The users that are in the file now, where that has changed.
    pub(super) fn reread(&self) -> Option<Users> {
        let content = read(&self.path);
        let found = content.as_ref().map(|content| digest_of(content)).map_err(Clone::clone);
        let mut looks = self.looks();
        if looks.judged == found && found.is_ok() {
            return None;
        }
        self.judge(&mut looks, found, content)
    }

    fn judge(
        &self,
        looks: &mut Looks,
        found: Found,
        content: Result<Zeroizing<String>, UsersFileError>,
    ) -> Option<Users> {
        *looks = Looks { judged: found, new: None };
        match content.and_then(|content| parse(&self.path, &content)) {
            Ok(users) => {
                tracing::info!(users = users.count(), path = %self.path.display(), "users read again");
                Some(users)
            }
            Err(error) => {
                tracing::error!(%error, "the users cannot be read again and stay as they were");
                None
            }
        }
    }

    fn looks(&self) -> MutexGuard<'_, Looks> {
        self.looks.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn parse(path: &Path, content: &str) -> Result<Users, UsersFileError> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    Users::parse(content, Format::of_name(&name))
        .map_err(|error| UsersFileError::Wrong { path: path.to_owned(), error })
}

fn read(path: &Path) -> Result<Zeroizing<String>, UsersFileError> {
    let unreadable = |reason: String| UsersFileError::Unreadable { path: path.to_owned(), reason };
    let mut text = Zeroizing::new(String::new());
    let whole = File::open(path)
        .and_then(|file| file.take(MAX_BYTES + 1).read_to_string(&mut text))
        .map_err(|error: io::Error| unreadable(error.to_string()))?;
    if u64::try_from(whole).unwrap_or(u64::MAX) > MAX_BYTES {
        return Err(unreadable(format!("it has more than {MAX_BYTES} bytes")));
    }
    Ok(text)
}

fn digest_of(content: &str) -> Vec<u8> {
    digest(&SHA256, content.as_bytes()).as_ref().to_vec()
}

#[cfg(test)]
mod tests {
    use std::fs;

    use tempfile::TempDir;

    use super::*;

    const HASH: &str = "$2y$05$CCCCCCCCCCCCCCCCCCCCC.VGOzA784oUp/Z0DY336zx7pLYAy0lwK";

    struct Followed {
        dir: TempDir,
        file: UsersFile,
    }

    fn followed() -> Followed {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("users");
        fs::write(&path, format!("alice:{HASH}\n")).unwrap();
        let (file, users) = UsersFile::load(&path).unwrap();
        assert_eq!(users.count(), 1);
        Followed { dir, file }
    }

    impl Followed {
        fn write(&self, content: &str) {
            fs::write(self.dir.path().join("users"), content).unwrap();
        }
    }

    #[test]
    fn a_change_counts_when_it_has_stayed_for_two_looks() {
        let followed = followed();
        assert!(followed.file.look().is_none());
        followed.write(&format!("alice:{HASH}\nbob:{HASH}\n"));
        assert!(followed.file.look().is_none());
        assert_eq!(followed.file.look().unwrap().count(), 2);
        assert!(followed.file.look().is_none() && followed.file.reread().is_none());
        followed.write("");
        assert!(followed.file.look().is_none());
        followed.write(&format!("bob:{HASH}\n"));
        assert!(followed.file.look().is_none(), "it was another one the last time");
        assert_eq!(followed.file.look().unwrap().count(), 1);
    }

    #[test]
    fn asked_to_it_is_read_at_once() {
        let followed = followed();
        followed.write(&format!("alice:{HASH}\nbob:{HASH}\n"));
        assert_eq!(followed.file.reread().unwrap().count(), 2);
    }

    #[test]
    fn what_cannot_be_used_gives_no_users_until_it_can() {
        let followed = followed();
        followed.write("alice:plain\n");
        assert!(followed.file.look().is_none() && followed.file.look().is_none());
        fs::remove_file(followed.file.path()).unwrap();
        assert!(followed.file.look().is_none() && followed.file.look().is_none());
        followed.write(&format!("alice:{HASH}\n"));
        assert!(followed.file.look().is_none());
        assert_eq!(followed.file.look().unwrap().count(), 1);
    }

    #[test]
    fn the_name_of_the_file_says_its_form_and_a_refusal_names_the_line() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("users.toml");
        fs::write(&path, format!("[users]\nalice = '{HASH}'\n")).unwrap();
        assert_eq!(UsersFile::load(&path).unwrap().1.count(), 1);
        fs::write(&path, format!("alice:{HASH}\n")).unwrap();
        let said = UsersFile::load(&path).unwrap_err().to_string();
        assert!(said.contains("users.toml: line 1: not TOML") && !said.contains(HASH), "{said}");
        let said = UsersFile::load(&dir.path().join("none")).unwrap_err().to_string();
        assert!(said.contains("cannot be read"), "{said}");
    }
}
