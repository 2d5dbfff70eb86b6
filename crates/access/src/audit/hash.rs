//! What ties a line to the one before.

use std::fmt;
use std::str::FromStr;

use data_encoding::HEXLOWER;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sha2::{Digest as _, Sha256};
use thiserror::Error;

/// The SHA-256 of a line with its newline; [`LineHash::NONE`] where there is no line before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct LineHash([u8; 32]);

/// A text that is no [`LineHash`].
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[error("write the 64 hexadecimal digits of a SHA-256 in lower case")]
pub struct BadHash;

impl LineHash {
    /// What the first record of all says: nothing was before it.
    pub const NONE: Self = Self([0; 32]);

    /// The hash of a line. One that lacks its newline, because it is the last that was written,
    /// has the hash that it will have with it.
    #[must_use]
    pub fn of(line: &[u8]) -> Self {
        let mut hasher = Sha256::new();
        hasher.update(line);
        if line.last() != Some(&b'\n') {
            hasher.update(b"\n");
        }
        Self(hasher.finalize().into())
    }

    /// The hash of exactly these bytes.
    pub(super) fn of_exactly(hasher: Sha256) -> Self {
        Self(hasher.finalize().into())
    }
}

impl fmt::Display for LineHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&HEXLOWER.encode(&self.0))
    }
}

impl FromStr for LineHash {
    type Err = BadHash;

    fn from_str(text: &str) -> Result<Self, BadHash> {
        let bytes = HEXLOWER.decode(text.as_bytes()).map_err(|_| BadHash)?;
        bytes.try_into().map(Self).map_err(|_| BadHash)
    }
}

impl Serialize for LineHash {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for LineHash {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `printf 'abc\n' | sha256sum`.
    const ABC: &str = "edeaaff3f1774ad2888673770c6d64097e391bc362d7d6fb34982ddf0efd18cb";

    #[test]
    fn the_hash_of_a_line_is_what_sha256sum_says_of_it_with_its_newline() {
        assert_eq!(LineHash::of(b"abc\n").to_string(), ABC);
        assert_eq!(LineHash::of(b"abc").to_string(), ABC);
    }

    #[test]
    fn only_64_lower_case_digits_are_a_hash() {
        assert_eq!(ABC.parse::<LineHash>().unwrap(), LineHash::of(b"abc\n"));
        for text in ["", "ab", &ABC.to_uppercase(), &format!("{ABC}00")] {
            assert_eq!(text.parse::<LineHash>(), Err(BadHash), "{text}");
        }
    }
}
