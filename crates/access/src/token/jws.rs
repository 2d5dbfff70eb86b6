//! Compact JWS (RFC 7515 section 7.1), taken apart.

use thiserror::Error;

use super::base64url;
use super::members::{self, BadMembers, Value};

/// The longest token that is looked at, in bytes.
pub const MAX_TOKEN_BYTES: usize = 64 * 1024;

/// Text is no compact JWS.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum BadJws {
    /// Longer than any token is.
    #[error("it is longer than {MAX_TOKEN_BYTES} bytes")]
    Long,
    /// Not three parts.
    #[error("it has not three parts with dots between them")]
    Parts,
    /// A part is no base64url.
    #[error("its {0} is no base64url")]
    Base64(&'static str),
    /// A part is no JSON object that counts.
    #[error("in its {part}, {cause}")]
    Members {
        /// The part.
        part: &'static str,
        /// What is wrong with it.
        cause: BadMembers,
    },
}

/// A token as it was received. Nothing in it is believed.
#[derive(Clone, PartialEq)]
pub struct CompactJws<'a> {
    /// What the signature covers: header and claims as text, padding included.
    signed: &'a str,
    pub(super) header: Value,
    pub(super) claims: Value,
    signature: Vec<u8>,
}

impl<'a> CompactJws<'a> {
    /// Takes `token` apart.
    ///
    /// # Errors
    /// [`BadJws`] when it has another form, or is too long.
    pub fn parse(token: &'a str) -> Result<Self, BadJws> {
        if token.len() > MAX_TOKEN_BYTES {
            return Err(BadJws::Long);
        }
        let (signed, signature) = token.rsplit_once('.').ok_or(BadJws::Parts)?;
        let (header, claims) = signed.split_once('.').ok_or(BadJws::Parts)?;
        if claims.contains('.') {
            return Err(BadJws::Parts);
        }
        Ok(Self {
            signed,
            header: json("header", header)?,
            claims: json("claims", claims)?,
            signature: base64url::decode(signature).ok_or(BadJws::Base64("signature"))?,
        })
    }

    /// What the signature covers.
    #[must_use]
    pub fn signed_bytes(&self) -> &'a [u8] {
        self.signed.as_bytes()
    }

    /// The signature; may be empty.
    #[must_use]
    pub fn signature(&self) -> &[u8] {
        &self.signature
    }
}

fn json(part: &'static str, text: &str) -> Result<Value, BadJws> {
    let bytes = base64url::decode(text).ok_or(BadJws::Base64(part))?;
    members::parse(&bytes).map_err(|cause| BadJws::Members { part, cause })
}

impl std::fmt::Debug for CompactJws<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("CompactJws")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_parts_of_base64url_are_taken_with_padding_and_without() {
        for token in ["e30.e30.", "e30=.e30=.AA==", "e30.e30=.AA"] {
            let jws = CompactJws::parse(token).unwrap();
            assert_eq!(jws.signed_bytes(), token.rsplit_once('.').unwrap().0.as_bytes());
        }
    }

    #[test]
    fn any_other_form_is_refused() {
        let long = format!("e30.e30.{}", "A".repeat(MAX_TOKEN_BYTES));
        let cases = [
            ("", BadJws::Parts),
            ("e30.e30", BadJws::Parts),
            ("e30.e30.AA.AA", BadJws::Parts),
            ("e3+.e30.AA", BadJws::Base64("header")),
            ("e30. e30.AA", BadJws::Base64("claims")),
            ("e30.e30.AB", BadJws::Base64("signature")),
            ("e30.e30.A", BadJws::Base64("signature")),
            (long.as_str(), BadJws::Long),
        ];
        for (token, expected) in cases {
            assert_eq!(CompactJws::parse(token), Err(expected), "{token:.20}");
        }
    }
}
