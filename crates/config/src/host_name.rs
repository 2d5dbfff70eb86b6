//! Names by which clients reach the server.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use thiserror::Error;

/// The longest DNS name, in bytes (RFC 1035, 2.3.4).
const MAX_NAME_BYTES: usize = 253;
/// The longest label of a DNS name, in bytes.
const MAX_LABEL_BYTES: usize = 63;

/// A DNS name in lower case, perhaps with a leading `*.`, or an IP address.
///
/// A label may hold an underscore, since container networks make such names.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HostName(String);

impl HostName {
    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for HostName {
    type Err = NotAHostName;

    fn from_str(text: &str) -> Result<Self, NotAHostName> {
        if let Ok(address) = text.parse::<IpAddr>() {
            return Ok(Self(address.to_string()));
        }
        let name = text.strip_prefix("*.").unwrap_or(text);
        if text.len() > MAX_NAME_BYTES || !name.split('.').all(is_label) {
            return Err(NotAHostName);
        }
        Ok(Self(text.to_ascii_lowercase()))
    }
}

impl fmt::Display for HostName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for HostName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

impl Serialize for HostName {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

/// The text names no host.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("write a DNS name such as trust.example.com or an IP address, without scheme and port")]
pub struct NotAHostName;

fn is_label(label: &str) -> bool {
    let inner = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    (1..=MAX_LABEL_BYTES).contains(&label.len())
        && label.bytes().all(inner)
        && !label.starts_with('-')
        && !label.ends_with('-')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_addresses_are_taken() {
        for (text, expected) in [
            ("Trust.Example.COM", "trust.example.com"),
            ("notary_server", "notary_server"),
            ("*.example.com", "*.example.com"),
            ("192.0.2.7", "192.0.2.7"),
            ("::1", "::1"),
        ] {
            assert_eq!(text.parse::<HostName>().unwrap().as_str(), expected);
        }
    }

    #[test]
    fn what_is_no_host_is_refused() {
        let label_of_64_bytes = "a".repeat(64);
        let name_of_254_bytes = format!("{}aa", "abc.".repeat(63));
        assert_eq!(name_of_254_bytes.len(), 254);
        for text in [
            "",
            ".",
            "a..b",
            "-a",
            "a-",
            "a b",
            "https://a",
            "a:4443",
            "[::1]",
            "*",
            "a.*.b",
            "a/b",
            "ä.example",
            "a,b",
            &label_of_64_bytes,
            &name_of_254_bytes,
        ] {
            assert_eq!(text.parse::<HostName>(), Err(NotAHostName), "{text}");
        }
    }
}
