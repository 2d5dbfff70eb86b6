//! Prefixes of GUNs, by which a server may be kept to the collections of some registries.
//!
//! Source: server spec 2.6.

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

use crate::names::Gun;

/// The beginning of a GUN: one or more whole segments, each with its slash, such as
/// `registry.example/team/`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GunPrefix(String);

/// Why a text is no prefix of GUNs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum BadGunPrefix {
    /// It would end within a segment, and let `registry.example.evil` pass.
    #[error("write it with a slash at the end, such as registry.example/")]
    NoSlashAtEnd,
    /// A segment is empty, `.` or `..`, or the first one begins with two dots.
    #[error("write segments with one slash after each, none of them empty or beginning with `..`")]
    NotClean,
}

impl GunPrefix {
    /// The prefix as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether `gun` begins so.
    #[must_use]
    pub fn admits(&self, gun: &Gun) -> bool {
        gun.as_str().starts_with(&self.0)
    }
}

impl FromStr for GunPrefix {
    type Err = BadGunPrefix;

    fn from_str(text: &str) -> Result<Self, BadGunPrefix> {
        let segments = text.strip_suffix('/').ok_or(BadGunPrefix::NoSlashAtEnd)?;
        let dirty = |segment| matches!(segment, "" | "." | "..");
        if segments.starts_with("..") || segments.split('/').any(dirty) {
            return Err(BadGunPrefix::NotClean);
        }
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Display for GunPrefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_is_whole_segments_with_their_slashes() {
        for text in ["docker.io/", "registry.example:5000/team/", "a..b/..c/"] {
            assert_eq!(text.parse::<GunPrefix>().unwrap().as_str(), text);
        }
    }

    #[test]
    fn a_prefix_without_a_slash_at_its_end_is_refused() {
        for text in ["", "docker.io", "docker.io/library"] {
            assert_eq!(text.parse::<GunPrefix>(), Err(BadGunPrefix::NoSlashAtEnd), "{text}");
        }
    }

    #[test]
    fn a_prefix_that_is_not_clean_is_refused() {
        for text in ["/", "/docker.io/", "../x/", "..a/", "docker.io//", "a/../b/", "a/./"] {
            assert_eq!(text.parse::<GunPrefix>(), Err(BadGunPrefix::NotClean), "{text}");
        }
    }

    #[test]
    fn only_guns_below_a_prefix_are_admitted() {
        let prefix: GunPrefix = "docker.io/team/".parse().unwrap();
        let admits = |gun: &str| prefix.admits(&Gun::parse(gun).unwrap());
        assert!(admits("docker.io/team/app"));
        assert!(admits("docker.io/team/deep/app"));
        assert!(!admits("docker.io/team"));
        assert!(!admits("docker.io/teams/app"));
        assert!(!admits("Docker.io/team/app"));
    }
}
