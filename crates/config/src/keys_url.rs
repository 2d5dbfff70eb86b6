//! URLs that keys are fetched from.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use thiserror::Error;

/// The URL of a key set: `https`, or `http` on this machine, and nothing secret in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeysUrl(String);

/// Text is no URL that keys may be fetched from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum NotAKeysUrl {
    /// It has another scheme.
    #[error("write a URL that begins with https:// (http:// for this machine only)")]
    Scheme,
    /// It has a user or a password.
    #[error("write the URL without user and password: settings are shown")]
    Credentials,
    /// It has no host, or characters that no URL has.
    #[error("write a URL with a host, such as https://auth.example.com/jwks")]
    Form,
}

impl KeysUrl {
    /// The URL as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for KeysUrl {
    type Err = NotAKeysUrl;

    fn from_str(text: &str) -> Result<Self, NotAKeysUrl> {
        let (scheme, rest) = text.split_once("://").ok_or(NotAKeysUrl::Scheme)?;
        let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
        if authority.contains('@') {
            return Err(NotAKeysUrl::Credentials);
        }
        let host = host_of(authority);
        let printable = text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\');
        if host.is_empty() || !printable {
            return Err(NotAKeysUrl::Form);
        }
        match scheme {
            "https" => Ok(Self(text.to_owned())),
            "http" if is_this_machine(host) => Ok(Self(text.to_owned())),
            _ => Err(NotAKeysUrl::Scheme),
        }
    }
}

fn host_of(authority: &str) -> &str {
    match authority.strip_prefix('[').and_then(|inside| inside.split_once(']')) {
        Some((address, _)) => address,
        None => authority.split(':').next().unwrap_or_default(),
    }
}

fn is_this_machine(host: &str) -> bool {
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

impl fmt::Display for KeysUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for KeysUrl {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

impl Serialize for KeysUrl {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn https_counts_everywhere_and_http_on_this_machine_only() {
        for good in [
            "https://auth.example.com/jwks?x=1",
            "https://[2001:db8::1]:8443/jwks",
            "http://localhost:5001/jwks",
            "http://127.0.0.1/jwks",
            "http://[::1]:80/jwks",
        ] {
            assert_eq!(good.parse::<KeysUrl>().unwrap().as_str(), good);
        }
        for (bad, why) in [
            ("http://auth.example.com/jwks", NotAKeysUrl::Scheme),
            ("http://localhost.example.com/", NotAKeysUrl::Scheme),
            ("http://127.0.0.1.example.com/", NotAKeysUrl::Scheme),
            ("http://[2001:db8::1]/", NotAKeysUrl::Scheme),
            ("file:///etc/passwd", NotAKeysUrl::Form),
            ("file://localhost/etc/passwd", NotAKeysUrl::Scheme),
            ("auth.example.com", NotAKeysUrl::Scheme),
            ("HTTPS://auth.example.com", NotAKeysUrl::Scheme),
            ("http://localhost@auth.example.com/", NotAKeysUrl::Credentials),
            ("https://user:secret@auth.example.com/", NotAKeysUrl::Credentials),
            ("http://localhost\\@auth.example.com/", NotAKeysUrl::Credentials),
            ("http://localhost\\.example.com/", NotAKeysUrl::Form),
            ("https://", NotAKeysUrl::Form),
            ("https://a b/", NotAKeysUrl::Form),
            ("https://auth.example.com/\u{e9}", NotAKeysUrl::Form),
        ] {
            assert_eq!(bad.parse::<KeysUrl>(), Err(why), "{bad}");
        }
    }
}
