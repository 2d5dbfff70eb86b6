//! The protected header of a sealed key: which algorithms, how much work, which salt.
//!
//! Only listed algorithms parse, so a token cannot choose an unsealed form (`none`, `dir`).
//!
//! Source: signer spec 3.2; RFC 7516 section 4.1 and RFC 7518 section 4.8.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};

use super::fault::Fault;
use super::key_wrap::{Rounds, SALT_BYTES};

/// The shortest salt that is read (RFC 7518 section 4.8.1.1).
const SALT_MIN_BYTES: usize = 8;

/// How the content key is wrapped: a passphrase key (PBES2) and AES key wrap.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum KeyWrapAlg {
    /// What we write.
    #[serde(rename = "PBES2-HS256+A128KW")]
    Hs256A128,
    /// Read only.
    #[serde(rename = "PBES2-HS384+A192KW")]
    Hs384A192,
    /// Read only.
    #[serde(rename = "PBES2-HS512+A256KW")]
    Hs512A256,
}

impl KeyWrapAlg {
    /// The name in headers and in the column `keywrap_alg`.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Hs256A128 => "PBES2-HS256+A128KW",
            Self::Hs384A192 => "PBES2-HS384+A192KW",
            Self::Hs512A256 => "PBES2-HS512+A256KW",
        }
    }
}

/// How the content is encrypted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum ContentAlg {
    /// What we write.
    #[serde(rename = "A256GCM")]
    A256Gcm,
    /// Read only.
    #[serde(rename = "A256CBC-HS512")]
    A256CbcHs512,
}

impl ContentAlg {
    /// The name in headers and in the column `encryption_alg`.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::A256Gcm => "A256GCM",
            Self::A256CbcHs512 => "A256CBC-HS512",
        }
    }

    /// The length of its content key.
    pub(super) fn key_bytes(self) -> usize {
        match self {
            Self::A256Gcm => 32,
            Self::A256CbcHs512 => 64,
        }
    }
}

/// A header whose algorithms are listed and whose cost is bounded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct JweHeader {
    pub(super) alg: KeyWrapAlg,
    pub(super) enc: ContentAlg,
    pub(super) rounds: u32,
    pub(super) salt: Vec<u8>,
}

/// The header's JSON. Field order is the order that the Go signer writes.
#[derive(Serialize, Deserialize)]
struct HeaderJson {
    alg: KeyWrapAlg,
    enc: ContentAlg,
    p2c: u64,
    p2s: String,
    #[serde(skip_serializing)]
    zip: Option<IgnoredAny>,
    #[serde(skip_serializing)]
    crit: Option<IgnoredAny>,
}

impl JweHeader {
    /// The header of what we seal.
    pub(super) fn of_new(rounds: Rounds, salt: [u8; SALT_BYTES]) -> Self {
        Self {
            alg: KeyWrapAlg::Hs256A128,
            enc: ContentAlg::A256Gcm,
            rounds: rounds.get(),
            salt: salt.to_vec(),
        }
    }

    /// Reads the decoded header part. Members that are not known are ignored, as Notary does.
    pub(super) fn parse(json: &[u8]) -> Result<Self, Fault> {
        let bad = |why: &str| Fault::Header(why.to_owned());
        let json: HeaderJson =
            serde_json::from_slice(json).map_err(|error| Fault::Header(error.to_string()))?;
        if json.zip.is_some() {
            return Err(bad("compressed content (zip) is not accepted"));
        }
        if json.crit.is_some() {
            return Err(bad("critical extensions (crit) are not supported"));
        }
        let rounds = u32::try_from(json.p2c)
            .ok()
            .filter(|rounds| *rounds <= Rounds::MAX)
            .ok_or(Fault::TooManyRounds(json.p2c))?;
        if rounds == 0 {
            return Err(bad("p2c is 0"));
        }
        let salt =
            URL_SAFE_NO_PAD.decode(&json.p2s).map_err(|_| bad("p2s is not base64url text"))?;
        if salt.len() < SALT_MIN_BYTES {
            return Err(bad("p2s is shorter than 8 bytes"));
        }
        Ok(Self { alg: json.alg, enc: json.enc, rounds, salt })
    }

    /// The header as JSON.
    pub(super) fn to_json(&self) -> Result<Vec<u8>, Fault> {
        serde_json::to_vec(&HeaderJson {
            alg: self.alg,
            enc: self.enc,
            p2c: u64::from(self.rounds),
            p2s: URL_SAFE_NO_PAD.encode(&self.salt),
            zip: None,
            crit: None,
        })
        .map_err(|_| Fault::Sealing("the header does not serialise"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str =
        r#"{"alg":"PBES2-HS256+A128KW","enc":"A256GCM","p2c":8192,"p2s":"G1AWHXyKbQaHNycX"}"#;

    fn check(from: &str, to: &str) -> Result<JweHeader, Fault> {
        let json = GOOD.replace(from, to);
        assert!(from.is_empty() || json != GOOD, "{from} is not in the header");
        JweHeader::parse(json.as_bytes())
    }

    /// The header of signer spec 3.2 and 3.3.
    #[test]
    fn header_is_written_as_the_go_signer_writes_it() {
        assert_eq!(JweHeader::parse(GOOD.as_bytes()).unwrap().to_json().unwrap(), GOOD.as_bytes());
    }

    #[test]
    fn unknown_members_are_tolerated() {
        assert!(check(r#"{"alg""#, r#"{"typ":"JWE","kid":{"a":[1]},"alg""#).is_ok());
    }

    #[test]
    fn unlisted_algorithms_are_refused() {
        for alg in ["dir", "none", "A128KW", "PBES2-HS256", "pbes2-hs256+a128kw", ""] {
            assert!(matches!(check("PBES2-HS256+A128KW", alg), Err(Fault::Header(_))), "{alg}");
        }
        for enc in ["A128GCM", "none", "a256gcm", ""] {
            assert!(matches!(check("A256GCM", enc), Err(Fault::Header(_))), "{enc}");
        }
    }

    #[test]
    fn compressed_content_is_refused() {
        assert!(matches!(check("{", r#"{"zip":"DEF","#), Err(Fault::Header(_))));
    }

    #[test]
    fn critical_extensions_are_refused() {
        assert!(matches!(check("{", r#"{"crit":["exp"],"#), Err(Fault::Header(_))));
    }

    #[test]
    fn member_given_twice_is_refused() {
        assert!(matches!(check("{", r#"{"p2c":1000,"#), Err(Fault::Header(_))));
    }

    #[test]
    fn rounds_at_the_cap_are_read_and_one_more_is_refused() {
        assert_eq!(check("8192", "10000000").unwrap().rounds, 10_000_000);
        assert_eq!(check("8192", "10000001"), Err(Fault::TooManyRounds(10_000_001)));
    }

    #[test]
    fn impossible_rounds_are_refused() {
        for rounds in ["0", "-1", "1.5", "\"8192\"", "null", "18446744073709551616"] {
            assert!(matches!(check("8192", rounds), Err(Fault::Header(_))), "{rounds}");
        }
    }

    #[test]
    fn short_missing_or_undecodable_salt_is_refused() {
        assert!(check("G1AWHXyKbQaHNycX", "G1AWHXyKbQ").is_err());
        assert!(check("G1AWHXyKbQaHNycX", "").is_err());
        assert!(check("G1AWHXyKbQaHNycX", "G1AW+XyK/QaHNycX").is_err());
        assert!(check(r#","p2s":"G1AWHXyKbQaHNycX""#, "").is_err());
    }
}
