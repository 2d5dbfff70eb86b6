//! A file that is looked at from time to time, by its content: names and dates of a file can change
//! without it, and it without them.

use std::path::Path;

use sha2::{Digest as _, Sha256};

/// What a file held when it was last looked at.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Watched(Option<[u8; 32]>);

impl Watched {
    /// As it is now; a file that cannot be read holds nothing, and neither does no file.
    pub(crate) fn of(path: Option<&Path>) -> Self {
        let content = path.and_then(|path| std::fs::read(path).ok());
        Self(content.map(|content| Sha256::digest(content).into()))
    }

    /// Whether it holds something else than at the last look.
    pub(crate) fn has_changed(&mut self, path: Option<&Path>) -> bool {
        let before = std::mem::replace(self, Self::of(path));
        *self != before
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_is_seen_once_and_so_is_a_file_that_goes_or_comes() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("file");
        let mut watched = Watched::of(Some(&path));
        let mut looks = |contents: Option<&str>| {
            match contents {
                Some(contents) => std::fs::write(&path, contents).unwrap(),
                None => std::fs::remove_file(&path).unwrap(),
            }
            [watched.has_changed(Some(&path)), watched.has_changed(Some(&path))]
        };
        assert_eq!(looks(Some("one")), [true, false]);
        assert_eq!(looks(Some("one")), [false, false]);
        assert_eq!(looks(Some("two")), [true, false]);
        assert_eq!(looks(None), [true, false]);
        assert_eq!(looks(Some("")), [true, false]);
    }
}
